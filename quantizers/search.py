"""Encoder-side search: pixels change their color until a frozen classifier answers as it does on the original.

Every encoder may search, as video encoders do by rate and distortion; here the measure is a classifier's own answer, and
no label is asked. What is found is made for that classifier: ask another one, too, before you believe in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ..core.images import RGB, AnyImage, IndexedImage
from ..core.networks import device
from .colorcnn.drawing import hard_palette

BATCH_PIXELS = {"cpu": 1 << 16, "cuda": 1 << 20}
"""Pixels of a batch. Every batch of a shape is of one size, the last one padded: last bits depend on it."""
FIRST_CHANGES = 1 / 32
"""The share of pixels that change in the first step; each step that does not help halves it."""


def searched(
    images: Sequence[RGB], drawn: Sequence[AnyImage], classifier: nn.Module, steps: int, batch: int = 0
) -> list[AnyImage]:
    """The images in few colors, indices changed for a classifier; no image gets more colors than it had.

    images: originals. drawn: the same in few colors. classifier: uint8 pixels (N, 3, H, W) -> logits, frozen.
    steps: at most so many gradients an image. batch: images at once; 0: as many as suit the device.
    """
    results: list[AnyImage] = list(drawn)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for number, image in enumerate(drawn):
        if isinstance(image, IndexedImage):
            by_shape.setdefault(image.indices.shape, []).append(number)
    for (height, width), numbers in by_shape.items():
        size = batch or max(1, min(64, BATCH_PIXELS[device().type] // (height * width)))
        for start in range(0, len(numbers), size):
            part = numbers[start : start + size]
            rows = part + part[:1] * (size - len(part))
            pixels = np.stack([images[n] for n in rows])
            indexed = [image for n in rows if isinstance(image := drawn[n], IndexedImage)]
            indices, palettes = _batch(pixels, indexed, classifier, steps)
            for row, number in enumerate(part):
                results[number] = IndexedImage(indices[row], palettes[row]).trimmed()
    return results


@dataclass
class _State:
    """Images as they are drawn now, and what the classifier says of them."""

    indices: torch.Tensor
    """(N, H, W)"""
    palettes: torch.Tensor
    """(N, C, 3), uint8"""
    used: torch.Tensor
    """(N, C): whether any pixel has the color."""
    losses: torch.Tensor
    """(N,): cross-entropy between the answer on the original and this one."""
    gradients: torch.Tensor
    """(N, 3, H * W): of the losses with respect to the drawn pixels."""
    satisfied: torch.Tensor
    """(N,): whether the answer on the original is given, and as surely."""

    def where(self, better: torch.Tensor, other: _State) -> _State:
        """``other`` for the images where ``better``, else this."""
        return _State(
            *(
                torch.where(better.view(-1, *[1] * (mine.dim() - 1)), theirs, mine)
                for mine, theirs in zip(vars(self).values(), vars(other).values(), strict=True)
            )
        )


def _batch(
    pixels: NDArray[np.uint8], drawn: Sequence[IndexedImage], classifier: nn.Module, steps: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    target = device()
    originals = torch.from_numpy(pixels).to(target).permute(0, 3, 1, 2)
    colors = max(len(image.palette) for image in drawn)
    indices = torch.from_numpy(np.stack([image.indices for image in drawn]).astype(np.int64)).to(target)
    with torch.no_grad():
        answers = classifier(originals).float().softmax(1)
    state = _looked_at(originals, indices, colors, classifier, answers)
    count = indices[0].numel()
    changes = torch.full((len(indices),), max(1, int(FIRST_CHANGES * count)), device=target)
    for _ in range(steps):
        changes[state.satisfied] = 0
        if not changes.any():
            break
        candidate = _looked_at(originals, _changed(state, changes), colors, classifier, answers)
        better = candidate.losses < state.losses
        changes = torch.where(better, changes, changes // 2)
        state = state.where(better, candidate)
    return state.indices.to(torch.uint8).cpu().numpy(), state.palettes.cpu().numpy()


def _looked_at(
    originals: torch.Tensor, indices: torch.Tensor, colors: int, classifier: nn.Module, answers: torch.Tensor
) -> _State:
    palettes, counts = hard_palette(originals, indices, colors)
    flat = indices.flatten(1)[..., None].expand(-1, -1, 3)
    drawn = palettes.float().gather(1, flat).transpose(1, 2).unflatten(2, indices.shape[1:]).requires_grad_(True)
    with torch.enable_grad():
        logits = classifier(drawn).float()
        losses = -(answers * functional.log_softmax(logits, 1)).sum(1)
        (gradients,) = torch.autograd.grad(losses.sum(), drawn)
    sure, answer = answers.max(1)
    now = logits.detach().softmax(1)
    satisfied = (now.argmax(1) == answer) & (now.gather(1, answer[:, None])[:, 0] >= sure)
    return _State(indices, palettes, counts > 0, losses.detach(), gradients.flatten(2), satisfied)


def _changed(state: _State, changes: torch.Tensor) -> torch.Tensor:
    """Indices after the changes that promise most, so many an image: to the first order of the loss."""
    palettes, flat = state.palettes.float(), state.indices.flatten(1)
    # (N, C, 3) @ (N, 3, P) -> (N, C, P): how the loss falls if the pixel had the color, but for a constant
    fall = -(palettes @ state.gradients)
    now = fall.gather(1, flat[:, None])[:, 0]
    most, color = fall.masked_fill(~state.used[..., None], -torch.inf).max(1)
    gain = most - now
    rank = gain.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    change = (rank < changes[:, None]) & (gain > 0)
    return torch.where(change, color, flat).view_as(state.indices)
