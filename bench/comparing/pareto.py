"""Which points are beaten outright: no fewer bits and no more accuracy than another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def dominated(rate: Array, accuracy: Array) -> NDArray[np.bool_]:
    """(P,), (P,) -> (P, P): whether the row's point is dominated by the column's.

    That one has no more bits and no less accuracy, and is better in one of them; NaN neither beats nor is beaten.
    """
    cheaper, better = rate[None] <= rate[:, None], accuracy[None] >= accuracy[:, None]
    strictly = (rate[None] < rate[:, None]) | (accuracy[None] > accuracy[:, None])
    return cheaper & better & strictly


def pareto_front(rate: Array, accuracy: Array) -> list[int]:
    """The points that none dominates, from the lowest rate to the highest."""
    there = np.isfinite(rate) & np.isfinite(accuracy)
    best = np.flatnonzero(there & ~dominated(rate, accuracy).any(axis=1))
    return best[np.argsort(rate[best], kind="stable")].tolist()


def beaten_by(rate: Array, accuracy: Array) -> list[int | None]:
    """For each point the one of the front that beats it most plainly: of its accuracy or more the cheapest; or None."""
    front = pareto_front(rate, accuracy)
    beats = dominated(rate, accuracy)
    return [next((j for j in front if beats[i, j]), None) for i in range(len(rate))]
