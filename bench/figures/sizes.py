"""Smaller picture or lower quality: a panel for each codec, a line for each size."""

from __future__ import annotations

from math import ceil

import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..comparing.sizes import SizedCodec, sized_codecs
from ..reading.groups import Group
from .curve_styles import MARKERS, PALETTE, accuracy_label, uncompressed_line
from .rate_accuracy import rate_axis
from .style import plain

COLUMNS = 3
"""The panels beside one another at the most."""
TICKS = 4
"""Ticks for which a panel has room."""


def sizes(group: Group, axis: str = "log2") -> Figure | None:
    """Accuracy over bits per pixel of the originals, a panel a codec, a line a size, with 95 % intervals.

    None where no codec has several sizes. axis: log2 or linear, for the rate.
    """
    codecs = sized_codecs(group)
    if not codecs:
        return None
    names = list(dict.fromkeys(size for codec in codecs for size in codec.curves))
    styles = {size: (PALETTE[i % len(PALETTE)], MARKERS[i % len(MARKERS)]) for i, size in enumerate(names)}
    columns = min(COLUMNS, len(codecs))
    lines = ceil(len(codecs) / columns)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = Figure(figsize=(max(6.8, 3.1 * columns + 1.5), 2.7 * lines + 0.5), layout="constrained")
        panels = figure.subplots(lines, columns, squeeze=False, sharex=True, sharey=True).ravel()
    reference: list[Line2D] = []
    for axes, codec in zip(panels, codecs, strict=False):
        _panel(axes, group, codec, styles)
        reference = uncompressed_line(axes, group)
    for place, axes in enumerate(panels[: len(codecs)]):
        if place + columns >= len(codecs):  # nothing stands below it
            axes.tick_params(labelbottom=True)
    for axes in panels[len(codecs) :]:
        axes.set_axis_off()
    rates = [
        bpp for codec in codecs for curve in codec.curves.values() for bpp in group.rows.bpp.iloc[list(curve.rows)]
    ]
    rate_axis(panels[0], rates, axis, TICKS)
    panels[0].set_xlabel("")
    figure.supxlabel(
        "rate (bits per pixel of the original, log scale)" if axis != "linear" else "rate (bits per pixel)", fontsize=9
    )
    label = accuracy_label(group) if group.predicts else f"mean {group.measure.title}"
    figure.supylabel(label, fontsize=9)
    handles = [
        Line2D([], [], color=color, marker=marker, markersize=4, label=size) for size, (color, marker) in styles.items()
    ]
    figure.suptitle(group.title, x=0.01, ha="left", fontsize=10)
    figure.legend(
        handles=[*handles, *reference],
        loc="outside right upper",
        frameon=False,
        fontsize=8.5,
        title="stored size",
        alignment="left",
    )
    return figure


def _panel(axes: Axes, group: Group, codec: SizedCodec, styles: dict[str, tuple[str, str]]) -> None:
    """Draws the curves of one codec. styles: color and marker of each size."""
    plain(axes)
    for size, curve in codec.curves.items():
        rows = group.rows.iloc[list(curve.rows)]
        mean, low, high = (
            group.measure.scale * rows[c].to_numpy() for c in ("accuracy", "accuracy_low", "accuracy_high")
        )
        color, marker = styles[size]
        axes.plot(rows.bpp, mean, color=color, marker=marker, markersize=4, linewidth=1.3)
        axes.fill_between(rows.bpp, low, high, color=color, alpha=0.12, linewidth=0)
    axes.set_title(codec.name, loc="left", fontsize=9)
    axes.label_outer()
