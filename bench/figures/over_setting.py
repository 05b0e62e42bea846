"""Rate and accuracy over the setting that turns them: QP, quality or the number of colors."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ...core.plugins import Plugin
from ...quantizers.base import Quantizer
from ..comparing.curves import Curve, Measured, merged
from .rate_accuracy import (
    BANDED,
    MARKED,
    Style,
    View,
    interval_note,
    legend_inches,
    legend_of,
    shares,
    styles_of,
    uncompressed_line,
)
from .style import plain

FEWEST = 3
"""Settings on a curve that are worth a plot."""


def dials(curves: list[Curve], measured: list[Measured]) -> dict[tuple[str, str], list[Curve]]:
    """(codec or nothing, dial) -> the curves along which that dial turns; a number of colors is one for all."""
    found: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        turning = _turning(curve, measured)
        if turning:
            name = "" if isinstance(turning[0], Quantizer) else turning[0].name
            found.setdefault((name, turning[0].quality_parameter() or ""), []).append(curve)
    return found


def _turning(curve: Curve, measured: list[Measured]) -> list[Plugin]:
    """The codecs of a curve's points, or the quantizers, whichever differ."""
    points = [measured[i].point for i in curve.rows]
    for plugins in ([p.codec for p in points], [p.quantizer for p in points]):
        if len(set(plugins)) >= FEWEST and plugins[0].quality_parameter():
            return list(plugins)
    return []


Draw = Callable[[Axes, list[Curve], dict[Curve, Style]], list[Artist]]
"""Draws some curves into a plot, and gives what the legend must say beside their names."""


def rate_over_setting(rows: pd.DataFrame, curves: list[Curve], measured: list[Measured], title: str) -> Figure | None:
    """Bits per pixel; settings that give identical files on every curve in grey. None where no dial turns."""
    bpp = rows.bpp.to_numpy() if len(rows) else np.empty(0)

    def draw(axes: Axes, members: list[Curve], styles: dict[Curve, Style]) -> list[Artist]:
        for curve in reversed(members):  # the first, most often the originals, on top
            values, places = _in_order(curve, measured)
            _line(axes, values, bpp[places], styles[curve])
        axes.set_ylabel("bits per pixel (log scale)")
        _log_rate(axes)
        _mark_identical(axes, members, measured)
        return []

    # Tuning a classifier changes no file.
    return _over_dial([c for c in curves if not c.tuned], measured, title, draw)


def accuracy_over_setting(
    rows: pd.DataFrame, curves: list[Curve], measured: list[Measured], view: View
) -> Figure | None:
    """Accuracy with Wilson intervals, and a line for the uncompressed images. None where no dial turns."""
    share, low, high = (100 * column for column in shares(rows, view.labelled))
    banded = len(curves) <= BANDED

    def draw(axes: Axes, members: list[Curve], styles: dict[Curve, Style]) -> list[Artist]:
        for curve in reversed(members):
            values, places = _in_order(curve, measured)
            _line(axes, values, share[places], styles[curve])
            if banded:
                axes.fill_between(values, low[places], high[places], color=styles[curve][0], alpha=0.13, linewidth=0)
        axes.set_ylabel("top-1 accuracy (%)" if view.labelled else "agreement (%)")
        return [*uncompressed_line(axes, view), interval_note(rows, curves, view, banded)]

    return _over_dial(curves, measured, view.title, draw)


def _over_dial(curves: list[Curve], measured: list[Measured], title: str, draw: Draw) -> Figure | None:
    groups = dials([c for c in curves if any(measured[i].good.any() for i in c.rows)], measured)
    if not groups:
        return None
    columns = min(len(groups), 2)
    lines = ceil(len(groups) / columns)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        high = max(2.9 * lines + 0.3, legend_inches(sum(map(len, groups.values())) + 3))
        figure = Figure(figsize=(3.9 * columns + 2.4, high), layout="constrained")
        plots = figure.subplots(lines, columns, squeeze=False).ravel()
    styles, beside = styles_of(curves), []
    for axes, ((name, dial), members) in zip(plots, groups.items(), strict=False):
        plain(axes)
        beside = draw(axes, members, styles)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        dial = dial if len(dial) > 2 else dial.upper()
        axes.set_xlabel(f"{name}: {dial}" if name else dial)
        if not name:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axes in plots[len(groups) :]:
        axes.set_axis_off()
    handles: list[Artist] = [legend_of(c, styles[c], 4) for members in groups.values() for c in members]
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.legend(handles=[*handles, *beside], loc="outside right center", frameon=False, fontsize=8, handlelength=3)
    return figure


def _in_order(curve: Curve, measured: list[Measured]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The dial's values, rising, and the rows of the summary that they belong to."""
    values = np.array([getattr(p, p.quality_parameter() or "") for p in _turning(curve, measured)])
    order = np.argsort(values)
    return values[order], np.array(curve.rows)[order]


def _line(axes: Axes, values: NDArray[np.int64], heights: NDArray[np.float64], style: Style) -> None:
    color, dash, marker, inside = style
    every = max(1, len(values) // MARKED)
    looks = {"color": color, "linestyle": dash, "marker": marker, "markerfacecolor": inside}
    axes.plot(values, heights, **looks, markersize=4, markevery=every, linewidth=1.3)


def _mark_identical(axes: Axes, curves: list[Curve], measured: list[Measured]) -> None:
    groups: list[set[tuple[int, ...]]] = []
    for curve in curves:
        values, places = _in_order(curve, measured)
        value = dict(zip(places.tolist(), values.tolist(), strict=True))
        together = (tuple(sorted(value[i] for i in alike)) for alike in merged(curve, measured))
        groups.append({same for same in together if len(same) > 1})
    for same in sorted(set.intersection(*groups)):  # on every curve of the plot
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
    axes.set_yscale("log", base=2)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(2, subs=(1,) if high / low > 16 else (1, 1.5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
