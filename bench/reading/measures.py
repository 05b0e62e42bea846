"""What points are judged by: accuracy, agreement with the uncompressed image, or a fidelity metric."""

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
    """What a mean is multiplied by to be shown: 100 for shares."""
    digits: int = 2
    """The decimals that are shown."""

    @property
    def title(self) -> str:
        """The name with its unit, as a column or an axis bears it."""
        return f"{self.name} {self.unit}".strip()

    @property
    def is_share(self) -> bool:
        """Whether each image is right or wrong, so that the mean is a share."""
        return self.scale == 100.0

    @property
    def values(self) -> str:
        """The word for several of its values."""
        return "accuracies" if self.is_share else f"values of {self.name}"

    @property
    def large_step(self) -> float:
        """The difference from which on colors are deepest, as it is shown."""
        return {"percentage points": 10.0, "dB": 3.0}.get(self.step, 0.02)


ACCURACY, AGREEMENT = Measure("accuracy"), Measure("agreement")


def of_metric(metric: Metric) -> Measure:
    """The mean of a metric over images."""
    return Measure(metric.title, metric.unit, metric.unit, 1.0, metric.digits)
