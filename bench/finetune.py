"""`rabench finetune`: a classifier learns to see through a quantizer and a codec."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..classifiers import weights as files
from ..classifiers.base import Classifier
from ..classifiers.inference import Normalized
from ..classifiers.network import Network
from ..classifiers.training import Recipe, accuracy, train
from ..codecs import CODECS
from ..core.errors import BadSetting, Refused
from ..core.files import check_writable
from ..core.learning import Images, Progress, held_out_split
from ..core.networks import device, device_kind, on_device, read_weights, round_weights
from ..core.specs import split
from ..datasets.base import Dataset
from ..quantizers import QUANTIZERS
from ..quantizers.base import Quantizer
from .coded import Coded
from .executors import Pool
from .matrix import Study, beside
from .points import Point, check_classes, tuned_file
from .training import HELD_OUT, learning_curve

RECIPE = Recipe(epochs=5, lr=0.01)
"""By default: a tenth of the learning rate that training from scratch has."""
FOLDER = "tuned"
"""Of the weights, in the study's folder."""


@dataclass(frozen=True)
class Tuning:
    """What `rabench finetune` was asked for, for one point."""

    study: Study
    point: Point
    """Its classifier is the one to begin with."""
    out: Path
    """The folder that receives the weights."""
    recipe: Recipe = RECIPE
    held_out: float = HELD_OUT
    limit: int | None = None
    dtype: str = "fp16"
    restart: bool = False

    @property
    def name(self) -> str:
        return f"{self.point.quantizer.short}+{self.point.codec.short}"

    @property
    def file(self) -> Path:
        return self.out / tuned_file(self.point.quantizer, self.point.codec)

    @property
    def checkpoint(self) -> Path:
        return self.file.with_name(self.file.stem + ".checkpoint.safetensors")

    @property
    def figure(self) -> Path:
        return self.file.with_name(self.file.stem + ".training.png")

    @property
    def coded(self) -> Coded:
        dataset = replace(self.point.dataset, split="train")
        return Coded(dataset, self.point.quantizer, self.point.codec, self.study.folder / "coded")

    def command(self) -> str:
        """The command that tunes the same weights again; options at their defaults left out."""
        words = [f"rabench finetune --classifier {self.point.classifier.short} --study {self.study.name}"]
        words.append(f"--point {self.name}")
        for holder, usual in ((self, None), (self.recipe, RECIPE)):
            for f in fields(holder):
                value, default = getattr(holder, f.name), f.default if usual is None else getattr(usual, f.name)
                if f.name in ("study", "point", "out", "recipe", "restart") or value == default:
                    continue
                words.append(f"--no-{f.name}" if value is False else f"--{f.name.replace('_', '-')} {value}")
        return " ".join(words)


def points_to_tune(
    study: Study, classifier: Classifier | None, texts: list[str], dataset: Dataset | None
) -> list[Point]:
    """The points named, or those that the study's matrix pairs with a tuned classifier.

    Raises BadSetting, Refused or Unavailable for what cannot be tuned.
    """
    matrix = study.load()
    if not texts:
        found = [
            replace(p, classifier=p.tuned_from, tuned_from=None)
            for p in matrix.points
            if p.tuned_from and (classifier is None or p.tuned_from == classifier)
        ]
        if not found:
            raise BadSetting(
                f"{study.name} pairs no point with a tuned classifier; name points with --point, such as "
                "--point median-cut:colors=2+png"
            )
        return list(dict.fromkeys(found))
    if classifier is None:
        raise BadSetting("--point needs --classifier: which one is to be tuned?")
    datasets = [dataset] if dataset else list(dict.fromkeys(p.dataset for p in matrix.points))
    if len(datasets) > 1:
        raise BadSetting(
            f"{study.name} has {len(datasets)} data sets ({', '.join(d.short for d in datasets)}); say which with --dataset"
        )
    chains = [chain for text in texts for chain in _chains(text, study.base())]
    return [Point(datasets[0], quantizer, codec, classifier) for quantizer, codec in dict.fromkeys(chains)]


def _chains(text: str, folder: Path) -> Iterator[tuple[Quantizer, Any]]:
    parts = split(text, "+")
    if len(parts) != 2:
        raise BadSetting(
            f"--point is quantizer+codec, such as median-cut:colors=2+png or none+jpeg:quality=10, got {text!r}"
        )
    for quantizer in QUANTIZERS.sweep(parts[0]):
        for codec in CODECS.sweep(parts[1]):
            yield beside(quantizer, folder), beside(codec, folder)


