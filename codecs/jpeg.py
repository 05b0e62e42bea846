"""JPEG: baseline or progressive."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .pillow import pillow_version, read, write

# Markers (ITU-T T.81, table B.1)
DHT, DQT, SOS, EOI = 0xC4, 0xDB, 0xDA, 0xD9
ALONE = {0x01, *range(0xD0, 0xD9)}  # TEM, RSTn, SOI: no length follows


@dataclass(frozen=True)
class JPEG(Codec):
    """libjpeg-turbo with its standard quantization tables, no restart markers, slow integer DCT."""

    name: ClassVar[str] = "jpeg"
    quality: int = setting(75, range(1, 101), quality_parameter=True, help="1 small and poor, 100 large and good")
    chroma: int = setting(420, (420, 422, 444), help="color resolution: 420 halves both sides, 422 the width, 444 none")
    # Without it a black 32x32 image takes 642 bytes, 5 bits a pixel, nearly all of them tables.
    optimize: str = setting("yes", ("yes", "no"), help="yes: Huffman tables made for each image; no: the standard's")
    progressive: str = setting("no", ("yes", "no"), help="yes: several scans, from coarse to fine; no: one scan")

    def version(self) -> str:
        return pillow_version("libjpeg_turbo")

    def encode(self, image: AnyImage) -> bytes:
        return write(
            Image.fromarray(as_rgb(image)),
            "JPEG",
            quality=self.quality,
            subsampling=":".join(str(self.chroma)),
            optimize=self.optimize == "yes",
            progressive=self.progressive == "yes",
        )

    def decode(self, data: bytes) -> RGB:
        return read(data, "JPEG")

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        tables = payload = 0
        position = 0
        while position < len(data):
            marker = data[position + 1]
            if marker in ALONE or marker == EOI:
                position += 2
                continue
            (length,) = struct.unpack_from(">H", data, position + 2)
            if marker in (DHT, DQT):
                tables += 2 + length
            position += 2 + length
            if marker == SOS:
                end = _end_of_scan(data, position)
                payload += end - position
                position = end
        return ByteBreakdown(container=len(data) - tables - payload, tables=tables, payload=payload)


def _end_of_scan(data: bytes, position: int) -> int:
    """Where the next marker stands: in a scan FF is followed by 00 or RSTn (T.81, B.1.1.5)."""
    while True:
        position = data.index(b"\xff", position)
        if data[position + 1] != 0 and not 0xD0 <= data[position + 1] <= 0xD7:
            return position
        position += 2
