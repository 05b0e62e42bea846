"""torchvision's classification networks, with its published weights or those of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.errors import Unavailable, nearest
from ..core.files import sha256_of
from ..core.packages import installed
from .base import Published
from .preprocessing import Preprocessing
from .pytorch import LibraryNetwork

if TYPE_CHECKING:
    import torch
    from torch import nn

REMEDY = (
    "torchvision needs torchvision, built for the torch that is installed (for a torch without CUDA: from "
    "https://download.pytorch.org/whl/cpu): pip install -c constraints.txt '.[networks]'"
)
TENSORFLOW = ("googlenet", "inception_v3")
"""Models whose published weights come from TensorFlow: with these weights torchvision normalizes anew inside the network."""
PUBLISHED_ON = "ImageNet's 50,000 validation images"


@dataclass(frozen=True)
class TorchVision(LibraryNetwork):
    """A classification network of torchvision; weights=IMAGENET1K_V1 or another name fetches, a file is read.

    Preprocessing and published accuracy are those that torchvision states for the weights; of a file, those of the
    weights with its name, such as resnet50-0676ba61.pth.
    """

    name: ClassVar[str] = "torchvision"
    library: ClassVar[str] = "torchvision"

    @classmethod
    def names(cls) -> list[str]:
        return _models().list_models(module=_models())

    @classmethod
    def ready(cls) -> str:
        return f"{installed('torchvision', REMEDY)}, if it fits this torch; give model=NAME:weights=FILE or a name of weights"

    def build(self, classes: int | None) -> nn.Module:
        options: dict[str, Any] = {} if classes is None else {"num_classes": classes}
        if self.model in TENSORFLOW:
            options |= {"transform_input": True, "init_weights": False}
        return _models().get_model(self.model, weights=None, **options)

    def head(self, tensors: Mapping[str, torch.Tensor]) -> int | None:
        heads = [
            n for n in tensors if n.split(".")[0] in ("fc", "classifier", "heads", "head") and n.endswith(".weight")
        ]
        # squeezenet ends in a 1x1 convolution, every other one in a linear layer
        return len(tensors[heads[-1]]) if heads else None

    def weights_file(self) -> Path:
        path = Path(self.weights).expanduser()
        return path if path.is_file() else _fetched(self.model, self.weights)

    def stated_preprocessing(self) -> Preprocessing:
        preset = self._stated().transforms()
        return Preprocessing(
            resize=preset.resize_size[0],
            crop=preset.crop_size[0],
            interpolation=preset.interpolation.value,
            mean=tuple(preset.mean),
            std=tuple(preset.std),
        )

    @property
    def published_accuracy(self) -> Published | None:
        stated = self._stated()
        file = _cached(self.model, self.weights) if not Path(self.weights).is_file() else Path(self.weights)
        # A file that only shares the name of published weights has other weights; and reading results fetches none
        if self.published or not file.is_file() or not sha256_of(file).startswith(_hash_of(stated.url)):
            return super().published_accuracy
        return Published(stated.meta["_metrics"]["ImageNet-1K"]["acc@1"], PUBLISHED_ON)

    def _stated(self) -> Any:
        """torchvision's entry for the weights: by their name, or by that of their file; else the first of the model's."""
        self.check_model()
        entries = list(_models().get_model_weights(self.model))
        by_name = {e.name: e for e in entries} | {Path(e.url).stem: e for e in reversed(entries)}
        stem = Path(self.weights).stem
        return by_name.get(self.weights) or by_name.get(stem) or entries[0]


def _hash_of(url: str) -> str:
    """The first digits of the sha256 that the name of published weights ends with."""
    return Path(url).stem.rpartition("-")[2]


def _models() -> Any:
    try:
        return import_module("torchvision.models")
    except (ImportError, RuntimeError) as error:  # a build for another torch raises RuntimeError
        raise Unavailable(f"{REMEDY} ({str(error).splitlines()[0]})") from None


def _entry(model: str, name: str) -> Any:
    """torchvision's entry for named weights. Raises Unavailable, with near misses."""
    entries = {e.name: e for e in _models().get_model_weights(model)}
    if name not in entries:
        raise Unavailable(
            f"torchvision: no file at {name!r}, and {model} has no weights of that name{nearest(name, entries)}; "
            f"it has {', '.join(entries)}"
        )
    return entries[name]


def _cached(model: str, name: str) -> Path:
    """Where named weights lie, or would lie, in PyTorch's cache."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints" / Path(_entry(model, name).url).name


@lru_cache(maxsize=16)
def _fetched(model: str, name: str) -> Path:
    """The file of named weights in PyTorch's cache; fetched there if it is not. Raises Unavailable."""
    import torch

    url, file = _entry(model, name).url, _cached(model, name)
    folder = file.parent
    if not file.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(file), hash_prefix=_hash_of(url), progress=False)
        except (OSError, RuntimeError) as error:
            reason = str(getattr(error, "reason", error)).splitlines()[0]
            raise Unavailable(
                f"torchvision: {name} of {model} cannot be fetched from {url} ({reason}); put {file.name} into {folder}, "
                "or give weights=FILE"
            ) from None
    return file
