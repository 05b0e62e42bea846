"""Palettes that many images share: one for a whole data set, or one for each cluster of its images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy
from numpy.typing import NDArray
from PIL import Image
from scipy.cluster.vq import vq

from ..codecs import palettes
from ..core.files import sha256_of
from ..core.images import RGB, AnyImage
from ..core.plugins import Location, setting
from .base import Quantizer
from .k_means import refined
from .pillow import indexed

FITTING_ROUNDS, CLUSTER_ROUNDS = 30, 10
"""Rounds of k-means over the pixels of a palette at the most, and of giving images to palettes."""


@dataclass(frozen=True)
class SharedPalette(Quantizer):
    """Each pixel takes the nearest color of a palette that many images share; an image takes the palette that fits it best.

    The idea of color quantization for condensed data sets (DCQ, arXiv 2602.20650), with palettes as k-means over pixels
    finds them. png-shared stores such images without their palette.
    """

    name: ClassVar[str] = "shared-palette"
    colors: int = setting(16, range(2, 257), quality_parameter=True, help="colors of a palette")
    file: str = setting("photos", Location("a file of palettes, or the name of one that ships", required=True))

    def version(self) -> str:
        palettes.read(self.file).of(self.colors, self.file)
        return f"sha256 {sha256_of(palettes.find(self.file))[:16]}, SciPy {scipy.__version__}"

    @classmethod
    def ready(cls) -> str:
        return f"palettes that ship: photos; {palettes.MADE_BY} makes others"

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        shared = palettes.read(self.file).of(self.colors, self.file)
        return [palettes.nearest(image, list(shared)).trimmed() for image in images]


def fit(pixels: NDArray[np.uint8], colors: int, count: int, seed: int = 0) -> tuple[NDArray[np.uint8], float]:
    """Palettes for images, and the root of the mean squared error a channel that they leave: (P, K, 3).

    pixels: some of each image, (N, M, 3). colors: of each palette. count: the number of palettes. Images are given to
    palettes and palettes fitted to their images in turn, begun with clusters of the images' mean colors.
    """
    samples = pixels.astype(np.float64)
    clusters = _clusters(samples.mean(1), count, np.random.default_rng(seed))
    shared = np.zeros((count, colors, 3))
    errors = np.zeros((count, len(samples)))
    for number in range(CLUSTER_ROUNDS if count > 1 else 1):
        for cluster in range(count):
            own = samples[clusters == cluster].reshape(-1, 3)
            if len(own):
                begin = shared[cluster] if number else _median_cut(own, colors)
                shared[cluster] = refined(own, begin, FITTING_ROUNDS)
        errors = np.stack([_squared_errors(samples, palette.round()) for palette in shared])
        before, clusters = clusters, errors.argmin(0)
        if np.array_equal(before, clusters):
            break
    left = float(np.sqrt(errors.min(0).sum() / samples.size))
    return shared.round().clip(0, 255).astype(np.uint8), left


def _clusters(means: NDArray[np.float64], count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """The cluster of each image by its mean color: (N, 3) -> (N,)."""
    if count == 1:
        return np.zeros(len(means), np.int64)
    centres = means[generator.choice(len(means), count, replace=len(means) < count)]
    return vq(means, refined(means, centres, FITTING_ROUNDS))[0].astype(np.int64)


def _median_cut(pixels: NDArray[np.float64], colors: int) -> NDArray[np.float64]:
    """A palette of just so many colors, the last repeated where median cut gives fewer: (N, 3) -> (K, 3)."""
    canvas = Image.fromarray(pixels.astype(np.uint8)[None])
    palette = indexed(canvas.quantize(colors, Image.Quantize.MEDIANCUT)).palette.astype(np.float64)
    return np.concatenate([palette, np.repeat(palette[-1:], colors - len(palette), 0)])


def _squared_errors(samples: NDArray[np.float64], palette: NDArray[np.float64]) -> NDArray[np.float64]:
    """The squared error of each image in a palette: (N, M, 3) -> (N,)."""
    _, distances = vq(samples.reshape(-1, 3), palette)
    return np.square(distances).reshape(len(samples), -1).sum(1)
