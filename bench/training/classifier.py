"""`rabench train`: brings a data set and a network together, and writes weights that say what they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...classifiers import CLASSIFIERS, weights
from ...classifiers.inference import Normalized
from ...classifiers.recipe import RECIPES, Recipe
from ...classifiers.resizing import resized_and_cropped
from ...classifiers.training import accuracy, train
from ...core.errors import BadSetting, Refused
from ...core.files import check_writable
from ...core.images import RGB
from ...core.learning import Images, environment, split
from ...core.networks import device, on_device, round_weights
from ...core.progress import TrainingProgress
from ...datasets.base import UNLABELLED, BadImage, Dataset
from ..study.paths import written
from ..study.trained import check_trainable
from .learning_curve import learning_curve
from .options import TrainingPlan, changed_options


@dataclass(frozen=True)
class Plan(TrainingPlan):
    """What `rabench train classifier` was asked for."""

    network: str
    dataset: Dataset
    out: Path
    recipe: Recipe
    recipe_name: str = "published"
    width: int = 0
    """0: the network's standard width."""
    size: int = 0
    """0: the size of the data set's images, which must all be alike then."""

    @property
    def file(self) -> Path:
        return self.out

    def command(self) -> str:
        words = ["rabench train classifier", f"--network {self.network}", f"--dataset {written(self.dataset, Path())}"]
        words += [f"--recipe {self.recipe_name}"] if self.recipe_name != Plan.recipe_name else []
        no_options = ("network", "dataset", "out", "recipe", "recipe_name", "restart")
        words += changed_options((self, Plan), (self.recipe, RECIPES[self.recipe_name]), leave_out=no_options)
        return " ".join([*words, f"--out {self.out.name}"])


def train_classifier(
    plan: Plan,
    progress: TrainingProgress | None = None,
) -> weights.About:
    """Trains as planned and writes weights and the learning curve. Test images are never seen."""
    progress = progress or TrainingProgress()
    check_trainable(plan.network)
    cls: Any = CLASSIFIERS[plan.network]
    if plan.dataset.split != "train":
        raise Refused(f"{plan.dataset.label}: training uses split=train only")
    check_writable(plan.out)
    if plan.restart:
        plan.checkpoint.unlink(missing_ok=True)
    images = load(plan.dataset, plan.size, plan.limit, progress.on_load)
    training, held_out = split(images, len(plan.dataset), plan.held_out, plan.limit, plan.dataset.label)
    normalization = plan.dataset.normalization
    width = plan.width or cls.standard_width
    torch.manual_seed(plan.recipe.seed)
    network = cls.build(len(plan.dataset.classes), width)

    def draw(history: list[dict[str, Any]]) -> None:
        learning_curve(history, f"{plan.network} on {plan.dataset.title}", plan.figure)
        progress.on_epoch(history)

    history = train(
        network,
        normalization,
        training,
        held_out,
        plan.recipe,
        plan.checkpoint,
        device(),
        replace(progress, on_epoch=draw),
    )
    return _write(plan, network, normalization, width, training, held_out, history)


def _write(
    plan: Plan, network: Any, normalization: Any, width: int, training: Images, held_out: Images, history: list[Any]
) -> weights.About:
    round_weights(network, plan.dtype == "fp16")  # what is evaluated is what ships
    judged = accuracy(on_device(Normalized(network, *normalization), device()), held_out, device())
    about = weights.About(
        network=plan.network,
        width=width,
        dataset=plan.dataset.label,
        classes=plan.dataset.classes,
        mean=normalization[0],
        std=normalization[1],
        size=training.pixels.shape[1],
        training={
            "command": plan.command(),
            "recipe": plan.recipe.settings(),
            "images": len(training),
            "notes": plan.dataset.notes(),
            "held_out_images": len(held_out),
            "held_out_accuracy": judged,
            "loss": history[-1]["loss"] if history else None,
            **environment(),
        },
    )
    weights.write(plan.out, network.state_dict(), about, plan.dtype == "fp16")
    return about


def load(dataset: Dataset, size: int, limit: int | None, on_load: Callable[[int, int], None]) -> Images:
    """A whole split in memory as uint8; images that cannot be read are an error here."""
    count = min(len(dataset), limit or len(dataset))
    pixels: np.ndarray[Any, Any] | None = None
    labels = np.empty(count, np.int64)
    for start in range(0, count, 1000):
        block = dataset.load(start, min(start + 1000, count))
        for number, image in enumerate(block.images, start):
            if isinstance(image, BadImage):
                raise Refused(f"{dataset.label}: image {number} cannot be read: {image.reason}")
            side = size or _side(image, dataset)
            if pixels is None:
                pixels = np.empty((count, side, side, 3), np.uint8)
            fitted = resized_and_cropped(image, side)
            if fitted.shape != pixels.shape[1:]:
                raise Refused(
                    f"{dataset.label}: its images differ in size; say `size=64`, or another side to resize and crop them to"
                )
            pixels[number] = fitted
        labels[start : start + len(block.labels)] = block.labels
        on_load(start + len(block.labels), count)
    if pixels is None or (labels == UNLABELLED).any():
        raise Refused(f"{dataset.label}: training needs a label for every image")
    return Images(pixels, labels)


def _side(image: RGB, dataset: Dataset) -> int:
    if image.shape[0] != image.shape[1]:
        raise BadSetting(
            f"{dataset.label}: images are {image.shape[1]}x{image.shape[0]}, not square; say `size=64`, or another side to resize and crop them to"
        )
    return image.shape[0]
