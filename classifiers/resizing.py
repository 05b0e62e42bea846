"""Resize and crop to a network's square input."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ..core.images import RGB


def resized_and_cropped(image: RGB, size: int) -> RGB:
    """(H, W, 3) -> (size, size, 3): shorter side to ``size`` (bicubic, antialiased), center crop.

    An image of that size passes through untouched.
    """
    height, width = image.shape[:2]
    if (height, width) == (size, size):
        return image
    scale = size / min(height, width)
    target = (max(size, round(width * scale)), max(size, round(height * scale)))
    resized = np.asarray(Image.fromarray(image).resize(target, Image.Resampling.BICUBIC))
    top, left = (target[1] - size) // 2, (target[0] - size) // 2
    return np.ascontiguousarray(resized[top : top + size, left : left + size])
