"""BPG through the external programs of libbpg."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from PIL import Image

from ..core.errors import Unavailable
from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from . import programs
from .base import ByteBreakdown, Codec
from .hevc import container
from .pillow import read

REMEDY = "build it from libbpg 0.9.8 (https://bellard.org/bpg), or use the codec bpg, which needs no program"
TIMEOUT = 60.0
"""Seconds for one image."""


@dataclass(frozen=True)
class BPGEnc(Codec):
    """bpgenc and bpgdec of libbpg 0.9.8: a process an image, 8 bits, YCbCr.

    With encoder=x265 libbpg 0.9.8 crashes on images up to 24 pixels wide.
    """

    name: ClassVar[str] = "bpgenc"
    qp: int = setting(29, range(52), quality_parameter=True, help="0 large and good, 51 small and poor")
    chroma: int = setting(420, (420, 444), help="color resolution: 420 halves both sides, 444 none")
    encoder: str = setting("x265", ("x265", "jctvc"), help="of HEVC: x265, or the reference encoder, which is slow")
    level: int = setting(8, range(1, 10), help="how long the encoder searches: 1 fast, 9 small")

    def version(self) -> str:
        return " and ".join(
            _version_of(path, kind) for path, kind in zip(_programs(), ("Encoder", "Decoder"), strict=True)
        )

    def canonical(self) -> BPGEnc:
        """With x265, QP 0 to 3 give one file (bpg.py)."""
        return replace(self, qp=max(self.qp, 3)) if self.encoder == "x265" else self

    def encode(self, image: AnyImage) -> bytes:
        encoder, _ = _programs()
        rgb = as_rgb(image)
        container.check_size(rgb.shape[1], rgb.shape[0])
        with programs.scratch() as folder:
            source, target = folder / "image.png", folder / "image.bpg"
            Image.fromarray(rgb).save(source, compress_level=1)
            return programs.output([encoder, *self._arguments(), "-o", target, source], target, TIMEOUT)

    def _arguments(self) -> list[str]:
        options = {"-q": self.qp, "-f": self.chroma, "-e": self.encoder, "-m": self.level, "-b": 8, "-c": "ycbcr"}
        return [str(word) for pair in options.items() for word in pair]

    def decode(self, data: bytes) -> RGB:
        """The pixels as bpgdec writes them. Raises ProgramError, or Malformed for a size that no such file may declare."""
        _, decoder = _programs()
        container.declared_size(data)
        with programs.scratch() as folder:
            source, target = folder / "image.bpg", folder / "image.png"
            source.write_bytes(data)
            return read(programs.output([decoder, "-o", target, source], target, TIMEOUT), "PNG")

    def encode_batch(self, images: Sequence[AnyImage]) -> list[bytes]:
        return programs.each(self.encode, images)

    def decode_batch(self, files: Sequence[bytes]) -> list[RGB]:
        return programs.each(self.decode, files)

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        return container.byte_breakdown(data)


@lru_cache
def _version_of(path: str, role: str) -> str:
    """The program's name and version, by its help text. Raises Unavailable where it does not run, or is another."""
    try:
        help_text = programs.run([path, "-h"], 30, (0, 1))
    except programs.ProgramError as error:
        raise Unavailable(f"{error}; {REMEDY}") from None
    match = re.search(rf"BPG Image {role} version (\S+)", help_text)
    if match is None:
        raise Unavailable(f"{path} is not libbpg's: {help_text[:100]!r}; {REMEDY}")
    return f"{Path(path).name} {match[1]}"


def _programs() -> tuple[str, str]:
    return programs.find("bpgenc", REMEDY), programs.find("bpgdec", REMEDY)
