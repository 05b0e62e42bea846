"""What chance in the choice of images does to rates, accuracies and distances between curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..reading.columns import images_of_all, rows_of
from ..reading.curves import Curve, Measured
from ..reading.groups import Group
from ..statistics.bjontegaard import Array, CurveSamples, Distances, curve_samples

RESAMPLES = 2000
AT_ONCE = 200
"""Resamples whose weights are in memory together: 16 MB for 10,000 images."""
MANY = 100_000
"""From this many images on resamples are drawn part by part."""
PART = 4096
"""The images of a part: the weights of 2,000 resamples on it take 66 MB."""
ENOUGH = 0.5
"""Points with fewer images than this share of the fullest point are left out: they would take images from all others."""
MOST_REFUSED = 0.5
"""The share of resamples without a figure from which on no figure is given."""


@dataclass(frozen=True)
class PairedImages:
    """Points on the images that all of them have: a row an image (N), a column a point (P).

    images: positions in the data set, (N,). bytes: of the files, (N, P). score: whether the prediction is right, or the
    value of a fidelity metric, (N, P). pixels: (N,).
    """

    images: NDArray[np.int64]
    bytes: NDArray[np.int32]
    score: NDArray[np.bool_] | Array
    pixels: Array

    @property
    def bits(self) -> Array:
        """The bits of each image's file at each point, (N, P)."""
        return self.bytes.astype(np.float64) * 8

    @property
    def whole(self) -> tuple[Array, Array]:
        """Rates in bits per pixel and accuracies as shares of all images, as if one resample: (1, P) each."""
        bits: Array = 8 * self.bytes.sum(0, dtype=np.float64)
        score: Array = self.score.sum(0, dtype=np.float64)
        return (bits / float(self.pixels.sum()))[None], (score / len(self.images))[None]


def enough(measured: Sequence[Measured]) -> set[int]:
    """The positions of points that have images enough to be compared with the others."""
    counts = [int(m.good.sum()) for m in measured]
    return {i for i, count in enumerate(counts) if count and count >= ENOUGH * max(counts)}


def with_enough(group: Group) -> Group:
    """The group whose curves leave out the points with too few images, which would lie beside the others by chance alone."""
    usable = enough(group.measured)
    kept = [replace(c, rows=tuple(i for i in c.rows if i in usable)) for c in group.curves]
    return replace(group, curves=[c for c in kept if c.rows])


def paired_images(points: Sequence[Measured]) -> PairedImages:
    """The images that were judged at every point; none where there is no point."""
    if not points:
        return PairedImages(np.empty(0, np.int64), np.empty((0, 0), np.int32), np.empty((0, 0)), np.empty(0))
    common = images_of_all([m.columns["image"] for m in points], [m.judged for m in points])
    counts = all("value" not in m.columns for m in points)
    # A column after the other: large arrays are filled in the order in which they lie in memory
    sizes = np.empty((len(points), len(common)), np.int32)
    score = np.empty((len(points), len(common)), bool if counts else float)
    for row, m in enumerate(points):
        places = rows_of(m.columns["image"], common)
        sizes[row], score[row] = m.columns["bytes"][places], (m.right if counts else m.score)[places]
    return PairedImages(
        common, sizes.T, score.T, points[0].columns["pixels"][rows_of(points[0].columns["image"], common)].astype(float)
    )


def resample(paired: PairedImages, count: int = RESAMPLES, seed: int = 0) -> tuple[Array, Array]:
    """Rates and accuracies, (count, P) each: images are drawn with replacement, the same draw for all points."""
    n, points, generator = len(paired.images), paired.bytes.shape[1], np.random.default_rng(seed)
    if n > MANY:
        sums = _sums_by_parts(paired, count, generator)
    else:
        columns = np.column_stack([paired.bits, paired.score, paired.pixels])
        sums = np.empty((count, columns.shape[1]))
        for start in range(0, count, AT_ONCE):
            stop = min(start + AT_ONCE, count)
            chosen = generator.integers(0, n, (stop - start, n))
            chosen += n * np.arange(stop - start)[:, None]
            weights = np.bincount(chosen.ravel(), minlength=n * (stop - start)).reshape(stop - start, n)
            sums[start:stop] = weights.astype(float) @ columns
    return sums[:, :points] / sums[:, -1:], sums[:, points : 2 * points] / n


