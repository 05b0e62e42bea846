"""PSNR of each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ..core.images import RGB
from .base import Metric


@dataclass(frozen=True)
class PSNR(Metric):
    """PSNR over red, green and blue of each image in dB, whose mean over images papers print; infinite without loss."""

    name: ClassVar[str] = "psnr"
    words: ClassVar[str] = "PSNR"
    unit: ClassVar[str] = "dB"
    digits: ClassVar[int] = 2
    needs_pixels: ClassVar[bool] = False

    def version(self) -> str:
        return "of the squared error"

    def value(self, decoded: RGB, original: RGB) -> float:
        difference = np.subtract(decoded, original, dtype=np.int16).astype(np.float64)
        error = float(np.mean(difference**2))
        return float(10 * np.log10(255**2 / error)) if error else np.inf
