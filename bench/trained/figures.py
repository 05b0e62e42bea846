"""Figures of trained networks: accuracy over the bytes of the training set, and training sets against test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from matplotlib.transforms import ScaledTranslation

from ..figures.curve_styles import MARKERS, PALETTE
from ..figures.style import plain
from .results import SeededResult, short_names

DARK = 0.55
"""The share of the color range from which on a cell's text is white."""


def accuracy_over_bytes(tested: Sequence[SeededResult]) -> Figure | None:
    """Accuracy over the megabytes of training files, a line for each way to store them, with 95 % intervals over seeds and
    images: tested on images that are stored in the same way, and on originals, or on others where no network was tested on
    those. None without bytes."""
    shown = [t for t in tested if np.isfinite(t.known("bytes"))]
    if not shown:
        return None
    panels = [("tested on the same storage", [t for t in shown if t.same])]
    others = list(dict.fromkeys(t.test for t in shown if not t.same))
    chosen = ["none+raw"] if "none+raw" in others else others[: 2 if not panels[0][1] else 1]
    panels += [
        (f"tested on {own[0].test_title}", own) for own in ([t for t in shown if t.test == test] for test in chosen)
    ]
    panels = [(title, own) for title, own in panels if own]
    budgets = any(t.budget for t in shown)
    kinds = list(dict.fromkeys(_kind(t, budgets) for t in shown))
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        height = max(3.4, 0.6 + 0.2 * len(kinds))  # room for the legend
        width = max(3.4 * len(panels), 0.085 * len(_title(shown))) + 2.0
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    for one, (title, own) in zip(axes, panels, strict=True):
        _panel(one, own, kinds, budgets)
        one.set_title(title, fontsize=9, loc="left")
    aside = ", lines set apart" if budgets else ""
    figure.supxlabel(f"files of the training images (MB, log scale{aside})", fontsize=9)
    figure.supylabel("top-1 accuracy (%)", fontsize=9)
    figure.suptitle(_title(shown), x=0.01, ha="left", fontsize=10)
    handles = [
        Line2D([], [], color=_color(i), marker=_marker(i), markersize=4, label=_label(k, shown, budgets))
        for i, k in enumerate(kinds)
    ]
    figure.legend(
        handles=handles, loc="outside right upper", frameon=False, fontsize=8.5, title="stored as", alignment="left"
    )
    return figure


def _panel(axes: Axes, tested: Sequence[SeededResult], kinds: Sequence[str], budgets: bool) -> None:
    plain(axes)
    axes.set_xscale("log")
    sizes = [t.known("bytes") / 1e6 for t in tested]
    for number, kind in enumerate(kinds):
        own = sorted((t for t in tested if _kind(t, budgets) == kind), key=lambda t: t.known("bytes"))
        means = [t.mean() for t in own]
        values = np.array([100 * m.value for m in means])
        reach = np.abs(np.array([[100 * m.low, 100 * m.high] for m in means]).reshape(-1, 2).T - values)
        line = axes.errorbar(
            [t.known("bytes") / 1e6 for t in own],
            values,
            np.nan_to_num(reach),
            color=_color(number),
            marker=_marker(number),
            markersize=4,
            linewidth=1.2,
            elinewidth=0.9,
            capsize=2,
        )
        if budgets:  # their sets are of one size: side by side
            _move(line, axes, number - (len(kinds) - 1) / 2)
    near = bool(sizes) and max(sizes) < 10 * min(sizes)
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]) if near else LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())


def _move(line: ErrorbarContainer, axes: Axes, steps: float) -> None:
    """Moves a line and its intervals to the right by so many steps of 2.5 points."""
    moved = axes.transData + ScaledTranslation(2.5 * steps / 72, 0, axes.figure.dpi_scale_trans)
    for artist in line.get_children():
        artist.set_transform(moved)


def _color(number: int) -> str:
    return PALETTE[number % len(PALETTE)]


def _marker(number: int) -> str:
    return MARKERS[number % len(MARKERS)]


def _kind(t: SeededResult, budgets: bool) -> str:
    """What makes a line: a way to store images at all qualities, or, where budgets cut the sets, at one of them."""
    if budgets:
        return t.images.name.removeprefix("none+")
    first = "" if t.images.quantizer.name == "none" else f"{t.images.quantizer.variant}+"
    return f"{first}{t.images.codec.variant}{f'@{t.images.size}' if t.images.size else ''}"


def _label(kind: str, tested: Sequence[SeededResult], budgets: bool) -> str:
    """A line's name, without its files where tables leave them out."""
    own = [t for t in tested if _kind(t, budgets) == kind]
    whole = any(t.trained_on_title == t.trained_on for t in own)
    return kind if whole else short_names([kind])[kind]


def _title(tested: Sequence[SeededResult]) -> str:
    first = tested[0]
    return f"{first.network} trained on stored images, {first.dataset}"


def train_test_heatmap(tested: Sequence[SeededResult]) -> Figure | None:
    """Accuracy of each training set (rows, the smallest first) on each way to store test images (columns), with half of its 95 % interval.

    The same way as for training has a column of its own. None for fewer than two training sets without a budget.
    """
    shown = [t for t in tested if not t.budget]
    rows = list(dict.fromkeys(t.trained_on for t in sorted(shown, key=lambda t: np.nan_to_num(t.known("bytes")))))
    others = list(dict.fromkeys(t.test for t in shown if not t.same))
    columns = [*(["same as trained"] if any(t.same for t in shown) else []), *others]
    if len(rows) < 2:
        return None
    values = np.full((len(rows), len(columns)), np.nan)
    texts = np.full(values.shape, "", object)
    for t in shown:
        mean = t.mean()
        half = f" ±{50 * (mean.high - mean.low):.1f}" if np.isfinite(mean.low) else ""
        for place in (
            {0}
            if t.same and t.test not in others
            else {0, columns.index(t.test)}
            if t.same
            else {columns.index(t.test)}
        ):
            values[rows.index(t.trained_on), place] = 100 * mean.value
            texts[rows.index(t.trained_on), place] = f"{100 * mean.value:.1f}{half}"
    names = [next(t.trained_on_title for t in shown if t.trained_on == row) for row in rows]
    titles = {t.test: t.test_title for t in shown}
    width = 1.9 + 0.07 * max(map(len, names)) + 1.25 * len(columns)
    figure = Figure(figsize=(width, 1.9 + 0.27 * len(rows)), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(values, cmap="cividis", aspect="auto")
    low, high = np.nanmin(values), np.nanmax(values)
    for (row, column), text in np.ndenumerate(texts):
        bright = np.isfinite(values[row, column]) and values[row, column] - low > DARK * (high - low)
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color="black" if bright else "white")
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.set_xticks(range(len(columns)), [titles.get(c, c) for c in columns], fontsize=8)
    axes.set_ylabel("training images", fontsize=9)
    axes.set_xlabel("test images", fontsize=9)
    axes.tick_params(length=0)
    bar = figure.colorbar(drawn, ax=axes, shrink=0.9)
    bar.set_label("top-1 accuracy (%)", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    left_out = "; those without a budget" if len(shown) < len(tested) else ""
    figure.suptitle(_title(shown) + left_out, x=0.01, ha="left", fontsize=10)
    return figure
