"""`rabench points`: what a need costs. The rate at which a curve reaches an accuracy, the accuracy it reaches at a rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import pandas as pd

from ...core.errors import Refused
from ..study.matrix import Study
from .bjontegaard import Array, pareto_knots, value_at
from .bootstrap import draws, enough, paired_table
from .reading import Group, judged, read, worded

NOTE = (
    "measured: the {best} of the curve's own points that {meets}, with its 95 % interval (Wilson). on the curve: between the points of its Pareto "
    "front (PCHIP over log(bpp)), with the 95 % interval over 2,000 draws of {images:,} images. -: the curve {fails}."
)


TINY = 1e-12
"""Of a share: 57.6 % is what 576 of 1,000 are."""


class Requirement(Protocol):
    """What is asked of a curve."""

    words: ClassVar[tuple[str, str, str]]
    """Which point serves, what it does, and what a curve does that has none."""
    digits: ClassVar[int]

    def __str__(self) -> str: ...

    def best(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The point that serves best, or none."""
        ...

    def order(self, row: Any) -> float:
        """What the best of several curves has least of."""
        ...

    def on_the_front(self, rates: Array, accuracies: Array) -> Array:
        """(B, P) each -> (B,), NaN where a curve does not get there."""
        ...


@dataclass(frozen=True)
class AtLeast:
    """An accuracy in percent, for as few bits as possible."""

    percent: float
    words: ClassVar[tuple[str, str, str]] = ("cheapest", "reaches it", "does not get there")
    digits: ClassVar[int] = 3

    def __str__(self) -> str:
        return f"accuracy >= {self.percent:g} %"

    def best(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.loc[rows.accuracy >= self.percent / 100 - TINY].sort_values("bpp", kind="stable").head(1)

    def order(self, row: Any) -> float:
        return row.bpp

    def on_the_front(self, rates: Array, accuracies: Array) -> Array:
        front = pareto_knots(rates, accuracies, to_the_end=False).turned()
        return 10 ** value_at(front, np.maximum(self.percent / 100, front.low))  # at the least the cheapest point


@dataclass(frozen=True)
class AtMost:
    """A rate in bits per pixel, for as much accuracy as possible."""

    bpp: float
    words: ClassVar[tuple[str, str, str]] = ("best", "keeps within it", "has nothing so cheap")
    digits: ClassVar[int] = 2

    def __str__(self) -> str:
        return f"bpp <= {self.bpp:g}"

    def best(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.loc[rows.bpp <= self.bpp].sort_values("accuracy", ascending=False, kind="stable").head(1)

    def order(self, row: Any) -> float:
        return -row.accuracy

    def on_the_front(self, rates: Array, accuracies: Array) -> Array:
        front = pareto_knots(rates, accuracies)
        return 100 * value_at(front, np.minimum(np.log10(self.bpp), front.high))  # more bits than any are no worse


def requirement(at_least: float | None, at_most: float | None) -> Requirement:
    """at_least: accuracy in percent. at_most: bits per pixel. Raises Refused for none or both."""
    if at_least is not None and at_most is None:
        if not 1 < at_least <= 100:
            raise Refused(f"--at-least is an accuracy in percent, such as 85, got {at_least:g}")
        return AtLeast(at_least)
    if at_most is not None and at_least is None:
        return AtMost(at_most)
    raise Refused("say either --at-least PERCENT or --at-most BPP, not both and not neither")


def operating_points(
    study: Study, need: Requirement, labels: str | None = None
) -> tuple[list[tuple[str, pd.DataFrame, list[str]]], list[str]]:
    """Title, table and notes for each data set and classifier, curves that meet the need best first; and damaged files."""
    found = read(study)
    tables = []
    for group in (judged(g, labels) for g in found.groups):
        table, images = _table(group, need)
        note = NOTE.format(best=need.words[0], meets=need.words[1], fails=need.words[2], images=images)
        said = f"{group.title}: {worded(str(need), group.agreement)}"
        table.columns = [worded(name, group.agreement) for name in table]
        tables.append((said, table, [worded(note, group.agreement)]))
    return tables, found.bad


def _table(group: Group, need: Requirement) -> tuple[pd.DataFrame, int]:
    """And the images that draws are of."""
    usable = sorted(enough(group.measured))
    table, columns = paired_table([group.measured[i] for i in usable]), {i: n for n, i in enumerate(usable)}
    drawn = draws(table) if len(table.images) else None
    lines = []
    for curve in group.curves:
        line, order = {"curve": curve.name, "measured": "-", "bpp": "-", "accuracy %": "-"}, np.inf
        chosen = need.best(group.rows.iloc[list(curve.rows)])
        if len(chosen):
            row, point = chosen.iloc[0], group.measured[chosen.index[0]].point
            low, high = 100 * row.accuracy_low, 100 * row.accuracy_high
            line["measured"], line["bpp"] = f"{point.quantizer.short}+{point.codec.short}", f"{row.bpp:.3f}"
            line["accuracy %"] = f"{100 * row.accuracy:.2f} [{low:.2f}, {high:.2f}]"
            order = need.order(row)
        few = [columns[i] for i in curve.rows if i in columns]
        line["on the curve"] = "-"
        if drawn is not None and few:
            whole, each = (need.on_the_front(r[:, few], a[:, few]) for r, a in (table.whole, drawn))
            line["on the curve"] = _told(float(whole[0]), each, need.digits)
        lines.append((order, line))
    return pd.DataFrame([line for _, line in sorted(lines, key=lambda pair: pair[0])]), len(table.images)


def _told(value: float, drawn: Array, digits: int) -> str:
    if not np.isfinite(value):
        return "-"
    found, told = drawn[np.isfinite(drawn)], f"{value:.{digits}f}"
    if len(found) >= len(drawn) / 2:
        low, high = np.quantile(found, [0.025, 0.975])
        told += f" [{low:.{digits}f}, {high:.{digits}f}]"
    return told
