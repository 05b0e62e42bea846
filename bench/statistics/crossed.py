"""Means over seeds and images at once: what chance in both does to the accuracy of networks that are trained.

A network trained with another seed is right on other images, and its accuracy is another. Each seed is seen on all images:
the two are crossed. The variance of the mean is that of a two-way random-effects model, its quantile that of Student's t with
Satterthwaite's degrees of freedom (Searle, Casella and McCulloch, Variance Components, 1992, chapters 2 and 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

Array = NDArray[np.float64]
LEAST = 0.5
"""The least variance, as a share of that of images alone: taking off what is left may bring it to nothing."""


@dataclass(frozen=True)
class SeedMean:
    """A mean over seeds and images, or a difference of two, with its 95 % interval."""

    value: float
    low: float
    """NaN, like ``high``, with one seed: nothing is known of others then."""
    high: float
    seeds: int
    """The seeds; of a difference those of the point that has fewer."""
    images: int
    seed_deviation: float
    """The standard deviation of the means of single seeds, (S - 1); of a difference NaN."""


@dataclass(frozen=True)
class _Parts:
    """The mean squares of a table of seeds by images, (S, N)."""

    seeds: int
    images: int
    seed: float
    image: float
    rest: float


def crossed(scores: Array) -> SeedMean:
    """The mean of a table of seeds by images, (S, N): 1 for a right prediction and 0 for a wrong one, or any number."""
    value, parts = float(scores.mean()), _parts(scores)
    deviation = float(scores.mean(1).std(ddof=1)) if parts.seeds > 1 else np.nan
    if parts.seeds < 2 or parts.images < 2:
        return SeedMean(value, np.nan, np.nan, parts.seeds, parts.images, deviation)
    cells = parts.seeds * parts.images
    # Chance alone brings the mean square of seeds below that of what is left
    terms = [(parts.image / cells, parts.images - 1), (max(parts.seed, parts.rest) / cells, parts.seeds - 1)]
    half = _half(terms, parts.rest / cells)
    return SeedMean(value, value - half, value + half, parts.seeds, parts.images, deviation)


def crossed_difference(test: Array, anchor: Array) -> SeedMean:
    """The mean of one table of seeds by images minus that of another of the same images, (S, N) and (T, N).

    Images are paired; seeds are not: a seed of one training says nothing of the same seed of another.
    """
    value, own = float(test.mean() - anchor.mean()), (_parts(test), _parts(anchor))
    seeds, images = min(p.seeds for p in own), test.shape[1]
    if seeds < 2 or images < 2:
        return SeedMean(value, np.nan, np.nan, seeds, images, np.nan)
    of_images = test.mean(0) - anchor.mean(0)
    terms = [(float(of_images.var(ddof=1)) / images, images - 1)]
    terms += [(p.seed / (p.seeds * p.images), p.seeds - 1) for p in own]
    rest = sum(p.rest / (p.seeds * p.images) for p in own)  # in both, so that it is taken off once
    half = _half(terms, rest)
    return SeedMean(value, value - half, value + half, seeds, images, np.nan)


def _parts(scores: Array) -> _Parts:
    seeds, images = scores.shape
    mean, of_seeds, of_images = scores.mean(), scores.mean(1), scores.mean(0)
    seed = images * float(np.square(of_seeds - mean).sum()) / max(1, seeds - 1)
    image = seeds * float(np.square(of_images - mean).sum()) / max(1, images - 1)
    rest = scores - of_seeds[:, None] - of_images[None] + mean
    return _Parts(seeds, images, seed, image, float(np.square(rest).sum()) / max(1, (seeds - 1) * (images - 1)))


def _half(terms: list[tuple[float, int]], rest: float) -> float:
    """Half of a 95 % interval.

    terms: parts of the variance, that of images first, each with its degrees of freedom. rest: what they count twice.
    """
    variance = max(sum(part for part, _ in terms) - rest, LEAST * terms[0][0])
    spread = sum(part * part / freedom for part, freedom in terms)
    if variance <= 0 or spread <= 0:
        return 0.0
    freedom = max(variance * variance / spread, min(own for _, own in terms))  # never fewer than the seeds have
    return float(stdtrit(freedom, 0.975)) * sqrt(variance)
