"""BPG: one HEVC intra picture, coded in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .hevc import color, container, decoder, x265
from .hevc.parameter_sets import MONOCHROME, YUV420, YUV444


@dataclass(frozen=True)
class BPG(Codec):
    """x265 through PyAV in BPG files, as ``bpgenc -e x265`` writes them: 8 bits, YCbCr of BT.601, full range."""

    name: ClassVar[str] = "bpg"
    qp: int = setting(29, range(52), quality_parameter=True, help="0 large and good, 51 small and poor")
    chroma: int = setting(420, (420, 444), help="color resolution: 420 halves both sides, 444 none")
    effort: int = setting(8, range(1, 10), help="how long x265 searches: 1 fast, 9 small; bpgenc's level")
    grey: str = setting("yes", ("yes", "no"), help="yes: an image whose pixels are all grey is coded without chroma")

    def version(self) -> str:
        return f"{x265.version()}, PyAV {x265.library().__version__}"

    def canonical(self) -> BPG:
        """x265 codes an intra picture three steps finer than asked, and no finer than 0: QP 0 to 3 give one file."""
        return replace(self, qp=max(self.qp, 3))

    def encode(self, image: AnyImage) -> bytes:
        return self.encode_batch([image])[0]

    def encode_batch(self, images: Sequence[AnyImage]) -> list[bytes]:
        pictures: dict[int, tuple[color.Planes, int]] = {}
        colored: dict[int, RGB] = {}
        for number, rgb in enumerate(map(as_rgb, images)):
            container.check_size(rgb.shape[1], rgb.shape[0])
            if self.grey == "yes" and color.is_grey(rgb):
                pictures[number] = color.Planes(rgb[..., 0], None), MONOCHROME
            else:
                colored[number] = rgb
        pixel_format = YUV420 if self.chroma == 420 else YUV444
        planes = color.to_planes_each(list(colored.values()), halved=pixel_format == YUV420)
        pictures |= {number: (p, pixel_format) for number, p in zip(colored, planes, strict=True)}
        coded = x265.encode([pictures[number] for number in range(len(images))], self.qp, self.effort)
        return [container.write(picture) for picture in coded]

    def decode(self, data: bytes) -> RGB:
        """The pixels of any 8-bit BPG picture in grey, 4:2:0 or 4:4:4.

        Raises Malformed, or Unsupported with the name of what the file has and this decoder lacks.
        """
        return color.to_rgb(decoder.decode(container.read(data)))

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        return container.byte_breakdown(data)
