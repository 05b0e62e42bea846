"""The rate-accuracy figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from .curves import Curve, wilson
from .figures import plain

MARKERS = "osD^vPX<>ph*d8H"
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
MARKED = 12
"""Markers on a curve, about: a hundred would hide it."""
MARGIN = 1.25
"""Room left and right of the points on a log axis, as a factor."""


@dataclass(frozen=True)
class View:
    """What a figure shows."""

    title: str
    axis: str = "log2"
    """log2 or linear, for the rate."""
    labelled: bool = True
    """False: agreement with the uncompressed image's prediction instead of accuracy."""
    uncompressed: float | None = None
    """Accuracy on uncompressed images, as a share."""
    native_bpp: float | None = None


def rate_accuracy(rows: pd.DataFrame, curves: list[Curve], view: View) -> Figure:
    """Accuracy over bpp: a color a quantizer, a marker a codec, dashes for a quantizer's settings, Wilson bands."""
    styles = styles_of(curves)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(8.2, 4.4), layout="constrained")
        axes = figure.subplots()
    plain(axes)
    for curve in curves:
        part = rows.iloc[list(curve.rows)]
        color, dash, marker = styles[curve]
        share, low, high = _shares(part, view.labelled)
        sns.lineplot(
            x=part.bpp.to_numpy(),
            y=100 * share,
            ax=axes,
            color=color,
            linestyle=dash,
            marker=marker,
            markersize=5.5,
            markevery=max(1, len(part) // MARKED),
            markeredgewidth=0.5,
            linewidth=1.4,
            estimator=None,
            legend=False,
        )
        if len(part) > 1:
            axes.fill_between(part.bpp, 100 * low, 100 * high, color=color, alpha=0.13, linewidth=0)
        else:
            axes.errorbar(part.bpp, 100 * share, 100 * np.vstack([share - low, high - share]), color=color, capsize=2)
    band = Patch(color="0.5", alpha=0.25, linewidth=0, label="95 % interval (Wilson)")
    handles = [*_legend(curves, styles), *_lines(axes, view), band]
    _rate_axis(axes, rows.iloc[[i for c in curves for i in c.rows]].bpp.to_numpy(), view)
    axes.set_ylabel("top-1 accuracy (%)" if view.labelled else "agreement with the uncompressed image (%)")
    axes.set_title(view.title, loc="left", fontsize=10)
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=8.5, handlelength=3)
    return figure


Style = tuple[Any, Any, str]
"""Color, dashes, marker."""


def styles_of(curves: list[Curve]) -> dict[Curve, Style]:
    quantizers = list(dict.fromkeys(c.quantizer.split(":")[0] for c in curves))
    variants: dict[str, list[str]] = {}
    for c in curves:
        known = variants.setdefault(c.quantizer.split(":")[0], [])
        if c.quantizer not in known:
            known.append(c.quantizer)
    codecs = list(dict.fromkeys(c.codec for c in curves))
    palette = sns.color_palette("colorblind", max(len(quantizers), 1))
    return {
        c: (
            palette[quantizers.index(name := c.quantizer.split(":")[0])],
            DASHES[variants[name].index(c.quantizer) % len(DASHES)],
            MARKERS[codecs.index(c.codec) % len(MARKERS)],
        )
        for c in curves
    }


def _shares(part: pd.DataFrame, labelled: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if labelled:
        return part.accuracy.to_numpy(), part.accuracy_low.to_numpy(), part.accuracy_high.to_numpy()
    bounds = [wilson(a, n) for a, n in zip(part.agreeing, part.compared, strict=True)]
    return part.agreement.to_numpy(), np.array([b[0] for b in bounds]), np.array([b[1] for b in bounds])


def _legend(curves: list[Curve], styles: dict[Curve, Style]) -> list[Line2D]:
    return [
        Line2D([], [], color=color, linestyle=dash, marker=marker, markersize=5.5, linewidth=1.4, label=curve.name)
        for curve, (color, dash, marker) in styles.items()
    ]


def _lines(axes: Axes, view: View) -> list[Line2D]:
    found = []
    if view.uncompressed is not None:
        label = f"uncompressed: {100 * view.uncompressed:.1f} %"
        found.append(axes.axhline(100 * view.uncompressed, color="0.25", linewidth=1, linestyle="--", label=label))
    if view.native_bpp is not None:
        label = f"native files: {view.native_bpp:.2f} bpp"
        found.append(axes.axvline(view.native_bpp, color="0.55", linewidth=1, linestyle=":", label=label))
    return found


def _rate_axis(axes: Axes, bpp: np.ndarray, view: View) -> None:
    used = np.array([b for b in [*bpp, view.native_bpp] if b is not None and b > 0])
    if view.axis == "linear" or not len(used):
        axes.set_xlim(left=0)
        axes.set_xlabel("rate (bits per pixel)")
        return
    low, high = used.min() / MARGIN, used.max() * MARGIN
    axes.set_xscale("log", base=2)
    axes.set_xlim(low, high)
    powers = 2.0 ** np.arange(np.ceil(np.log2(low)), np.floor(np.log2(high)) + 1)
    axes.xaxis.set_major_locator(FixedLocator(list(powers)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("rate (bits per pixel, log scale)")
