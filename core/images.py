"""The two kinds of image that travel through the bench."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RGB = NDArray[np.uint8]
"""A true-color image: (H, W, 3), 8-bit sRGB."""


@dataclass(frozen=True, eq=False)
class IndexedImage:
    """An image of few colors: pixel (y, x) is ``palette[indices[y, x]]``."""

    indices: NDArray[np.uint8]
    """(H, W), every value below ``len(palette)``."""
    palette: RGB
    """(K, 3), 8-bit sRGB, 1 <= K <= 256."""

    def __post_init__(self) -> None:
        for rule, array in (("indices are (H, W)", self.indices), ("a palette is (K, 3)", self.palette)):
            if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 2:
                actual = f"{array.shape} {array.dtype}" if isinstance(array, np.ndarray) else type(array).__name__
                raise ValueError(f"{rule} uint8, got {actual}")
        if not 1 <= len(self.palette) <= 256:
            raise ValueError(f"a palette holds 1 to 256 colors, got {len(self.palette)}")
        if self.indices.max() >= len(self.palette):
            raise ValueError(f"index {self.indices.max()} has no color in a palette of {len(self.palette)}")

    @property
    def rgb(self) -> RGB:
        """The pixels in true color, (H, W, 3)."""
        return self.palette[self.indices]

    def trimmed(self) -> IndexedImage:
        """The same pixels with a palette that holds only the colors used, in their old order."""
        used = np.flatnonzero(np.bincount(self.indices.ravel(), minlength=len(self.palette)))
        if len(used) == len(self.palette):
            return self
        renumbered = np.zeros(256, np.uint8)
        renumbered[used] = np.arange(len(used), dtype=np.uint8)
        return IndexedImage(renumbered[self.indices], self.palette[used])


AnyImage = RGB | IndexedImage


def as_rgb(image: AnyImage) -> RGB:
    """The image as (H, W, 3) pixels, whichever kind it is. Raises TypeError for what is no image."""
    if isinstance(image, IndexedImage):
        return image.rgb
    if (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
        and image.size
    ):
        return image
    actual = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
    raise TypeError(
        f"an image is an array of (height, width, 3) uint8, got {actual}; of a Pillow image: np.array(image.convert('RGB'))"
    )


def by_shape(images: Sequence[RGB]) -> list[tuple[tuple[int, ...], list[int]]]:
    """The positions of images of each shape, shapes in the order in which they come."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for position, image in enumerate(images):
        groups.setdefault(image.shape, []).append(position)
    return list(groups.items())
