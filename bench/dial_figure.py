"""The rate over the setting that turns it: bits per pixel over QP, quality or the number of colors."""

from __future__ import annotations

from math import ceil

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ..core.plugins import Plugin
from ..quantizers.base import Quantizer
from .curves import Curve, Measured, merged
from .figures import plain
from .rate_figure import MARKED, styles_of

FEWEST = 3
"""Settings on a curve that are worth a plot."""


def dials(curves: list[Curve], measured: list[Measured]) -> dict[tuple[str, str], list[Curve]]:
    """(codec or nothing, dial) -> the curves along which that dial turns; a number of colors is one for all."""
    found: dict[tuple[str, str], list[Curve]] = {}
    for curve in curves:
        turning = _turning(curve, measured)
        if turning:
            name = "" if isinstance(turning[0], Quantizer) else turning[0].name
            found.setdefault((name, turning[0].dial() or ""), []).append(curve)
    return found


def _turning(curve: Curve, measured: list[Measured]) -> list[Plugin]:
    """The codecs of a curve's points, or the quantizers, whichever differ."""
    points = [measured[i].point for i in curve.rows]
    for plugins in ([p.codec for p in points], [p.quantizer for p in points]):
        if len(set(plugins)) >= FEWEST and plugins[0].dial():
            return list(plugins)
    return []


def rate_over_dial(rows: pd.DataFrame, curves: list[Curve], measured: list[Measured], title: str) -> Figure | None:
    """A plot for each dial that turns; settings that give identical files on every curve in grey. None where no dial turns."""
    groups = dials(curves, measured)
    if not groups:
        return None
    columns = min(len(groups), 2)
    lines = ceil(len(groups) / columns)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(3.9 * columns + 2.4, 2.9 * lines + 0.3), layout="constrained")
        plots = figure.subplots(lines, columns, squeeze=False).ravel()
    styles = styles_of(curves)
    for axes, ((name, dial), members) in zip(plots, groups.items(), strict=False):
        _plot(axes, rows, members, measured, styles)
        dial = dial if len(dial) > 2 else dial.upper()
        axes.set(xlabel=f"{name}: {dial}" if name else dial, ylabel="bits per pixel (log scale)")
        if not name:
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    for axes in plots[len(groups) :]:
        axes.set_axis_off()
    shown = [c for members in groups.values() for c in members]
    handles = [
        Line2D([], [], color=styles[c][0], linestyle=styles[c][1], marker=styles[c][2], markersize=4, label=c.name)
        for c in shown
    ]
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8, handlelength=3)
    return figure


def _plot(axes: Axes, rows: pd.DataFrame, curves: list[Curve], measured: list[Measured], styles: dict) -> None:  # type: ignore[type-arg]
    plain(axes)
    groups: list[set[tuple[int, ...]]] = []
    for curve in reversed(curves):  # the first, most often the originals, on top
        plugins = _turning(curve, measured)
        values = np.array([getattr(p, p.dial() or "") for p in plugins])
        bpp = rows.bpp.to_numpy()[list(curve.rows)]
        order = np.argsort(values)
        color, dash, marker = styles[curve]
        axes.plot(
            values[order],
            bpp[order],
            color=color,
            linestyle=dash,
            marker=marker,
            markersize=4,
            markevery=max(1, len(values) // MARKED),
            linewidth=1.3,
        )
        place = dict(zip(curve.rows, values.tolist(), strict=True))
        together = (tuple(sorted(place[i] for i in alike)) for alike in merged(curve, measured))
        groups.append({values for values in together if len(values) > 1})
    _axes(axes)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
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


def _axes(axes: Axes) -> None:
    axes.set_yscale("log", base=2)
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(2, subs=(1,) if high / low > 16 else (1, 1.5)))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
