"""The rate-accuracy figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from ..reading.curves import Curve
from ..reading.groups import Group
from .curve_styles import (
    Style,
    accuracy_label,
    banded,
    draw_curve,
    fit_accuracy_axis,
    interval_note,
    legend_inches,
    legend_width,
    legends_of,
    styles_of,
    uncompressed_line,
)
from .style import plain

MARGIN = 1.25
"""Room left and right of the points on a log axis, as a factor."""


def rate_accuracy(group: Group, axis: str = "log2") -> Figure:
    """Accuracy over bits per pixel, a line a curve, with Wilson intervals. axis: log2 or linear, for the rate."""
    curves, styles = group.plotted, styles_of(group.plotted)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        size = (5.6 + legend_width(curves), max(4.4, legend_inches(len(curves) + 4)))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
    plain(axes)
    bands = banded(group, curves)
    for curve in reversed(curves):  # the first, most often the originals, on top
        _line(axes, group, curve, styles[curve], bands)
    handles = [
        *legends_of(styles),
        *uncompressed_line(axes, group),
        *_native_line(axes, group),
        interval_note(group, curves),
        *fit_accuracy_axis(axes, group, curves),
    ]
    native = group.sources.native_bpp
    rate_axis(axes, [*plotted_rates(group), *([native] if native else [])], axis)
    axes.set_ylabel(accuracy_label(group))
    axes.set_title(group.title, loc="left", fontsize=10)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8.5, handlelength=3)
    return figure


def _line(axes: Axes, group: Group, curve: Curve, style: Style, bands: bool) -> None:
    rows = group.rows.iloc[list(curve.rows)]
    color = style[0]
    share, low, high = (100 * rows[c].to_numpy() for c in ("accuracy", "accuracy_low", "accuracy_high"))
    draw_curve(axes, curve, style, rows.bpp.to_numpy(), share)
    if len(rows) > 1 and bands:
        axes.fill_between(rows.bpp, low, high, color=color, alpha=0.13, linewidth=0)
    elif bands:
        axes.errorbar(rows.bpp, share, np.vstack([share - low, high - share]), color=color, capsize=2)


def _native_line(axes: Axes, group: Group) -> list[Line2D]:
    """A line at the rate of the data set's own files."""
    rate = group.sources.native_bpp
    if rate is None:
        return []
    return [axes.axvline(rate, color="0.55", linewidth=1, linestyle=":", label=f"native files: {rate:.2f} bpp")]


def plotted_rates(group: Group) -> list[float]:
    """The rates of the points on a group's curves, in bits per pixel."""
    return group.rows.iloc[[i for c in group.plotted for i in c.rows]].bpp.tolist()


def rate_axis(axes: Axes, bpp: Sequence[float], axis: str, most: int = 20) -> None:
    """Gives the axis of rates its scale, limits, ticks and title.

    bpp: the rates to show. axis: log2 or linear. most: how many ticks have room.
    """
    rates = np.array([b for b in bpp if b > 0])
    if axis == "linear" or not len(rates):
        axes.set_xlim(left=0)
        axes.set_xlabel("rate (bits per pixel)")
        return
    low, high = rates.min() / MARGIN, rates.max() * MARGIN
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    powers = 2.0 ** np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1)
    ticks = powers[:: max(1, -(-len(powers) // most))]
    if len(ticks) < 3:  # of rates that lie close together
        ticks = MaxNLocator(min(6, most), steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    axes.xaxis.set_major_locator(FixedLocator([float(t) for t in ticks if low <= t <= high]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("rate (bits per pixel, log scale)")
