"""How a training went: loss and accuracy over epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .style import axes_pair, save


def learning_curve(history: list[dict[str, Any]], title: str, path: Path, before: float | None = None) -> None:
    """Loss, and accuracy in training and held out, over epochs; redrawn after each.

    before: held-out accuracy that training began with, as a share.
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
