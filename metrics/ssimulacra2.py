"""SSIMULACRA 2."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar

import numpy as np
from PIL import Image

from ..core.images import RGB
from ..core.packages import installed
from .base import Metric

REMEDY = "ssimulacra2 needs the package ssimulacra2: pip install -c constraints.txt '.[fidelity]'"
SMALLEST = 8
"""The least side of an image, in pixels."""


@dataclass(frozen=True)
class SSIMULACRA2(Metric):
    """SSIMULACRA 2 (Sneyers, 2023): 100 without loss, 90 hardly seen, 70 high, 50 medium quality, below 0 very poor.

    By the package ssimulacra2, which follows the reference code of libjxl; some 0.6 seconds a megapixel.
    """

    name: ClassVar[str] = "ssimulacra2"
    words: ClassVar[str] = "SSIMULACRA 2"
    digits: ClassVar[int] = 2

    def version(self) -> str:
        return installed("ssimulacra2", REMEDY)

    def value(self, decoded: RGB, original: RGB) -> float:
        if min(original.shape[:2]) < SMALLEST:
            return np.nan
        from ssimulacra2 import compute_ssimulacra2

        return float(compute_ssimulacra2(_file(original), _file(decoded)))


def _file(image: RGB) -> BytesIO:
    """The image as the library wants it: a file."""
    file = BytesIO()
    Image.fromarray(image).save(file, "PPM")
    file.seek(0)
    return file
