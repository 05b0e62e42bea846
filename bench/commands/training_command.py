"""What `rabench train classifier` checks and shows; `training.py` does the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from ...classifiers import CLASSIFIERS
from ...classifiers.training import Recipe
from ...core.errors import BadSetting
from ...core.learning import BORDERS
from ...datasets import DATASETS
from ..training.classifier import Plan, train_classifier

PRECISIONS = ("fp32", "bf16")
DTYPES = ("fp16", "fp32")


def run_training(
    network: str,
    dataset: str,
    out: Path,
    recipe: dict[str, Any],
    options: dict[str, Any],
    threads: int,
    console: Console,
) -> Iterator[str]:
    """Trains with a progress bar; yields what to print at the end."""
    recipe["precision"] = recipe["precision"] or ("bf16" if torch.cuda.is_available() else "fp32")
    _check_among(("precision", recipe["precision"], PRECISIONS), ("dtype", options["dtype"], DTYPES))
    if out.suffix != ".safetensors":
        raise BadSetting(f"--out must end in .safetensors, got {out}")
    if threads:
        torch.set_num_threads(threads)
    images = replace(DATASETS.make(dataset), split="train")
    plan = Plan(network, images, out, Recipe(**recipe), **options)
    with Bars(console, plan.recipe.epochs) as bars:
        about = train_classifier(plan, bars.on_load, bars.on_step, bars.on_epoch, console.print)
    held = about.training["held_out_accuracy"]
    yield f"{out}: {network} on {about.dataset}, held-out accuracy {100 * held:.1f} % of {about.training['held_out_images']:,} images"
    yield str(plan.figure)


def run_colorcnn(
    dataset: str,
    classifier: str,
    colors: str,
    out: Path,
    recipe: str,
    changed: dict[str, Any],
    options: dict[str, Any],
    threads: int,
    console: Console,
) -> Iterator[str]:
    """Trains one ColorCNN after another with a progress bar; yields what to print as each ends."""
    from ...quantizers.colorcnn.training import OPTIMIZERS, RECIPES
    from ..training.colorcnn import ColorPlan, train_colorcnn

    if recipe not in RECIPES:
        raise BadSetting(f"--recipe must be one of {', '.join(RECIPES)}, got {recipe!r}")
    changed = {name: value for name, value in changed.items() if value is not None}
    changed.setdefault("precision", "bf16" if torch.cuda.is_available() else "fp32")
    full = replace(RECIPES[recipe], **changed)
    _check_among(("precision", full.precision, PRECISIONS), ("dtype", options["dtype"], DTYPES))
    _check_among(("optimizer", full.optimizer, OPTIMIZERS), ("border", full.border, BORDERS))
    try:
        numbers = [int(word) for word in colors.split(",")]
    except ValueError:
        raise BadSetting(f"--colors must be a number or several, such as 2,4,8, got {colors!r}") from None
    if threads:
        torch.set_num_threads(threads)
    images = replace(DATASETS.make(dataset), split="train")
    judge = CLASSIFIERS.make(classifier)
    plans = [ColorPlan(images, judge, n, out, recipe, full, **options) for n in numbers]
    for plan in plans:
        with Bars(console, full.epochs) as bars:
            about = train_colorcnn(plan, bars.on_load, bars.on_step, bars.on_epoch, console.print)
        said = about.training
        yield (
            f"{plan.file}: {plan.colors} colors, held-out accuracy {100 * said['held_out_accuracy']:.1f} % of "
            f"{said['held_out_images']:,} images, {100 * said['held_out_accuracy_of_originals']:.1f} % as they are"
        )
        yield str(plan.figure)


def run_finetune(
    study: Path,
    classifier: str | None,
    points: list[str],
    dataset: str | None,
    out: Path | None,
    recipe: dict[str, Any],
    options: dict[str, Any],
    workers: int | None,
    threads: int,
    console: Console,
) -> Iterator[str]:
    """Tunes a classifier for one point after another; yields what to print as each ends."""
    from ..running import executors
    from ..study.matrix import beside, find_study
    from ..training.finetune import RECIPE, Tuning, finetune, targets

    found = find_study(str(study))
    found.load_plugins()  # the classifier and the data set may be of files that the study names
    full = replace(RECIPE, **{name: value for name, value in recipe.items() if value is not None})
    full = replace(full, precision=recipe["precision"] or ("bf16" if torch.cuda.is_available() else "fp32"))
    _check_among(("precision", full.precision, PRECISIONS), ("dtype", options["dtype"], DTYPES))
    judge = beside(beside(CLASSIFIERS.make(classifier), Path()), found.base()) if classifier else None
    images = beside(DATASETS.make(dataset), Path()) if dataset else None
    if threads:
        torch.set_num_threads(threads)
    count = executors.default_workers() if workers is None else workers
    for target in targets(found, judge, points, images, out):
        tuning = Tuning(found, target, full, **options)
        with Bars(console, full.epochs, "coding training images") as bars:
            about = finetune(
                tuning, lambda: executors.make(count, None), bars.on_load, bars.on_step, bars.on_epoch, console.print
            )
        said = about.training
        stayed = " (no epoch was better: the weights are those it began with)" if not said["epoch"] else ""
        lost = f"; {said['not_coded']:,} images could not be coded: {said['not_coded_example']}" * bool(
            said["not_coded"]
        )
        yield (
            f"{tuning.file}: {tuning.name}, held-out accuracy {100 * said['held_out_accuracy_before']:.1f} -> "
            f"{100 * said['held_out_accuracy']:.1f} % of {said['held_out_images']:,} images (epoch {said['epoch']}){stayed}{lost}"
        )
        yield str(tuning.beside("training.png"))


def _check_among(*given: tuple[str, str, tuple[str, ...]]) -> None:
    for name, value, known in given:
        if value not in known:
            raise BadSetting(f"--{name} must be one of {', '.join(known)}, got {value!r}")


class Bars:
    """How training shows where it stands: ``with Bars(console, epochs) as bars: train(..., bars.on_step)``"""

    def __init__(self, console: Console, epochs: int, before: str = "reading images") -> None:
        self.console, self.epochs, self.before = console, epochs, before

    def __enter__(self) -> Bars:
        self._bar = Progress(console=self.console)
        self._bar.start()
        self._loading = self._bar.add_task(self.before, total=None)
        self._steps = self._bar.add_task("training", total=None, visible=False)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def on_load(self, done: int, total: int) -> None:
        self._bar.update(self._loading, completed=done, total=total)

    def on_step(self, epoch: int, step: int, of: int, loss: float) -> None:
        self._bar.update(
            self._steps,
            visible=True,
            completed=epoch * of + step,
            total=self.epochs * of,
            description=f"epoch {epoch + 1} of {self.epochs}, loss {loss:.3f}",
        )

    def on_epoch(self, history: list[dict[str, Any]]) -> None:
        last = history[-1]
        self.console.print(
            f"epoch {last['epoch']} of {self.epochs}: loss {last['loss']:.3f}, "
            f"training {100 * last['training_accuracy']:.1f} %, held out {100 * last['held_out_accuracy']:.1f} %"
        )
