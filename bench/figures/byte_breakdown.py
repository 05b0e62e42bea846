"""What the bytes of files are spent on, as bars."""

from __future__ import annotations

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from ...core.plugins import spread
from ..reading.groups import Group
from .style import plain

COLORS = {"container": "#949494", "tables": "#de8f05", "palette": "#cc78bc", "payload": "#0173b2"}
"""The parts of a file, in the order in which they are stacked."""
MOST = 60
"""Bars that one figure can show."""


def byte_breakdown(group: Group) -> Figure | None:
    """Bits per pixel of points by part of the file; on long curves the lowest, middle and highest rate alone.

    None where even those are too many.
    """
    rows = [i for c in group.plotted for i in c.rows]
    if len(rows) > MOST:
        rows = [i for c in group.plotted for i in spread(c.rows, 3)]
    if not rows or len(rows) > MOST:
        return None
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(7.2, 1.1 + 0.19 * len(rows)), layout="constrained")
        axes = figure.subplots()
    plain(axes)
    axes.grid(visible=False, axis="y")
    sums = group.rows.iloc[rows]
    left = np.zeros(len(rows))
    for name, color in COLORS.items():
        bpp = 8 * sums[name].to_numpy(float) / np.maximum(sums.pixels.to_numpy(float), 1)
        axes.barh(range(len(rows)), bpp, left=left, color=color, label=name, height=0.78, linewidth=0)
        left += bpp
    axes.set_yticks(range(len(rows)), [group.measured[i].point.title for i in rows], fontsize=7)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("bits per pixel")
    axes.set_title(group.title, loc="left", fontsize=10)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8.5)
    return figure
