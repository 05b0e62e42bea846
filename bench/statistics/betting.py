"""Tests and intervals of a mean that hold whenever one looks: by betting (Waudby-Smith and Ramdas, JRSS-B 2023).

Somebody who bets against a claim on the mean, at odds that are fair if the claim holds, multiplies the stake by 20 with a
probability of at most 1/20, at any time and for ever (Ville). So the wealth is the evidence against the claim, and one
may look after each image, stop when it is enough, or go on later. The wealth here is the mean over bettors that stake
different shares (a discrete universal portfolio), so that it depends on the images seen, and not on their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

STAKES = 0.6 ** np.arange(10)
"""The shares that bettors stake, of the most that can be staked without ever losing all."""


@dataclass(frozen=True)
class Sample:
    """Numbers of images, drawn independently from a distribution on ``low``..``high``."""

    values: NDArray[np.float64]
    """The different numbers, (K,)."""
    counts: NDArray[np.int64]
    """How many images have each, (K,)."""
    low: float
    high: float

    @classmethod
    def of(cls, numbers: NDArray[np.float64], low: float, high: float) -> Sample:
        """The sample of these numbers, (N,). Raises ValueError for a number that is not between ``low`` and ``high``."""
        if len(numbers) and not (low <= numbers.min() and numbers.max() <= high):
            raise ValueError(f"numbers from {numbers.min()} to {numbers.max()} are not all in {low}..{high}")
        values, counts = np.unique(numbers, return_counts=True)
        return cls(values, counts, low, high)

    @property
    def size(self) -> int:
        """The number of images."""
        return int(self.counts.sum())

    @property
    def mean(self) -> float:
        """The mean number; NaN without images."""
        return float(self.values @ self.counts) / self.size if self.size else np.nan

    @property
    def deviation(self) -> float:
        """The standard deviation of the numbers; NaN for fewer than two images."""
        if self.size < 2:
            return np.nan
        return float(np.sqrt(self.counts @ (self.values - self.mean) ** 2 / (self.size - 1)))

    def mirrored(self) -> Sample:
        """The same numbers with their signs changed."""
        return Sample(-self.values, self.counts, -self.high, -self.low)


def evidence_below(sample: Sample, mean: float) -> float:
    """The natural logarithm of the evidence that the true mean is below ``mean``.

    If it is not, this ever exceeds log(1/a) with a probability of at most a, however often one looks.
    """
    if mean <= sample.low:
        return -np.inf
    if mean > sample.high:
        return np.inf
    stakes = STAKES / max(sample.high - mean, 1e-9) * (1 - 1e-9)
    wealth = np.log1p(stakes[:, None] * (mean - sample.values)) @ sample.counts
    return float(logsumexp(wealth) - np.log(len(stakes)))


def evidence_above(sample: Sample, mean: float) -> float:
    """The natural logarithm of the evidence that the true mean is above ``mean``; as ``evidence_below``."""
    return evidence_below(sample.mirrored(), -mean)


def upper_bound(sample: Sample, risk: float) -> float:
    """A number that the true mean exceeds with a probability of at most ``risk``, whenever one looks."""
    if not sample.size:
        return sample.high
    needed = np.log(1 / risk)

    def short(mean: float) -> float:
        return evidence_below(sample, mean) - needed

    top = sample.high - 1e-9 * (sample.high - sample.low)
    if short(top) < 0:
        return sample.high
    from scipy.optimize import brentq  # takes half a second to import

    return float(np.asarray(brentq(short, max(sample.mean, sample.low + 1e-12), top, xtol=1e-9)))


def lower_bound(sample: Sample, risk: float) -> float:
    """A number that the true mean is below with a probability of at most ``risk``, whenever one looks."""
    return -upper_bound(sample.mirrored(), risk)
