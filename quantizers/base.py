"""The interface of a color quantizer: RGB images to images of few colors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..core.images import RGB, AnyImage, IndexedImage
from ..core.plugins import Plugin, setting

DITHER = ("none", "floyd-steinberg")
"""The kinds of error diffusion."""


@dataclass(frozen=True)
class Quantizer(Plugin, ABC):
    """Redraws images with few colors, each image with a palette of its own."""

    indexed: ClassVar[bool] = True
    """Whether ``quantize`` gives IndexedImages."""

    @abstractmethod
    def version(self) -> str:
        """Which code or weights do the work; kept in every record.

        Raises Unavailable, saying what to install, where there is none.
        """

    @classmethod
    def ready(cls) -> str:
        """The code or weights to be used on this machine, for `rabench list`. Raises Unavailable with the remedy."""
        return cls().version()

    @abstractmethod
    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        """The images in few colors, in order; none depends on its neighbours.

        Gives IndexedImages; the quantizer ``none`` alone gives RGB.
        """

    def drawn(self, images: Sequence[RGB]) -> list[AnyImage]:
        """``quantize``, with palettes that hold the colors used and no more."""
        return [i.trimmed() if isinstance(i, IndexedImage) else i for i in self.quantize(images)]


@dataclass(frozen=True)
class PaletteQuantizer(Quantizer, ABC):
    """A quantizer that gives at most ``colors`` colors."""

    colors: int = setting(16, range(2, 257), quality_parameter=True, help="colors an image may have at the most")
    dither: str = setting("none", DITHER, help="error diffusion, by Floyd and Steinberg (1976)")
