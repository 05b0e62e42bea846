"""`rabench train colorcnn`: brings a data set, a classifier and a ColorCNN together, and writes weights that say what they are."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ...classifiers.base import Classifier
from ...classifiers.classes import check_classes
from ...classifiers.inference import Normalized
from ...classifiers.training import accuracy
from ...core.errors import BadSetting, Refused
from ...core.files import check_writable
from ...core.learning import Images, environment, split
from ...core.networks import device, on_device, read_weights, round_weights
from ...core.progress import TrainingProgress
from ...datasets.base import Dataset
from ...quantizers.colorcnn import training
from ...quantizers.colorcnn import weights as files
from ...quantizers.colorcnn.network import BACKBONES, ColorCNN
from ...quantizers.colorcnn.plus import ColorCNNPlus
from ...quantizers.colorcnn.recipes import RECIPES, Recipe
from ...quantizers.colorcnn.training import ColorRange, FrozenClassifier
from ..study.paths import written
from .classifier import load
from .colorcnn_figure import training_figure
from .options import TrainingPlan, changed_options

ENCODER = "body.encoder."
"""What the names of an encoder's tensors begin with."""
WIDTHS = {False: 64, True: 32}
"""The widths of a ColorCNN and of a ColorCNN+ where none is given."""


@dataclass(frozen=True)
class ColorPlan(TrainingPlan):
    """What `rabench train colorcnn` was asked for: a ColorCNN for one number of colors, or a ColorCNN+ for a range."""

    dataset: Dataset
    classifiers: tuple[Classifier, ...]
    colors: ColorRange
    out: Path
    """The folder that receives the weights."""
    recipe_name: str
    recipe: Recipe
    width: int = 0
    """0: 64, or 32 for a ColorCNN+."""
    backbone: str = "unet"
    plus: bool = False
    """Whether it is a ColorCNN+."""
    levels: int = 3
    """How often a ColorCNN+ halves an image."""
    blocks: int = 2
    """Residual blocks of each level of a ColorCNN+ but the first."""
    guided: bool = False
    """Whether what a ColorCNN+'s encoder takes an image for guides what draws: for many classes."""
    encoder: str = ""
    """Weights of another ColorCNN+, as its quantizer takes them, whose encoder is taken and stays as it is, so that no epoch learns the classes."""

    def __post_init__(self) -> None:
        low, high = self.colors.low, self.colors.high
        if self.backbone not in BACKBONES:
            raise BadSetting(f"`backbone` must be one of {', '.join(BACKBONES)}, got {self.backbone!r}")
        if not 2 <= low <= high <= 256:
            raise BadSetting(f"`colors` must be in 2..256, got {low if low == high else f'{low}..{high}'}")
        if self.width < 0 or self.levels < 1 or self.blocks < 1:
            sizes = f"{self.width}, {self.levels} and {self.blocks}"
            raise BadSetting(f"`width`, `levels` and `blocks` must be 1 or more, got {sizes}")
        if (self.guided or self.encoder) and not self.plus:
            raise BadSetting("`guided` and `encoder` are for a ColorCNN+: say `plus=True`")
        if self.encoder:  # it knows the classes
            object.__setattr__(self, "recipe", replace(self.recipe, class_epochs=0))
        if self.recipe.class_epochs and not self.plus:
            raise BadSetting("`class_epochs` are for a ColorCNN+: say `plus=True`, or another `recipe`")
        if self.recipe.classes_first >= max(1, self.recipe.epochs):
            raise BadSetting(
                f"`class_epochs` must be fewer than the {self.recipe.epochs} epochs, got {self.recipe.class_epochs}: no image would be drawn"
            )
        if not self.plus and (low < high or len(self.classifiers) > 1):
            asked = f"{low}..{high} colors" if low < high else f"{len(self.classifiers)} classifiers"
            raise BadSetting(f"a ColorCNN is for one number of colors and one classifier, got {asked}; say `plus=True`")

    @property
    def file(self) -> Path:
        return self.out / (files.PLUS if self.plus else files.file_name(self.colors.low))

    @property
    def title(self) -> str:
        """The numbers of colors, in words."""
        low, high = self.colors.low, self.colors.high
        return f"{low} colors" if low == high else f"{low} to {high} colors"

    def network(self, classes: int) -> ColorCNN | ColorCNNPlus:
        """A network with fresh weights. classes: of the data set."""
        width = self.width or WIDTHS[self.plus]
        return (
            ColorCNNPlus(classes, width, self.levels, self.blocks, self.guided)
            if self.plus
            else ColorCNN(self.colors.low, width, self.backbone)
        )

    def command(self) -> str:
        low, high = self.colors.low, self.colors.high
        words = [
            *("rabench train colorcnn", f"--dataset {written(self.dataset, Path())}"),
            *(f"--classifier {written(classifier, Path())}" for classifier in self.classifiers),
            *(f"--colors {low if low == high else f'{low}..{high}'}", f"--recipe {self.recipe_name}"),
        ]
        no_options = ("dataset", "classifiers", "colors", "out", "recipe_name", "recipe", "restart", "plus", "encoder")
        words += ["--plus"] if self.plus else []
        words += [f"--encoder {Path(self.encoder).name}"] if self.encoder else []
        words += changed_options((self, ColorPlan), (self.recipe, RECIPES[self.recipe_name]), leave_out=no_options)
        return " ".join([*words, f"--out {self.out.name}"])


