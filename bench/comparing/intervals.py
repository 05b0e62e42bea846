"""Two points on the same images: how many each alone has right, and what that says of the difference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest

Z95 = 1.959963984540054
"""The standard normal distribution's 97.5 % quantile."""


def wilson(correct: int, images: int, z: float = Z95) -> tuple[float, float]:
    """The interval of a share, as shares (Wilson 1927); (nan, nan) of no images."""
    if not images:
        return (np.nan, np.nan)
    share, n = correct / images, images
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the sum of the two is 0 or 1 but for rounding.
    return (float(middle - half) if correct else 0.0, float(middle + half) if correct < images else 1.0)


@dataclass(frozen=True)
class Paired:
    """One point (test) against another (anchor), on the labelled images that both have."""

    images: int
    gained: NDArray[np.int64]
    """Positions of images right in the test alone."""
    lost: NDArray[np.int64]
    """Right in the anchor alone."""

    @property
    def difference(self) -> float:
        """Of the two accuracies, as a share."""
        return (len(self.gained) - len(self.lost)) / self.images if self.images else np.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % (Tango 1998, the score interval), as shares."""
        return tango(len(self.gained), len(self.lost), self.images)

    @property
    def p(self) -> float:
        """McNemar's exact test, two-sided: that both are right equally often."""
        return mcnemar(len(self.gained), len(self.lost))


def paired(images: NDArray[np.int64], test: NDArray[np.bool_], anchor: NDArray[np.bool_]) -> Paired:
    """images: positions in the data set. test, anchor: whether each point has each image right; (N,) all three."""
    return Paired(len(images), images[test & ~anchor], images[anchor & ~test])


def mcnemar(gained: int, lost: int) -> float:
    """The p-value of McNemar's exact test, two-sided; 1 where nothing differs."""
    return float(binomtest(gained, gained + lost).pvalue) if gained + lost else 1.0


def tango(gained: int, lost: int, images: int, z: float = Z95) -> tuple[float, float]:
    """The score interval of (gained - lost) / images (Tango, Statistics in Medicine 1998); (nan, nan) of no images."""
    if not images:
        return (np.nan, np.nan)
    n, found = images, (gained - lost) / images

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
    low = -1.0 if score(-1 + tiny) < z else _root(lambda d: score(d) - z, -1 + tiny, found - tiny)
    high = 1.0 if score(1 - tiny) > -z else _root(lambda d: score(d) + z, found + tiny, 1 - tiny)
    return (low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    found: Any = brentq(function, low, high)
    return float(found)


def holm(p: list[float]) -> list[float]:
    """p-values adjusted for their number (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate([(len(p) - rank) * p[i] for rank, i in enumerate(order)])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, raised)
    return adjusted.tolist()
