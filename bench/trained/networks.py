"""One network of a [[training]] block: trained from scratch on the images of a training set, in a worker."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import numpy as np
import torch

from ...classifiers import CLASSIFIERS, weights
from ...classifiers.none import NoClassifier
from ...classifiers.training import train
from ...core.errors import Refused
from ...core.files import check_writable, sha256_of, write_text
from ...core.learning import Diverged, Images, environment
from ...core.networks import device, round_weights
from ...core.subsets import within_budget
from ...datasets.base import BadImage
from ..measuring.threads import one_thread
from ..study.points import Point
from ..study.trained import TrainedNetwork
from .encoded import EncodedSet

CODED = "coded"
"""The folder of the coded training images, in the study's; it can be removed."""


@dataclass(frozen=True)
class Training:
    """A network to train, and where the study keeps what it needs and what comes of it."""

    network: TrainedNetwork
    folder: Path
    """The study's."""
    on_gpu: ClassVar[bool] = True
    content: str = ""
    """A hash of the training images; empty as long as they were not read."""

    @property
    def coded(self) -> EncodedSet:
        """The images that it is trained on."""
        images = self.network.images
        return EncodedSet(images.dataset, images.quantizer, images.codec, self.folder / CODED, images.size)

    @property
    def about(self) -> Path:
        """The file that says what came of the training; it stays true when the weights are gone."""
        return self.network.about_file(self.folder)

    @property
    def checkpoint(self) -> Path:
        """The state after the last whole epoch, or a minute ago; one of other conditions has another name."""
        known = self.conditions() | {"content": self.content}
        if self.network.examples:  # unlike trainings of before, which went on to whole epochs
            known["last epoch"] = "cut"
        conditions = hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:8]
        return self.network.file.with_name(f"{self.network.file.stem}.{conditions}.checkpoint.safetensors")

    def conditions(self) -> dict[str, Any]:
        """What decides over the weights but for the content of the training images; equal for a training that would come
        to the same on this machine."""
        images = self.network.images
        versions = {"quantizer_version": images.quantizer.version(), "codec_version": images.codec.version()}
        return self.network.settings() | versions

    def check(self) -> None:
        """Raises Refused or Unavailable, with the reason, where training images cannot be stored so."""
        images = self.network.images
        Point(images.dataset, images.quantizer, images.codec, NoClassifier(), size=images.size).check()

    def outcome(self) -> dict[str, Any] | None:
        """What came of it, where it has ended under the same conditions, well or not; else None."""
        found = self.network.about(self.folder)
        if found is None or found.get("conditions") != self.conditions() or not self.network.is_as_long(found):
            return None
        return found


def train_network(training: Training, files: list[Path]) -> dict[str, Any]:
    """Trains, and writes the weights and what came of it; goes on from a checkpoint.

    files: of the coded images. Returns what came of it; where the loss became no number, ``error`` says in which epoch.
    Raises Refused for images that cannot be trained on, and what reading them raises.
    """
    one_thread()
    network, begun, anew = training.network, perf_counter(), not training.checkpoint.exists()
    images, stored = _images(training, files)
    epochs, last = network.length(len(images))
    recipe = replace(network.recipe, epochs=epochs)
    cls: Any = CLASSIFIERS[network.network]
    dataset = network.images.dataset
    torch.manual_seed(recipe.seed)
    module = cls.build(len(dataset.classes), cls.standard_width)
    network.file.parent.mkdir(parents=True, exist_ok=True)
    training.about.parent.mkdir(exist_ok=True)
    check_writable(network.file)
    nothing = Images(images.pixels[:0], images.labels[:0])
    about = {"conditions": training.conditions(), "content": training.content, **stored, "epochs": epochs}
    about["examples"] = (epochs - 1) * len(images) + last
    cut = last if last < len(images) else None
    try:
        history = train(module, dataset.normalization, images, nothing, recipe, training.checkpoint, device(), last=cut)
    except Diverged as error:
        return _write(training, {**about, "error": f"{network.name}: {error}".split(";")[0]})
    round_weights(module)  # what is evaluated is what is kept
    last = history[-1]
    about |= {"loss": last["loss"], "training_accuracy": last["training_accuracy"], **environment()}
    normalization = dataset.normalization
    made = weights.About(
        network.network,
        cls.standard_width,
        dataset.label,
        dataset.classes,
        *normalization,
        images.pixels.shape[1],
        training={"stored": network.images.name, **about},
    )
    weights.write(network.file, module.state_dict(), made)
    about |= {"weights": sha256_of(network.file)}
    if anew:  # nothing is known of the time that a training took before it was stopped
        about |= {"seconds": round(perf_counter() - begun, 1)}
    return _write(training, about)


def _write(training: Training, about: dict[str, Any]) -> dict[str, Any]:
    write_text(training.about, json.dumps(about, indent=1, sort_keys=True) + "\n")
    for checkpoint in training.network.checkpoints():
        checkpoint.unlink(missing_ok=True)
    return about


def _images(training: Training, files: list[Path]) -> tuple[Images, dict[str, Any]]:
    """The images to train on, and what is to be known of them: how many, and the bytes of their files."""
    network, coded = training.network, training.coded
    places, labels, sizes = coded.files(files)
    shared = network.images.codec.shared_bytes(network.images.quantizer)
    if network.budget:
        kept = within_budget(labels, sizes, network.budget, network.seed, network.name, shared)
        places, sizes = places[kept], sizes[kept]
    images, decoded, reasons = coded.load(files, network.side or _side(training), places)
    if not len(images):
        raise Refused(f"{network.name}: no image to train on")
    total = int(sizes[np.isin(places, decoded)].sum())
    about = {"images": len(images), "bytes": total + shared, "shared_bytes": shared, "not_coded": len(reasons)}
    return images, {**about, "not_coded_example": reasons[0]} if reasons else about


def _side(training: Training) -> int:
    """The side of the original images. Raises Refused where they are not square."""
    dataset = training.network.images.dataset
    first = next((i for i in dataset.load(0, 10).images if not isinstance(i, BadImage)), None)
    if first is None or first.shape[0] != first.shape[1]:
        raise Refused(f"{dataset.label}: its images are not square; say `side = 64`, or another side for the network")
    return first.shape[0]
