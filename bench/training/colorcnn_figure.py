"""The figure of a ColorCNN's training: loss, stored and soft accuracy over epochs, held-out images as they are drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.figure import Figure

from ...core.learning import Images
from ...core.networks import device
from ...quantizers.colorcnn import training
from ..figures.style import plain, save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLES = 8
"""Held-out images that the figure shows."""


def training_figure(
    trained: training.Training, held_out: Images, history: list[dict[str, Any]], title: str, path: Path
) -> None:
    """Draws how a training stands; called again after each epoch. history: an entry for each epoch that has ended."""
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 5.2), layout="constrained")
    panels: Any = figure.subfigures(2, 1, height_ratios=(3, 2))
    above, below = panels
    left, right = above.subplots(1, 2)
    for axes in (left, right):
        plain(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _losses(left, history)
    _accuracies(right, history)
    left.set_title(title, fontsize=9, loc="left", pad=22)
    picture = below.subplots()
    picture.imshow(_samples(trained, held_out), interpolation="nearest")
    picture.set_axis_off()
    low, high = trained.colors.low, trained.colors.high
    drawn = f"in {low} colors" if low == high else f"in {low} and in {high} colors"
    below.suptitle(f"held-out images as they are, and {drawn}", fontsize=8.5)
    save(figure, path)


def _losses(axes: Axes, history: list[dict[str, Any]]) -> None:
    """The loss of epochs that draw, of those that learn the classes, which is another one, and the regularizer."""
    drawing = [entry for entry in history if "held_out_class_accuracy" not in entry]
    guessing = [entry for entry in history if "held_out_class_accuracy" in entry]
    lines = (
        (drawing, "loss", "o-", "C0", "loss"),
        (guessing, "loss", "s:", "0.4", "loss of its own guess"),
        ([e for e in drawing if e["regularizer"]], "regularizer", "s-", "C2", "its regularizer"),
    )
    for entries, key, style, color, label in lines:
        if entries:
            axes.plot(
                [e["epoch"] for e in entries], [e[key] for e in entries], style, markersize=3, color=color, label=label
            )
    axes.set(xlabel="epoch", ylabel="loss (training)", ylim=(0, None))
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False, fontsize=8)


def _accuracies(axes: Axes, history: list[dict[str, Any]]) -> None:
    """Held out, a color for each number of colors: stored images drawn through, training images dashed."""
    guessing = [entry for entry in history if "held_out_class_accuracy" in entry]
    drawing = [entry for entry in history if "by_colors" in entry]
    if guessing:
        shares = [100 * entry["held_out_class_accuracy"] for entry in guessing]
        axes.plot([e["epoch"] for e in guessing], shares, "s:", color="0.4", markersize=3, label="its own guess")
    epochs = [entry["epoch"] for entry in drawing]
    for row, (colors, _, _) in enumerate(drawing[-1]["by_colors"] if drawing else []):
        for kind, style, marker in ((1, "-", "o"), (2, "--", None)):
            values = [100 * entry["by_colors"][row][kind] for entry in drawing]
            label = f"{colors} colors" if kind == 1 else None
            axes.plot(epochs, values, style, marker=marker, markersize=3, color=f"C{row}", label=label)
    axes.set(xlabel="epoch", ylabel="held out, top-1 accuracy (%)", ylim=(0, None))
    if drawing:
        axes.plot([], [], "--", color="0.4", label="soft (training image)")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=4, frameon=False, fontsize=7, columnspacing=1)


def _samples(trained: training.Training, held_out: Images) -> np.ndarray[Any, Any]:
    """Some held-out images above the same in few colors: (rows * H, SAMPLES * W, 3)."""
    pixels = torch.from_numpy(held_out.pixels[:SAMPLES]).to(device()).permute(0, 3, 1, 2)
    rows = [held_out.pixels[:SAMPLES]]
    trained.network.eval()
    with torch.inference_mode():
        for number in sorted({trained.colors.low, trained.colors.high}):
            indices = trained.network.indices(trained.judges[0].normalized(pixels), number)
            rows.append(training.painted(pixels, indices, number).permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate([np.hstack(list(row)) for row in rows])
