"""What every color quantizer promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..core.images import RGB, AnyImage, IndexedImage
from ..core.plugins import Plugin, setting

DITHER = ("none", "floyd-steinberg")


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
        """What can be used on this machine, for `rabench list`. Raises Unavailable with the remedy."""
        return cls().version()

    @abstractmethod
    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        """The same images, one by one and in order: an image does not depend on its neighbours.

        IndexedImages; ``none`` alone gives RGB.
        """

    def drawn(self, images: Sequence[RGB]) -> list[AnyImage]:
        """``quantize``, with palettes that hold the colors used and no more."""
        return [i.trimmed() if isinstance(i, IndexedImage) else i for i in self.quantize(images)]


@dataclass(frozen=True)
class PaletteQuantizer(Quantizer, ABC):
    """A quantizer that gives at most ``colors`` colors."""

    colors: int = setting(16, range(2, 257), quality_parameter=True, help="colors an image may have at the most")
    dither: str = setting("none", DITHER, help="error diffusion")
