"""JPEG XR."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .extra import imagecodecs

SIGNATURE = b"II\xbc\x01"
# Where the coded image lies and how long it is (ITU-T T.832, table A.4)
OFFSET, LENGTH = 0xBCC0, 0xBCC1


@dataclass(frozen=True)
class JPEGXR(Codec):
    """jxrlib, 4:4:4, without overlap between blocks.

    Below quality 50 jxrlib turns to 4:2:0 with overlap, and fails for images up to 16 pixels wide: not offered.
    """

    name: ClassVar[str] = "jpegxr"
    quality: int = setting(80, range(50, 100), quality_parameter=True, help="50 small and poor, 99 large and good")

    def version(self) -> str:
        return f"imagecodecs {imagecodecs().__version__}, {imagecodecs().jpegxr_version()}"

    def encode(self, image: AnyImage) -> bytes:
        pixels = np.ascontiguousarray(as_rgb(image))
        return imagecodecs().jpegxr_encode(
            pixels, self.quality / 100, photometric="RGB", hasalpha=False, resolution=(96, 96)
        )

    def decode(self, data: bytes) -> RGB:
        offset, length = _where(data)
        if offset + length > len(data):  # jxrlib itself makes an image of half a file
            raise ValueError(f"a JPEG XR file of {len(data)} bytes says that it has {offset + length}")
        return np.ascontiguousarray(imagecodecs().jpegxr_decode(data))

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """The directory is container; quantizers stand in the coded image and count as payload."""
        _, length = _where(data)
        return ByteBreakdown(container=len(data) - length, payload=length)


def _where(data: bytes) -> tuple[int, int]:
    """Offset and length of the coded image, by the file's directory. Raises ValueError for no such file."""
    if data[:4] != SIGNATURE or len(data) < 8:
        raise ValueError("no JPEG XR file")
    try:
        (directory,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, directory)
        entries = [struct.unpack_from("<HHII", data, directory + 2 + 12 * i) for i in range(count)]
    except struct.error:
        raise ValueError("a JPEG XR file that ends within its directory") from None
    values = {tag: value for tag, _, _, value in entries}
    if OFFSET not in values or LENGTH not in values:
        raise ValueError("a JPEG XR file without a coded image")
    return values[OFFSET], values[LENGTH]
