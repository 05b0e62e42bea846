"""WebP: lossy (VP8) and lossless (VP8L)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .pillow import pillow_version, read, write


@dataclass(frozen=True)
class _WebP(Codec):
    effort: int = setting(4, range(7), help="libwebp's method: 0 fast, 6 small")

    def version(self) -> str:
        return pillow_version("webp")

    def decode(self, data: bytes) -> RGB:
        return read(data, "WEBP")

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """The RIFF header and chunk headers are container; what VP8 or VP8L chunks hold is payload."""
        payload, position = 0, 12
        while position < len(data):
            kind, length = struct.unpack_from("<4sI", data, position)
            if kind in (b"VP8 ", b"VP8L"):
                payload += length
            position += 8 + length + length % 2  # chunks begin at even places (RIFF)
        return ByteBreakdown(container=len(data) - payload, payload=payload)


@dataclass(frozen=True)
class WebP(_WebP):
    """Lossy WebP; always 4:2:0."""

    name: ClassVar[str] = "webp"
    quality: int = setting(75, range(101), quality_parameter=True, help="0 small and poor, 100 large and good")

    def encode(self, image: AnyImage) -> bytes:
        return write(Image.fromarray(as_rgb(image)), "WEBP", lossless=False, quality=self.quality, method=self.effort)


@dataclass(frozen=True)
class WebPLossless(_WebP):
    """Lossless WebP; finds small palettes by itself."""

    name: ClassVar[str] = "webp-lossless"
    lossless: ClassVar[bool] = True

    def encode(self, image: AnyImage) -> bytes:
        # quality is the effort of the lossless coder, 100 the most; exact keeps every pixel as it is.
        return write(Image.fromarray(as_rgb(image)), "WEBP", lossless=True, quality=100, method=self.effort, exact=True)
