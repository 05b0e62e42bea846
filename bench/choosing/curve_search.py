"""A curve of a study whose settings are searched: for a tolerated loss, or within a rate."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from math import ceil, log2, sqrt

import numpy as np
from numpy.typing import NDArray

from ..reading.curves import Curve
from ..statistics.intervals import normal_bound
from ..study.points import Point
from .measuring import Rows, ShuffledImages, losses
from .setting_search import SettingSearch, Trial
from .tolerance import Tolerance

Steps = Generator[dict[Point, int], None, None]
"""Yields on how many of the first images each point is to be measured next, and goes on when it is."""


@dataclass
class CurveSearch:
    """A curve, the rows measured so far of its points, and the search along it."""

    curve: Curve
    points: tuple[Point, ...]
    """The settings, in the order of the quality parameter."""
    images: ShuffledImages
    reference: Point
    by: str
    """accuracy, agreement or log-loss."""
    search: SettingSearch | None = None
    """The search for the cheapest setting that loses no more than is tolerated."""
    within: int | None = None
    """The setting of the highest rate within the one that was asked for; None where there is none."""
    dearer: int | None = None
    """The next dearer setting, where all images do not tell whether it is within."""

    def __len__(self) -> int:
        return len(self.points)

    def rows(self, setting: int | None) -> Rows:
        """The rows of a setting, or of the originals, in the random order of the images."""
        return self.images.rows(self.reference if setting is None else self.points[setting])

    def losses(self, setting: int) -> NDArray[np.float64]:
        """The loss of each image measured so far under a setting, (N,)."""
        return losses(self.rows(None), self.rows(setting), self.by)

    def bits(self, setting: int, images: int | None = None) -> float:
        """The mean bits an image under a setting, over the first so many images, or all that it was measured on."""
        rows = self.rows(setting)
        good = ~rows["failed"][:images]
        return float(8 * rows["bytes"][:images][good].mean()) if good.any() else np.nan

    def failures(self, setting: int) -> int:
        """How many images failed under a setting."""
        return int(self.rows(setting)["failed"].sum())

    def name(self, setting: int) -> str:
        """The setting without the curve's name: ``quality=40``."""
        codecs = {p.codec for p in self.points}
        plugin = self.points[setting].codec if len(codecs) > 1 else self.points[setting].quantizer
        parameter = plugin.quality_parameter()
        return f"{parameter}={getattr(plugin, parameter)}" if parameter else self.points[setting].title

    def tolerated(self, tolerance: Tolerance, risk: float, pilot: int, say: Callable[[Trial], None]) -> Steps:
        """Searches the cheapest setting that loses no more than is tolerated. say: receives each trial when it ends."""
        self.search = SettingSearch(self, tolerance, risk, pilot)
        told = 0
        for wanted in self.search.steps():
            for trial in self.search.trials[told:]:
                say(trial)
            told = len(self.search.trials)
            yield {self.points[setting]: images for setting, images in wanted.items()}
        for trial in self.search.trials[told:]:
            say(trial)

    def highest_within(self, limit: float, per_pixel: bool, risk: float, images: int) -> Steps:
        """Searches the setting of the highest mean rate that is shown to be below a limit, from the first so many images on.

        The next dearer setting is measured on twice as many images, and again, until it is shown to be above the limit or
        all are measured. limit: bits per pixel where ``per_pixel`` says so, else bits an image. risk: that the true mean
        of the setting is above it; each look has its part.
        """
        most = len(self.images)
        risk /= 1 + ceil(log2(max(1, most / images)))
        last = len(self) - 1
        yield {self.points[0]: images, self.points[last]: images}
        low, high = (0, last) if self.bits(0) < self.bits(last) else (last, 0)
        if not self._within(low, limit, per_pixel, risk):
            return
        if self._within(high, limit, per_pixel, risk):
            low = high
        while abs(high - low) > 1:
            middle = (high + low) // 2
            yield {self.points[middle]: images}
            low, high = (middle, high) if self._within(middle, limit, per_pixel, risk) else (low, middle)
        self.within, self.dearer = low, None
        while high != low:
            yield {self.points[high]: images}
            mean, half = self.rate(high, per_pixel, risk)
            if mean + half <= limit:
                self.within, low, high = high, high, self._next(low, high)
            elif mean - half > limit:
                return
            elif images >= most:
                self.dearer = high
                return
            else:
                images = min(most, 2 * images)

    def _next(self, low: int, high: int) -> int:
        """The setting after ``high`` on the way from ``low``; ``high`` itself where it is the last."""
        after = 2 * high - low
        return after if 0 <= after < len(self) else high

    def _within(self, setting: int, limit: float, per_pixel: bool, risk: float) -> bool:
        mean, half = self.rate(setting, per_pixel, risk)
        return bool(mean + half <= limit)

    def rate(self, setting: int, per_pixel: bool, risk: float) -> tuple[float, float]:
        """The mean rate of a setting, and how far above it the true one may be, with this risk (by the normal distribution).

        In bits per pixel of all pixels together, or bits an image. NaN for fewer than two images.
        """
        rows = self.rows(setting)
        good = ~rows["failed"]
        bits = 8.0 * rows["bytes"][good]
        if len(bits) < 2:
            return np.nan, np.nan
        unit = rows["pixels"][good].astype(np.float64) if per_pixel else np.ones(len(bits))
        mean = float(bits.sum() / unit.sum())
        deviation = float((bits - mean * unit).std(ddof=1) / unit.mean())
        return mean, normal_bound(risk) * deviation / sqrt(len(bits))
