"""JPEG XL: lossy (VarDCT) and lossless (Modular), as bare codestreams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import Span, setting
from .base import ByteBreakdown, Codec
from .extra import imagecodecs

SIGNATURE = b"\xff\x0a"


@dataclass(frozen=True)
class _JPEGXL(Codec):
    effort: int = setting(7, range(1, 11), help="1 fast, 10 small; 7 is libjxl's own default")

    def version(self) -> str:
        return f"imagecodecs {imagecodecs().__version__}, {imagecodecs().jpegxl_version()}"

    def _written(self, image: AnyImage, **options: Any) -> bytes:
        # The number of threads changes no byte (measured, 64x64 and 512x512)
        pinned = {"effort": self.effort, "decodingspeed": 0, "usecontainer": False, "numthreads": 1}
        return imagecodecs().jpegxl_encode(np.ascontiguousarray(as_rgb(image)), **pinned, **options)

    def decode(self, data: bytes) -> RGB:
        if data[:2] != SIGNATURE:
            raise ValueError("no bare JPEG XL codestream")
        return imagecodecs().jpegxl_decode(data, numthreads=1)

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """The signature is container; headers are coded bits of some 10 bytes and count as payload."""
        return ByteBreakdown(container=len(SIGNATURE), payload=len(data) - len(SIGNATURE))


@dataclass(frozen=True)
class JPEGXL(_JPEGXL):
    """Lossy JPEG XL by libjxl."""

    name: ClassVar[str] = "jpegxl"
    distance: float = setting(
        1.0, Span(0.05, 15.0), quality_parameter=True, help="Butteraugli distance: 1 visually lossless, 15 poor"
    )

    def encode(self, image: AnyImage) -> bytes:
        return self._written(image, lossless=False, distance=self.distance)


@dataclass(frozen=True)
class JPEGXLLossless(_JPEGXL):
    """Lossless JPEG XL by libjxl; finds small palettes by itself."""

    name: ClassVar[str] = "jpegxl-lossless"
    lossless: ClassVar[bool] = True

    def encode(self, image: AnyImage) -> bytes:
        return self._written(image, lossless=True)
