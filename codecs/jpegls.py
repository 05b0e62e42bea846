"""JPEG-LS: lossless, and near-lossless with a bound on every sample's error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .extra import imagecodecs

# SOI (ITU-T T.87, annex C); CharLS puts a SPIFF header of 44 bytes behind it, which no decoder needs
SOI, SPIFF = b"\xff\xd8", 44
SOS = b"\xff\xda"


@dataclass(frozen=True)
class _JPEGLS(Codec):
    def version(self) -> str:
        return f"imagecodecs {imagecodecs().__version__}, {imagecodecs().jpegls_version()}"

    def _written(self, image: AnyImage, near: int) -> bytes:
        pixels = np.ascontiguousarray(as_rgb(image))
        # Noise may grow: 2.06 times as many bytes at 8x8 (measured); CharLS wants to know before
        file = imagecodecs().jpegls_encode(pixels, near, out=4 * pixels.nbytes + 1024)
        if file[:2] != SOI or file[6:11] != b"SPIFF":
            raise ValueError("CharLS wrote another header than this codec knows")
        return bytes(file[:2] + file[2 + SPIFF :])

    def decode(self, data: bytes) -> RGB:
        if data[:2] != SOI or data[-2:] != b"\xff\xd9":
            raise ValueError("no whole JPEG-LS file")
        return imagecodecs().jpegls_decode(data)

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """SOI, SOF55, SOS and EOI are container."""
        scan = data.index(SOS)
        begin = scan + 2 + int.from_bytes(data[scan + 2 : scan + 4], "big")
        return ByteBreakdown(container=begin + 2, payload=len(data) - begin - 2)


@dataclass(frozen=True)
class JPEGLS(_JPEGLS):
    """CharLS, near-lossless: each sample off by ``near`` at most; RGB as it is, interleaved, without SPIFF header."""

    name: ClassVar[str] = "jpegls"
    near: int = setting(
        3, range(1, 101), quality_parameter=True, help="by how much a sample may be off; above 100 files grow again"
    )

    def encode(self, image: AnyImage) -> bytes:
        return self._written(image, self.near)


@dataclass(frozen=True)
class JPEGLSLossless(_JPEGLS):
    """Lossless JPEG-LS by CharLS."""

    name: ClassVar[str] = "jpegls-lossless"
    lossless: ClassVar[bool] = True

    def encode(self, image: AnyImage) -> bytes:
        return self._written(image, 0)
