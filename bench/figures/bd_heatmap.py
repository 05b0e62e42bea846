"""Heat maps of the BD-rate and BD-accuracy of every curve against every other."""

from __future__ import annotations

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from ...core.printable import LONGEST
from ..comparing.bootstrap import Estimate
from ..comparing.pairwise import PairwiseBD

MOST = 24
"""The most curves that can be read in a figure; the report's page has all."""
CELL = 0.42
"""The side of a cell, in inches."""
FULL_RATE = 50.0
"""The distances from which on colors are deepest: percentage points of accuracy, and percent of rate."""


def bd_heatmap(pairs: PairwiseBD | None) -> Figure | None:
    """The heat map of BD-accuracy above that of BD-rate; a cell is blue where its row is better than its column.

    None without curves, or with more than MOST.
    """
    if pairs is None or len(pairs.curves) > MOST:
        return None
    n = len(pairs.curves)
    names = 0.3 + 0.062 * min(LONGEST, max(map(len, pairs.curves)))  # inches
    with sns.axes_style("white"), sns.plotting_context("paper"):
        figure = Figure(figsize=(max(5.6, names + CELL * n + 0.2), 2 * CELL * n + names + 1.4), layout="constrained")
        above, below = figure.subplots(2, 1, sharex=True)
    measure = pairs.measure
    title = f"BD-{measure.name} ({measure.step})" if measure.step else f"BD-{measure.name}"
    _map(above, pairs.curves, pairs.accuracy, title, measure.large_step, good=measure.better)
    _map(below, pairs.curves, pairs.rate, "BD-rate (%)", FULL_RATE, good=-1)
    figure.suptitle(pairs.title, x=0.01, ha="left", fontsize=10)
    figure.legend(
        handles=[
            Patch(color=_color(1), label="row better than column"),
            Patch(color=_color(-1), label="row worse"),
            Patch(
                facecolor="white",
                edgecolor="0.7",
                hatch="////",
                label="refused: too little in common, or accuracy dips",
            ),
            Patch(alpha=0, label=f"grey figures: the 95 % interval holds 0 ({pairs.images:,} images)"),
        ],
        loc="outside lower left",
        ncols=1,
        frameon=False,
        fontsize=8,
    )
    return figure


def _color(depth: float) -> tuple[float, float, float]:
    """The color of a cell, from -1 (worse, orange) over white to 1 (better, blue); red, green and blue in 0..1."""
    better, worse = sns.color_palette("colorblind")[:2]
    full, share = (better, depth) if depth >= 0 else (worse, -depth)
    red, green, blue = (1 - 0.8 * share * (1 - channel) for channel in full)
    return red, green, blue


def _map(axes: Axes, names: list[str], table: list[list[Estimate | None]], title: str, full: float, good: int) -> None:
    """Draws one heat map. full: the value of the deepest color. good: 1 where more is better, -1 where less is."""
    scale = TwoSlopeNorm(0, -full, full)
    n = len(names)
    for y in range(n):
        for x in range(n):
            pair = table[y][x]
            box = Rectangle((x, y), 1, 1, facecolor="0.95", edgecolor="white")
            if pair is not None and pair.reason:
                box = Rectangle((x, y), 1, 1, facecolor="white", edgecolor="0.8", hatch="////", linewidth=0)
            elif pair is not None:
                depth = float(2 * scale(good * pair.value) - 1)
                sure = bool(np.isfinite(pair.low) and (pair.low > 0 or pair.high < 0))
                box = Rectangle((x, y), 1, 1, facecolor=_color(np.clip(depth, -1, 1) if sure else 0), edgecolor="white")
                digits = 0 if abs(pair.value) >= 100 else 1 if full > 1 else 3
                number = f"{pair.value:+.{digits}f}"
                axes.text(
                    x + 0.5, y + 0.5, number, ha="center", va="center", fontsize=6.5, color="0.1" if sure else "0.5"
                )
            axes.add_patch(box)
    axes.set_xlim(0, n)
    axes.set_ylim(n, 0)
    axes.set_xticks(np.arange(n) + 0.5, names, rotation=90, fontsize=7)
    axes.set_yticks(np.arange(n) + 0.5, names, fontsize=7)
    axes.tick_params(length=0)
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_aspect("equal")
    for spine in axes.spines.values():
        spine.set_visible(False)
