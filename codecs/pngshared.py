"""PNG without its palette: the palette is one of a few that all images share, and is kept once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, ClassVar

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image

from ..core.errors import Refused
from ..core.files import sha256_of
from ..core.images import RGB, AnyImage, IndexedImage, as_rgb
from ..core.plugins import Location, Plugin, setting
from . import palettes
from .base import ByteBreakdown, Codec
from .pillow import pillow_version
from .png import PNG, SIGNATURE, chunks, framed, pillow_has_zlib_ng

GRAY = 0
"""The color type of grayscale in a PNG's header (PNG specification, 11.2.1)."""


@dataclass(frozen=True)
class PNGShared(Codec):
    """The indices of an image as a grayscale PNG of 1, 2, 4 or 8 bits, and after its end the number of its palette, a byte.

    For images of the quantizer shared-palette. The palettes are kept once for all images of a data set and are no part of
    any file; a training set's bytes count them once. An image of other colors takes the nearest ones of the palette that
    fits it best.
    """

    name: ClassVar[str] = "png-shared"
    file: str = setting("photos", Location("a file of palettes, or the name of one that ships", required=True))
    effort: int = setting(6, range(10), help="zlib level: 0 no compression, 9 small; 6 is zlib's own default")

    def version(self) -> str:
        library = pillow_version("zlib_ng" if pillow_has_zlib_ng() else "zlib")
        return f"sha256 {sha256_of(palettes.find(self.file))[:16]}, {library}, SciPy {scipy.__version__}"

    @classmethod
    def ready(cls) -> str:
        return f"palettes that ship: photos; {palettes.MADE_BY} makes others"

    def check_point(self, parts: Mapping[str, Any]) -> None:
        quantizer = parts["quantizer"]
        file = str(getattr(quantizer, "file", ""))
        if quantizer.name != "shared-palette" or sha256_of(palettes.find(file)) != sha256_of(palettes.find(self.file)):
            raise Refused(
                f"{self.name} stores what shared-palette draws with the same file of palettes, not {quantizer.short}"
            )

    def shared_bytes(self, quantizer: Plugin) -> int:
        return palettes.read(self.file).of(getattr(quantizer, "colors", 0), self.file).nbytes

    def encode(self, image: AnyImage) -> bytes:
        known = palettes.read(self.file).all
        found = _placed(image, known) if isinstance(image, IndexedImage) else None
        if found is None:
            drawn = palettes.nearest(as_rgb(image), known)
            found = next(i for i, palette in enumerate(known) if palette is drawn.palette), drawn.indices
        number, indices = found
        indexed = PNG(effort=self.effort).encode(IndexedImage(indices, known[number]))
        gray = [(kind, _gray(content) if kind == b"IHDR" else content) for kind, content in chunks(indexed)]
        parts = [SIGNATURE, *(framed(kind, content) for kind, content in gray if kind != b"PLTE"), bytes([number])]
        return b"".join(parts)

    def decode(self, data: bytes) -> RGB:
        """Raises ValueError for a file that is none, or names a palette that there is not."""
        known = palettes.read(self.file).all
        if not data or data[-1] >= len(known):
            raise ValueError("the file names a palette that there is not")
        palette = known[data[-1]]
        with Image.open(BytesIO(data[:-1]), formats=("PNG",)) as gray:
            bits = data[24]
            values = np.array(gray.convert("L"), np.uint8)
        if bits not in (1, 2, 4, 8):
            raise ValueError(f"a PNG of {bits} bits")
        indices = values // (255 // ((1 << bits) - 1))
        if indices.max(initial=0) >= len(palette):
            raise ValueError("an index without a color")
        return palette[indices]

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """The number of the palette counts as palette."""
        payload = sum(len(content) for kind, content in chunks(data[:-1]) if kind == b"IDAT")
        return ByteBreakdown(container=len(data) - 1 - payload, palette=1, payload=payload)


def _placed(image: IndexedImage, known: list[RGB]) -> tuple[int, NDArray[np.uint8]] | None:
    """The number of the smallest palette that has all colors of an image, and its pixels' places there; None without one."""
    wanted = _packed(image.palette)
    for number, palette in enumerate(known):
        packed = _packed(palette)
        order = np.argsort(packed, kind="stable")
        places = order[np.searchsorted(packed, wanted, sorter=order).clip(max=len(packed) - 1)]
        if np.array_equal(packed[places], wanted):
            return number, places.astype(np.uint8)[image.indices]
    return None


def _packed(colors: RGB) -> NDArray[np.int64]:
    """Colors as one number each: (K, 3) -> (K,)."""
    return colors.astype(np.int64) @ np.array([65536, 256, 1])


def _gray(header: bytes) -> bytes:
    return header[:9] + bytes([GRAY]) + header[10:]
