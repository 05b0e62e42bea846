"""The rate-accuracy figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ..comparing.curves import Curve
from ..comparing.intervals import wilson
from .style import plain

MARKERS = "osD^vPX<>ph*d8H"
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
BANDED = 8
"""Curves whose intervals are drawn as bands; those of more would hide one another."""
MARKED = 12
"""Markers on a curve, about: a hundred would hide it."""
MARGIN = 1.25
"""Room left and right of the points on a log axis, as a factor."""


@dataclass(frozen=True)
class View:
    """What a figure shows."""

    title: str
    axis: str = "log2"
    """log2 or linear, for the rate."""
    labelled: bool = True
    """False: agreement with the uncompressed image's prediction instead of accuracy."""
    uncompressed: float | None = None
    """Accuracy on uncompressed images, as a share."""
    native_bpp: float | None = None


def rate_accuracy(rows: pd.DataFrame, curves: list[Curve], view: View) -> Figure:
    """Accuracy over bpp: a color a quantizer or codec of originals, a marker a codec, dashes for settings, Wilson bands."""
    styles, banded = styles_of(curves), sum(len(c.rows) > 1 for c in curves) <= BANDED
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(8.2, max(4.4, legend_inches(len(curves) + 4))), layout="constrained")
        axes = figure.subplots()
    plain(axes)
    for curve in reversed(curves):  # the first, most often the originals, on top
        part = rows.iloc[list(curve.rows)]
        color, dash, marker, inside = styles[curve]
        share, low, high = shares(part, view.labelled)
        sns.lineplot(
            x=part.bpp.to_numpy(),
            y=100 * share,
            ax=axes,
            color=color,
            linestyle=dash,
            marker=marker,
            markersize=5.5,
            markerfacecolor=inside,
            markeredgecolor=color if curve.tuned else "white",
            markevery=max(1, len(part) // MARKED),
            markeredgewidth=1.0 if curve.tuned else 0.5,
            linewidth=1.4,
            estimator=None,
            legend=False,
        )
        if len(part) > 1 and banded:
            axes.fill_between(part.bpp, 100 * low, 100 * high, color=color, alpha=0.13, linewidth=0)
        elif len(part) == 1:
            axes.errorbar(part.bpp, 100 * share, 100 * np.vstack([share - low, high - share]), color=color, capsize=2)
    handles = [
        *(legend_of(c, style) for c, style in styles.items()),
        *_lines(axes, view),
        interval_note(rows, curves, view, banded),
    ]
    _rate_axis(axes, rows.iloc[[i for c in curves for i in c.rows]].bpp.to_numpy(), view)
    axes.set_ylabel("top-1 accuracy (%)" if view.labelled else "agreement with the uncompressed image (%)")
    axes.set_title(view.title, loc="left", fontsize=10)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8.5, handlelength=3)
    return figure


Style = tuple[Any, Any, str, Any]
"""Color, dashes, marker, and the marker's inside: white where classifiers are fine-tuned."""


def styles_of(curves: list[Curve]) -> dict[Curve, Style]:
    """A color a quantizer, of originals a codec; where many codecs code few quantizers' images, a color a codec."""
    quantized = [c for c in curves if c.quantizer != ORIGINALS]
    by_codec = len({_kind(c.codec) for c in quantized}) > len({c.quantizer for c in quantized})
    told = {c: _told_apart(c, by_codec) for c in curves}
    colors = _colors(list(told.values()))
    variants = {name: list(dict.fromkeys(t.variant for t in told.values() if t.color == name)) for name in colors}
    marked = list(dict.fromkeys(t.marker for t in told.values()))
    found: dict[Curve, Style] = {}
    for c, t in told.items():
        number, many, place = variants[t.color].index(t.variant), len(variants[t.color]), marked.index(t.marker)
        color, dash = colors[t.color], DASHES[(place if by_codec else number) % len(DASHES)]
        if many > (1 if by_codec else len(DASHES)):  # such as numbers of colors: from light to dark
            whole = t.variant == t.color and not by_codec  # the curve of what others are points of
            color, dash = color if whole else _shade(color, (number + 1) / many), dash if by_codec else DASHES[0]
        found[c] = (color, dash, MARKERS[place % len(MARKERS)], "white" if c.tuned else color)
    return found


ORIGINALS = "none"


