"""Rate and accuracy over the quality parameter: QP, quality or the number of colors."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from ...core.plugins import Plugin, spread
from ...quantizers.base import Quantizer
from ..reading.curves import Curve
from ..reading.groups import Group
from . import curve_styles as styling
from .curve_styles import MARKED, Style
from .style import plain

FEWEST = 3
"""Settings on a curve that are worth a plot."""
TICKS = 8
"""Ticks on an axis of settings at the most; each stands at a value that was measured."""

Draw = Callable[[Axes, list[Curve], dict[Curve, Style]], list[Artist]]
"""Draws some curves into a plot, and gives what the legend must say beside their names."""


def by_quality_parameter(group: Group, curves: list[Curve]) -> dict[tuple[str, str], list[Curve]]:
    """(codec or nothing, quality parameter) -> the curves along which it varies; a number of colors is one for all."""
    plots: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        varying = _varying(group, curve)
        if varying:
            name = "" if isinstance(varying[0], Quantizer) else varying[0].name
            plots.setdefault((name, varying[0].quality_parameter() or ""), []).append(curve)
    return plots


def _varying(group: Group, curve: Curve) -> list[Plugin]:
    """The codecs of a curve's points, or the quantizers, whichever differ."""
    points = [group.measured[i].point for i in curve.rows]
    for plugins in ([p.codec for p in points], [p.quantizer for p in points]):
        if len(set(plugins)) >= FEWEST and plugins[0].quality_parameter():
            return list(plugins)
    return []


def rate_over_setting(group: Group) -> Figure | None:
    """Bits per pixel; settings that give identical files on every curve in grey. None where no parameter varies."""
    bpp = group.rows.bpp.to_numpy()

    def draw(axes: Axes, curves: list[Curve], styles: dict[Curve, Style]) -> list[Artist]:
        for curve in reversed(curves):  # the first, most often the originals, on top
            values, places = _in_order(group, curve)
            _line(axes, values, bpp[places], styles[curve])
        axes.set_ylabel("bits per pixel (log scale)")
        _log_rate(axes)
        _mark_identical(axes, group, curves)
        return []

    # Tuning a classifier changes no file.
    return _over_setting(group, [c for c in group.plotted if not c.tuned], draw)


def accuracy_over_setting(group: Group) -> Figure | None:
    """Accuracy with Wilson intervals, and a line for the uncompressed images. None where no parameter varies."""
    share, low, high = (100 * group.rows[c].to_numpy() for c in ("accuracy", "accuracy_low", "accuracy_high"))
    bands = styling.banded(group, group.plotted)

    def draw(axes: Axes, curves: list[Curve], styles: dict[Curve, Style]) -> list[Artist]:
        for curve in reversed(curves):
            values, places = _in_order(group, curve)
            _line(axes, values, share[places], styles[curve])
            if bands:
                axes.fill_between(values, low[places], high[places], color=styles[curve][0], alpha=0.13, linewidth=0)
        axes.set_ylabel(styling.accuracy_label(group))
        return [*styling.uncompressed_line(axes, group), styling.interval_note(group, group.plotted)]

    return _over_setting(group, group.plotted, draw)


def _over_setting(group: Group, curves: list[Curve], draw: Draw) -> Figure | None:
    plots = by_quality_parameter(group, [c for c in curves if any(group.measured[i].good.any() for i in c.rows)])
    if not plots:
        return None
    columns = min(len(plots), 2)
    lines = ceil(len(plots) / columns)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        high = max(2.9 * lines + 0.3, styling.legend_inches(sum(map(len, plots.values())) + 3))
        figure = Figure(figsize=(3.8 * columns + styling.legend_width(curves), high), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
    styles, entries = styling.styles_of(curves), []
    for axes, ((name, parameter), members) in zip(panels, plots.items(), strict=False):
        plain(axes)
        entries = draw(axes, members, styles)
        parameter = parameter if len(parameter) > 2 else parameter.upper()
        axes.set_xlabel(f"{name}: {parameter}" if name else parameter)
        if not name:
            axes.set_xscale("log", base=2)
        values = sorted({v for c in members for v in _in_order(group, c)[0].tolist()})
        axes.xaxis.set_major_locator(FixedLocator(spread(values, TICKS)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axes in panels[len(plots) :]:
        axes.set_axis_off()
    handles: list[Artist] = [styling.legend_of(c, styles[c], 4) for members in plots.values() for c in members]
    figure.suptitle(group.title, x=0.01, ha="left", fontsize=10)
    figure.legend(handles=[*handles, *entries], loc="outside right center", frameon=False, fontsize=8, handlelength=3)
    return figure


def _in_order(group: Group, curve: Curve) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The quality parameter's values, rising, and the rows of the summary that they belong to."""
    values = np.array([getattr(p, p.quality_parameter() or "") for p in _varying(group, curve)])
    order = np.argsort(values)
    return values[order], np.array(curve.rows)[order]


def _line(axes: Axes, values: NDArray[np.int64], heights: NDArray[np.float64], style: Style) -> None:
    color, dash, marker, inside = style
    every = max(1, len(values) // MARKED)
    looks = {"color": color, "linestyle": dash, "marker": marker, "markerfacecolor": inside}
    axes.plot(values, heights, **looks, markersize=4, markevery=every, linewidth=1.3)


def _mark_identical(axes: Axes, group: Group, curves: list[Curve]) -> None:
    runs: list[set[tuple[int, ...]]] = []
    for curve in curves:
        values, places = _in_order(group, curve)
        value_of = dict(zip(places.tolist(), values.tolist(), strict=True))
        equal = (tuple(sorted(value_of[i] for i in rows)) for rows in group.merged(curve))
        runs.append({values for values in equal if len(values) > 1})
    for same in sorted(set.intersection(*runs)):  # on every curve of the plot
        axes.axvspan(same[0], same[-1], color="0.9", zorder=0)
        axes.annotate(
            f"{same[0]}-{same[-1]}:\nidentical\nfiles",
            (same[-1], 0.03),
            xycoords=("data", "axes fraction"),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=7.5,
            color="0.35",
        )


def _log_rate(axes: Axes) -> None:
    axes.set_yscale("log", base=10)
    axes.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
