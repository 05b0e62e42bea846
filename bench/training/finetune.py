"""`rabench finetune`: a classifier learns to see through a quantizer and a codec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from ...classifiers import weights as files
from ...classifiers.base import Classifier, Normalization
from ...classifiers.classes import check_classes
from ...classifiers.inference import Normalized
from ...classifiers.training import Recipe, accuracy, train
from ...core.errors import Refused
from ...core.files import check_writable, locked
from ...core.learning import Images, environment, held_out_split
from ...core.networks import device, on_device, read_weights, round_weights
from ...core.progress import TrainingProgress
from ..running.pool import Pool
from ..study.paths import written
from ..study.points import Point
from ..study.study import Study
from ..trained.encoded import EncodedSet, TrainingImages
from .learning_curve import learning_curve
from .options import TrainingPlan, changed_options
from .targets import Target

RECIPE = Recipe(epochs=5, lr=0.01)
"""By default: a tenth of the learning rate that training from scratch has."""


@dataclass(frozen=True)
class Tuning(TrainingPlan):
    """What `rabench finetune` was asked for, for one point."""

    study: Study
    target: Target
    recipe: Recipe = RECIPE

    @property
    def point(self) -> Point:
        return self.target.point

    @property
    def file(self) -> Path:
        return self.target.file

    @property
    def name(self) -> str:
        seed = "" if self.target.seed is None else f", seed {self.target.seed}"
        return f"{self.point.quantizer.short}+{self.point.codec.short}{seed}"

    @property
    def best(self) -> Path:
        """The weights that are best so far; the file itself appears when all is done."""
        return self.beside("best.checkpoint.safetensors")

    @property
    def coded(self) -> EncodedSet:
        dataset = replace(self.point.dataset, split="train")
        return EncodedSet(dataset, self.point.quantizer, self.point.codec, self.study.folder / "coded")

    def conditions(self) -> dict[str, Any]:
        """What decides over the weights; equal for a tuning that would come to the same."""
        point, coded = self.point, self.coded
        return {
            "recipe": self.recipe.settings(),
            "from": point.classifier.label,
            "from_version": point.classifier.version(),
            "dataset": coded.dataset.label,
            "quantizer_version": point.quantizer.version(),
            "codec_version": point.codec.version(),
            "held_out": self.held_out,
            "limit": self.limit,
            "dtype": self.dtype,
        }

    def command(self) -> str:
        point, base = self.point, self.study.base()
        words = [f"rabench finetune --study {self.study.name} --classifier {written(point.classifier, base)}"]
        words.append(f"--point {written(point.quantizer, base)}+{written(point.codec, base)}")
        if self.target.seed == RECIPE.seed:  # a default, but the matrix has other seeds of this point, too
            words.append(f"--seed {self.target.seed}")
        no_options = ("study", "target", "recipe", "restart")
        return " ".join([*words, *changed_options((self, Tuning), (self.recipe, RECIPE), leave_out=no_options)])


def finetune(
    tuning: Tuning,
    make_pool: Callable[[], Pool],
    progress: TrainingProgress | None = None,
) -> files.About:
    """Codes the training images where that is still to do, tunes, and writes weights and a figure.

    The weights kept are those of the epoch that the held-out part of the training split likes best; those that it
    began with where none is better. Test images are never seen. Where the file is there and says that it is what was
    asked for, nothing is done.
    """
    classifier = tuning.point.classifier
    progress = progress or TrainingProgress()
    classifier.fine_tuned(tuning.file)  # refuses what cannot be tuned
    tuning.point.check()
    check_classes(classifier, tuning.coded.dataset)
    if (done := _done(tuning)) is not None:
        progress.say(f"{tuning.file} is there already")
        return done
    if not tuning.file.parent.exists() and tuning.file.parent.parent.is_dir():
        tuning.file.parent.mkdir()
    check_writable(tuning.file)
    with locked(tuning.beside("lock"), f"{tuning.file} is being made by another 'rabench finetune'"):
        if tuning.restart:
            tuning.checkpoint.unlink(missing_ok=True)
        return _tune(tuning, classifier, make_pool, progress)


def _done(tuning: Tuning) -> files.About | None:
    if tuning.restart or not tuning.file.is_file():
        return None
    about, conditions = files.about(tuning.file), tuning.conditions()
    return about if {name: about.training.get(name) for name in conditions} == conditions else None


def _tune(
    tuning: Tuning,
    classifier: Classifier,
    make_pool: Callable[[], Pool],
    progress: TrainingProgress,
) -> files.About:
    fitting, held_out, reasons = _images(tuning, classifier.size, make_pool, progress.on_load)
    network, normalization = classifier.module(), classifier.normalization
    assert normalization is not None  # of a classifier that can be tuned
    precision = tuning.recipe.precision
    before = accuracy(on_device(Normalized(network, *normalization), device()), held_out, device(), precision)
    if not tuning.checkpoint.exists():
        _write(tuning.best, tuning, network, {"epoch": 0})
    elif not tuning.best.exists():
        raise Refused(f"{tuning.checkpoint} is there, but not {tuning.best}; begin again with `restart=True`")

    def keep(history: list[dict[str, Any]]) -> None:
        held = [before, *(h["held_out_accuracy"] for h in history)]
        if int(np.argmax(held)) == len(history):  # the first of equals
            _write(tuning.best, tuning, network, {"epoch": len(history)})

    def draw(history: list[dict[str, Any]]) -> None:
        learning_curve(history, f"{classifier.name}, {tuning.name}", tuning.figure, before)
        progress.on_epoch(history)

    train(
        *(network, normalization, fitting, held_out, tuning.recipe, tuning.checkpoint, device()),
        progress=replace(progress, on_epoch=draw),
        before_save=keep,
    )
    return _finish(tuning, network, normalization, fitting, held_out, before, reasons)


def _finish(
    tuning: Tuning,
    network: nn.Module,
    normalization: Normalization,
    fitting: Images,
    held_out: Images,
    before: float,
    reasons: list[str],
) -> files.About:
    """Writes the weights of the best epoch, with what they are.

    before: held-out accuracy that the tuning began with. reasons: why images could not be coded.
    """
    network.load_state_dict(read_weights(tuning.best))
    round_weights(network, tuning.dtype == "fp16")  # what is evaluated is what ships
    after = accuracy(on_device(Normalized(network, *normalization), device()), held_out, device())
    training = {
        "command": tuning.command(),
        **tuning.conditions(),
        "epoch": files.about(tuning.best).training["epoch"],
        "images": len(fitting),
        "not_coded": len(reasons),
        "not_coded_example": reasons[0] if reasons else "",
        "held_out_images": len(held_out),
        "held_out_accuracy_before": before,
        "held_out_accuracy": after,
        **environment(),
    }
    return _write(tuning.file, tuning, network, training)


def _images(
    tuning: Tuning, size: int, make_pool: Callable[[], Pool], on_block: Callable[[int, int], None]
) -> tuple[Images, Images, list[str]]:
    """Training images, held-out images, and the reasons why others could not be coded."""
    pool, coded = make_pool(), tuning.coded
    try:
        made = coded.make(tuning.limit, TrainingImages(coded.folder, pool), on_block)
    except BaseException:
        pool.stop()
        raise
    pool.close()
    images, places, reasons = coded.load(made, size)
    parts = held_out_split(len(coded.dataset), tuning.held_out, tuning.limit)
    kept, held = (
        Images(images.pixels[chosen], images.labels[chosen]) for chosen in (np.isin(places, p) for p in parts)
    )
    if not len(kept) or not len(held):
        raise Refused(
            f"{len(kept)} images to tune on and {len(held)} held out are too few; raise `limit` or `held_out`"
        )
    return kept, held, reasons


def _write(path: Path, tuning: Tuning, network: nn.Module, training: dict[str, Any]) -> files.About:
    point = tuning.point
    tuned_on = f"{point.quantizer.label}+{point.codec.label}"
    point.classifier.write_tuned(path, network, tuned_on, training, tuning.dtype == "fp16")
    return files.about(path)