def _sums_by_parts(paired: PairedImages, count: int, generator: np.random.Generator) -> Array:
    """The sums of bits, scores and pixels over each resample, (count, 2 P + 1), in memory that many images do not change.

    How many of a resample's images fall into each part of the images is multinomial; those of a part are drawn from it
    with replacement. Together that is the same as drawing from all.
    """
    n = len(paired.images)
    starts = np.arange(0, n, PART)
    sizes = np.minimum(n - starts, PART)
    drawn = generator.multinomial(n, sizes / n, count)  # (count, parts)
    sums = np.zeros((count, 2 * paired.bytes.shape[1] + 1))
    resamples = np.arange(count, dtype=np.int32) * PART
    for part, (start, size) in enumerate(zip(starts, sizes, strict=True)):
        chosen = generator.integers(0, size, int(drawn[:, part].sum()), np.int32)
        chosen += np.repeat(resamples, drawn[:, part])
        weights = np.bincount(chosen, minlength=count * PART).reshape(count, PART)[:, :size]
        rows = slice(start, start + size)
        columns = np.column_stack([8.0 * paired.bytes[rows], paired.score[rows], paired.pixels[rows]])
        sums += weights.astype(float) @ columns
    return sums


class ResampledCurves:
    """Curves on the images that all their points share: of all images at once, and of each resample."""

    def __init__(
        self, measured: Sequence[Measured], curves: Sequence[Curve], count: int = RESAMPLES, seed: int = 0
    ) -> None:
        """Points with too few images are left out; ``images`` is empty where the others share none."""
        rows = list(dict.fromkeys(row for curve in curves for row in curve.rows))
        usable = enough([measured[row] for row in rows])
        rows = [row for place, row in enumerate(rows) if place in usable]
        paired = paired_images([measured[row] for row in rows])
        self.images = paired.images
        self._samples: dict[tuple[Curve, bool, bool, str], CurveSamples] = {}
        self._column = {row: column for column, row in enumerate(rows)}
        if len(self.images):
            self.whole, self._resamples = paired.whole, resample(paired, count, seed)

    def columns(self, curve: Curve) -> list[int]:
        """The columns of ``whole`` that hold a curve's points."""
        return [self._column[row] for row in curve.rows if row in self._column]

    def samples(
        self, curve: Curve, resampled: bool = False, on_front: bool = True, between: str = "pchip"
    ) -> CurveSamples:
        """The curve of all images as one sample, or, ``resampled``, in each resample; computed once."""
        name = (curve, resampled, on_front, between)
        if name not in self._samples:
            rates, accuracies = self._resamples if resampled else self.whole
            columns = self.columns(curve)
            self._samples[name] = curve_samples((rates[:, columns], accuracies[:, columns]), on_front, between)
        return self._samples[name]

    def estimate(
        self,
        figure: Callable[[CurveSamples, CurveSamples], Distances],
        anchor: Curve,
        test: Curve,
        between: str = "pchip",
    ) -> Estimate:
        """A BD figure between the Pareto fronts of two curves, with its interval."""
        whole, resampled = (
            figure(self.samples(anchor, r, True, between), self.samples(test, r, True, between)) for r in (False, True)
        )
        return estimate(whole, resampled)


@dataclass(frozen=True)
class Estimate:
    """A figure, its 95 % interval over resamples of the images, and what stands behind it."""

    value: float
    """NaN where there is none: ``reason`` says why."""
    low: float
    high: float
    overlap: float
    """The curves' common range, as a share of their union or of the range asked for."""
    refused: float
    """Share of the resamples that gave no figure."""
    reason: str = ""


def estimate(whole: Distances, resampled: Distances) -> Estimate:
    """The figure of all images with its percentile interval; none where half of the resamples give none."""
    value, overlap = float(whole.value[0]), float(whole.overlap[0])
    values = resampled.value[np.isfinite(resampled.value)]
    refused = 1 - len(values) / len(resampled.value)
    if not np.isfinite(value):
        return Estimate(np.nan, np.nan, np.nan, overlap, refused, whole.reason(0))
    if refused >= MOST_REFUSED:
        reason = f"no figure in {100 * refused:.0f} % of the resamples: too little in common"
        return Estimate(np.nan, np.nan, np.nan, overlap, refused, reason)
    low, high = np.quantile(values, [0.025, 0.975])
    return Estimate(value, float(low), float(high), overlap, refused)
