"""PyTorch networks of libraries that publish weights: what torchvision's and timm's share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Refused, UnknownName, nearest
from ..core.files import sha256_of
from ..core.networks import device_kind, torch_version
from ..core.plugins import Location, Text, setting
from ..core.state_dicts import load_into, read_state_dict
from .base import Normalization
from .preprocessing import Preprocessed, Preprocessing, described

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class LibraryNetwork(Preprocessed):
    """A network that a library builds by its name, with the library's own weights or those of a file."""

    model: str = setting("", Text("the name of a model", required=True), help="as the library names it")
    weights: str = setting(
        "",
        Location(
            "a .safetensors or .pth file, or a name of weights (torchvision: IMAGENET1K_V1; timm: pretrained)",
            required=True,
        ),
    )
    precision: str = setting("fp32", ("fp32", "bf16"), help="number format; bf16 is faster where the processor has it")

    library: ClassVar[str]
    """The package that has the networks."""

    @property
    def on_gpu(self) -> bool:
        return True

    @classmethod
    @abstractmethod
    def names(cls) -> list[str]:
        """The models that the library can build."""

    @abstractmethod
    def build(self, classes: int | None) -> nn.Module:
        """The network with fresh weights; classes: of its last layer, None for as many as published."""

    @abstractmethod
    def head(self, tensors: Mapping[str, torch.Tensor]) -> int | None:
        """The number of classes that weights are for; None where they do not tell."""

    @abstractmethod
    def weights_file(self) -> Path:
        """The file of the weights, fetched by the library where the setting is a name. Raises Unavailable."""

    @property
    def preprocessing(self) -> Preprocessing:
        """What the weights want done to an image, with what the settings name instead."""
        return _preprocessing(self)

    @abstractmethod
    def stated_preprocessing(self) -> Preprocessing:
        """What the library states for the weights. Raises Refused for what rabench cannot do."""

    def module(self) -> nn.Module:
        self.check_model()
        path = self.weights_file()
        tensors = read_state_dict(path).tensors
        network = self.build(self.head(tensors))
        load_into(network, tensors, path, self.model)
        return network

    def check_model(self) -> None:
        """Raises UnknownName, with near misses, for a model that the library does not have."""
        names = _names(type(self))
        if self.model not in names:
            raise UnknownName(
                f"{self.name} has no model {self.model!r}{nearest(self.model, names)}; "
                f"{self.library}.list_models() in Python lists all {len(names):,}"
            )

    @property
    def normalization(self) -> Normalization:
        return self.preprocessing.mean, self.preprocessing.std

    def version(self) -> str:
        self.check_model()
        libraries = f"{self.library} {version(self.library)}, torch {torch_version()}"
        # the library states it, and may state another tomorrow, or for a file of another name
        done = described(self.preprocessing)
        return f"sha256 {sha256_of(self.weights_file())[:16]}, {libraries}, {device_kind()}, {self.precision}, {done}"

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(map(str, range(_class_count(self, sha256_of(self.weights_file())))))

    @property
    def size(self) -> int:
        return self.preprocessing.crop

    @property
    def batch(self) -> int:
        from .inference import batch_size

        return min(batch_size(), 64 if self.size <= 64 else 8 if device_kind() == "CPU" else 256)

    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        from .inference import logits_of

        return logits_of(self, sha256_of(self.weights_file()), self.preprocessing.tensor(images))


@lru_cache(maxsize=4)
def _names(cls: type[LibraryNetwork]) -> frozenset[str]:
    return frozenset(cls.names())


@lru_cache(maxsize=64)
def _preprocessing(network: LibraryNetwork) -> Preprocessing:
    return network.named(network.stated_preprocessing())


@lru_cache(maxsize=64)
def _class_count(network: LibraryNetwork, sha256: str) -> int:
    count = network.head(read_state_dict(network.weights_file()).tensors)
    if count is None:
        raise Refused(f"{network.short}: its weights do not tell how many classes they are for")
    return count
