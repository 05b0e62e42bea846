"""Inference by PyTorch networks: on a GPU where there is one, else on the CPU."""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..core.networks import device, on_device


class Normalized(nn.Module):
    """A network with its normalization: uint8 pixels, (N, 3, H, W) -> logits, (N, classes)."""

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


def batch_size() -> int:
    """How many images one call of a network takes: 512 on a GPU, 64 on a CPU."""
    return 512 if torch.cuda.is_available() else 64  # 32 to 128 are equally fast on a CPU core, 250 is 15 % slower


class Weighted(Protocol):
    """A network with its weights as a value: what a process loads once."""

    @property
    def precision(self) -> str: ...

    @property
    def normalization(self) -> tuple[tuple[float, ...], tuple[float, ...]]: ...

    def module(self) -> nn.Module: ...


def logits(network: Weighted, sha256: str, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The logits of images: (N, H, W, 3) -> (N, classes). Weights are loaded once a process. sha256: of their file."""
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32, on a GPU too
    module, target = loaded(network, sha256), device()
    pixels = torch.from_numpy(images).to(target).permute(0, 3, 1, 2)  # channels_last as it lies
    with torch.inference_mode(), torch.autocast(target.type, torch.bfloat16, enabled=network.precision == "bf16"):
        return module(pixels).float().cpu().numpy()


def logits_of(network: Weighted, sha256: str, x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits of normalized images: (N, H, W, 3) -> (N, classes). sha256: of the weights' file."""
    torch.backends.cudnn.allow_tf32 = False
    module, target = _bare(network, sha256), device()
    tensor = torch.from_numpy(x).to(target).permute(0, 3, 1, 2)
    with torch.inference_mode(), torch.autocast(target.type, torch.bfloat16, enabled=network.precision == "bf16"):
        return module(tensor).float().cpu().numpy()


@lru_cache(maxsize=4)
def _bare(network: Weighted, sha256: str) -> nn.Module:
    return on_device(network.module().eval().requires_grad_(False), device())


@lru_cache(maxsize=4)
def loaded(network: Weighted, sha256: str) -> nn.Module:
    """A network with its normalization, frozen and on its device: uint8 pixels, (N, 3, H, W) -> logits. sha256: of its file."""
    normalized = Normalized(network.module(), *network.normalization).eval().requires_grad_(False)
    return on_device(normalized, device())