class _ToldApart(NamedTuple):
    """What a curve's color, dashes and marker stand for."""

    color: str
    variant: str
    marker: str


def _told_apart(curve: Curve, by_codec: bool) -> _ToldApart:
    if by_codec:
        return _ToldApart(_kind(curve.codec), curve.codec, curve.quantizer)
    if curve.quantizer == ORIGINALS:
        return _ToldApart(f"{ORIGINALS}+{_kind(curve.codec)}", f"{ORIGINALS}+{curve.codec}", curve.codec)
    return _ToldApart(_kind(curve.quantizer), curve.quantizer, curve.codec)


def _kind(variant: str) -> str:
    return variant.split(":")[0]


def _colors(told: list[_ToldApart]) -> dict[str, Any]:
    """The first codec of the originals has the first color in every study, then come quantizers, then other codecs."""
    named = list(dict.fromkeys(t.color for t in told))
    originals = [name for name in named if name.startswith(f"{ORIGINALS}+")]
    order = [*(originals[:1] or [ORIGINALS]), *(name for name in named if name not in originals), *originals[1:]]
    few = sns.color_palette("colorblind")
    palette = few if len(order) <= len(few) else sns.color_palette("husl", len(order))
    return dict(zip(order, palette, strict=False))


def _shade(color: Any, depth: float) -> Any:
    """From light at 0 over the color itself to dark at 1."""
    ramp = sns.blend_palette([_mixed(color, 1.0, 0.65), color, _mixed(color, 0.0, 0.55)], as_cmap=True)
    return ramp(depth)


def _mixed(color: Any, other: float, share: float) -> Any:
    return tuple((1 - share) * channel + share * other for channel in color)


def interval_note(rows: pd.DataFrame, curves: list[Curve], view: View, banded: bool) -> Patch:
    if banded:
        return Patch(color="0.5", alpha=0.25, linewidth=0, label="95 % interval (Wilson)")
    used = rows.iloc[[i for c in curves for i in c.rows]]
    _, low, high = shares(used, view.labelled)
    return Patch(
        alpha=0,
        label=f"95 % intervals (Wilson) of curves:\nat most \u00b1{100 * (high - low).max() / 2:.1f} points, not drawn",
    )


def shares(part: pd.DataFrame, labelled: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if labelled:
        return part.accuracy.to_numpy(), part.accuracy_low.to_numpy(), part.accuracy_high.to_numpy()
    bounds = [wilson(a, n) for a, n in zip(part.agreeing, part.compared, strict=True)]
    return part.agreement.to_numpy(), np.array([b[0] for b in bounds]), np.array([b[1] for b in bounds])


def legend_of(curve: Curve, style: Style, size: float = 5.5) -> Line2D:
    """A curve's entry in a legend."""
    color, dash, marker, inside = style
    return Line2D(
        [], [], color=color, linestyle=dash, marker=marker, markersize=size, markerfacecolor=inside, label=curve.name
    )


def legend_inches(lines: int) -> float:
    """How high a legend of so many lines is, beside the plot."""
    return 0.185 * lines + 0.3


def uncompressed_line(axes: Axes, view: View) -> list[Line2D]:
    if view.uncompressed is None:
        return []
    label = f"uncompressed: {100 * view.uncompressed:.1f} %"
    return [axes.axhline(100 * view.uncompressed, color="0.25", linewidth=1, linestyle="--", label=label)]


def _lines(axes: Axes, view: View) -> list[Line2D]:
    found = uncompressed_line(axes, view)
    if view.native_bpp is not None:
        label = f"native files: {view.native_bpp:.2f} bpp"
        found.append(axes.axvline(view.native_bpp, color="0.55", linewidth=1, linestyle=":", label=label))
    return found


def _rate_axis(axes: Axes, bpp: np.ndarray, view: View) -> None:
    used = np.array([b for b in [*bpp, view.native_bpp] if b is not None and b > 0])
    if view.axis == "linear" or not len(used):
        axes.set_xlim(left=0)
        axes.set_xlabel("rate (bits per pixel)")
        return
    low, high = used.min() / MARGIN, used.max() * MARGIN
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    powers = 2.0 ** np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1)
    axes.xaxis.set_major_locator(FixedLocator(list(powers)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("rate (bits per pixel, log scale)")
