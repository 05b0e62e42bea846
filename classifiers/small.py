"""A small network that trains in a minute on two cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .network import Network

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Small(Network):
    """Four 3x3 convolutions with batch norm, a pool after each of the first three."""

    name: ClassVar[str] = "small"
    standard_width: ClassVar[int] = 32

    @classmethod
    def build(cls, classes: int, width: int) -> nn.Module:
        from torch import nn

        layers: list[nn.Module] = []
        before = 3
        for number, after in enumerate((width, 2 * width, 4 * width, 4 * width)):
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            if number < 3:
                layers.append(nn.MaxPool2d(2, ceil_mode=True))
            before = after
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
