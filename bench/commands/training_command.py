"""How the training commands show where they stand, and what they say as each training ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from ...core.progress import TrainingProgress
from ..running import executors
from ..training.classifier import Plan, train_classifier
from ..training.colorcnn import ColorPlan, train_colorcnn
from ..training.finetune import Tuning, finetune


def use_threads(threads: int) -> None:
    """threads: CPU threads of a training; 0 leaves one a core."""
    if threads:
        torch.set_num_threads(threads)


def run_training(plan: Plan, console: Console) -> Iterator[str]:
    """Trains with a progress bar; yields what to print at the end."""
    with Bars(console, plan.recipe.epochs) as bars:
        about = train_classifier(plan, bars.progress)
    training = about.training
    yield (
        f"{plan.out}: {plan.network} on {about.dataset}, held-out accuracy {100 * training['held_out_accuracy']:.1f} % "
        f"of {training['held_out_images']:,} images"
    )
    yield str(plan.figure)


def run_colorcnn(plans: Iterable[ColorPlan], console: Console) -> Iterator[str]:
    """Trains one ColorCNN after another with a progress bar; yields what to print as each ends."""
    for plan in plans:
        with Bars(console, plan.recipe.epochs) as bars:
            training = train_colorcnn(plan, bars.progress).training
        by_colors = ", ".join(f"{100 * stored:.1f} % at {n}" for n, stored, _ in training["by_colors"])
        yield (
            f"{plan.file}: {plan.title}, held-out accuracy {100 * training['held_out_accuracy']:.1f} % of "
            f"{training['held_out_images']:,} images, {100 * training['held_out_accuracy_of_originals']:.1f} % as they are"
            + (f"; {by_colors}" if plan.plus else "")
        )
        yield str(plan.figure)


def run_finetune(tunings: Iterable[Tuning], workers: int, console: Console) -> Iterator[str]:
    """Tunes a classifier for one point after another; yields what to print as each ends."""
    for tuning in tunings:
        with Bars(console, tuning.recipe.epochs, "coding training images") as bars:
            about = finetune(tuning, lambda: executors.make(workers, None), bars.progress)
        training = about.training
        stayed = " (no epoch was better: the weights are those it began with)" if not training["epoch"] else ""
        lost = ""
        if training["not_coded"]:
            lost = f"; {training['not_coded']:,} images could not be coded: {training['not_coded_example']}"
        yield (
            f"{tuning.file}: {tuning.name}, held-out accuracy {100 * training['held_out_accuracy_before']:.1f} -> "
            f"{100 * training['held_out_accuracy']:.1f} % of {training['held_out_images']:,} images "
            f"(epoch {training['epoch']}){stayed}{lost}"
        )
        yield str(tuning.figure)


class Bars:
    """How training shows where it stands: ``with Bars(console, epochs) as bars: train(..., bars.progress)``"""

    def __init__(self, console: Console, epochs: int, before: str = "reading images") -> None:
        self.console, self.epochs, self.before = console, epochs, before
        self.progress = TrainingProgress(self._on_load, self._on_step, self._on_epoch, console.print)

    def __enter__(self) -> Bars:
        self._bar = Progress(console=self.console)
        self._bar.start()
        self._loading = self._bar.add_task(self.before, total=None)
        self._steps = self._bar.add_task("training", total=None, visible=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _on_load(self, done: int, total: int) -> None:
        """Images read, or blocks of them coded."""
        self._bar.update(self._loading, completed=done, total=total)

    def _on_step(self, epoch: int, step: int, steps: int, loss: float) -> None:
        """A step of an epoch of so many steps, and the running loss."""
        self._bar.update(
            self._steps,
            visible=True,
            completed=epoch * steps + step,
            total=self.epochs * steps,
            description=f"epoch {epoch + 1} of {self.epochs}, loss {loss:.3f}",
        )

    def _on_epoch(self, history: list[dict[str, Any]]) -> None:
        """The history, an entry for each epoch that has ended."""
        last = history[-1]
        soft = f" ({100 * last['held_out_soft_accuracy']:.1f} % soft)" if "held_out_soft_accuracy" in last else ""
        self.console.print(
            f"epoch {last['epoch']} of {self.epochs}: loss {last['loss']:.3f}, "
            f"training {100 * last['training_accuracy']:.1f} %, held out {100 * last['held_out_accuracy']:.1f} %{soft}"
        )
