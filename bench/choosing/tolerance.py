"""The test of one setting: does it lose less than is tolerated, on images like these?"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, log, sqrt

import numpy as np
from numpy.typing import NDArray

from ..statistics.betting import Sample, evidence_above, evidence_below, lower_bound, upper_bound
from ..statistics.intervals import normal_bound, tango

EARLY = 0.2
"""The part of the risk that is spent on looks before all images are measured; the rest is for the look at all of them."""
HOPELESS = 0.05
"""A setting whose chance to be shown with all images is below this, as things stand, is given up."""


@dataclass(frozen=True)
class Tolerance:
    """How much may be lost an image, and the risk of taking a setting that loses more.

    A setting is looked at again and again while images are measured, by a test that holds whenever one looks
    (statistics/betting.py), and once more when all images are, by a score test, which needs fewer of them.
    """

    limit: float
    """The mean loss that is tolerated: a share of the images, or nats."""
    images: int
    """How many images there are to test with."""
    bound: float = 1.0
    """No image can lose or gain more than this; 1 where images are lost or gained as a whole."""

    def sample(self, losses: NDArray[np.float64]) -> Sample:
        """The losses of images, (N,), as the tests take them."""
        return Sample.of(losses, -self.bound, self.bound)

    def shown(self, losses: Sample, risk: float) -> bool:
        """Whether it is shown that the true loss is below the limit, with this risk of being wrong, whenever one looks."""
        if evidence_below(losses, self.limit) >= log(1 / (EARLY * risk)):
            return True
        return losses.size >= self.images and self._all_images(losses, (1 - EARLY) * risk)[1] < self.limit

    def refuted(self, losses: Sample, risk: float) -> bool:
        """Whether it is shown that the true loss is above the limit."""
        return evidence_above(losses, self.limit) >= log(1 / risk)

    def hopeless(self, losses: Sample, risk: float) -> bool:
        """Whether going on to all images is unlikely to show it, as things stand; no part of the guarantee."""
        n, total = losses.size, self.images
        if n >= total:
            return True
        deviation = max(losses.deviation, self.bound * sqrt(1 / (n + 1)) / sqrt(n))
        needed = self.limit - normal_bound((1 - EARLY) * risk) * deviation / sqrt(total)
        likely = losses.mean - normal_bound(HOPELESS) * deviation * sqrt(1 / n - 1 / total)
        return bool(likely > needed)

    def interval(self, losses: Sample, risk: float) -> tuple[float, float]:
        """Numbers between which the true loss lies, each exceeded with a probability of at most ``risk``.

        The upper one is below the limit where ``shown`` says so.
        """
        low, high = lower_bound(losses, EARLY * risk), upper_bound(losses, EARLY * risk)
        if losses.size < self.images:
            return low, high
        all_low, all_high = self._all_images(losses, (1 - EARLY) * risk)
        return max(low, all_low), min(high, all_high)

    def _all_images(self, losses: Sample, risk: float) -> tuple[float, float]:
        """One-sided bounds from below and above for one look at a number of images that was fixed before."""
        z, n = normal_bound(risk), losses.size
        if set(losses.values) <= {-1.0, 0.0, 1.0}:
            of = dict(zip(losses.values, losses.counts, strict=True))
            low, high = tango(int(of.get(-1.0, 0)), int(of.get(1.0, 0)), n, z)
            return -high, -low
        half = z * losses.deviation / sqrt(n) if n > 1 else np.inf
        return losses.mean - half, losses.mean + half

    def fewest(self, risk: float) -> int:
        """The number of images without which nothing can be shown, not even of a setting that changes none."""
        if self.bound != 1:
            return 2
        z = normal_bound((1 - EARLY) * risk)
        last_look = ceil(z * z * (1 - self.limit) / self.limit)  # Tango's bound for n equal pairs is z^2 / (n + z^2)
        low, high = 1, last_look
        while low < high:  # the looks before may need fewer
            middle = (low + high) // 2
            unchanged = Sample(np.zeros(1), np.array([middle]), -1.0, 1.0)
            low, high = (
                (low, middle)
                if evidence_below(unchanged, self.limit) >= log(1 / (EARLY * risk))
                else (middle + 1, high)
            )
        return low

    def to_decide(self, losses: Sample, risk: float) -> float:
        """About how many images would show on which side of the limit the loss lies, if it is as it looks; inf on it."""
        low, high = losses.size, 1e9
        while high - low > 0.005 * high:
            images = (low * high) ** 0.5
            more = Sample(losses.values, np.round(losses.counts * images / losses.size), losses.low, losses.high)
            below, above = self._all_images(more, (1 - EARLY) * risk)
            low, high = (low, images) if above < self.limit or below > self.limit else (images, high)
        return high if high < 9e8 else float("inf")
