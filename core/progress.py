"""Who is told how a training goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

History = list[dict[str, Any]]
"""The figures of each epoch that has ended: epoch, loss, accuracies."""


@dataclass(frozen=True)
class TrainingProgress:
    """Calls that a training makes while it goes on; by default nobody is told."""

    on_load: Callable[[int, int], None] = lambda *_: None
    """With the number of images read, or of blocks coded, and of all."""
    on_step: Callable[[int, int, int, float], None] = lambda *_: None
    """With the epoch from 0, the step in it from 1, the steps of an epoch, and the running loss; not at every step."""
    on_epoch: Callable[[History], None] = lambda _: None
    """With the history, after each epoch."""
    say: Callable[[str], None] = lambda _: None
    """With a sentence, such as that a GPU has too little memory for a batch, which then goes in parts."""
