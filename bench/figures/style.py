"""How every figure of rabench looks, and how it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ...core.files import atomic_write

WIDTHS = {"1-column": 3.35, "2-columns": 6.9}
"""Inches, in a two-column paper of letter or A4 size."""


def axes_pair() -> tuple[Figure, tuple[Axes, Axes]]:
    """Two plots side by side."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        plain(axes)
    return figure, (left, right)


def plain(axes: Axes) -> None:
    """A light grid and no box."""
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Writes PNG, SVG or PDF by the ending; equal figures give equal bytes."""
    FigureCanvasAgg(figure)
    without = {".svg": "Date", ".pdf": "CreationDate", ".png": "Software"}
    metadata: dict[str, Any] = {without[path.suffix]: None}
    with atomic_write(path) as partial, rc_context({"svg.hashsalt": "rabench", "pdf.fonttype": 42}):
        figure.savefig(partial, format=path.suffix[1:], dpi=200, metadata=metadata, **options)


def save_all(figure: Figure, folder: Path, name: str, paper: bool, bars: bool = False) -> list[Path]:
    """PNG and SVG; for a paper PDF and SVG of each width beside them, without title, the legend below.

    A figure of several plots or of bars with names is not squeezed into one column.
    """
    files = [folder / f"{name}.{ending}" for ending in ("png", "svg")]
    for path in files:
        save(figure, path)
    if not paper:
        return files
    wide, high = figure.get_size_inches()
    alone = len(figure.axes) == 1 and not bars
    for columns, width in WIDTHS.items():
        if alone or columns != "1-column":
            _for_paper(figure, width, min(0.75 * width, 3.4) if alone else high * (1 if wide < 8 else width / wide))
            papers = [folder / f"{name}-{columns}.{ending}" for ending in ("pdf", "svg")]
            for path in papers:
                save(figure, path)
            files += papers
    return files


def _for_paper(figure: Figure, width: float, high: float) -> None:
    """high: inches without the legend."""
    figure.suptitle("")
    if len(figure.axes) == 1:
        figure.axes[0].set_title("", loc="left")
    if any(axes.get_aspect() == 1 for axes in figure.axes):  # heat maps have their legend below already
        return  # as large as their cells need
    (legend,) = figure.legends
    handles, labels = list(filter(None, legend.legend_handles)), [text.get_text() for text in legend.get_texts()]
    size = 6 if len(labels) > 12 else 7
    longest = max(len(line) for label in labels for line in label.splitlines())
    across = max(1, min(len(labels), int(width / (0.0083 * size * longest + 0.42))))
    lines = -(-sum(1 + label.count("\n") for label in labels) // across)
    legend.remove()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=across, frameon=False, fontsize=size, handlelength=2
    )
    figure.set_size_inches(width, high + 0.021 * size * lines)
