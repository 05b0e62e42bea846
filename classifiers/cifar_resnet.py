"""The residual networks for CIFAR of He et al. (CVPR 2016, section 4.2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ..core.errors import Refused
from ..core.files import sha256_of
from .network import Network
from .weights import About

if TYPE_CHECKING:
    from torch import nn


IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's mean and standard deviation of each channel."""


@dataclass(frozen=True)
class _CIFARResNet(Network):
    """Three stages of n blocks of two 3x3 convolutions, 16, 32 and 64 channels wide; shortcuts without parameters.

    Weights are those of `rabench train classifier`, or a published state dict with the names of torchvision's blocks
    (conv1, bn1, layer1.0.conv1, ..., linear), as in akamaster/pytorch_resnet_cifar10.
    """

    standard_width: ClassVar[int] = 16
    blocks: ClassVar[int]
    """The blocks of each stage: (layers - 2) / 6."""

    @classmethod
    def build(cls, classes: int, width: int) -> nn.Module:
        from .residual import ResNetOfThreeStages

        return ResNetOfThreeStages(cls.blocks, classes, width)

    @classmethod
    def about_published(cls, path: Path) -> About:
        """The metadata of published weights: for 32x32 pixels, normalized by ImageNet's figures as in their training code."""
        return _about_published(cls, path, sha256_of(path))


@lru_cache(maxsize=64)
def _about_published(cls: type[_CIFARResNet], path: Path, sha256: str) -> About:
    from ..core.state_dicts import load_into, read_state_dict

    state = read_state_dict(path)
    stem, head = state.tensors.get("conv1.weight"), state.tensors.get("linear.weight")
    if stem is None or head is None:
        raise Refused(
            f"{path} holds no weights of {cls.name}: conv1.weight and linear.weight are wanted, "
            f"it has {', '.join(list(state.tensors)[:3])}, ..."
        )
    classes = tuple(map(str, range(len(head))))
    load_into(cls.build(len(head), len(stem)), state.tensors, path, cls.name)  # told before anything runs
    best = float(state.about.get("best_prec1", 0))
    images = "the test images of its training run" if best else ""
    return About(cls.name, len(stem), "", classes, *IMAGENET, 32, published=best, published_on=images)


@dataclass(frozen=True)
class ResNet20(_CIFARResNet):
    """ResNet-20 for 32x32 images, shortcuts without parameters (option A); 0.27 M parameters."""

    name: ClassVar[str] = "resnet20"
    blocks: ClassVar[int] = 3


@dataclass(frozen=True)
class ResNet32(_CIFARResNet):
    """ResNet-32 for 32x32 images, shortcuts without parameters (option A); 0.46 M parameters."""

    name: ClassVar[str] = "resnet32"
    blocks: ClassVar[int] = 5


@dataclass(frozen=True)
class ResNet44(_CIFARResNet):
    """ResNet-44 for 32x32 images, shortcuts without parameters (option A); 0.66 M parameters."""

    name: ClassVar[str] = "resnet44"
    blocks: ClassVar[int] = 7


@dataclass(frozen=True)
class ResNet56(_CIFARResNet):
    """ResNet-56 for 32x32 images, shortcuts without parameters (option A); 0.85 M parameters."""

    name: ClassVar[str] = "resnet56"
    blocks: ClassVar[int] = 9
