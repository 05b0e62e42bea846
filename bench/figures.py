"""How every figure of rabench looks, and how it is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..core.files import whole_file


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
    """Writes PNG or SVG by the ending; equal figures give equal bytes."""
    FigureCanvasAgg(figure)
    metadata: dict[str, Any] = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with whole_file(path) as partial, rc_context({"svg.hashsalt": "rabench"}):
        figure.savefig(partial, format=path.suffix[1:], dpi=200, metadata=metadata, **options)
