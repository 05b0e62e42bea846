"""BD figures of every curve against every other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .bjontegaard import Array, Distances, Drawn, bd_accuracy, bd_rate, drawn, reason
from .bootstrap import RESAMPLES, Estimate, draws, enough, estimate, paired_table
from .reading import Group


@dataclass(frozen=True)
class Pair:
    """A curve (test) against another (anchor)."""

    value: float
    low: float
    high: float
    overlap: float
    refused: float
    """Share of the draws without a figure."""
    reason: str
    """Why there is no figure; empty where there is one."""


@dataclass(frozen=True)
class PairwiseBD:
    """Square tables: row the test, column the anchor; None where both are one."""

    curves: list[str]
    accuracy: list[list[Pair | None]]
    """BD-accuracy in percentage points."""
    rate: list[list[Pair | None]]
    """BD-rate in percent."""
    images: int
    """That all points share."""
    draws: int
    left_out: list[str]
    """Points of too few images."""


def pairwise_bd(group: Group, count: int = RESAMPLES, seed: int = 0) -> PairwiseBD | None:
    """Curves of two points or more; None where there are no two such. Intervals as in `rabench compare`."""
    usable = enough(group.measured)
    curves = [c for c in group.curves if len(usable & set(c.rows)) > 1]
    if len(curves) < 2:
        return None
    places = [i for c in curves for i in c.rows if i in usable]
    column = {i: n for n, i in enumerate(places)}
    table = paired_table([group.measured[i] for i in places])
    if not len(table.images):
        return None
    whole, each = table.whole, draws(table, count, seed)
    prepared: list[tuple[Drawn, Drawn]] = []
    for curve in curves:
        few = [column[i] for i in curve.rows if i in usable]
        both = [drawn((rates[:, few], accuracies[:, few])) for rates, accuracies in (whole, each)]
        prepared.append((both[0], both[1]))
    left_out = [m.point.name for i, m in enumerate(group.measured) if i not in usable]
    n = len(curves)
    accuracy: list[list[Pair | None]] = [[None] * n for _ in curves]
    rate: list[list[Pair | None]] = [[None] * n for _ in curves]
    for test in range(n):
        for anchor in range(test):
            pairs = list(zip(prepared[anchor], prepared[test], strict=True))
            above, more = ([figure(a, t) for a, t in pairs] for figure in (bd_accuracy, bd_rate))
            accuracy[test][anchor] = _pair(above, "bd_accuracy")
            accuracy[anchor][test] = _pair([_turned(d, lambda v: -v) for d in above], "bd_accuracy")
            rate[test][anchor] = _pair(more, "bd_rate")
            rate[anchor][test] = _pair([_turned(d, lambda v: 100 * (100 / (100 + v) - 1)) for d in more], "bd_rate")
    return PairwiseBD([c.name for c in curves], accuracy, rate, len(table.images), count, left_out)


def _turned(found: Distances, back: Callable[[Array], Array]) -> Distances:
    """Anchor and test exchanged."""
    return Distances(back(found.value), found.overlap)


def _pair(found: list[Distances], name: str) -> Pair:
    said: Estimate = estimate(*found)
    return Pair(said.value, said.low, said.high, said.overlap, said.refused, reason(said.value, said.overlap, name))
