"""No quantizer: images stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..core.images import RGB, AnyImage
from .base import Quantizer


@dataclass(frozen=True)
class NoQuantizer(Quantizer):
    """Leaves the image as it is, in true color."""

    name: ClassVar[str] = "none"
    indexed: ClassVar[bool] = False

    def version(self) -> str:
        return "none"

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        return images
