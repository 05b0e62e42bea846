"""Bjontegaard distances: how far one rate-accuracy curve lies above another, and how many bits it saves.

BD-accuracy: the mean vertical distance, in percentage points, over the common range of log10(rate). BD-rate: the
mean horizontal distance, in percent, over the common range of accuracy (both after Bjontegaard 2001). Curves are piecewise
cubic (PCHIP: Fritsch and Butland 1984, or Akima 1970, as in scipy), and many are computed at a time: rates and accuracies
are (B, P), a row for each of B bootstrap resamples, a column for each of P points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEAST_OVERLAP = 0.5
"""The least overlap of two curves, as a share, for which their mean distance is given; with less it says little of them."""


@dataclass(frozen=True)
class Knots:
    """The points that B curves go through, rising in x: (B, P), of which the first ``count`` of each row are used."""

    x: Array
    y: Array
    count: NDArray[np.int64]
    between: str = "pchip"
    """The cubics between knots, one of BETWEEN."""

    @property
    def low(self) -> Array:
        """The x at which each curve begins, (B,)."""
        return self.x[:, 0]

    @property
    def high(self) -> Array:
        """The x at which each curve ends, (B,)."""
        return np.take_along_axis(self.x, self.count[:, None] - 1, 1)[:, 0]

    def turned(self) -> Knots:
        """The same curves with x and y exchanged; only for curves whose y rises strictly."""
        return Knots(self.y, self.x, self.count, self.between)

    @cached_property
    def pieces(self) -> Pieces:
        """The cubics between the knots; computed once."""
        return _pieces(self)


def raw_knots(rate: Array, accuracy: Array) -> Knots:
    """The knots of curves through every point; points of equal rate become one with their mean accuracy.

    rate, accuracy: (B, P), bits per pixel and shares. The knots' x is log10(rate).
    """
    order = np.argsort(rate, axis=1, kind="stable")
    r, a = np.take_along_axis(rate, order, 1), np.take_along_axis(accuracy, order, 1)
    new = np.concatenate([np.ones((len(r), 1), bool), r[:, 1:] > r[:, :-1]], axis=1)
    knot = np.cumsum(new, axis=1) - 1  # (B, P): the knot that each point belongs to
    sums, counts = np.zeros_like(a), np.zeros_like(a)
    rows = np.arange(len(r))[:, None]
    np.add.at(sums, (rows, knot), a)
    np.add.at(counts, (rows, knot), 1.0)
    return _first(np.log10(r), np.take_along_axis(sums / np.maximum(counts, 1), knot, 1), new)


def pareto_knots(rate: Array, accuracy: Array, to_the_end: bool = True) -> Knots:
    """The knots of curves through the Pareto fronts: through the points with more accuracy than every cheaper one.

    to_the_end: whether a curve goes on, level, from the last point of its front to the highest rate measured.
    """
    order = np.lexsort((-accuracy, rate), axis=1)  # of equal rates the best first
    r, a = np.take_along_axis(rate, order, 1), np.take_along_axis(accuracy, order, 1)
    best = np.maximum.accumulate(a, axis=1)
    keep = np.concatenate([np.ones((len(r), 1), bool), a[:, 1:] > best[:, :-1]], axis=1)
    if to_the_end:
        last = np.where(keep, r, -np.inf).max(axis=1)
        r, a = np.column_stack([r, r[:, -1]]), np.column_stack([a, best[:, -1]])
        keep = np.column_stack([keep, r[:, -1] > last])
    return _first(np.log10(r), a, keep)


def _first(x: Array, y: Array, keep: NDArray[np.bool_]) -> Knots:
    """The knots that ``keep`` marks, moved to the front of each row."""
    order = np.argsort(~keep, axis=1, kind="stable")
    return Knots(np.take_along_axis(x, order, 1), np.take_along_axis(y, order, 1), keep.sum(axis=1))


@dataclass(frozen=True)
class Pieces:
    """The cubics between knots: y0 + s (c1 + s (c2 + s c3)) at a distance s from a piece's left knot; (B, P - 1) each.

    used: whether a piece lies between two knots of its curve. h: its length in x.
    """

    used: NDArray[np.bool_]
    h: Array
    y0: Array
    c1: Array
    c2: Array
    c3: Array


def _pieces(knots: Knots) -> Pieces:
    used = _used(knots)
    h = np.where(used, np.diff(knots.x, axis=1), 1.0)
    slope = np.where(used, np.diff(knots.y, axis=1) / h, 0.0)
    d = (_akima if knots.between == "akima" else _derivatives)(h, slope, knots.count)
    c2, c3 = (3 * slope - 2 * d[:, :-1] - d[:, 1:]) / h, (d[:, :-1] + d[:, 1:] - 2 * slope) / h**2
    return Pieces(used, h, knots.y[:, :-1], d[:, :-1], c2, c3)


def integral(knots: Knots, low: Array, high: Array) -> Array:
    """The integral of each curve from ``low`` to ``high``, both (B,) and within its range; NaN for a curve of one column."""
    if knots.x.shape[1] < 2:
        return np.full(len(knots.x), np.nan)
    p = knots.pieces
    begin, end = (np.clip(limit[:, None] - knots.x[:, :-1], 0.0, p.h) for limit in (low, high))

    def antiderivative(s: Array) -> Array:
        return s * (p.y0 + s * (p.c1 / 2 + s * (p.c2 / 3 + s * p.c3 / 4)))

    return np.where(p.used, antiderivative(end) - antiderivative(begin), 0.0).sum(axis=1)


def value_at(knots: Knots, x: float | Array) -> Array:
    """The value of each curve at x, one number or (B,); NaN beyond a curve's ends. Returns (B,)."""
    x = np.broadcast_to(np.asarray(x, float), len(knots.x))
    if knots.x.shape[1] < 2:
        return np.where(knots.x[:, 0] == x, knots.y[:, 0], np.nan)
    p = knots.pieces
    inside = np.arange(knots.x.shape[1])[None, :] < knots.count[:, None]
    piece = np.clip((inside & (knots.x <= x[:, None])).sum(axis=1) - 1, 0, np.maximum(knots.count - 2, 0))
    x0, y0, c1, c2, c3 = (v[np.arange(len(v)), piece] for v in (knots.x, p.y0, p.c1, p.c2, p.c3))
    s = x - x0
    value = y0 + s * (c1 + s * (c2 + s * c3))
    return np.where((x >= knots.low) & (x <= knots.high), value, np.nan)


