"""Classifiers that are PyTorch networks with weights in a file."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..core.errors import Refused
from ..core.files import sha256_of
from ..core.plugins import Location, setting
from . import weights as files
from .base import Classifier
from .weights import About

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))


@dataclass(frozen=True)
class Network(Classifier):
    """A network of this file's family; ``weights`` brings width, classes and normalization."""

    weights: str = setting("", Location("a .safetensors file or the name of weights that ship", required=True))
    precision: str = setting(
        "fp32", ("fp32", "bf16"), help="of convolutions; bf16 is faster where the processor has it"
    )

    standard_width: ClassVar[int] = 64

    @staticmethod
    @abstractmethod
    def build(classes: int, width: int) -> nn.Module:
        """The network with fresh weights: (N, 3, H, W), normalized -> (N, classes)."""

    @property
    def about(self) -> About:
        found = files.about(files.find(self.weights))
        if found.network != self.name:
            raise Refused(
                f"{self.weights} holds weights of {found.network}, not of {self.name}; name it as {found.network}:weights=..."
            )
        return found

    def version(self) -> str:
        sha256 = sha256_of(files.find(self.weights))
        assert self.about
        return f"sha256 {sha256[:16]}, torch {torch.__version__}, {device_kind()}, {self.precision}"

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
        return 512 if torch.cuda.is_available() else 64  # 32 to 128 are alike on a CPU core, 250 is 15 % slower

    def logits_of_batch(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        path = files.find(self.weights)
        network = _loaded(type(self), path, sha256_of(path))
        device = next(network.parameters()).device
        pixels = torch.from_numpy(images).to(device).permute(0, 3, 1, 2)  # channels_last as it lies
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=self.precision == "bf16"):
            return network(pixels).float().cpu().numpy()


class Normalized(nn.Module):
    """uint8 pixels, (N, 3, H, W) -> the network's logits."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: nn.Module, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        # In units of a pixel's 0..255
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.network((pixels.float() - self.mean) / self.std)


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_kind() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


@lru_cache(maxsize=4)
def _loaded(cls: type[Network], path: Path, sha256: str) -> nn.Module:
    about = files.about(path)
    network = cls.build(len(about.classes), about.width)
    network.load_state_dict(files.read(path))
    normalized = Normalized(network, about.mean, about.std).eval().requires_grad_(False)
    return normalized.to(device(), memory_format=torch.channels_last)
