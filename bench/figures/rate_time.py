"""Bits saved at equal accuracy over the time that it takes to store an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..comparing.bootstrap import Estimate
from ..comparing.pairwise import PairwiseBD
from ..reading.curves import Curve
from ..reading.groups import Group
from ..timing.times import Times
from .curve_styles import Style, legend_inches, legend_width, styles_of
from .style import plain

LINES = 6
"""Curves without a figure that the legend names at the most."""


def rate_time(group: Group, pairs: PairwiseBD | None, times: Times | None) -> Figure | None:
    """A mark a curve: bits saved against one of them at equal accuracy, over milliseconds an image to quantize and encode.

    A horizontal line reaches from the fastest of the curve's settings to the slowest, the mark lies at their geometric
    mean, its number in the legend beside it. The stairs are the Pareto front. None without times, or
    where no two curves can be compared.
    """
    if pairs is None or times is None:
        return None
    timed = {c.name: found for c in group.plotted if (found := _seconds(group, c, times))}
    anchor = _anchor(pairs, timed)
    if anchor is None:
        return None
    place = pairs.curves.index(anchor)
    saved = {name: _saved(pairs.rate[pairs.curves.index(name)][place]) for name in timed if name in pairs.curves}
    curves = [c for c in group.plotted if saved.get(c.name) is not None]
    styles = styles_of(group.plotted)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        size = (5.8 + legend_width(curves), max(4.4, legend_inches(len(curves) + 5 + LINES)))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
    plain(axes)
    marks = [
        _mark(axes, number, timed[c.name], saved[c.name] or (0.0, 0.0, 0.0), styles[c])
        for number, c in enumerate(curves, 1)
    ]
    axes.plot(*_stairs(marks), color="0.35", linewidth=0.9, linestyle="--", zorder=0)
    _time_axis(axes)
    axes.set_ylabel(f"bits saved at equal {pairs.measure.name},\nagainst {_label(group, anchor)} (%)")
    axes.set_title(group.title, loc="left", fontsize=10)
    entries = [_entry(number, c, styles[c]) for number, c in enumerate(curves, 1)]
    others = [c.label for c in group.plotted if c.name in timed and saved.get(c.name) is None]
    handles = [*entries, *_notes(others)]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8.5, handlelength=2)
    return figure


def _seconds(group: Group, curve: Curve, times: Times) -> list[float]:
    """Milliseconds an image to store it, of each setting that was timed."""
    both = (times.of(group.measured[i]) for i in curve.rows)
    return [store.milliseconds for store, _ in filter(None, both)]


def _anchor(pairs: PairwiseBD, timed: dict[str, list[float]]) -> str | None:
    """The curve that most others can be compared with, the first of equals; None where there is none."""
    best, count = None, 0
    for place, name in enumerate(pairs.curves):
        column = [pairs.rate[row][place] for row, other in enumerate(pairs.curves) if other in timed]
        found = sum(estimate is not None and np.isfinite(estimate.value) for estimate in column)
        if name in timed and found > count:
            best, count = name, found
    return best


def _saved(estimate: Estimate | None) -> tuple[float, float, float] | None:
    """Percent of the bits that are saved, and the interval; None is the anchor, which saves nothing."""
    if estimate is None:
        return 0.0, 0.0, 0.0
    if not np.isfinite(estimate.value):
        return None
    ends = (-estimate.high, -estimate.low) if np.isfinite(estimate.low) else (-estimate.value, -estimate.value)
    return -estimate.value, *ends


def _stairs(marks: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The Pareto front: nothing else saves as much in as little time."""
    x: list[float] = []
    y: list[float] = []
    for time, value in sorted(marks, key=lambda mark: (mark[0], -mark[1])):
        if not y or value > y[-1]:
            x += [time, time] if y else [time]
            y += [y[-1], value] if y else [value]
    x.append(max(time for time, _ in marks))
    y.append(y[-1])
    return x, y


def _label(group: Group, name: str) -> str:
    return next(c.label for c in group.plotted if c.name == name)


def _time_axis(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("processor time to quantize and encode (ms an image, log scale)")
    axes.margins(x=0.12)


def _mark(
    axes: Axes, number: int, milliseconds: list[float], figure: tuple[float, float, float], style: Style
) -> tuple[float, float]:
    """Draws a curve's mark, and gives where it lies. figure: what it saves, with its interval."""
    color, _, marker, inside = style
    value, low, high = figure
    middle = float(np.exp(np.log(milliseconds).mean()))
    axes.plot([min(milliseconds), max(milliseconds)], [value, value], color=color, linewidth=1.2, alpha=0.7)
    axes.errorbar(middle, value, [[value - low], [high - value]], color=color, capsize=2, linewidth=1)
    axes.plot(middle, value, marker=marker, color=color, markerfacecolor=inside, markersize=7, markeredgecolor="white")
    axes.annotate(str(number), (middle, value), (6, 5), textcoords="offset points", fontsize=8, color=color, zorder=6)
    return middle, value


def _entry(number: int, curve: Curve, style: Style) -> Line2D:
    """A curve's entry in the legend: its mark, the number beside it in the plot, its name."""
    color, _, marker, inside = style
    label = f"{number}  {curve.label}"
    return Line2D([], [], color=color, linestyle="", marker=marker, markerfacecolor=inside, markersize=6, label=label)


def _notes(without: list[str]) -> list[Line2D | Patch]:
    """What the legend says beside the curves. without: curves that share too little with the anchor."""
    notes = [
        Line2D([], [], color="0.35", linestyle="--", linewidth=0.9, label="Pareto front"),
        Patch(alpha=0, label="bars: 95 % interval over images,\nfastest to slowest setting"),
    ]
    if without:
        more = f"\nand {len(without) - LINES} more" if len(without) > LINES else ""
        notes.append(Patch(alpha=0, label="too little in common:\n" + "\n".join(without[:LINES]) + more))
    return notes
