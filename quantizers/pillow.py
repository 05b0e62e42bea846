"""The quantizers that Pillow has.

Pillow's ``quantize(dither=...)`` alone does nothing: error diffusion takes a palette. So dither=none
is ``quantize(k, method)``, and floyd-steinberg is a second pass over the first one's palette. The two
differ in assignment too, not in diffusion alone: the second pass takes the nearest palette color,
the first keeps the box or bucket that a color fell into.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import PIL
from PIL import Image

from ..core.images import RGB, AnyImage, IndexedImage
from .base import PaletteQuantizer


@dataclass(frozen=True)
class _Pillow(PaletteQuantizer, ABC):
    method: ClassVar[Image.Quantize]

    def version(self) -> str:
        return f"Pillow {PIL.__version__}"

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        return [self._quantize(Image.fromarray(image)) for image in images]

    def _quantize(self, canvas: Image.Image) -> IndexedImage:
        quantized = canvas.quantize(self.colors, self.method)
        return indexed(diffused(canvas, quantized) if self.dither == "floyd-steinberg" else quantized)


def diffused(canvas: Image.Image, palette_image: Image.Image) -> Image.Image:
    """``canvas`` in the palette of another image, by Floyd and Steinberg's error diffusion (1976)."""
    return canvas.quantize(palette=palette_image, dither=Image.Dither.FLOYDSTEINBERG)


def indexed(palette_image: Image.Image) -> IndexedImage:
    """A Pillow image of mode P as an IndexedImage, unused colors left out."""
    palette = np.array(palette_image.getpalette(), np.uint8).reshape(-1, 3)
    return IndexedImage(np.array(palette_image), palette).trimmed()


@dataclass(frozen=True)
class MedianCut(_Pillow):
    """Splits the box of colors at its median, largest box first (Heckbert 1982)."""

    name: ClassVar[str] = "median-cut"
    method: ClassVar[Image.Quantize] = Image.Quantize.MEDIANCUT


@dataclass(frozen=True)
class MaxCoverage(_Pillow):
    """Colors that cover the image's colors with the least maximum distance (Pillow's MAXCOVERAGE)."""

    name: ClassVar[str] = "max-coverage"
    method: ClassVar[Image.Quantize] = Image.Quantize.MAXCOVERAGE


@dataclass(frozen=True)
class OCTree(_Pillow):
    """Pillow's FASTOCTREE: the most frequent cells of two fixed grids of colors.

    Gervautz and Purgathofer (1988) grow an octree eight levels deep and merge its least frequent
    leaves. Pillow counts pixels in a fine (4 bits a channel) and a coarse grid (2 bits), keeps the
    most frequent coarse cells so that every color has one, spends what is left of ``colors`` on the
    most frequent fine cells, and takes each kept cell's mean. At few colors it keeps coarse cells only.
    """

    name: ClassVar[str] = "octree"
    method: ClassVar[Image.Quantize] = Image.Quantize.FASTOCTREE
