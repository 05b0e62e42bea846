"""ResNet18 for small images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .network import Network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class ResNet18(Network):
    """He et al. (CVPR 2016) with a 3x3 stem of stride 1 and no max-pool; 11.2 M parameters."""

    name: ClassVar[str] = "resnet18"

    @classmethod
    def build(cls, classes: int, width: int) -> nn.Module:
        from torch import nn

        from .residual import Residual

        stem = [nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        blocks: list[nn.Module] = []
        before = width
        for stage in range(4):
            after = width << stage
            blocks += [Residual(before, after, stride=2 if stage else 1), Residual(after, after)]
            before = after
        return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
