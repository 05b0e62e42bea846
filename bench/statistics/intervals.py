"""Confidence intervals and tests of accuracies: of one point, and of two on the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtri, stdtr

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution, for intervals of 95 %."""


def normal_bound(risk: float) -> float:
    """The number that a standard normal variable exceeds with a probability of ``risk``."""
    return -float(ndtri(risk))


def wilson(correct: int, images: int, z: float = Z95) -> tuple[float, float]:
    """The 95 % confidence interval of an accuracy, as shares (Wilson 1927); (nan, nan) without images."""
    if not images:
        return (np.nan, np.nan)
    share, n = correct / images, images
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the sum of the two is 0 or 1 but for rounding.
    return (float(middle - half) if correct else 0.0, float(middle + half) if correct < images else 1.0)


@dataclass(frozen=True)
class Paired:
    """The paired comparison of a point, the test, with another, the anchor, on the labelled images that both have."""

    images: int
    """The number of images compared."""
    gained: NDArray[np.int64]
    """The positions of the images that the test alone has right."""
    lost: NDArray[np.int64]
    """The positions of the images that the anchor alone has right."""

    @property
    def difference(self) -> float:
        """The accuracy of the test minus that of the anchor, as a share; nan without images."""
        return (len(self.gained) - len(self.lost)) / self.images if self.images else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % confidence interval of the difference, as shares (the score interval, Tango 1998)."""
        return tango(len(self.gained), len(self.lost), self.images)

    @property
    def p(self) -> float:
        """The p-value of McNemar's exact test, two-sided, of the hypothesis that both are right equally often."""
        return mcnemar(len(self.gained), len(self.lost))


def paired(images: NDArray[np.int64], test: NDArray[np.bool_], anchor: NDArray[np.bool_]) -> Paired:
    """Compares two points image by image. images: positions in the data set; test, anchor: who has them right; all (N,)."""
    return Paired(len(images), images[test & ~anchor], images[anchor & ~test])


def mcnemar(gained: int, lost: int) -> float:
    """The p-value of McNemar's exact test, two-sided, for the images that one point alone has right; 1 without any."""
    return min(1.0, 2 * float(bdtr(min(gained, lost), gained + lost, 0.5)))


def tango(gained: int, lost: int, images: int, z: float = Z95) -> tuple[float, float]:
    """The 95 % score interval of (gained - lost) / images (Tango, Statistics in Medicine 1998); (nan, nan) without any."""
    if not images:
        return (np.nan, np.nan)
    n, difference = images, (gained - lost) / images

    def score(delta: float) -> float:
        """How far the counts lie from a true difference of ``delta``, in standard deviations."""
        # q: the share of losses that is likeliest under that difference, root of 2n q^2 + b q + c
        b = (2 * n - gained + lost) * delta - gained - lost
        c = -lost * delta * (1 - delta)
        q = (sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)
        variance = n * (2 * q + delta * (1 - delta))
        distance = gained - lost - n * delta
        return distance / sqrt(variance) if variance > 0 else np.sign(distance) * np.inf

    tiny = 1e-12
    low = -1.0 if score(-1 + tiny) < z else _root(lambda d: score(d) - z, -1 + tiny, difference - tiny)
    high = 1.0 if score(1 - tiny) > -z else _root(lambda d: score(d) + z, difference + tiny, 1 - tiny)
    return (low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function crosses zero between ``low`` and ``high``."""
    from scipy.optimize import brentq  # takes half a second to import

    root: Any = brentq(function, low, high)
    return float(root)


def mean_interval(values: NDArray[np.float64], z: float = Z95) -> tuple[float, float]:
    """The 95 % confidence interval of a mean, by the normal distribution; (nan, nan) for fewer than two values."""
    if len(values) < 2:
        return (np.nan, np.nan)
    half = z * float(values.std(ddof=1)) / sqrt(len(values))
    return (float(values.mean()) - half, float(values.mean()) + half)


@dataclass(frozen=True)
class PairedMeans:
    """The paired comparison of a point with another by a number that each image has."""

    images: int
    gained: NDArray[np.int64]
    """The positions of the images for which the test's number is larger."""
    lost: NDArray[np.int64]
    """The positions of the images for which the anchor's number is larger."""
    difference: float
    """The mean of test minus anchor."""
    interval: tuple[float, float]
    """The 95 % confidence interval of the difference, by the normal distribution."""
    p: float
    """The p-value of the paired t-test, two-sided; 1 where all differences are 0."""


def paired_means(images: NDArray[np.int64], test: NDArray[np.float64], anchor: NDArray[np.float64]) -> PairedMeans:
    """Compares two points image by image. images: positions in the data set; test, anchor: their numbers; all (N,)."""
    differences = test - anchor
    n = len(differences)
    if n > 1 and differences.std():
        t = float(differences.mean() / (differences.std(ddof=1) / sqrt(n)))
        p = 2 * float(stdtr(n - 1, -abs(t)))
    else:
        p = float(not differences.any())
    gained, lost = images[differences > 0], images[differences < 0]
    return PairedMeans(len(images), gained, lost, float(differences.mean()), mean_interval(differences), p)


def holm(p: list[float]) -> list[float]:
    """The p-values adjusted for how many they are, in the order given (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate([(len(p) - rank) * p[i] for rank, i in enumerate(order)])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, raised)
    return adjusted.tolist()
