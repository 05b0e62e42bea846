"""What `rabench train classifier` checks and shows; `training.py` does the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from ..classifiers.training import Recipe
from ..core.errors import BadSetting
from ..datasets import DATASETS
from .training import Plan, train_classifier

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
    for name, value, known in (("precision", recipe["precision"], PRECISIONS), ("dtype", options["dtype"], DTYPES)):
        if value not in known:
            raise BadSetting(f"--{name} must be one of {', '.join(known)}, got {value!r}")
    if out.suffix != ".safetensors":
        raise BadSetting(f"--out must end in .safetensors, got {out}")
    if threads:
        torch.set_num_threads(threads)
    images = replace(DATASETS.make(dataset), split="train")
    plan = Plan(network, images, out, Recipe(**recipe), **options)
    with Progress(console=console) as bar:
        loading = bar.add_task("reading images", total=None)
        steps = bar.add_task("training", total=None, visible=False)

        def on_load(done: int, total: int) -> None:
            bar.update(loading, completed=done, total=total)

        def on_step(epoch: int, step: int, of: int, loss: float) -> None:
            bar.update(
                steps,
                visible=True,
                completed=epoch * of + step,
                total=plan.recipe.epochs * of,
                description=f"epoch {epoch + 1} of {plan.recipe.epochs}, loss {loss:.3f}",
            )

        def on_epoch(history: list[dict[str, Any]]) -> None:
            last = history[-1]
            console.print(
                f"epoch {last['epoch']} of {plan.recipe.epochs}: loss {last['loss']:.3f}, "
                f"training {100 * last['training_accuracy']:.1f} %, held out {100 * last['held_out_accuracy']:.1f} %"
            )

        about = train_classifier(plan, on_load, on_step, on_epoch)
    held = about.training["held_out_accuracy"]
    yield f"{out}: {network} on {about.dataset}, held-out accuracy {100 * held:.1f} % of {about.training['held_out_images']:,} images"
    yield str(plan.figure)
