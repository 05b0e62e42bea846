"""`rabench points`: the rate at which a curve reaches an accuracy, the accuracy that it reaches at a rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from ...core.errors import BadSetting, Refused
from ...core.tables import Kind, Table
from ..reading.curves import Curve
from ..reading.groups import Group, read
from ..reading.judging import judged
from ..reading.measures import Measure
from ..statistics.bjontegaard import Array, pareto_knots, value_at
from ..study.points import stored_name
from ..study.study import Study
from .bootstrap import RESAMPLES, enough, paired_images, resample

NOTE = (
    "measured: the {best} of the curve's own points that {meets}, with its 95 % interval{wilson}. on the curve: between "
    "the points of its Pareto front (PCHIP over log(bpp)), with the 95 % interval over {resamples:,} bootstrap resamples "
    "of {images:,} images. -: the curve {fails}."
)
ROUNDING = 1e-12
"""What a share may lie below a percentage and still reach it: 576 of 1,000 reach 57.6 %."""


class Requirement(Protocol):
    """A requirement that a curve is to meet."""

    words: ClassVar[tuple[str, str, str]]
    """Which point serves, what it does, and what a curve does that has none."""
    digits: ClassVar[int]

    def title(self, measure: Measure) -> str:
        """The requirement as text."""
        ...

    def best(self, rows: pd.DataFrame, scale: float) -> pd.DataFrame:
        """The row of the point that serves best, or none."""
        ...

    def cost(self, row: Any) -> float:
        """What the best of several curves has least of."""
        ...

    def on_the_front(self, rates: Array, accuracies: Array, scale: float) -> Array:
        """(B, P) each -> (B,), NaN where a curve does not get there. scale: what accuracies are multiplied by to be shown."""
        ...


@dataclass(frozen=True)
class AtLeast:
    """An accuracy in percent, or the mean of a metric, for as few bits as possible; a log-loss is one not to exceed."""

    value: float
    words: ClassVar[tuple[str, str, str]] = ("cheapest", "reaches it", "does not get there")
    digits: ClassVar[int] = 3

    def title(self, measure: Measure) -> str:
        sign = ">=" if measure.better > 0 else "<="
        return f"{measure.name} {sign} {self.value:g} {measure.unit}".strip()

    def best(self, rows: pd.DataFrame, scale: float) -> pd.DataFrame:
        return rows.loc[rows.accuracy >= self.value / scale - ROUNDING].sort_values("bpp", kind="stable").head(1)

    def cost(self, row: Any) -> float:
        return row.bpp

    def on_the_front(self, rates: Array, accuracies: Array, scale: float) -> Array:
        front = pareto_knots(rates, accuracies, to_the_end=False).turned()
        return 10 ** value_at(front, np.maximum(self.value / scale, front.low))  # at the least the cheapest point


@dataclass(frozen=True)
class AtMost:
    """A rate in bits per pixel, for as much accuracy as possible."""

    bpp: float
    digits: ClassVar[int] = 2
    words: ClassVar[tuple[str, str, str]] = ("best", "keeps within it", "has nothing so cheap")

    def best(self, rows: pd.DataFrame, scale: float) -> pd.DataFrame:
        return rows.loc[rows.bpp <= self.bpp].sort_values("accuracy", ascending=False, kind="stable").head(1)

    def cost(self, row: Any) -> float:
        return -row.accuracy

    def on_the_front(self, rates: Array, accuracies: Array, scale: float) -> Array:
        front = pareto_knots(rates, accuracies)
        return scale * value_at(front, np.minimum(np.log10(self.bpp), front.high))  # more bits than any are no worse

    def title(self, measure: Measure) -> str:
        return f"bpp <= {self.bpp:g}"


def requirement(at_least: float | None, at_most: float | str | None, metric: str | None = None) -> Requirement:
    """at_least: accuracy in percent, or the mean of a metric; a log-loss is one not to exceed. at_most: bits per pixel, or
    a text such as 0.5bpp. metric: its name; None: accuracy.

    Raises Refused for none, both, or one out of range, BadSetting for a text that is no rate.
    """
    if isinstance(at_most, str):
        try:
            at_most = float(at_most.removesuffix("bpp"))
        except ValueError:
            raise BadSetting(
                f"`at_most` is a rate in bits per pixel above 0, such as 0.5 or 0.5bpp, got {at_most!r}"
            ) from None
    if at_least is not None and at_most is None:
        if metric is None and not 1 < at_least <= 100:
            raise Refused(f"`at_least` is an accuracy in percent, such as 85, got {at_least:g}")
        return AtLeast(at_least)
    if at_most is not None and at_least is None:
        if at_most <= 0:
            raise Refused(f"`at_most` is a rate in bits per pixel above 0, such as 0.5, got {at_most:g}")
        return AtMost(at_most)
    raise Refused("say either `at_least` (percent) or `at_most` (bits per pixel), not both and not neither")


def operating_points(
    study: Study, need: Requirement, labels: str | None = None, metric: str | None = None
) -> tuple[list[Table], list[str]]:
    """A table for each data set and classifier, curves that meet the requirement best first; and damaged files.

    labels: dataset or agreement; None: the data set's where it has any. metric: log-loss or a fidelity metric of the
    study to judge by instead.
    """
    reading = read(study)
    groups = [judged(group, labels, metric) for group in reading.groups]
    return [_table(group, need) for group in groups], reading.bad


def _table(group: Group, need: Requirement) -> Table:
    usable = sorted(enough(group.measured))
    paired = paired_images([group.measured[i] for i in usable])
    resamples = resample(paired) if len(paired.images) else None
    kinds = {
        "curve": Kind.NAME,
        "measured": Kind.NAME,
        "bpp": Kind.NUMBER,
        f"{group.measure.title}": Kind.NUMBER,
        "on the curve": Kind.NUMBER,
    }
    lines = []
    for curve in group.curves:
        cost, measured = _measured(group, curve, need)
        columns = [usable.index(i) for i in curve.rows if i in usable]
        between = "-"
        if resamples is not None and columns:
            points = (paired.whole, resamples)
            scale = group.measure.scale
            whole, resampled = (need.on_the_front(r[:, columns], a[:, columns], scale) for r, a in points)
            digits = need.digits if isinstance(need, AtLeast) else group.measure.digits
            between = _with_interval(float(whole[0]), resampled, digits)
        lines.append((cost, (curve.name, *measured, between)))
    rows = [line for _, line in sorted(lines, key=lambda pair: pair[0])]
    best, meets, fails = need.words
    wilson = " (Wilson)" if group.measure.is_share else " (normal)"
    note = NOTE.format(
        wilson=wilson, best=best, meets=meets, fails=fails, resamples=RESAMPLES, images=len(paired.images)
    )
    title = f"{group.title}: {need.title(group.measure)}"
    return Table(title, pd.DataFrame(rows, columns=list(kinds)), kinds, (note,))


def _measured(group: Group, curve: Curve, need: Requirement) -> tuple[float, tuple[str, str, str]]:
    """What the curve's best point costs; its name, rate and accuracy as text."""
    scale, digits = group.measure.scale, group.measure.digits
    best = need.best(group.rows.iloc[list(curve.rows)], scale)
    if not len(best):
        return np.inf, ("-", "-", "-")
    row, point = best.iloc[0], group.measured[int(best.index[0])].point
    value, low, high = group.measure.shown(row.accuracy, row.accuracy_low, row.accuracy_high)
    interval = f"[{low:.{digits}f}, {high:.{digits}f}]"
    name = stored_name(point.quantizer, point.codec, point.size)
    return need.cost(row), (name, f"{row.bpp:.3f}", f"{value:.{digits}f} {interval}")


def _with_interval(value: float, resampled: Array, digits: int) -> str:
    if not np.isfinite(value):
        return "-"
    values, text = resampled[np.isfinite(resampled)], f"{value:.{digits}f}"
    if len(values) >= len(resampled) / 2:
        low, high = np.quantile(values, [0.025, 0.975])
        text += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return text
