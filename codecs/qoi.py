"""QOI: lossless and fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..core.images import RGB, AnyImage, as_rgb
from .base import ByteBreakdown, Codec
from .extra import imagecodecs

HEADER, END = 14, b"\0\0\0\0\0\0\0\1"


@dataclass(frozen=True)
class QOI(Codec):
    """QOI's reference implementation; it has no settings."""

    name: ClassVar[str] = "qoi"
    lossless: ClassVar[bool] = True

    def version(self) -> str:
        return f"imagecodecs {imagecodecs().__version__}, {imagecodecs().qoi_version()}"

    def encode(self, image: AnyImage) -> bytes:
        return imagecodecs().qoi_encode(np.ascontiguousarray(as_rgb(image)))

    def decode(self, data: bytes) -> RGB:
        if data[:4] != b"qoif" or data[-len(END) :] != END or data[12] != 3:  # the library reads half a file, too
            raise ValueError("no whole QOI file of three channels")
        return np.ascontiguousarray(imagecodecs().qoi_decode(data))

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        container = HEADER + len(END)
        return ByteBreakdown(container=container, payload=len(data) - container)
