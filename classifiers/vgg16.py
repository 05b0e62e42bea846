"""VGG16 with batch norm for small images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .network import Network

if TYPE_CHECKING:
    from torch import nn

# Output channels in units of the width; "pool" halves height and width. The published network's
# last pool is left out (Hou et al., CVPR 2020).
PLAN = (1, 1, "pool", 2, 2, "pool", 4, 4, 4, "pool", 8, 8, 8, "pool", 8, 8, 8)


@dataclass(frozen=True)
class VGG16(Network):
    """Thirteen 3x3 convolutions with batch norm (Simonyan and Zisserman 2015); 14.7 M parameters."""

    name: ClassVar[str] = "vgg16"

    @classmethod
    def build(cls, classes: int, width: int) -> nn.Module:
        from torch import nn

        layers: list[nn.Module] = []
        before = 3
        for step in PLAN:
            if isinstance(step, str):
                layers.append(nn.MaxPool2d(2, ceil_mode=True))  # ceil: images under 16 pixels too
                continue
            after = step * width
            layers += [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
            before = after
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, classes))
