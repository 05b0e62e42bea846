"""The Pareto front of rate and accuracy: the points that no other beats outright."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def dominated(rate: Array, accuracy: Array) -> NDArray[np.bool_]:
    """Whether each point, by row, is dominated by each other, by column: (P,) rates and accuracies give (P, P).

    A point dominates another with no higher rate and no lower accuracy, one of them better; a point with NaN neither
    dominates nor is dominated.
    """
    cheaper, better = rate[None] <= rate[:, None], accuracy[None] >= accuracy[:, None]
    strictly = (rate[None] < rate[:, None]) | (accuracy[None] > accuracy[:, None])
    return cheaper & better & strictly


def pareto_front(rate: Array, accuracy: Array) -> list[int]:
    """The positions of the points that no other dominates, from the lowest rate to the highest."""
    measured = np.isfinite(rate) & np.isfinite(accuracy)
    best = np.flatnonzero(measured & ~dominated(rate, accuracy).any(axis=1))
    return best[np.argsort(rate[best], kind="stable")].tolist()


def beaten_by(rate: Array, accuracy: Array) -> list[int | None]:
    """For each point the position of the cheapest point of the front that dominates it; None for one that none does."""
    front = pareto_front(rate, accuracy)
    beats = dominated(rate, accuracy)
    return [next((j for j in front if beats[i, j]), None) for i in range(len(rate))]
