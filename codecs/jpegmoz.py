"""JPEG whose scans and entropy codes are searched by MozJPEG; the coefficients stay."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

from ..core.images import AnyImage
from .extra import library
from .jpeg import JPEG


@dataclass(frozen=True)
class JPEGMoz(JPEG):
    """libjpeg-turbo, then MozJPEG's lossless optimization: always progressive, larger below some 128x128."""

    name: ClassVar[str] = "jpeg-moz"

    def version(self) -> str:
        library("mozjpeg_lossless_optimization", "codecs")
        return f"mozjpeg-lossless-optimization {version('mozjpeg-lossless-optimization')}, {super().version()}"

    def encode(self, image: AnyImage) -> bytes:
        moz = library("mozjpeg_lossless_optimization", "codecs")
        return moz.optimize(super().encode(image), copy=moz.COPY_MARKERS.NONE)
