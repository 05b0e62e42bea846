"""Inference by PyTorch networks: on a GPU where there is one, else on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ..core.networks import device, on_device, read_weights
from . import weights as files

Build = Callable[[int, int], nn.Module]
"""A function of the number of classes and the width that makes a network with fresh weights."""


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


def logits(build: Build, path: Path, sha256: str, images: NDArray[np.uint8], precision: str) -> NDArray[np.float32]:
    """The logits of images: (N, H, W, 3) -> (N, classes). The weights at ``path`` are loaded once a process."""
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32, on a GPU too
    network = _loaded(build, path, sha256)
    target = device()
    pixels = torch.from_numpy(images).to(target).permute(0, 3, 1, 2)  # channels_last as it lies
    with torch.inference_mode(), torch.autocast(target.type, torch.bfloat16, enabled=precision == "bf16"):
        return network(pixels).float().cpu().numpy()


@lru_cache(maxsize=4)
def _loaded(build: Build, path: Path, sha256: str) -> nn.Module:
    about = files.about(path)
    network = build(len(about.classes), about.width)
    network.load_state_dict(read_weights(path))
    normalized = Normalized(network, about.mean, about.std).eval().requires_grad_(False)
    return on_device(normalized, device())
