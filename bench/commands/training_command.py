"""How the training commands show where they stand, and what they say as each training ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from time import monotonic
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
    with Bars(console, plan.recipe.epochs, batch=plan.recipe.batch) as bars:
        about = train_classifier(plan, bars.progress)
    training = about.training
    yield (
        f"{plan.out}: {plan.network} on {about.dataset}, held-out accuracy {100 * training['held_out_accuracy']:.1f} % "
        f"of {training['held_out_images']:,} images"
    )
    yield str(plan.figure)


def run_colorcnn(plans: Sequence[ColorPlan], console: Console) -> Iterator[str]:
    """Trains one ColorCNN after another with a progress bar; yields what to print as each ends."""
    for number, plan in enumerate(plans):
        if len(plans) > 1:
            console.print(f"{number + 1} of {len(plans)}: {plan.file}", soft_wrap=True)
        later = sum(p.recipe.epochs for p in plans[number + 1 :])
        with Bars(console, plan.recipe.epochs, batch=plan.recipe.batch, epochs_after=later) as bars:
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
        with Bars(console, tuning.recipe.epochs, "coding training images", tuning.recipe.batch) as bars:
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
    """How training shows where it stands: ``with Bars(console, epochs) as bars: train(..., bars.progress)``

    batch: images of a step, for the pace. epochs_after: those of trainings that wait behind this one.
    """

    def __init__(
        self,
        console: Console,
        epochs: int,
        before: str = "reading images",
        batch: int = 0,
        epochs_after: int = 0,
    ) -> None:
        self.console, self.epochs, self.before = console, epochs, before
        self.batch, self.epochs_after = batch, epochs_after
        self.progress = TrainingProgress(self._on_load, self._on_step, self._on_epoch, console.print)
        self._first: tuple[float, int] | None = None

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
        self._now = epoch * steps + step
        self._all = self.epochs * steps
        self._first = self._first or (monotonic(), self._now)
        self._bar.update(
            self._steps,
            visible=True,
            completed=self._now,
            total=self._all,
            description=f"epoch {epoch + 1} of {self.epochs}, loss {loss:.3f}{self._pace()}",
        )

    def _on_epoch(self, history: list[dict[str, Any]]) -> None:
        """The history, an entry for each epoch that has ended."""
        last = history[-1]
        if "held_out_class_accuracy" in last:
            held_out = f"its own guess held out {100 * last['held_out_class_accuracy']:.1f} %"
        else:
            soft = f" ({100 * last['held_out_soft_accuracy']:.1f} % soft)" if "held_out_soft_accuracy" in last else ""
            held_out = f"held out {100 * last['held_out_accuracy']:.1f} %{soft}"
        self.console.print(
            f"epoch {last['epoch']} of {self.epochs}: loss {last['loss']:.3f}, "
            f"training {100 * last['training_accuracy']:.1f} %, {held_out}"
            f"{self._pace()}",
            soft_wrap=True,
        )

    def _pace(self) -> str:
        """Images a second since this process began, judging included, and the time left at that pace."""
        if self._first is None or self._now <= self._first[1] or (seconds := monotonic() - self._first[0]) <= 0:
            return ""
        pace = (self._now - self._first[1]) / seconds  # steps a second
        left = (self._all - self._now + self.epochs_after * self._all / self.epochs) / pace
        images = f", {pace * self.batch:,.0f} images/s" if self.batch else ""
        return f"{images}, {timedelta(seconds=round(left))} left"
