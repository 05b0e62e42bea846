"""Images drawn from a probability map: with gradients for training, in whole colors for use.

The terms are the published ones: m (N, C, H, W) is the probability of each color at each pixel, M its argmax.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

TINY = 1e-8
"""Keeps a color that no pixel wants from dividing by zero, as published."""


@dataclass(frozen=True)
class Jitter:
    """Noise on the palette while training: strength * n, n ~ N(0, 1), in the classifier's normalized space."""

    strength: float = 1.0
    shared: bool = True
    """One number for the whole batch, all colors and channels, as the published code draws it; else one each."""

    def draw(self, images: int, colors: int, generator: torch.Generator) -> torch.Tensor:
        """Noise to add to palettes, (N, 3, C). Drawn on the CPU, so that a seed means the same everywhere."""
        shape = (1, 1, 1) if self.shared else (images, 3, colors)
        return self.strength * torch.randn(shape, generator=generator)


def soft_palette(images: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
    """Each color as the mean of all pixels, weighted by its probability: (N, 3, H, W), (N, C, H, W) -> (N, 3, C)."""
    pixels, weights = images.flatten(2), probabilities.flatten(2)
    return pixels @ weights.transpose(1, 2) / (weights.sum(2)[:, None] + TINY)


def soft_image(palette: torch.Tensor, probabilities: torch.Tensor) -> torch.Tensor:
    """Each pixel as the mean of the palette, weighted by its probabilities: (N, 3, C), (N, C, H, W) -> (N, 3, H, W)."""
    return (palette @ probabilities.flatten(2)).unflatten(2, probabilities.shape[2:])


def redrawn(
    images: torch.Tensor,
    probabilities: torch.Tensor,
    jitter: torch.Tensor | float = 0.0,
    color_norm: float = 1.0,
) -> torch.Tensor:
    """The images that the classifier sees in training: of more than C colors, so that gradients reach every pixel.

    color_norm: divides the palette, in training only. jitter: added to it.
    """
    return soft_image(soft_palette(images, probabilities) / color_norm + jitter, probabilities)


def chosen(logits: torch.Tensor, sharpness: float, noise: float, generator: torch.Generator) -> torch.Tensor:
    """The probability map that draws a training image: softmax(sharpness * (logits + noise * Gumbel)).

    (N, C, H, W) -> (N, C, H, W). Sharpness 1 without noise is as published. Shades mixed of two colors help a
    classifier in training and do not exist later; both make mixtures rare, noise (Gumbel-softmax: Jang et al., Maddison
    et al., ICLR 2017) because nothing but a large margin survives it.
    """
    if noise:
        even = torch.rand(logits.shape, generator=generator, device=logits.device).clamp(1e-6, 1 - 1e-6)
        logits = logits - noise * torch.log(-torch.log(even))
    return (sharpness * logits).softmax(1)


def regularizer(probabilities: torch.Tensor) -> torch.Tensor:
    """log2(C) (1 - mean over colors of the largest probability anywhere): asks that each color be used somewhere.

    (N, C, H, W) -> one number, the mean over images. Zero where each color is certain at some pixel.
    """
    colors = probabilities.shape[1]
    peaks = probabilities.flatten(2).amax(2)  # (N, C)
    return torch.log2(torch.tensor(float(colors))) * (1 - peaks.mean())


def hard_palette(pixels: torch.Tensor, indices: torch.Tensor, colors: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Each color as the mean of its pixels, and how many pixels it has.

    (N, 3, H, W) uint8, (N, H, W) -> (N, C, 3) uint8, rounded with halves to even, and (N, C).
    Sums are whole numbers and exact, whatever the order in which they are added.
    """
    n = len(pixels)
    flat = indices.flatten(1)
    counts = torch.zeros(n, colors, dtype=torch.int64, device=pixels.device).scatter_add_(
        1, flat, torch.ones_like(flat)
    )
    sums = torch.zeros(n, 3, colors, dtype=torch.int64, device=pixels.device)
    sums.scatter_add_(2, flat[:, None].expand(-1, 3, -1), pixels.flatten(2).long())
    means = sums.double() / counts.clamp(min=1)[:, None]
    return means.round().to(torch.uint8).transpose(1, 2), counts
