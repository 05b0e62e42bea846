"""ColorCNN's networks: an image -> for each pixel, the probability of each of C colors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

STRIDE = 16
"""The U-Net halves an image four times; sides are padded to a multiple of this."""
BACKBONES = ("unet", "dncnn")
HEAD = 4
"""Channels of the head's hidden layer, in widths: 256 at width 64, as published."""


@dataclass(frozen=True)
class Map:
    """What a network says of images: which color each pixel takes."""

    logits: torch.Tensor
    """(N, C, H, W), before the softmax."""
    offsets: torch.Tensor | None = None
    """(N, 3, H, W): how far pixels are moved, where the network moves pixels."""
    guess: torch.Tensor | None = None
    """(N, classes): the logits of what the network takes the images for, where that guides it."""


def _twice(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (before, after):
        layers += [
            nn.Conv2d(channels, after, 3, padding=1, bias=True),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """Ronneberger et al. (MICCAI 2015) with batch norm and bilinear up-sampling: (N, 3, H, W) -> (N, width, H, W).

    H and W: multiples of 16. Channels width, 2, 4, 8 and 8 times width; 13.4 million parameters at width 64.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        w = width
        self.enter = _twice(3, w)
        self.down = nn.ModuleList([_twice(a * w, b * w) for a, b in ((1, 2), (2, 4), (4, 8), (8, 8))])
        self.up = nn.ModuleList([_twice(a * w, b * w) for a, b in ((16, 4), (8, 2), (4, 1), (2, 1))])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        levels = [self.enter(x)]
        for block in self.down:
            levels.append(block(functional.max_pool2d(levels[-1], 2)))
        x = levels.pop()
        for block in self.up:
            x = functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = block(torch.cat([levels.pop(), x], 1))
        return x


class DnCNN(nn.Module):
    """Zhang et al. (TIP 2017): 17 layers of 3x3 convolutions at full resolution, less their residue.

    (N, 3, H, W) -> (N, width, H, W)
    """

    def __init__(self, width: int, depth: int = 17) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU(inplace=True)]
        for _ in range(depth - 2):
            layers += [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class ColorCNN(nn.Module):
    """A backbone and a head: (N, 3, H, W), normalized -> (N, C, H, W), probabilities over the C colors.

    Any H and W: the image is padded by its edge pixels to what the backbone needs, and the map cropped back.
    """

    def __init__(self, colors: int, width: int = 64, backbone: str = "unet") -> None:
        super().__init__()
        self.colors, self.width = colors, width
        self.backbone = UNet(width) if backbone == "unet" else DnCNN(width)
        self.stride = STRIDE if backbone == "unet" else 1
        hidden = HEAD * width
        self.head = nn.Sequential(
            nn.Conv2d(width, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, colors, 1, bias=False)
        )

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """The map before its softmax: (N, 3, H, W), normalized -> (N, C, H, W)."""
        height, width = x.shape[2:]
        right, below = -width % self.stride, -height % self.stride
        if right or below:
            x = functional.pad(x, (0, right, 0, below), mode="replicate")
        return self.head(self.backbone(x))[..., :height, :width]

    def map(self, x: torch.Tensor, colors: int) -> Map:
        """The map of images, (N, 3, H, W), normalized. colors: those that the network is for."""
        if colors != self.colors:
            raise ValueError(f"this network is for {self.colors} colors, asked are {colors}")
        return Map(self.logits(x).float())

    def indices(self, x: torch.Tensor, colors: int) -> torch.Tensor:
        """The color of each pixel, the largest logit's: (N, 3, H, W), normalized -> (N, H, W)."""
        return self.map(x, colors).logits.argmax(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.logits(x).float().softmax(1)
