"""PNG: lossless, true-color or indexed."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from ..core.images import RGB, AnyImage, IndexedImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .pillow import pillow_version, read, write

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Where the data of a chunk counts; its length, type and CRC (12 bytes) are container (PNG specification, 5.3)
PARTS = {b"IDAT": "payload", b"PLTE": "palette", b"tRNS": "palette"}


def chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The kind and the content of each chunk of a PNG file, in order. Raises struct.error where one is cut short."""
    position = len(SIGNATURE)
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, data[position + 8 : position + 8 + length]
        position += 12 + length


def framed(kind: bytes, content: bytes) -> bytes:
    """A chunk as it stands in a file: length, kind, content, CRC (PNG specification, 5.3)."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@dataclass(frozen=True)
class ReadsPNG(Codec):
    """The decoder and the byte breakdown that all codecs of PNG files share."""

    def decode(self, data: bytes) -> RGB:
        return read(data, "PNG")

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        sums = {"payload": 0, "palette": 0}
        for kind, content in chunks(data):
            if kind in PARTS:
                sums[PARTS[kind]] += len(content)
        return ByteBreakdown(container=len(data) - sum(sums.values()), **sums)


@dataclass(frozen=True)
class PNG(ReadsPNG):
    """An indexed image is stored as indexed PNG at 1, 2, 4 or 8 bits, the rest as true color.

    ``palette=no`` stores every image as true color, as the published code of
    Hou et al. (CVPR 2020) does.
    """

    name: ClassVar[str] = "png"
    lossless: ClassVar[bool] = True
    palette: str = setting("yes", ("yes", "no"), help="yes: indexed images as indexed PNG; no: all as true color")
    effort: int = setting(6, range(10), help="zlib level: 0 no compression, 9 small; 6 is zlib's own default")

    def version(self) -> str:
        library = "zlib_ng" if pillow_has_zlib_ng() else "zlib"
        return pillow_version(library)

    def encode(self, image: AnyImage) -> bytes:
        if isinstance(image, IndexedImage) and self.palette == "yes":
            canvas = Image.fromarray(image.indices)
            canvas.putpalette(image.palette.tobytes())
            # 1, 2, 4 or 8 bits a pixel; left to itself Pillow may count unused colors.
            bits = max(1, (len(image.palette) - 1).bit_length())
            return write(canvas, "PNG", bits=bits, compress_level=self.effort)
        return write(Image.fromarray(as_rgb(image)), "PNG", compress_level=self.effort)


def pillow_has_zlib_ng() -> bool:
    """Whether Pillow deflates with zlib-ng instead of zlib."""
    from PIL import features

    return features.version("zlib_ng") is not None
