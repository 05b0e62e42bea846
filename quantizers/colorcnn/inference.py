"""A trained ColorCNN at work: argmax of the map, means of the source pixels, on a GPU where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.images import RGB, AnyImage, IndexedImage
from ...core.networks import device, on_device, read_weights
from . import weights as files
from .drawing import hard_palette
from .network import ColorCNN

BATCH_PIXELS = {"cpu": 1 << 15, "cuda": 1 << 20}
"""Pixels of a batch. Every call has exactly as many images (the last one padded): the last bits of a map depend on it."""


class Deployed(torch.nn.Module):
    """uint8 pixels, (N, 3, H, W) -> indices, (N, H, W) uint8."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: ColorCNN, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        # Softmax does not change which is largest.
        return self.network.logits((pixels.float() - self.mean) / self.std).argmax(1)


def quantize(path: Path, sha256: str, images: Sequence[RGB], precision: str) -> list[AnyImage]:
    """Each image in at most as many colors as the weights are for, palettes trimmed to the colors used."""
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32, on a GPU too
    network, colors = _loaded(path, sha256)
    found: dict[int, AnyImage] = {}
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for number, image in enumerate(images):
        by_shape.setdefault(image.shape, []).append(number)
    for (height, width, _), numbers in by_shape.items():
        batch = max(1, min(256, BATCH_PIXELS[device().type] // (height * width)))
        for start in range(0, len(numbers), batch):
            few = numbers[start : start + batch]
            stack = np.zeros((batch, height, width, 3), np.uint8)
            for place, number in enumerate(few):
                stack[place] = images[number]
            found |= zip(few, _batch(network, colors, stack, precision), strict=False)
    return [found[number] for number in range(len(images))]


def _batch(network: Deployed, colors: int, stack: NDArray[np.uint8], precision: str) -> list[AnyImage]:
    where = device()
    pixels = torch.from_numpy(stack).to(where).permute(0, 3, 1, 2)  # channels_last as it lies
    with torch.inference_mode(), torch.autocast(where.type, torch.bfloat16, enabled=precision == "bf16"):
        indices = network(pixels)
        palettes, _ = hard_palette(pixels, indices, colors)
    maps, colors_of = indices.to(torch.uint8).cpu().numpy(), palettes.cpu().numpy()
    return [IndexedImage(m, c).trimmed() for m, c in zip(maps, colors_of, strict=True)]


@lru_cache(maxsize=8)
def _loaded(path: Path, sha256: str) -> tuple[Deployed, int]:
    said = files.about(path)
    network = ColorCNN(said.colors, said.width, said.backbone)
    network.load_state_dict(read_weights(path))
    deployed = Deployed(network, said.mean, said.std).eval().requires_grad_(False)
    on_device(deployed, device())
    return deployed, said.colors
