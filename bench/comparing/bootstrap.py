"""What chance in the choice of images does to rates, accuracies and distances between curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from .bjontegaard import Array, Distances
from .curves import Measured

RESAMPLES = 2000
AT_ONCE = 200
"""Draws whose weights are in memory together: 16 MB for 10,000 images."""


@dataclass(frozen=True)
class Table:
    """Points on the images that all of them have, paired: row an image, column a point."""

    images: NDArray[np.int64]
    """Positions in the data set."""
    bits: Array
    right: Array
    """1 where the prediction is right, 0 elsewhere."""
    pixels: Array

    @property
    def whole(self) -> tuple[Array, Array]:
        """Rates in bits per pixel and accuracies as shares of all images, as if one draw: (1, P) each."""
        return (self.bits.sum(0) / self.pixels.sum())[None], self.right.mean(0)[None]


ENOUGH = 0.5
"""Of the images of the point that has most: points with fewer would take them from all others."""


def enough(measured: Sequence[Measured]) -> set[int]:
    """The points that have images enough to be compared with the others."""
    counts = [int(m.good.sum()) for m in measured]
    return {i for i, count in enumerate(counts) if count and count >= ENOUGH * max(counts)}


def paired_table(points: Sequence[Measured]) -> Table:
    """The labelled images that went through every point; none of no points."""
    if not points:
        return Table(np.empty(0, np.int64), np.empty((0, 0)), np.empty((0, 0)), np.empty(0))
    common = reduce(np.intersect1d, (m.rows["image"][m.good & (m.rows["label"] >= 0)] for m in points))
    bits, right = np.empty((len(common), len(points))), np.empty((len(common), len(points)))
    for column, m in enumerate(points):
        bits[:, column] = 8.0 * _at(m, common, "bytes")
        right[:, column] = _at(m, common, "prediction") == _at(m, common, "label")
    return Table(common, bits, right, _at(points[0], common, "pixels").astype(float))


def _at(m: Measured, images: NDArray[np.int64], column: str) -> NDArray[np.int64]:
    order = np.argsort(m.rows["image"], kind="stable")
    places = order[np.searchsorted(m.rows["image"], images, sorter=order)]
    return m.rows[column][places]


def draws(table: Table, count: int = RESAMPLES, seed: int = 0) -> tuple[Array, Array]:
    """Rates and accuracies, (count, P) each: one draw of images with replacement for all points, bits and predictions."""
    n, generator = len(table.images), np.random.default_rng(seed)
    columns = np.column_stack([table.bits, table.right, table.pixels])
    sums = np.empty((count, columns.shape[1]))
    for start in range(0, count, AT_ONCE):
        stop = min(start + AT_ONCE, count)
        chosen = generator.integers(0, n, (stop - start, n))
        chosen += n * np.arange(stop - start)[:, None]
        weights = np.bincount(chosen.ravel(), minlength=n * (stop - start)).reshape(stop - start, n)
        sums[start:stop] = weights.astype(float) @ columns
    points = table.bits.shape[1]
    return sums[:, :points] / sums[:, -1:], sums[:, points : 2 * points] / n


@dataclass(frozen=True)
class Estimate:
    """A figure, its 95 % interval over draws of images, and what stands behind it."""

    value: float
    low: float
    high: float
    overlap: float
    """Of the curves' ranges, as a share of their union."""
    refused: float
    """Share of the draws that gave no figure."""


def estimate(whole: Distances, drawn: Distances) -> Estimate:
    """The percentile interval; NaN where the whole gives no figure or half of the draws give none."""
    value, found = float(whole.value[0]), drawn.value[np.isfinite(drawn.value)]
    refused = 1 - len(found) / len(drawn.value)
    low, high = (np.nan, np.nan)
    if np.isfinite(value) and refused < 0.5:
        low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(value, float(low), float(high), float(whole.overlap[0]), refused)
