"""Quantization by a trained ColorCNN or ColorCNN+: argmax of the map, means of the source pixels, on a GPU where there is one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from ...core.errors import Refused
from ...core.images import RGB, IndexedImage, by_shape
from ...core.networks import device, on_device, read_weights
from . import weights as files
from .drawing import hard_palette
from .network import ColorCNN
from .plus import ColorCNNPlus, completed

BATCH_PIXELS = {"cpu": 1 << 15, "cuda": 1 << 20}
"""Pixels of a batch. Every call has exactly as many images (the last one padded): the last bits of a map depend on it."""


class Deployed(torch.nn.Module):
    """A network with its normalization: uint8 pixels, (N, 3, H, W) -> indices, (N, H, W)."""

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, network: ColorCNN | ColorCNNPlus, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1) * 255)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1) * 255)

    def forward(self, pixels: torch.Tensor, colors: int) -> torch.Tensor:
        return self.network.indices((pixels.float() - self.mean) / self.std, colors)


def quantize(network: Deployed, colors: int, images: Sequence[RGB], precision: str) -> list[IndexedImage]:
    """Each image in at most so many colors, palettes trimmed to the colors used."""
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32, on a GPU too
    quantized: dict[int, IndexedImage] = {}
    for (height, width, _), numbers in by_shape(images):
        start = 0
        while start < len(numbers):
            batch = max(1, min(256, BATCH_PIXELS[device().type] // (height * width)))
            batch_numbers = numbers[start : start + batch]
            stack = np.zeros((batch, height, width, 3), np.uint8)
            for row, number in enumerate(batch_numbers):
                stack[row] = images[number]
            try:
                drawn = _batch(network, colors, stack, precision)
            except torch.OutOfMemoryError:
                _halve(batch * height * width, batch)
                continue
            quantized |= zip(batch_numbers, drawn, strict=False)
            start += batch
    return [quantized[number] for number in range(len(images))]


def _halve(pixels: int, batch: int) -> None:
    """Too much for the GPU's memory: fewer pixels a batch from here on, in this process."""
    if batch == 1:
        raise MemoryError(f"ColorCNN: an image of {pixels:,} pixels does not fit into the GPU's memory")
    BATCH_PIXELS[device().type] = pixels // 2
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    warnings.warn(
        f"ColorCNN: out of GPU memory at {batch} images a batch, {batch // 2} from here on",
        RuntimeWarning,
        stacklevel=3,
    )


def _batch(network: Deployed, colors: int, stack: NDArray[np.uint8], precision: str) -> list[IndexedImage]:
    target = device()
    pixels = torch.from_numpy(stack).to(target).permute(0, 3, 1, 2)  # channels_last as it lies
    with torch.inference_mode(), torch.autocast(target.type, torch.bfloat16, enabled=precision == "bf16"):
        indices = network(pixels, colors)
        palettes, _ = hard_palette(pixels, indices, colors)
    index_maps, palette_arrays = indices.to(torch.uint8).cpu().numpy(), palettes.cpu().numpy()
    return [IndexedImage(m, c).trimmed() for m, c in zip(index_maps, palette_arrays, strict=True)]


@lru_cache(maxsize=8)
def loaded(path: Path, sha256: str) -> Deployed:
    """The network of a file of weights, ColorCNN's or ColorCNN+'s, on its device. sha256: of the file."""
    if files.PLUS_FILES.is_own(path):
        about = files.PLUS_FILES.about(path)
        network = ColorCNNPlus(about.classes, about.width, about.levels, about.blocks, about.guided)
        says = f"width {about.width}, {about.levels} levels of {about.blocks} blocks, {about.classes} classes"
        says += ", guided" if about.guided else ""
    else:
        about = files.about(path)
        network = ColorCNN(about.colors, about.width, about.backbone)
        says = f"{about.colors} colors, {about.backbone}, width {about.width}"
    state = read_weights(path)
    if isinstance(network, ColorCNNPlus):
        state = completed(state)
    expected, actual = ({name: tuple(t.shape) for name, t in s.items()} for s in (network.state_dict(), state))
    if mismatched := sorted(name for name in expected | actual if expected.get(name) != actual.get(name)):
        raise Refused(
            f"{path.name} says {says}, which makes {mismatched[0]} "
            f"{expected.get(mismatched[0])}, but holds {actual.get(mismatched[0])}; train it anew: {files.MADE_BY}"
        )
    network.load_state_dict(state)
    deployed = Deployed(network, about.mean, about.std).eval().requires_grad_(False)
    on_device(deployed, device())
    return deployed
