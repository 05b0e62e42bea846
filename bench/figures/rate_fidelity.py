"""The rate-distortion figure: a panel for each fidelity metric."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..comparing.published import published_curve, published_values
from ..reading.curves import Curve
from ..reading.groups import Group
from ..study.published import PublishedCurve
from .curve_styles import Style, draw_curve, legend_inches, legend_width, legends_of, styles_of
from .rate_accuracy import plotted_rates, rate_axis
from .style import plain

COLUMNS = 2
"""The panels beside one another at the most."""


def rate_fidelity(
    groups: Sequence[Group], axis: str = "log2", published: Sequence[PublishedCurve] = ()
) -> Figure | None:
    """The mean of each metric over bits per pixel, a line a curve. groups: one by each metric; None without any.

    axis: log2 or linear, for the rate. published: curves of others, drawn as crosses in the color of the curve that they
    are held against. Points without loss, which have no finite PSNR, are not drawn.
    """
    if not groups:
        return None
    curves = list(dict.fromkeys(_named(c) for group in groups for c in group.plotted))
    styles = styles_of(curves)
    rates = "mean_bpp" if published else "bpp"  # published rates are means over images
    columns = min(COLUMNS, len(groups))
    lines = ceil(len(groups) / columns)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        high = max(3.6 * lines + 0.4, legend_inches(len(curves) + 2))
        figure = Figure(figsize=(4.2 * columns + legend_width(curves), high), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, group in zip(panels, groups, strict=False):
        plain(axes)
        for curve in reversed(group.plotted):
            _line(axes, group, curve, styles[_named(curve)], rates)
        _crosses(axes, group, published, styles)
        others = [bpp for other in published if published_curve(group, other) for bpp in other.bpp]
        rate_axis(axes, [*plotted_rates(group), *others], axis)
        axes.set_ylabel(f"mean {group.measure.labelled}")
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    figure.suptitle(groups[0].title, x=0.01, ha="left", fontsize=10)
    handles = legends_of(styles, 4.5)
    if published:
        handles.append(
            Line2D([], [], color="0.2", linestyle="", marker="x", markersize=6, label="published, same color")
        )
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8.5, handlelength=3)
    return figure


def _crosses(axes: Axes, group: Group, published: Sequence[PublishedCurve], styles: dict[Curve, Style]) -> None:
    """Draws the published points of a group's metric."""
    for other in published:
        curve, values = published_curve(group, other), published_values(group, other)
        if curve is None or values is None:
            continue
        # a dark cross below the colored one
        for color, size, width, order in (("0.1", 7, 1.0, 4), (styles[_named(curve)][0], 6, 0.8, 5)):
            looks = {"color": color, "markersize": size, "markeredgewidth": width, "zorder": order}
            axes.plot(other.bpp, values, linestyle="", marker="x", clip_on=False, **looks)


def _named(curve: Curve) -> Curve:
    """The curve by its name alone: its rows differ between metrics."""
    return Curve(curve.quantizer, curve.codec, (), curve.tuned, curve.study, curve.size)


def _line(axes: Axes, group: Group, curve: Curve, style: Style, rates: str) -> None:
    """Draws one curve. rates: the column of its rates."""
    rows = group.rows.iloc[list(curve.rows)]
    values = group.measure.scale * rows.accuracy.to_numpy()
    draw_curve(axes, curve, style, rows[rates].to_numpy(), values, 4.5)
