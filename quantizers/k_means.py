"""Median cut refined by k-means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import PIL
import scipy
from numpy.typing import NDArray
from PIL import Image
from scipy.cluster.vq import vq

from ..core.images import RGB, AnyImage, IndexedImage
from ..core.plugins import setting
from .base import PaletteQuantizer
from .pillow import diffused, indexed
from .searching import SearchingQuantizer


@dataclass(frozen=True)
class KMeans(SearchingQuantizer, PaletteQuantizer):
    """Pillow's median cut, its palette refined by rounds of k-means in sRGB (Lloyd 1982); then a search, if asked for.

    Not Pillow's own ``kmeans`` argument, which is no number of rounds: it stops once at most that many
    pixels change their color, so that a larger number refines less.
    """

    name: ClassVar[str] = "k-means"
    rounds: int = setting(10, range(1, 101), help="rounds of refinement at the most; ends early when nothing moves")

    def version(self) -> str:
        return f"Pillow {PIL.__version__}, SciPy {scipy.__version__}{self.search_version()}"

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        return self.searched(images, [self._quantize(image) for image in images])

    def _quantize(self, image: RGB) -> IndexedImage:
        canvas = Image.fromarray(image)
        start = indexed(canvas.quantize(self.colors, Image.Quantize.MEDIANCUT)).palette
        pixels = image.reshape(-1, 3).astype(np.float64)
        palette = refined(pixels, start.astype(np.float64), self.rounds).round().astype(np.uint8)
        if self.dither == "floyd-steinberg":
            palette_image = Image.new("P", (1, 1))
            palette_image.putpalette(palette.tobytes())
            return indexed(diffused(canvas, palette_image))
        nearest, _ = vq(pixels, palette.astype(np.float64))
        return IndexedImage(nearest.astype(np.uint8).reshape(image.shape[:2]), palette).trimmed()


def refined(pixels: NDArray[np.float64], palette: NDArray[np.float64], rounds: int) -> NDArray[np.float64]:
    """A palette after rounds of k-means, each color the mean of its nearest pixels: (N, 3), (K, 3) -> (K, 3)."""
    for _ in range(rounds):
        nearest, _ = vq(pixels, palette)
        counts = np.bincount(nearest, minlength=len(palette))
        sums = np.stack([np.bincount(nearest, pixels[:, c], len(palette)) for c in range(3)], axis=1)
        moved = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], palette)
        if np.array_equal(moved, palette):
            break
        palette = moved
    return palette
