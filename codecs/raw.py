"""Plain pixels: the null codec, which measures the bench itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..core.images import RGB, AnyImage, as_rgb
from .base import ByteBreakdown, Codec

HEADER = re.compile(rb"P6\n(\d+) (\d+)\n255\n")


@dataclass(frozen=True)
class Raw(Codec):
    """Binary PPM (Netpbm's P6): a short header and 24 bits a pixel."""

    name: ClassVar[str] = "raw"
    lossless: ClassVar[bool] = True

    def version(self) -> str:
        return "PPM"

    def encode(self, image: AnyImage) -> bytes:
        pixels = as_rgb(image)
        return b"P6\n%d %d\n255\n" % (pixels.shape[1], pixels.shape[0]) + pixels.tobytes()

    def decode(self, data: bytes) -> RGB:
        width, height, begin = _header(data)
        if len(data) != begin + 3 * width * height:
            raise ValueError(f"{width}x{height} pixels take {3 * width * height} bytes, got {len(data) - begin}")
        return np.frombuffer(data, np.uint8, offset=begin).reshape(height, width, 3).copy()

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        begin = _header(data)[2]
        return ByteBreakdown(container=begin, payload=len(data) - begin)


def _header(data: bytes) -> tuple[int, int, int]:
    match = HEADER.match(data)
    if match is None:
        raise ValueError("no PPM header (P6, 8 bits)")
    return int(match[1]), int(match[2]), match.end()
