"""Preprocessing: from a decoded image to a network's input, as the network's weights want it.

The arithmetic is that of torchvision's transforms on Pillow images, to the bit: ``Resize``, ``CenterCrop``,
``ToTensor``, ``Normalize``; without antialiasing that of ``Resize(antialias=False)`` on tensors.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..core.errors import BadSetting, Refused
from ..core.images import RGB
from ..core.plugins import Span, Text, setting
from .base import Classifier, Published

Three = tuple[float, float, float]
"""A number for each channel, in the order red, green, blue."""

FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
"""Pillow's filters, which antialias where they shrink (nearest apart)."""
WITHOUT_ANTIALIAS = ("nearest", "bilinear", "bicubic")
"""The interpolations that exist without antialiasing, too."""


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a decoded image before a network sees it: resize, center crop, scale, normalize."""

    resize: int = 0
    """The length in pixels that the shorter side gets, or both sides where ``squash``; 0 resizes nothing."""
    crop: int = 0
    """The side of the square cut out of the middle; 0 cuts nothing."""
    squash: bool = False
    """Whether both sides are resized to ``resize``, whatever the image's aspect ratio."""
    interpolation: str = "bilinear"
    """One of FILTERS."""
    antialias: bool = True
    """Whether shrinking averages all pixels that fall into one."""
    scale: float = 1 / 255
    """The factor that turns 8-bit values into the network's range, first of all."""
    mean: Three = (0.0, 0.0, 0.0)
    """The number that is subtracted from each channel after scaling."""
    std: Three = (1.0, 1.0, 1.0)
    """The number that divides each channel after that."""

    def __post_init__(self) -> None:
        if self.resize and self.resize < self.crop:
            raise BadSetting(f"resize={self.resize} is smaller than crop={self.crop}; resize to the crop or more")
        if not self.antialias and self.interpolation not in WITHOUT_ANTIALIAS:
            raise BadSetting(
                f"interpolation={self.interpolation} always antialiases; antialias=no goes with {', '.join(WITHOUT_ANTIALIAS)}"
            )

    def pixels(self, image: RGB) -> RGB:
        """The image resized and cropped, (H, W, 3) -> (crop, crop, 3), still 8 bits a channel.

        Raises Refused for an image that is smaller than the crop.
        """
        image = self._resized(image)
        height, width = image.shape[:2]
        if not self.crop or (height, width) == (self.crop, self.crop):
            return image
        if min(height, width) < self.crop:
            raise Refused(
                f"an image of {width}x{height} is smaller than crop={self.crop}; name the setting resize, too"
            )
        top, left = round((height - self.crop) / 2), round((width - self.crop) / 2)  # as torchvision rounds: to even
        return np.ascontiguousarray(image[top : top + self.crop, left : left + self.crop])

    def tensor(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """What the network's first layer gets of images from ``pixels``: (N, H, W, 3) -> (N, H, W, 3)."""
        divisor = 1 / self.scale
        whole = np.float32(round(divisor))
        x = images.astype(np.float32)
        # a division by 255 differs in the last bit from a multiplication by 1/255, and ToTensor divides
        x = x / whole if abs(divisor - whole) < 1e-6 * divisor else x * np.float32(self.scale)
        return (x - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)

    def _resized(self, image: RGB) -> RGB:
        height, width = image.shape[:2]
        short = min(height, width)
        if not self.resize or (short == self.resize and not self.squash):
            return image
        # the longer side is cut to whole pixels, not rounded
        shape = (
            (self.resize, self.resize)
            if self.squash
            else (int(self.resize * height / short), int(self.resize * width / short))
        )
        if not self.antialias:
            return _without_antialias(image, shape, self.interpolation)
        return np.asarray(Image.fromarray(image).resize((shape[1], shape[0]), FILTERS[self.interpolation]))


def _without_antialias(image: RGB, shape: tuple[int, int], interpolation: str) -> RGB:
    """The image resized by sampling between its nearest pixels alone. shape: height and width."""
    import torch
    from torch.nn import functional

    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    aligned: dict[str, Any] = {} if interpolation == "nearest" else {"align_corners": False}
    resized = functional.interpolate(pixels, shape, mode=interpolation, **aligned)
    return resized.clamp(0, 255).round().to(torch.uint8)[0].permute(1, 2, 0).contiguous().numpy()


@dataclass(frozen=True)
class Preprocessed(Classifier):
    """A classifier whose preprocessing is named by settings, where its weights do not say another."""

    resize: int = setting(
        0, range(4097), later=True, help="side that the image is resized to before the crop; 0: as the weights say"
    )
    crop: int = setting(0, range(4097), later=True, help="side of the center crop; 0: as the weights say")
    aspect: str = setting(
        "keep", ("keep", "squash"), later=True, help="keep: resize is the shorter side; squash: both sides"
    )
    interpolation: str = setting(
        "weights", ("weights", *FILTERS), later=True, help="filter of the resize; weights: as the weights say"
    )
    antialias: str = setting("yes", ("yes", "no"), later=True, help="no: sample as tensors are resized without it")
    published: float = setting(
        0.0, Span(0.0, 100.0, "%"), remark=True, help="accuracy published for the weights; a run is held against it"
    )
    published_on: str = setting("", Text("the images of the published accuracy"), remark=True)

    @property
    @abstractmethod
    def preprocessing(self) -> Preprocessing | None:
        """The preprocessing of the weights with what the settings name instead; None for the rule of ``Classifier.prepare``."""

    def prepare(self, image: RGB) -> RGB:
        preprocessing = self.preprocessing
        return super().prepare(image) if preprocessing is None else preprocessing.pixels(image)

    @property
    def published_accuracy(self) -> Published | None:
        return Published(self.published, self.published_on) if self.published else None

    def named(self, weights: Preprocessing, **defaults: int) -> Preprocessing:
        """The preprocessing of the weights, with what the settings name instead. defaults: of ``resize`` and ``crop``."""
        changes: dict[str, Any] = {**defaults, **({"squash": True} if self.aspect == "squash" else {})}
        changes |= {name: value for name in ("resize", "crop") if (value := getattr(self, name))}
        if self.interpolation != "weights":
            changes["interpolation"] = self.interpolation
        if self.antialias == "no":
            changes["antialias"] = False
        try:
            return replace(weights, **changes)
        except BadSetting as error:
            raise BadSetting(f"{self.name}: {error}") from None


def three(plugin: str, name: str, text: str) -> Three:
    """The three numbers of a setting's text, one a channel. Raises BadSetting, naming the plug-in, for anything else."""
    try:
        numbers = tuple(float(n) for n in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != 3:
        raise BadSetting(f'{plugin}: {name} must be three numbers, quoted: {name}="0.5,0.5,0.5", got {text!r}')
    return numbers[0], numbers[1], numbers[2]


def described(preprocessing: Preprocessing) -> str:
    """The preprocessing in words: ``resize the shorter side to 256 (bilinear), center crop 224, ...``."""
    p = preprocessing
    steps = []
    if p.resize:
        side = f"{p.resize}x{p.resize}" if p.squash else f"the shorter side to {p.resize}"
        steps.append(f"resize {side} ({p.interpolation}{'' if p.antialias else ', no antialias'})")
    if p.crop:
        steps.append(f"center crop {p.crop}")
    numbers = ("/".join(f"{v:g}" for v in values) for values in (p.mean, p.std))
    return ", ".join([*steps, "mean {}, std {}".format(*numbers)])