def frozen_classifier(classifier: Classifier, dataset: Dataset) -> FrozenClassifier:
    """The network behind a classifier. Raises Refused for one that no gradient goes through, or of other classes."""
    network, normalization = classifier.module(), classifier.normalization
    if normalization is None:
        raise Refused(f"{classifier.short} cannot train a ColorCNN: it does not say how it normalizes pixels")
    check_classes(classifier, dataset)
    return FrozenClassifier(network, *normalization)


def train_colorcnn(plan: ColorPlan, progress: TrainingProgress | None = None) -> files.About | files.PlusAbout:
    """Trains as planned and writes weights and a figure. Test images are never seen."""
    progress = progress or TrainingProgress()
    if plan.dataset.split != "train":
        raise Refused(f"{plan.dataset.label}: training uses split=train only")
    judges = [frozen_classifier(classifier, plan.dataset) for classifier in plan.classifiers]
    size = _common_size(plan)
    encoder = files.find_plus(plan.encoder) if plan.encoder else None
    if plan.out.parent.is_dir() and not plan.out.exists():
        plan.out.mkdir()
    check_writable(plan.file)
    if plan.restart:
        plan.checkpoint.unlink(missing_ok=True)
    images = load(plan.dataset, size, plan.limit, progress.on_load)
    fitting, held_out = split(images, len(plan.dataset), plan.held_out, plan.limit, plan.dataset.label)
    torch.manual_seed(plan.recipe.seed)
    network = plan.network(len(plan.dataset.classes))
    if encoder:
        _take_encoder(network, encoder, judges[0])
    trained = training.Training(network, judges, plan.colors, plan.recipe, device(), bool(plan.encoder))

    def draw(history: list[dict[str, Any]]) -> None:
        training_figure(trained, held_out, history, f"{plan.title}, {plan.dataset.title}", plan.figure)
        progress.on_epoch(history)

    history = training.train(trained, fitting, held_out, plan.checkpoint, replace(progress, on_epoch=draw))
    return _write(plan, trained, fitting, held_out, history)


def _take_encoder(network: ColorCNN | ColorCNNPlus, path: Path, judge: FrozenClassifier) -> None:
    """Gives a network the encoder of a file of weights. Raises Refused where that is of other sizes or another normalization."""
    about = files.PLUS_FILES.about(path)
    state = {name: tensor for name, tensor in read_weights(path).items() if name.startswith(ENCODER)}
    own = {name: tensor.shape for name, tensor in network.state_dict().items() if name.startswith(ENCODER)}
    if own != {name: tensor.shape for name, tensor in state.items()}:
        raise Refused(
            f"{path.name} has an encoder of width {about.width}, {about.levels} levels of {about.blocks} blocks and "
            f"{about.classes} classes; give the same `width`, `levels` and `blocks`, and a data set of as many classes"
        )
    if (tuple(about.mean), tuple(about.std)) != (tuple(judge.mean), tuple(judge.std)):
        raise Refused(f"{path.name} was trained on pixels normalized otherwise than those of the first classifier")
    network.load_state_dict(state, strict=False)


def _common_size(plan: ColorPlan) -> int:
    sizes = {classifier.size for classifier in plan.classifiers}
    if len(sizes) > 1:
        names = ", ".join(f"{c.short} takes {c.size}x{c.size}" for c in plan.classifiers)
        raise Refused(f"classifiers that judge together must take images of one size: {names}")
    return sizes.pop()


def _as_stored(plan: ColorPlan, trained: training.Training, fitting: Images) -> training.Training:
    """The network with the numbers that its file will hold, so that what is evaluated is what ships; in 32 bits."""
    half, recipe = plan.dtype == "fp16", replace(plan.recipe, precision="fp32")
    round_weights(trained.network, half)
    exact = training.Training(trained.network, trained.judges, plan.colors, recipe, device())
    exact.calibrate(fitting, everything=True)
    round_weights(trained.network, half)  # the statistics, too
    exact.choose_strengths(fitting)
    return exact


def _write(
    plan: ColorPlan, trained: training.Training, fitting: Images, held_out: Images, history: list[dict[str, Any]]
) -> files.About | files.PlusAbout:
    exact = _as_stored(plan, trained, fitting)
    first = trained.judges[0]
    judged = exact.judge(held_out, plan.recipe.epochs)
    kept: dict[str, Any] = {
        "dataset": plan.dataset.label,
        "mean": tuple(first.mean),
        "std": tuple(first.std),
        "training": {
            "command": plan.command(),
            "recipe": asdict(plan.recipe),
            "images": len(fitting),
            "notes": plan.dataset.notes(),
            "held_out_images": len(held_out),
            **judged,
            "held_out_accuracy_of_originals": accuracy(
                on_device(Normalized(exact.frozen[0], first.mean, first.std), device()), held_out, device()
            ),
            "loss": history[-1]["loss"] if history else None,
            **environment(),
        },
    }
    state, half, network = trained.network.state_dict(), plan.dtype == "fp16", trained.network
    labels = tuple(c.label for c in plan.classifiers)
    versions = tuple(c.version() for c in plan.classifiers)
    if isinstance(network, ColorCNNPlus):
        colors, classes = (plan.colors.low, plan.colors.high), len(plan.dataset.classes)
        plus = files.PlusAbout(
            colors,
            network.width,
            network.levels,
            network.blocks,
            classes,
            classifiers=labels,
            classifier_versions=versions,
            guided=network.guided,
            **kept,
        )
        files.PLUS_FILES.write(plan.file, state, plus, half)
        return plus
    about = files.About(
        plan.colors.low, network.width, plan.backbone, classifier=labels[0], classifier_version=versions[0], **kept
    )
    files.write(plan.file, state, about, half)
    return about
