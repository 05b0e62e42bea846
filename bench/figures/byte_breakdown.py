"""What the bits of a file are spent on, as bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ...core.plugins import spread
from ..comparing.curves import Curve, Measured
from .style import plain

COLORS: dict[str, str] = dict(
    zip(("container", "tables", "palette", "payload"), ("#949494", "#de8f05", "#cc78bc", "#0173b2"), strict=True)
)
"""Of seaborn's colorblind palette."""
MOST = 60
"""Bars that one figure can show."""


def byte_breakdown(rows: pd.DataFrame, curves: list[Curve], measured: list[Measured], title: str) -> Figure | None:
    """Bits per pixel of points by part of the file; of long curves the lowest, middle and highest rate alone.

    None where even those are too many.
    """
    every = [i for c in curves for i in c.rows]
    shown = every if len(every) <= MOST else [i for c in curves for i in spread(c.rows, 3)]
    if not shown or len(shown) > MOST:
        return None
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(7.2, 1.1 + 0.19 * len(shown)), layout="constrained")
        axes = figure.subplots()
    plain(axes)
    axes.grid(visible=False, axis="y")
    part = rows.iloc[shown]
    left = np.zeros(len(shown))
    for name, color in COLORS.items():
        bpp = 8 * part[name].to_numpy(float) / np.maximum(part.pixels.to_numpy(float), 1)
        axes.barh(range(len(shown)), bpp, left=left, color=color, label=name, height=0.78, linewidth=0)
        left += bpp
    axes.set_yticks(range(len(shown)), [measured[i].point.name for i in shown], fontsize=7)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel("bits per pixel")
    axes.set_title(title, loc="left", fontsize=10)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8.5)
    return figure
