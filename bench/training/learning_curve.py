"""The learning curve of a training: loss and accuracy over epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..figures.style import axes_pair, save


def learning_curve(history: list[dict[str, Any]], title: str, path: Path, before: float | None = None) -> None:
    """Draws the loss, and the accuracies in training and on held-out images, over epochs, into a file.

    history: for each epoch ``epoch``, ``loss``, ``training_accuracy`` and ``held_out_accuracy`` (shares). path: a PNG,
    SVG or PDF. before: the held-out accuracy before the first epoch, as a share.
    """
    import pandas as pd
    from matplotlib.ticker import MaxNLocator

    frame = pd.DataFrame(history)
    figure, (left, right) = axes_pair()
    left.plot(frame.epoch, frame.loss, marker="o", markersize=3, color="C0")
    left.set(xlabel="epoch", ylabel="cross-entropy (training)", ylim=(0, None))
    right.plot(
        frame.epoch, 100 * frame.training_accuracy, marker="o", markersize=3, color="C0", label="training (augmented)"
    )
    right.plot(
        frame.epoch, 100 * frame.held_out_accuracy, marker="s", markersize=3, color="C1", label="held out of training"
    )
    right.set(xlabel="epoch", ylabel="top-1 accuracy (%)", ylim=(0, None))
    if before is not None:
        right.axhline(100 * before, color="0.4", linestyle="--", linewidth=1, label="held out, as it was")
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False, fontsize=8)
    left.set_title(title, fontsize=9, loc="left")
    save(figure, path)
