"""BD figures of every curve against every other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from ..reading.groups import Group
from ..reading.measures import Measure
from ..statistics.bjontegaard import bd_accuracy, bd_rate
from .bootstrap import RESAMPLES, Estimate, ResampledCurves, enough

Matrix = list[list[Estimate | None]]
"""A row each test, a column each anchor; None where both are one."""


@dataclass(frozen=True)
class PairwiseBD:
    """BD figures of a group's curves, each against each."""

    title: str
    """The group's."""
    measure: Measure
    """What its points are judged by."""
    curves: list[str]
    accuracy: Matrix
    """BD-accuracy in percentage points, or the like in the measure's unit."""
    rate: Matrix
    """BD-rate in percent."""
    images: int
    """How many images all points share."""
    resamples: int
    left_out: list[str]
    """Points with too few images."""


def pairwise_bd(group: Group, count: int = RESAMPLES, seed: int = 0) -> PairwiseBD | None:
    """Curves of two points or more; None where there are no two such. Intervals as in `rabench compare`."""
    usable = enough(group.measured)
    curves = [c for c in group.curves if len(usable & set(c.rows)) > 1]
    if len(curves) < 2:
        return None
    resampled = ResampledCurves(group.measured, curves, count, seed)
    if not len(resampled.images):
        return None
    accuracy: Matrix = [[None] * len(curves) for _ in curves]
    rate: Matrix = [[None] * len(curves) for _ in curves]
    for i, test in enumerate(curves):
        for j, anchor in enumerate(curves[:i]):
            vertical = partial(bd_accuracy, scale=group.measure.scale)
            accuracy[i][j] = resampled.estimate(vertical, anchor, test)
            accuracy[j][i] = _exchanged(accuracy[i][j], lambda v: -v)
            rate[i][j] = resampled.estimate(partial(bd_rate, axis=group.measure.values), anchor, test)
            rate[j][i] = _exchanged(rate[i][j], lambda v: 100 * (100 / (100 + v) - 1))
    left_out = [m.point.name for i, m in enumerate(group.measured) if i not in usable]
    names = [c.name for c in curves]
    return PairwiseBD(group.title, group.measure, names, accuracy, rate, len(resampled.images), count, left_out)


def _exchanged(estimate: Estimate | None, back: Callable[[float], float]) -> Estimate:
    """The estimate with anchor and test exchanged: both figures fall as the other rises."""
    assert estimate is not None
    return replace(estimate, value=back(estimate.value), low=back(estimate.high), high=back(estimate.low))
