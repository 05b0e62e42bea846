"""The rate-log-loss figure."""

from __future__ import annotations

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from ..reading.curves import Curve
from ..reading.groups import Group
from .curve_styles import BANDED, Style, draw_curve, legend_inches, legend_width, legends_of, styles_of
from .rate_accuracy import plotted_rates, rate_axis
from .style import plain


def rate_log_loss(group: Group | None, axis: str = "log2") -> Figure | None:
    """Log-loss over bits per pixel, a line a curve, on a log axis: what is near the uncompressed images matters most.

    group: judged by log-loss; None gives no figure. axis: log2 or linear, for the rate.
    """
    if group is None or not group.plotted:
        return None
    styles = styles_of(group.plotted)
    bands = len(group.plotted) <= BANDED
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        size = (5.6 + legend_width(group.plotted), max(4.4, legend_inches(len(styles) + 3)))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
    plain(axes)
    for curve in reversed(group.plotted):  # the first, most often the originals, on top
        _line(axes, group, curve, styles[curve], bands)
    handles: list[Line2D | Patch] = [
        *legends_of(styles),
        *_uncompressed(axes, group),
        *([Patch(color="0.5", alpha=0.25, linewidth=0, label="95 % interval (normal)")] if bands else []),
    ]
    rate_axis(axes, plotted_rates(group), axis)
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0, 7.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(f"{group.measure.labelled}, log scale")
    axes.set_title(group.title, loc="left", fontsize=10)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8.5, handlelength=3)
    return figure


def _line(axes: Axes, group: Group, curve: Curve, style: Style, bands: bool) -> None:
    rows = group.rows.iloc[list(curve.rows)]
    loss, low, high = (-rows[name].to_numpy() for name in ("accuracy", "accuracy_high", "accuracy_low"))
    draw_curve(axes, curve, style, rows.bpp.to_numpy(), loss)
    if bands and len(rows) > 1:
        axes.fill_between(rows.bpp, low, high, color=style[0], alpha=0.13, linewidth=0)


def _uncompressed(axes: Axes, group: Group) -> list[Line2D]:
    """A line at the log-loss of uncompressed images, where it is measured."""
    if group.reference is None:
        return []
    loss = -float(group.rows.accuracy.iloc[group.reference])
    return [axes.axhline(loss, color="0.25", linewidth=1, linestyle="--", label=f"uncompressed: {loss:.3f} nats")]
