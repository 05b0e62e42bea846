"""Classifiers that are PyTorch networks with weights in a file.

Torch is imported when a network runs, not when it is named: `rabench list` answers at once.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Refused, Unavailable
from ..core.files import sha256_of
from ..core.networks import device_kind, torch_version
from ..core.plugins import Location, Span, Text, setting
from . import weights as files
from .base import Classifier, Normalization, Published, Tuning
from .weights import About

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Network(Classifier):
    """A network that rabench builds; its weights file brings width, classes and normalization."""

    weights: str = setting("", Location("a file of weights or the name of some that ship", required=True))
    precision: str = setting(
        "fp32", ("fp32", "bf16"), help="number format of convolutions; bf16 is faster where the processor has it"
    )

    published: float = setting(
        0.0, Span(0.0, 100.0, "%"), remark=True, help="accuracy published for the weights; a run is held against it"
    )
    published_on: str = setting("", Text("the images of the published accuracy"), remark=True)

    standard_width: ClassVar[int] = 64
    """The width that training takes where none is given."""

    @property
    def on_gpu(self) -> bool:
        return True

    @classmethod
    @abstractmethod
    def build(cls, classes: int, width: int) -> nn.Module:
        """The network with fresh weights: (N, 3, H, W), normalized -> (N, classes)."""

    @property
    def about(self) -> About:
        """The metadata of the weights. Raises Refused for those of another network."""
        path = files.find(self.weights, self.name)
        about = files.about(path) if files.is_own(path) else self.about_published(path)
        if about.network != self.name:
            raise Refused(
                f"{self.weights} holds weights of {about.network}, not of {self.name}; name it as {about.network}:weights=..."
            )
        return about

    @classmethod
    def about_published(cls, path: Path) -> About:
        """The metadata of a file of weights that others published for this network, where it can read such files.

        Raises Unavailable, saying what made weights of rabench, where it does not.
        """
        return files.about(path)

    @property
    def file(self) -> Path:
        """The file of the weights. Raises Unavailable where there is none."""
        return files.find(self.weights, self.name)

    def check_weights(self) -> None:
        """Raises Refused for weights of another network, Unavailable where there are none."""
        _ = self.about

    def module(self) -> nn.Module:
        """The network on its own, weights in place: (N, 3, H, W), normalized -> (N, classes)."""
        from ..core.networks import read_weights
        from ..core.state_dicts import load_into, read_state_dict

        network, path = self.build(len(self.about.classes), self.about.width), files.find(self.weights)
        tensors = read_weights(path) if files.is_own(path) else read_state_dict(path).tensors
        load_into(network, tensors, path, self.name)
        return network

    @property
    def published_accuracy(self) -> Published | None:
        if self.published:
            return Published(self.published, self.published_on)
        about = self.about
        return Published(about.published, about.published_on) if about.published else None

    @property
    def normalization(self) -> Normalization:
        return self.about.mean, self.about.std

    def fine_tuned(self, path: Path) -> Classifier:
        return replace(self, weights=str(path))

    def weights_path(self) -> Path:
        return Path(self.weights)

    def tuning(self) -> Tuning:
        if not self.weights_path().is_file():
            raise Unavailable(f"{self.weights} is not there yet; 'rabench finetune --study STUDY' makes it")
        training = self.about.training
        recipe = training.get("recipe")
        versions = training.get("quantizer_version", ""), training.get("from_version", "")
        return Tuning(self.about.tuned_on, *versions, recipe.get("seed") if isinstance(recipe, dict) else None)

    def write_tuned(self, path: Path, network: nn.Module, images: str, training: dict[str, Any], half: bool) -> None:
        files.write(path, network.state_dict(), replace(self.about, tuned_on=images, training=training), half)

    def version(self) -> str:
        self.check_weights()
        sha256 = sha256_of(files.find(self.weights))
        return f"sha256 {sha256[:16]}, torch {torch_version()}, {device_kind()}, {self.precision}"

    @classmethod
    def ready(cls) -> str:
        shipped = [f.stem for f in files.shipped() if files.about(f).network == cls.name]
        return (
            f"weights that ship: {', '.join(shipped)}"
            if shipped
            else "give weights; rabench train classifier makes them"
        )

    @property
    def classes(self) -> tuple[str, ...]:
        return self.about.classes

    @property
    def trained_on(self) -> str:
        return self.about.dataset

    @property
    def size(self) -> int:
        return self.about.size

    @property
    def batch(self) -> int:
        from .inference import batch_size

        return batch_size()

    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        from .inference import logits

        return logits(self, sha256_of(files.find(self.weights)), images)
