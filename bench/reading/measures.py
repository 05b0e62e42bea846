"""What points are judged by: accuracy, agreement with the uncompressed image, log-loss, or a fidelity metric."""

from __future__ import annotations

from dataclasses import dataclass

from ...metrics.base import Metric


@dataclass(frozen=True)
class Measure:
    """The mean over images of a number that each image has, and how it is shown."""

    name: str
    """Such as accuracy, agreement or PSNR."""
    unit: str = "%"
    """The unit of its values as they are shown."""
    step: str = "percentage points"
    """The unit of their differences; empty for plain numbers."""
    scale: float = 100.0
    """What a mean is multiplied by to be shown: 100 for shares, -1 where less is better; means themselves are larger where
    they are better."""
    digits: int = 2
    """The decimals that are shown."""

    @property
    def title(self) -> str:
        """The name with its unit, as a column bears it."""
        return f"{self.name} {self.unit}".strip()

    @property
    def labelled(self) -> str:
        """The name with its unit in parentheses, as an axis bears it."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def is_share(self) -> bool:
        """Whether each image is right or wrong, so that the mean is a share."""
        return self.scale == 100.0

    @property
    def better(self) -> int:
        """1 where more of what is shown is better, -1 where less is."""
        return 1 if self.scale > 0 else -1

    def shown(self, mean: float, low: float, high: float) -> tuple[float, float, float]:
        """A mean, or a difference of means, and its interval as they are shown."""
        low, high = sorted((self.scale * low, self.scale * high)) if low == low else (low, high)
        return self.scale * mean, low, high

    @property
    def values(self) -> str:
        """The word for several of its values."""
        return "accuracies" if self.is_share else f"values of {self.name}"

    @property
    def large_step(self) -> float:
        """The difference from which on colors are deepest, as it is shown."""
        return {"percentage points": 10.0, "dB": 3.0, "nats": 0.3}.get(self.step, 0.02)


ACCURACY, AGREEMENT = Measure("accuracy"), Measure("agreement")
LOG_LOSS = Measure("log-loss", "nats", "nats", -1.0, 3)
"""Minus the natural logarithm of the label's probability, of at most LOG_LOSS_CAP an image."""
LOG_LOSS_CAP = 10.0
"""The largest log-loss of an image that counts, in nats: a label that is given a probability of 1 in 22,000. Without it one
image that a classifier is sure to be something else would outweigh hundreds."""


def of_metric(metric: Metric) -> Measure:
    """The mean of a metric over images."""
    return Measure(metric.title, metric.unit, metric.unit, 1.0, metric.digits)
