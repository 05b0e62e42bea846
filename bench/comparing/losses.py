"""What each point loses against the originals, for answers from what is measured: the page's sliders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..reading.columns import rows_of_both
from ..reading.curves import Measured
from ..reading.groups import Group
from ..statistics.intervals import normal_bound, tango

RISK = 0.05
"""Shared by all curves: each is tested from its dearest setting down, until one is not shown to be within."""


@dataclass(frozen=True)
class Loss:
    """The share of images that a point loses against the originals, and one-sided bounds of it."""

    share: float
    low: float
    high: float
    images: int


def point_losses(group: Group) -> list[Loss | None]:
    """The loss of each point of a group, by its measure, in the group's order; None without shared images, and of the originals.

    An image that failed counts as lost where the original was right. The bounds are Tango's, each exceeded with a
    probability of RISK divided by the number of curves.
    """
    if group.reference is None or not group.predicts:
        return [None for _ in group.measured]
    z = normal_bound(RISK / max(1, len(group.plotted)))
    reference = group.measured[group.reference]
    return [None if m is reference else _loss(reference, m, z) for m in group.measured]


def _loss(reference: Measured, m: Measured, z: float) -> Loss | None:
    before, after = shared_rows(reference, m)
    if not len(before):
        return None
    was, now = reference.right[before], m.right[after]
    lost, gained = int((was & ~now).sum()), int((now & ~was).sum())
    low, high = tango(gained, lost, len(before), z)
    return Loss((lost - gained) / len(before), -high, -low, len(before))


def shared_rows(reference: Measured, m: Measured) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The rows of the images that the originals and a point share, in each, (N,) both; those that failed at the point, too."""
    return rows_of_both(reference.columns["image"], m.columns["image"], reference.judged, m.judged | ~m.good)
