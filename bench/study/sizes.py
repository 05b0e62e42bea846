"""The size that an image is stored in: the stage before the quantizer."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import PIL
from PIL import Image

from ...core.errors import BadSetting
from ...core.images import RGB

_TEXT = re.compile(r"full|(short|fit)=([1-9]\d{0,4})")
ALLOWED = 'full, short=SIDE (the shorter side) or fit=SIDE (the longer side), such as "short=256"'
FILTER = Image.Resampling.LANCZOS
"""What images are made smaller with, and made larger again to be compared with their originals."""


@dataclass(frozen=True)
class Size:
    """The size that images are stored in: ``full``, the shorter or the longer side of so many pixels, never enlarged."""

    kind: str = "full"
    side: int = 0

    @classmethod
    def parse(cls, text: str) -> Size:
        """The size that a text names. Raises BadSetting, with what is allowed, for any other."""
        match = _TEXT.fullmatch(text.strip())
        if match is None:
            raise BadSetting(f"a size is {ALLOWED}, got {text!r}")
        return cls(match[1] or "full", int(match[2] or 0))

    def __str__(self) -> str:
        return f"{self.kind}={self.side}" if self else "full"

    def __bool__(self) -> bool:
        """Whether images change their size."""
        return self.kind != "full"

    def of(self, size: tuple[int, int]) -> tuple[int, int]:
        """The width and height that an image of a width and height is stored in."""
        if not self:
            return size
        edge = min(size) if self.kind == "short" else max(size)
        if edge <= self.side:
            return size
        width, height = (max(1, round(length * self.side / edge)) for length in size)
        return width, height

    def resized(self, image: RGB) -> RGB:
        """The image as it is stored: (H, W, 3) -> (h, w, 3); itself where it is small enough."""
        return _scaled(image, self.of((image.shape[1], image.shape[0])))

    def restored(self, image: RGB, original: RGB) -> RGB:
        """A decoded image scaled back to the size of its original, to measure its fidelity."""
        return _scaled(image, (original.shape[1], original.shape[0]))

    def version(self) -> str:
        """What does the scaling; kept in every record."""
        return f"{self} (Pillow {PIL.__version__}, {FILTER.name.lower()})"


FULL = Size()


def _scaled(image: RGB, size: tuple[int, int]) -> RGB:
    """size: width and height."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    return np.array(Image.fromarray(image).resize(size, FILTER))  # writable, as codecs expect