def _used(knots: Knots) -> NDArray[np.bool_]:
    """Whether each segment lies between two knots of its curve, (B, P - 1)."""
    return np.arange(knots.x.shape[1] - 1)[None, :] < knots.count[:, None] - 1


def _derivatives(h: Array, slope: Array, count: NDArray[np.int64]) -> Array:
    """The derivatives of PCHIP at each knot, as in scipy: no overshoot, zero where the slope turns. (B, P)."""
    d = np.zeros((len(h), h.shape[1] + 1))
    before, after = slope[:, :-1], slope[:, 1:]
    w1, w2 = 2 * h[:, 1:] + h[:, :-1], h[:, 1:] + 2 * h[:, :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        d[:, 1:-1] = np.where(before * after > 0, (w1 + w2) / (w1 / before + w2 / after), 0.0)
    rows, last = np.arange(len(h)), count - 2
    second = np.minimum(1, np.maximum(last, 0))
    d[:, 0] = _at_an_end(h[:, 0], h[rows, second], slope[:, 0], slope[rows, second])
    before_last = np.maximum(last - 1, 0)
    ends = _at_an_end(h[rows, last], h[rows, before_last], slope[rows, last], slope[rows, before_last])
    d[rows, count - 1] = ends
    return d


def _akima(h: Array, slope: Array, count: NDArray[np.int64]) -> Array:
    """The derivatives of Akima (JACM 1970) at each knot, as in scipy: the slopes around it, weighted by how they change."""
    rows, points = np.arange(len(h)), h.shape[1] + 1
    m = np.zeros((len(h), points + 3))  # slopes with two more at either end, which go on as the last two do
    m[:, 2:-2] = slope
    last = count  # the last segment's place in m
    second = np.maximum(last - 1, 2)
    m[:, 1] = np.where(count > 2, 2 * m[:, 2] - m[:, 3], m[:, 2])
    m[:, 0] = 2 * m[:, 1] - m[:, 2]
    m[rows, last + 1] = np.where(count > 2, 2 * m[rows, last] - m[rows, second], m[rows, last])
    m[rows, last + 2] = 2 * m[rows, last + 1] - m[rows, last]
    change = np.abs(np.diff(m, axis=1))
    before, after = change[:, :-2], change[:, 2:]
    total = before + after
    inside = np.arange(points)[None, :] < count[:, None]
    curved = total > 1e-9 * np.where(inside, total, 0.0).max(axis=1, initial=0.0, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        weighted = (after * m[:, 1:-2] + before * m[:, 2:-1]) / total
    return np.where(curved, weighted, 0.5 * (m[:, 3:] + m[:, :-3]))


def _at_an_end(h0: Array, h1: Array, m0: Array, m1: Array) -> Array:
    """The derivative of PCHIP at an end, from the lengths and slopes of the two segments there; for one its slope."""
    d = ((2 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    d = np.where(np.sign(d) != np.sign(m0), 0.0, d)
    steep = (np.sign(m0) != np.sign(m1)) & (np.abs(d) > 3 * np.abs(m0))
    return np.where(steep, 3 * m0, d)


@dataclass(frozen=True)
class Distances:
    """The mean distance of the test from the anchor in each of B samples."""

    value: Array
    """The distances, (B,); NaN where none can be given."""
    overlap: Array
    """The range that both curves have, as a share of the range that either has, or of the range asked for; (B,)."""
    axis: str
    """The word for what curves are compared over: rates, accuracies, or the values of a metric."""
    given: bool = False
    """Whether a range was asked for."""

    def reason(self, row: int) -> str:
        """The words that say why a sample has no distance; empty where it has one."""
        if np.isfinite(self.value[row]):
            return ""
        overlap = float(self.overlap[row])
        if not overlap:
            return f"no common {self.axis}" + " in the range asked for" * self.given
        if overlap < LEAST_OVERLAP:
            span = f"the range of {self.axis} asked for" if self.given else f"both ranges of {self.axis}"
            return f"only {100 * overlap:.0f} % of {span} in common"
        return f"one point, or {self.axis} that do not change"


Range = tuple[float, float]
"""The low and the high end of a range."""


def distances(anchor: Knots, test: Knots, axis: str, within: Range | None = None) -> Distances:
    """The mean of test minus anchor over the range of x that both curves have, in the units of y.

    axis: the word for x. within: a range of x to keep to; the overlap is then the share of it that both curves reach.
    """
    low, high = np.maximum(anchor.low, test.low), np.minimum(anchor.high, test.high)
    union = np.maximum(anchor.high, test.high) - np.minimum(anchor.low, test.low)
    if within is not None:
        low, high = np.maximum(low, within[0]), np.minimum(high, within[1])
        union = np.full(len(low), within[1] - within[0])
    width = high - low
    with np.errstate(divide="ignore", invalid="ignore"):
        overlap = np.where(union > 0, np.maximum(width, 0) / union, 1.0)  # 1: the same one value
        value = (integral(test, low, high) - integral(anchor, low, high)) / width
    good = (overlap >= LEAST_OVERLAP) & (anchor.count > 1) & (test.count > 1)
    return Distances(np.where(good, value, np.nan), overlap, axis, within is not None)


Points = tuple[Array, Array]
"""Rates and accuracies as shares, (B, P) each."""


@dataclass(frozen=True)
class CurveSamples:
    """A curve in each of B samples, as accuracy over log10(rate) and the other way round."""

    over_rate: Knots
    over_accuracy: Knots
    rising: NDArray[np.bool_]
    """Whether its accuracy rises from each rate to the next, so that it has one rate for each accuracy; (B,)."""


BETWEEN = ("pchip", "akima")
"""The cubics that may go through the points of a curve: PCHIP, which never overshoots, or Akima, which is smoother."""


def curve_samples(points: Points, on_front: bool = True, between: str = "pchip") -> CurveSamples:
    """The curves through the points of each sample, or only through those of its Pareto front; between: one of BETWEEN."""
    if on_front:
        front, level = (replace(pareto_knots(*points, to_the_end=end), between=between) for end in (False, True))
        return CurveSamples(level, front.turned(), np.ones(len(front.x), bool))
    knots = replace(raw_knots(*points), between=between)
    return CurveSamples(knots, knots.turned(), _rises(knots))


def bd_accuracy(anchor: CurveSamples, test: CurveSamples, bpp: Range | None = None, scale: float = 100.0) -> Distances:
    """The mean accuracy of the test above the anchor, in percentage points.

    bpp: the range of rates to keep to. scale: what a difference is multiplied by; 1 for numbers that are no shares.
    """
    within = None if bpp is None else (float(np.log10(bpp[0])), float(np.log10(bpp[1])))
    distance = distances(anchor.over_rate, test.over_rate, "rates", within)
    return replace(distance, value=scale * distance.value)


def bd_rate(
    anchor: CurveSamples, test: CurveSamples, accuracy: Range | None = None, axis: str = "accuracies"
) -> Distances:
    """The percentage of bits that the test takes more than the anchor at equal accuracy; below 0 it saves them.

    NaN for curves whose accuracy dips. accuracy: a range of accuracies to keep to, as shares. axis: the word for these.
    """
    with np.errstate(all="ignore"):
        distance = distances(anchor.over_accuracy, test.over_accuracy, axis, accuracy)
    rising = anchor.rising & test.rising
    return replace(distance, value=np.where(rising, 100 * (10**distance.value - 1), np.nan))


def _rises(knots: Knots) -> NDArray[np.bool_]:
    """Whether each curve rises from every knot to the next, (B,)."""
    return np.all(~_used(knots) | (np.diff(knots.y, axis=1) > 0), axis=1)
