"""Clustering of many images' pixels at once, on a CPU or a GPU: palettes that later stages begin with."""

from __future__ import annotations

import torch

LESS_THAN_DEVIATION = 0.8
"""How far the halves of a split cluster lie from its center, in standard deviations: halves of a uniform cluster lie at
0.87 of it, those of a normal one at 0.80."""


AT_ONCE = {"cpu": 1 << 18, "cuda": 1 << 26}
"""Distances held at once: a megabyte stays in a core's cache, which makes 64 colors three times as fast."""


def nearest(points: torch.Tensor, palettes: torch.Tensor) -> torch.Tensor:
    """The position of the nearest color: (N, P, 3), (N, C, 3) -> (N, P)."""
    if palettes.shape[1] == 1:
        return torch.zeros(points.shape[:2], dtype=torch.int64, device=points.device)
    images = max(1, AT_ONCE[points.device.type] // (points.shape[1] * palettes.shape[1]))
    parts = zip(points.split(images), palettes.split(images), strict=True)
    return torch.cat(
        [torch.baddbmm(c.square().sum(2)[:, None], p, c.transpose(1, 2), alpha=-2).min(2).indices for p, c in parts]
    )


def sums_of(values: torch.Tensor, indices: torch.Tensor, colors: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and sums of values for each color: (N, P, D), (N, P) -> (N, C), (N, C, D)."""
    if colors == 1:
        return values.new_full((len(values), 1), values.shape[1]), values.sum(1, keepdim=True)
    counts = values.new_zeros(len(values), colors).scatter_add_(1, indices, torch.ones_like(values[..., 0]))
    sums = values.new_zeros(len(values), colors, values.shape[2])
    return counts, sums.scatter_add_(1, indices[..., None].expand_as(values), values)


def refined(points: torch.Tensor, palettes: torch.Tensor, rounds: int) -> torch.Tensor:
    """Palettes after rounds of k-means (Lloyd 1982); a color without pixels stays: (N, P, 3), (N, C, 3) -> (N, C, 3)."""
    for _ in range(rounds):
        counts, sums = sums_of(points, nearest(points, palettes), palettes.shape[1])
        used = counts[..., None] > 0
        palettes = torch.where(used, sums / counts.clamp(min=1)[..., None], palettes)
    return palettes


def clusters(points: torch.Tensor, colors: int, rounds: int = 2) -> torch.Tensor:
    """Palettes by splitting: the clusters of the largest squared error are halved until there are enough.

    (N, P, 3) -> (N, colors, 3), means of pixels in the points' own unit. This is the algorithm of Linde, Buzo and Gray
    (1980): one round of k-means after each split, ``rounds`` at the end. An image of fewer colors gets some twice.
    """
    palettes = points.mean(1, keepdim=True)
    red, green, blue = points.unbind(2)
    moments = torch.cat([points, points.square(), torch.stack([red * green, red * blue, green * blue], 2)], 2)
    while (now := palettes.shape[1]) < colors:
        counts, sums = sums_of(moments, nearest(points, palettes), now)
        mean, axis, error = _spread(counts, sums)
        mean = torch.where(counts[..., None] > 0, mean, palettes)
        largest = error.topk(min(now, colors - now), 1).indices[..., None].expand(-1, -1, 3)
        center, step = mean.gather(1, largest), LESS_THAN_DEVIATION * axis.gather(1, largest)
        palettes = refined(points, torch.cat([mean.scatter(1, largest, center - step), center + step], 1), 1)
    return refined(points, palettes, rounds)


def _spread(counts: torch.Tensor, sums: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mean, main axis and squared error of each cluster, from counts (N, C) and sums of moments (N, C, 9).

    The axis is one step of the power method, from the channel of the largest variance; its length is some standard
    deviation.
    """
    moments = sums / counts.clamp(min=1)[..., None]
    mean = moments[..., :3]
    variance = (moments[..., 3:6] - mean.square()).clamp_min(0)
    red, green, blue = mean.unbind(2)
    rg, rb, gb = (moments[..., 6 + i] - product for i, product in enumerate((red * green, red * blue, green * blue)))
    rr, gg, bb = variance.unbind(2)
    columns = torch.stack([torch.stack(c, -1) for c in ((rr, rg, rb), (rg, gg, gb), (rb, gb, bb))], -2)
    widest = variance.argmax(2)[..., None, None].expand(-1, -1, 1, 3)
    axis = columns.gather(2, widest)[..., 0, :] / variance.amax(2).clamp_min(1e-12).sqrt()[..., None]
    return mean, axis, variance.sum(2) * counts
