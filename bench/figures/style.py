"""The style of all figures: grid, sizes for papers, names as they are, and files that are equal for equal figures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from ...core.files import atomic_write
from ...core.printable import printable, shortened

WIDTHS = {"1-column": 3.35, "2-columns": 6.9}
"""The widths of figures in a two-column paper of letter or A4 size, in inches."""
WIDEST = 60.0
"""The inches of a figure's side at the most, whatever the names in it."""


def axes_pair() -> tuple[Figure, tuple[Axes, Axes]]:
    """A figure of two plots side by side, and its axes."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes in (left, right):
        plain(axes)
    return figure, (left, right)


def plain(axes: Axes) -> None:
    """Gives axes a light grid and no box."""
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def save(figure: Figure, path: Path, **options: Any) -> None:
    """Writes a figure as PNG, SVG or PDF, by the ending of its path; equal figures give equal bytes."""
    FigureCanvasAgg(figure)
    _show_names_as_they_are(figure)
    variable_key = {".svg": "Date", ".pdf": "CreationDate", ".png": "Software"}[path.suffix]
    metadata: dict[str, Any] = {variable_key: None}
    settings: Any = {"svg.hashsalt": "rabench", "pdf.fonttype": 42}
    with atomic_write(path) as partial, rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a box stands for a letter that the font lacks
        warnings.filterwarnings("ignore", "constrained_layout not applied")  # names as long as this overlap
        figure.savefig(partial, format=path.suffix[1:], dpi=200, metadata=metadata, **options)


def _show_names_as_they_are(figure: Figure) -> None:
    """Lets no text of a figure be read as a formula, steer what shows it, or make the figure larger than WIDEST."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            names = [label.get_text() for label in axis.get_ticklabels()]
            if (shown := [shortened(printable(name)) for name in names]) != names:  # ticks are written anew when drawn
                axis.set_ticks(axis.get_ticklocs(), shown)
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_parse_math(False)
        text.set_text("\n".join(shortened(printable(line)) for line in text.get_text().split("\n")))
    width, height = figure.get_size_inches()
    figure.set_size_inches(min(width, WIDEST), min(height, WIDEST))


def save_all(figure: Figure, folder: Path, name: str, paper: bool, bars: bool = False) -> list[Path]:
    """Writes a figure as PNG and SVG, and for a paper as PDF and SVG in each of WIDTHS; returns the files.

    paper: whether to write those as well; they have no title, and the legend below. bars: whether the figure is of bars
    with names; such a figure, and one of several plots, is not squeezed into one column.
    """
    files = [folder / f"{name}.{ending}" for ending in ("png", "svg")]
    _save_each(figure, files)
    if not paper:
        return files
    full_width, full_height = figure.get_size_inches()
    single = len(figure.axes) == 1 and not bars
    for columns, width in WIDTHS.items():
        if single or columns != "1-column":
            scale = 1 if full_width < 8 else width / full_width
            _fit_for_paper(figure, width, min(0.75 * width, 3.4) if single else full_height * scale)
            papers = [folder / f"{name}-{columns}.{ending}" for ending in ("pdf", "svg")]
            _save_each(figure, papers)
            files += papers
    return files


def _save_each(figure: Figure, paths: Sequence[Path]) -> None:
    """Writes a figure to each path; it is laid out once, which takes as long as drawing it."""
    for path in paths:
        save(figure, path)
        figure.set_layout_engine(None)  # everything stays where it is; with one, even "none", it is drawn twice
    figure.set_layout_engine("constrained")


def _fit_for_paper(figure: Figure, width: float, height: float) -> None:
    """Takes the title away, moves the legend below and sets the size; height: inches without the legend."""
    figure.suptitle("")
    if len(figure.axes) == 1:
        figure.axes[0].set_title("", loc="left")
    if any(axes.get_aspect() == 1 for axes in figure.axes):  # heat maps have their legend below already
        return  # as large as their cells need
    (legend,) = figure.legends
    handles, labels = list(filter(None, legend.legend_handles)), [text.get_text() for text in legend.get_texts()]
    size = 6 if len(labels) > 12 else 7
    longest = max(len(line) for label in labels for line in label.splitlines())
    columns = max(1, min(len(labels), int(width / (0.0083 * size * longest + 0.42))))
    lines = -(-sum(1 + label.count("\n") for label in labels) // columns)
    legend.remove()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=size, handlelength=2
    )
    figure.set_size_inches(width, height + 0.021 * size * lines)
