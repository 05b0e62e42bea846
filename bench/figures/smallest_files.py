"""What one image needs: agreement over the rate, of one setting for all images and of a setting for each."""

from __future__ import annotations

from math import ceil

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from ..comparing.smallest_files import ImageNeeds
from ..reading.groups import Group
from .curve_styles import MARKED, styles_of
from .rate_accuracy import rate_axis
from .style import plain

COLUMNS, MOST = 3, 12
"""The panels beside one another, and in all, at the most."""
TICKS = 5
"""Ticks for which a panel has room."""
DRAWN = 2000
"""The points of an oracle's line at the most."""


def smallest_files(group: Group, needs: list[ImageNeeds], axis: str = "log2") -> Figure | None:
    """A panel a curve; what lies between setting and oracle is wasted. None without curves.

    Of more curves than there can be panels, those of full size are drawn first.
    axis: log2 or linear, for the rate.
    """
    if not needs:
        return None
    needs = sorted(needs, key=lambda need: bool(need.curve.size))[:MOST] if len(needs) > MOST else needs
    styles = styles_of(group.plotted)
    columns = min(COLUMNS, len(needs))
    lines = ceil(len(needs) / columns)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(3.0 * columns + 1.9, 2.6 * lines + 0.7), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, need in zip(panels, needs, strict=False):
        _panel(axes, need, styles[need.curve][0])
    for place, axes in enumerate(panels[: len(needs)]):
        if place + columns >= len(needs):  # nothing stands below it
            axes.tick_params(labelbottom=True)
    for axes in panels[len(needs) :]:
        axes.set_axis_off()
    rate_axis(panels[0], [rate for need in needs for rate in need.fixed()[0]], axis, TICKS)
    bottom = np.quantile(np.concatenate([need.fixed()[1] for need in needs]), 0.1)  # one curve must not flatten all
    panels[0].set_ylim(bottom=max(0.0, 100 * bottom - 3), top=101)
    panels[0].set_xlabel("")
    figure.supxlabel("rate (bits per pixel, log scale)" if axis != "linear" else "rate (bits per pixel)", fontsize=9)
    figure.supylabel("agreement with the uncompressed image (%)", fontsize=9)
    figure.suptitle(f"{group.title}: what one image needs", x=0.01, ha="left", fontsize=10)
    handles = [
        Line2D(
            [], [], color="0.2", marker="o", markersize=4, markeredgecolor="white", label="one setting\nfor all images"
        ),
        Line2D([], [], color="0.2", linestyle="--", label="a setting for\neach image"),
        Line2D([], [], color="0.2", linestyle=":", label="... without luck"),
        Patch(color="0.5", alpha=0.2, linewidth=0, label="wasted"),
    ]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8.5)
    return figure


def _panel(axes: Axes, need: ImageNeeds, color: object) -> None:
    plain(axes)
    rates, agreements = need.fixed()
    order = np.argsort(rates)
    axes.plot(
        rates[order],
        100 * agreements[order],
        color=color,
        marker="o",
        markersize=4,
        markeredgecolor="white",
        markeredgewidth=0.5,
        markevery=max(1, len(rates) // MARKED),
        linewidth=1.4,
    )
    oracles = [need.oracle(agrees) for agrees in (need.agrees, need.lasting)]
    for (bits, kept), dash in zip(oracles, ("--", ":"), strict=True):
        first = int(np.searchsorted(bits, bits[0], side="right")) - 1  # images kept by the smallest files
        shown = np.unique(np.linspace(first, len(bits) - 1, DRAWN).astype(int))
        axes.plot(bits[shown], 100 * kept[shown], color=color, linestyle=dash, linewidth=1.2)
    bits, kept = oracles[0]
    heights = np.linspace(agreements.min(), min(agreements.max(), kept[-1]), 200)
    best, own = np.maximum.accumulate(agreements[order]), np.log(rates[order])
    left, right = np.interp(heights, kept, bits), np.exp(np.interp(heights, best, own))
    axes.fill_betweenx(100 * heights, left, right, where=right > left, color=color, alpha=0.15, linewidth=0)
    axes.set_title(need.curve.label, loc="left", fontsize=9)
    axes.label_outer()
