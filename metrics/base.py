"""The interface of a fidelity metric: a decoded image and its original to a number."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from ..core.images import RGB
from ..core.plugins import Plugin


@dataclass(frozen=True)
class Metric(Plugin, ABC):
    """Tells how near a decoded image is to its original; larger is nearer."""

    words: ClassVar[str] = ""
    """The name as tables and figures show it, where it is another than ``name``."""
    unit: ClassVar[str] = ""
    """The unit of its values; empty for plain numbers."""
    needs_pixels: ClassVar[bool] = True
    """Whether it must see the images; PSNR is computed from the squared error that every record holds."""
    digits: ClassVar[int] = 4
    """The decimals that tables show."""

    @property
    def title(self) -> str:
        settings = self.short.partition(":")[2]
        return (self.words or self.name) + (f" ({settings})" if settings else "")

    @abstractmethod
    def version(self) -> str:
        """Which code does the work; kept in every record. Raises Unavailable, saying what to install, without it."""

    @classmethod
    def ready(cls) -> str:
        """The code to be used on this machine, for `rabench list`. Raises Unavailable with the remedy."""
        return cls().version()

    @abstractmethod
    def value(self, decoded: RGB, original: RGB) -> float:
        """The fidelity of a decoded image, both (H, W, 3); NaN for images that are too small for the metric."""
