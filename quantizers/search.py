"""Encoder-side search: pixels change their color until a frozen classifier answers as it does on the original.

Every encoder may search, as video encoders do by rate and distortion; here the measure is a classifier's own answer on
the original, and no label is asked. What is found is made for that classifier: ask another one, too, before you believe
in it. The search is a gradient descent on where pixels lie, while the image is always that of their nearest colors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ..core.images import RGB, IndexedImage, by_shape
from ..core.networks import device
from .colorcnn.clusters import nearest
from .colorcnn.drawing import hard_palette

BATCH_PIXELS = {"cpu": 1 << 16, "cuda": 1 << 20}
"""Pixels of a batch. Every batch of a shape is of one size, the last one padded: last bits depend on it."""
STEP = 0.06
"""How far a step moves a pixel, in root mean square errors of the image in few colors, for a gradient of mean size."""
FAR = 1e4
"""A color that no pixel is near."""


def searched(
    images: Sequence[RGB], drawn: Sequence[IndexedImage], classifier: nn.Module, steps: int
) -> list[IndexedImage]:
    """The images in few colors, indices changed for a classifier; no image gets more colors than it had.

    The colors become the means of their pixels, where they were not.

    images: originals. drawn: the same in few colors. classifier: uint8 pixels (N, 3, H, W) -> logits, frozen.
    steps: gradients an image; all are taken, for what goes on once the answer is right carries over better to others.
    """
    found: dict[int, IndexedImage] = {}
    for (height, width, _), numbers in by_shape(images):
        size = max(1, min(64, BATCH_PIXELS[device().type] // (height * width)))
        for start in range(0, len(numbers), size):
            part = numbers[start : start + size]
            rows = part + part[:1] * (size - len(part))
            pixels = np.stack([images[n] for n in rows])
            indices, palettes = _batch(pixels, [drawn[n] for n in rows], classifier, steps)
            found |= {n: IndexedImage(i, p).trimmed() for n, i, p in zip(part, indices, palettes, strict=False)}
    return [found[number] for number in range(len(images))]


@dataclass
class _State:
    """Images as they are drawn now, and what the classifier says of them."""

    indices: torch.Tensor
    """(N, H * W)"""
    palettes: torch.Tensor
    """(N, C, 3), uint8; a color without pixels is black."""
    used: torch.Tensor
    """(N, C): whether any pixel has the color."""
    losses: torch.Tensor
    """(N,): cross-entropy between the answer on the original and this one."""
    gradients: torch.Tensor
    """(N, H * W, 3): of the losses with respect to the drawn pixels."""

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
    """Indices and palettes after a search: pixels are moved against the gradient and take the nearest color.

    What the classifier sees is always an image as it would be stored, and the gradient there stands for that of the
    moved pixel; the best image on the way is kept.
    """
    originals = torch.from_numpy(pixels).to(device()).permute(0, 3, 1, 2)
    colors = max(len(image.palette) for image in drawn)
    indices = torch.from_numpy(np.stack([image.indices for image in drawn]).astype(np.int64)).to(originals.device)
    with torch.no_grad():
        answers = classifier(originals).float().softmax(1)
    best = state = _looked_at(originals, indices.flatten(1), colors, classifier, answers)
    places, error = _places(originals, state)
    for _ in range(steps):
        size = state.gradients.abs().mean((1, 2), keepdim=True).clamp_min(1e-12)
        places = places - STEP * error * state.gradients / size
        palettes = state.palettes.float().masked_fill(~state.used[..., None], FAR)
        state = _looked_at(originals, nearest(places, palettes), colors, classifier, answers)
        best = best.where(state.losses < best.losses, state)
    return best.indices.view_as(indices).to(torch.uint8).cpu().numpy(), best.palettes.cpu().numpy()


def _places(originals: torch.Tensor, state: _State) -> tuple[torch.Tensor, torch.Tensor]:
    """Where the pixels begin, (N, H * W, 3), and root mean square errors, (N, 1, 1).

    A pixel begins where it is; one whose color is not the nearest begins at its color, so that it keeps it.
    """
    pixels, palettes = originals.flatten(2).transpose(1, 2).float(), state.palettes.float()
    color = palettes.gather(1, state.indices[..., None].expand(-1, -1, 3))
    kept = nearest(pixels, palettes.masked_fill(~state.used[..., None], FAR)) == state.indices
    error = (color - pixels).square().sum(2).mean(1).sqrt().clamp_min(1.0).view(-1, 1, 1)
    return torch.where(kept[..., None], pixels, color), error


def _looked_at(
    originals: torch.Tensor, indices: torch.Tensor, colors: int, classifier: nn.Module, answers: torch.Tensor
) -> _State:
    shape = originals.shape[2:]
    palettes, counts = hard_palette(originals, indices.unflatten(1, shape), colors)
    drawn = palettes.float().gather(1, indices[..., None].expand(-1, -1, 3)).requires_grad_(True)
    with torch.enable_grad():
        logits = classifier(drawn.transpose(1, 2).unflatten(2, shape)).float()
        losses = -(answers * functional.log_softmax(logits, 1)).sum(1)
        (gradients,) = torch.autograd.grad(losses.sum(), drawn)
    return _State(indices, palettes, counts > 0, losses.detach(), gradients)