def finetune(
    tuning: Tuning,
    make_pool: Callable[[], Pool],
    on_block: Callable[[int, int], None] = lambda *_: None,
    on_step: Progress = lambda *_: None,
    on_epoch: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> files.About:
    """Codes the training images where that is still to do, tunes, and writes weights and a figure.

    The weights kept are those of the epoch that the held-out part of the training split likes best; those that it
    began with where none is better. Test images are never seen.
    """
    classifier = tuning.point.classifier
    if not isinstance(classifier, Network):
        raise Refused(f"{classifier.short} cannot be fine-tuned: it is no network of rabench; name alexnet, vgg16, ...")
    tuning.point.check()
    check_classes(classifier, tuning.coded.dataset)
    tuning.out.mkdir(parents=True, exist_ok=True)
    check_writable(tuning.file)
    if tuning.restart:
        tuning.checkpoint.unlink(missing_ok=True)
    fitting, held_out, reasons = _images(tuning, classifier.size, make_pool, on_block)
    network, normalization = classifier.module(), (classifier.about.mean, classifier.about.std)
    before = accuracy(on_device(Normalized(network, *normalization), device()), held_out, device())
    if not tuning.checkpoint.exists():
        _keep(tuning, network, classifier, {"epoch": 0})
    elif not tuning.file.exists():
        raise Refused(f"{tuning.checkpoint} is there, but not {tuning.file}; begin again with --restart")

    def look(history: list[dict[str, Any]]) -> None:
        held = [before, *(h["held_out_accuracy"] for h in history)]
        if int(np.argmax(held)) == len(history):  # the first of equals
            _keep(tuning, network, classifier, {"epoch": len(history)})
        learning_curve(history, f"{classifier.name}, {tuning.name}", tuning.figure, before)
        on_epoch(history)

    torch.manual_seed(tuning.recipe.seed)
    train(network, normalization, fitting, held_out, tuning.recipe, tuning.checkpoint, device(), on_step, look)
    return _finish(tuning, network, classifier, fitting, held_out, before, reasons)


def _images(
    tuning: Tuning, size: int, make_pool: Callable[[], Pool], on_block: Callable[[int, int], None]
) -> tuple[Images, Images, list[str]]:
    """Training images, held-out images, and the reasons why others could not be coded."""
    pool, coded = make_pool(), tuning.coded
    try:
        made = coded.make(tuning.limit, pool, on_block)
    except BaseException:
        pool.stop()
        raise
    pool.close()
    images, places, reasons = coded.load(made, size)
    parts = held_out_split(len(coded.dataset), tuning.held_out, tuning.recipe.seed, tuning.limit)
    kept, held = (np.flatnonzero(np.isin(places, part)) for part in parts)
    if not len(kept) or not len(held):
        raise Refused(
            f"{len(kept)} images to tune on and {len(held)} held out are too few; raise --limit or --held-out"
        )
    return Images(images.pixels[kept], images.labels[kept]), Images(images.pixels[held], images.labels[held]), reasons


def _keep(tuning: Tuning, network: nn.Module, classifier: Network, training: dict[str, Any]) -> files.About:
    point = tuning.point
    about = replace(classifier.about, tuned_on=f"{point.quantizer.label}+{point.codec.label}", training=training)
    files.write(tuning.file, network.state_dict(), about, tuning.dtype == "fp16")
    return about


def _finish(
    tuning: Tuning,
    network: nn.Module,
    classifier: Network,
    fitting: Images,
    held_out: Images,
    before: float,
    reasons: list[str],
) -> files.About:
    network.load_state_dict(read_weights(tuning.file))
    round_weights(network, tuning.dtype == "fp16")
    judged = accuracy(
        on_device(Normalized(network, classifier.about.mean, classifier.about.std), device()), held_out, device()
    )
    point = tuning.point
    training = {
        "command": tuning.command(),
        "recipe": asdict(tuning.recipe),
        "from": classifier.label,
        "from_version": classifier.version(),
        "dataset": tuning.coded.dataset.label,
        "quantizer_version": point.quantizer.version(),
        "codec_version": point.codec.version(),
        "epoch": files.about(tuning.file).training["epoch"],
        "images": len(fitting),
        "not_coded": len(reasons),
        "not_coded_example": reasons[0] if reasons else "",
        "held_out_images": len(held_out),
        "held_out_accuracy_before": before,
        "held_out_accuracy": judged,
        "torch": torch.__version__,
        "device": device_kind(),
        "threads": torch.get_num_threads(),
    }
    return _keep(tuning, network, classifier, training)
