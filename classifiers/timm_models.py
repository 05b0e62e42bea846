"""timm's networks, with its published weights or those of a file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..core.errors import Refused, Unavailable
from ..core.packages import installed
from .preprocessing import Preprocessing
from .pytorch import LibraryNetwork

if TYPE_CHECKING:
    import torch
    from torch import nn

REMEDY = (
    "timm needs timm, and a torchvision that is built for the torch that is installed (for a torch without CUDA: from "
    "https://download.pytorch.org/whl/cpu): pip install -c constraints.txt '.[networks]'"
)
PRETRAINED = "pretrained"
"""The name for the weights that timm itself has for a model."""


@dataclass(frozen=True)
class Timm(LibraryNetwork):
    """A network of timm (PyTorch Image Models); weights=pretrained fetches timm's own, a file is read.

    Preprocessing is what timm's validation does: the test size, crop and interpolation of the model's pretrained_cfg.
    """

    name: ClassVar[str] = "timm"
    library: ClassVar[str] = "timm"

    @classmethod
    def names(cls) -> list[str]:
        return [*_timm().list_models(), *_timm().list_pretrained()]

    @classmethod
    def ready(cls) -> str:
        return f"{installed('timm', REMEDY)}, if torchvision fits this torch; give model=NAME:weights=FILE or weights={PRETRAINED}"

    def build(self, classes: int | None) -> nn.Module:
        count = {} if classes is None else {"num_classes": classes}
        return _timm().create_model(self.model, pretrained=False, **count)

    def head(self, tensors: Mapping[str, torch.Tensor]) -> int | None:
        head = self._stated().get("classifier")
        names = (head,) if isinstance(head, str) else tuple(head or ())
        return next((len(tensors[f"{name}.weight"]) for name in names if f"{name}.weight" in tensors), None)

    def weights_file(self) -> Path:
        if self.weights == PRETRAINED:
            return _fetched(self.model)
        path = Path(self.weights).expanduser()
        if not path.is_file():
            raise Unavailable(f"timm: no file at {self.weights!r}; give weights=FILE or weights={PRETRAINED}")
        return path

    def stated_preprocessing(self) -> Preprocessing:
        stated = self._stated()
        side = stated.get("test_input_size", stated["input_size"])[-1]
        share = stated.get("test_crop_pct", stated["crop_pct"])
        mode = stated.get("crop_mode") or "center"
        if mode not in ("center", "squash"):
            raise Refused(f"{self.short}: its crop_mode {mode} is none that rabench has (center, squash)")
        return Preprocessing(
            resize=floor(side / share),
            crop=side,
            squash=mode == "squash",
            interpolation=stated["interpolation"],
            mean=tuple(stated["mean"]),
            std=tuple(stated["std"]),
        )

    def _stated(self) -> dict[str, Any]:
        """What timm knows of the model's weights."""
        self.check_model()
        return _config(self.model)


def _timm() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the modules that timm has moved
            return import_module("timm")
    except (ImportError, RuntimeError) as error:
        raise Unavailable(f"{REMEDY} ({str(error).splitlines()[0]})") from None


@lru_cache(maxsize=64)
def _config(model: str) -> dict[str, Any]:
    return _timm().models.get_pretrained_cfg(model).to_dict()


@lru_cache(maxsize=16)
def _fetched(model: str) -> Path:
    """The file of timm's own weights in the cache of Hugging Face's hub; fetched there if it is not. Raises Unavailable."""
    import huggingface_hub

    repository = _config(model).get("hf_hub_id")
    if not repository:
        raise Unavailable(
            f"timm: it has no weights for {model}; give weights=FILE, or a model of timm.list_pretrained()"
        )
    try:
        return Path(huggingface_hub.hf_hub_download(repository, "model.safetensors"))
    except Exception as error:  # the hub's errors have no common base
        raise Unavailable(
            f"timm: the weights of {model} cannot be fetched ({type(error).__name__}: {str(error).splitlines()[0][:120]}); "
            f"fetch model.safetensors of {repository} on Hugging Face, and give weights=FILE"
        ) from None
