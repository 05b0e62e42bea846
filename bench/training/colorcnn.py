"""`rabench train colorcnn`: brings a data set, a classifier and a ColorCNN together, and writes weights that say what they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from ...classifiers.base import Classifier
from ...classifiers.inference import Normalized
from ...classifiers.training import accuracy
from ...core.errors import BadSetting, Refused
from ...core.files import check_writable
from ...core.learning import Images, split
from ...core.networks import device, on_device, round_weights
from ...core.progress import TrainingProgress
from ...datasets.base import Dataset
from ...quantizers.colorcnn import training
from ...quantizers.colorcnn import weights as files
from ...quantizers.colorcnn.network import BACKBONES, ColorCNN
from ...quantizers.colorcnn.training import RECIPES, FrozenClassifier, Recipe
from ..study.matrix import written
from ..study.points import check_classes
from .classifier import load
from .options import TrainingPlan, changed_options, environment

SAMPLES = 8
"""Held-out images that the training figure shows."""


@dataclass(frozen=True)
class ColorPlan(TrainingPlan):
    """What `rabench train colorcnn` was asked for, for one number of colors."""

    dataset: Dataset
    classifier: Classifier
    colors: int
    out: Path
    """The folder that receives a file for each number of colors."""
    recipe_name: str
    recipe: Recipe
    width: int = 64
    backbone: str = "unet"

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            raise BadSetting(f"`backbone` must be one of {', '.join(BACKBONES)}, got {self.backbone!r}")
        if not 2 <= self.colors <= 256:
            raise BadSetting(f"`colors` must be in 2..256, got {self.colors}")
        if self.width < 1:
            raise BadSetting(f"`width` must be 1 or more, got {self.width}")

    @property
    def file(self) -> Path:
        return self.out / files.file_name(self.colors)

    def command(self) -> str:
        words = [
            *("rabench train colorcnn", f"--dataset {written(self.dataset, Path())}"),
            f"--classifier {written(self.classifier, Path())}",
            *(f"--colors {self.colors}", f"--recipe {self.recipe_name}"),
        ]
        no_options = ("dataset", "classifier", "colors", "out", "recipe_name", "recipe", "restart")
        words += changed_options((self, ColorPlan), (self.recipe, RECIPES[self.recipe_name]), leave_out=no_options)
        return " ".join([*words, f"--out {self.out.name}"])


def frozen_classifier(classifier: Classifier, dataset: Dataset) -> FrozenClassifier:
    """The network behind a classifier. Raises Refused for one that no gradient goes through, or of other classes."""
    network, normalization = classifier.module(), classifier.normalization
    if normalization is None:
        raise Refused(f"{classifier.short} cannot train a ColorCNN: it does not say how it normalizes pixels")
    check_classes(classifier, dataset)
    return FrozenClassifier(network, *normalization)


def train_colorcnn(
    plan: ColorPlan,
    progress: TrainingProgress | None = None,
) -> files.About:
    """Trains as planned and writes weights and a figure. Test images are never seen."""
    progress = progress or TrainingProgress()
    if plan.dataset.split != "train":
        raise Refused(f"{plan.dataset.label}: training uses split=train only")
    classifier = frozen_classifier(plan.classifier, plan.dataset)
    if plan.out.parent.is_dir() and not plan.out.exists():
        plan.out.mkdir()
    check_writable(plan.file)
    if plan.restart:
        plan.checkpoint.unlink(missing_ok=True)
    images = load(plan.dataset, plan.classifier.size, plan.limit, progress.on_load)
    fitting, held_out = split(images, len(plan.dataset), plan.held_out, plan.limit, plan.dataset.label)
    torch.manual_seed(plan.recipe.seed)
    network = ColorCNN(plan.colors, plan.width, plan.backbone)

    def draw(history: list[dict[str, Any]]) -> None:
        training_figure(plan, network, classifier, held_out, history)
        progress.on_epoch(history)

    history = training.train(
        network, classifier, fitting, held_out, plan.recipe, plan.checkpoint, device(), replace(progress, on_epoch=draw)
    )
    return _write(plan, network, classifier, fitting, held_out, history)


def _write(
    plan: ColorPlan,
    network: ColorCNN,
    classifier: FrozenClassifier,
    fitting: Images,
    held_out: Images,
    history: list[dict[str, Any]],
) -> files.About:
    round_weights(network, plan.dtype == "fp16")  # what is evaluated is what ships
    on_device(network, device())
    frozen, normalization = classifier.frozen(device()), (classifier.mean, classifier.std)
    about = files.About(
        colors=plan.colors,
        width=plan.width,
        backbone=plan.backbone,
        dataset=plan.dataset.label,
        classifier=plan.classifier.label,
        classifier_version=plan.classifier.version(),
        mean=tuple(classifier.mean),  # type: ignore[arg-type]
        std=tuple(classifier.std),  # type: ignore[arg-type]
        training={
            "command": plan.command(),
            "recipe": asdict(plan.recipe),
            "images": len(fitting),
            "notes": plan.dataset.notes(),
            "held_out_images": len(held_out),
            "held_out_accuracy": training.accuracy(network, frozen, classifier, held_out, device()),
            "held_out_accuracy_of_originals": accuracy(
                on_device(Normalized(frozen, *normalization), device()), held_out, device()
            ),
            "loss": history[-1]["loss"] if history else None,
            **environment(),
        },
    )
    files.write(plan.file, network.state_dict(), about, plan.dtype == "fp16")
    return about


def training_figure(
    plan: ColorPlan, network: ColorCNN, classifier: FrozenClassifier, held_out: Images, history: list[dict[str, Any]]
) -> None:
    """Loss, regularizer and accuracies over epochs, and held-out images as they are drawn now; redrawn each epoch."""
    import pandas as pd
    from matplotlib.ticker import MaxNLocator

    from ..figures.style import plain, save

    frame = pd.DataFrame(history)
    figure = Figure(figsize=(8, 5.2), layout="constrained")
    panels: Any = figure.subfigures(2, 1, height_ratios=(3, 2))
    above, below = panels
    left, right = above.subplots(1, 2)
    for axes in (left, right):
        plain(axes)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.plot(frame.epoch, frame.loss, marker="o", markersize=3, color="C0", label="loss")
    left.plot(frame.epoch, frame.regularizer, marker="s", markersize=3, color="C2", label="its regularizer")
    left.set(xlabel="epoch", ylabel="loss (training)", ylim=(0, None))
    right.plot(
        frame.epoch, 100 * frame.training_accuracy, marker="o", markersize=3, color="C0", label="training (soft)"
    )
    right.plot(frame.epoch, 100 * frame.held_out_accuracy, marker="s", markersize=3, color="C1", label="held out")
    right.set(xlabel="epoch", ylabel="top-1 accuracy (%)", ylim=(0, None))
    for axes in (left, right):
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False, fontsize=8)
    left.set_title(f"{plan.colors} colors, {plan.dataset.title}", fontsize=9, loc="left", pad=22)
    pixels = torch.from_numpy(held_out.pixels[:SAMPLES]).to(device()).permute(0, 3, 1, 2)
    with torch.inference_mode():
        drawn = training.hard_image(network.eval(), classifier, pixels).permute(0, 2, 3, 1).cpu().numpy()
    grid = np.concatenate([np.hstack(list(held_out.pixels[:SAMPLES])), np.hstack(list(drawn))])
    picture = below.subplots()
    picture.imshow(grid, interpolation="nearest")
    picture.set_axis_off()
    below.suptitle("held-out images as they are and as they are drawn", fontsize=8.5)
    save(figure, plan.figure)
