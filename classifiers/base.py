"""The interface of a classifier: RGB images to logits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Refused
from ..core.images import RGB, by_shape
from ..core.plugins import Plugin
from .resizing import resized_and_cropped

if TYPE_CHECKING:
    from torch import nn


Normalization = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Mean and standard deviation of each channel, of pixels scaled to 0..1."""


@dataclass(frozen=True)
class Published:
    """The accuracy that is published for a network's weights."""

    percent: float
    """Top-1 accuracy on uncompressed images, in percent."""
    images: str = ""
    """The images that it was measured on; empty where nobody said."""

    def __str__(self) -> str:
        return f"{self.percent:g} %" + (f" on {self.images}" if self.images else "")


@dataclass(frozen=True)
class Tuning:
    """What a fine-tuned classifier was made from."""

    images: str
    """The labels of the quantizer and the codec whose images it was tuned on, joined by a plus sign; empty for originals."""
    quantizer_version: str
    classifier_version: str
    """The version of the classifier that the tuning began with."""
    seed: int | None = None
    """The seed that it was tuned with, where the weights say it."""


@dataclass(frozen=True)
class Classifier(Plugin, ABC):
    """Tells what an image shows. A value: weights are loaded on first use, once a process."""

    predicts: ClassVar[bool] = True
    """Whether it gives predictions at all: the classifier ``none`` does not."""

    @abstractmethod
    def version(self) -> str:
        """Weights by their sha256, library, kind of device, precision; kept in every record.

        Raises Unavailable, saying what to install or where to put what.
        """

    @classmethod
    def ready(cls) -> str:
        """The weights or library to be used on this machine, for `rabench list`. Raises Unavailable with the remedy."""
        return ""

    @property
    @abstractmethod
    def classes(self) -> tuple[str, ...]:
        """The classes' names, in the order of the logits."""

    @property
    def trained_on(self) -> str:
        """The data set the classifier was trained on, as text; empty where nobody knows."""
        return ""

    @property
    @abstractmethod
    def size(self) -> int:
        """The side of the square input in pixels; 0 takes images as they come."""

    @property
    def published_accuracy(self) -> Published | None:
        """The accuracy that is published for the weights, or None where nobody said."""
        return None

    @property
    def normalization(self) -> Normalization | None:
        """How the network normalizes pixels, or None where nobody knows."""
        return None

    def module(self) -> nn.Module:
        """The PyTorch network, weights in place: (N, 3, H, W), normalized -> (N, classes).

        What trains through a classifier or looks into it needs one. Raises Refused where there is none.
        """
        raise Refused(f"{self.short} is no PyTorch network that rabench can look into; name alexnet, vgg16, ...")

    def fine_tuned(self, path: Path) -> Classifier:
        """The classifier that this one becomes once its tuned weights lie at ``path``. Raises Refused where it cannot be tuned."""
        raise self._not_tunable()

    def _not_tunable(self) -> Refused:
        """The refusal of everything that only networks of rabench can do: to be fine-tuned."""
        return Refused(f"{self.short} cannot be fine-tuned: it is no network of rabench; name alexnet, vgg16, ...")

    def weights_path(self) -> Path:
        """The file that the weights of a classifier from ``fine_tuned`` lie in."""
        raise Refused(f"{self.short} keeps no weights in a file of rabench")

    def tuning(self) -> Tuning:
        """What the weights say of their fine-tuning. Raises Unavailable where they are not there yet."""
        raise self._not_tunable()

    def write_tuned(self, path: Path, network: nn.Module, images: str, training: dict[str, Any], half: bool) -> None:
        """Writes the weights of a tuned ``module()``. images: as in Tuning. half: fp16 instead of fp32."""
        raise self._not_tunable()

    @property
    def batch(self) -> int:
        """How many images one call of the network takes.

        Every call has exactly this many (the last one padded): the last bits of logits depend on it.
        """
        return 64

    @abstractmethod
    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The logits of exactly one batch of prepared images: (batch, H, W, 3) -> (batch, classes)."""

    def prepare(self, image: RGB) -> RGB:
        """The classifier's own resize and crop, applied to a DECODED image."""
        return resized_and_cropped(image, self.size) if self.size else image

    def logits(self, images: Sequence[RGB]) -> NDArray[np.float32]:
        """The logits of images of any size and number, in their order: (N, classes)."""
        batches = [np.empty((0, len(self.classes)), np.float32)]
        for shape, positions in by_shape(prepared := [self.prepare(i) for i in images]):
            for start in range(0, len(positions), self.batch):
                chosen = positions[start : start + self.batch]
                full = np.zeros((self.batch, *shape), np.uint8)
                for row, position in enumerate(chosen):
                    full[row] = prepared[position]
                batches.append(self.logits_of_batch(full)[: len(chosen)])
        order = [p for _, positions in by_shape(prepared) for p in positions]
        return np.concatenate(batches)[np.argsort(order, kind="stable")]
