"""The images on which a codec is tried: of every size and kind that a data set may hold."""

from __future__ import annotations

import numpy as np

from ...core.images import RGB, IndexedImage
from ...datasets import DATASETS

RNG_SEED = 0


def photographs(count: int = 12) -> list[RGB]:
    """Patches of photographs, 32x32 each."""
    return [image for image in DATASETS.make("photos").load(0, count).images if isinstance(image, np.ndarray)]


def mosaic() -> RGB:
    """Twelve photographs side by side, 128x96."""
    patches = photographs(12)
    return np.vstack([np.hstack(patches[i : i + 4]) for i in (0, 4, 8)])


def of_many_sizes() -> dict[str, RGB]:
    """RGB images by name, from 1x1 to 512x384."""
    rng = np.random.default_rng(RNG_SEED)
    photos = mosaic()
    return {
        "1x1": rng.integers(0, 256, (1, 1, 3), np.uint8),
        "7x5, odd": photos[:5, :7].copy(),
        "300x3, flat strip": photos[:3].repeat(3, axis=1)[:, :300].copy(),
        "3x300": photos.repeat(4, axis=0)[:300, :3].copy(),
        "32x32 photograph": photos[:32, :32].copy(),
        "33x31, odd": photos[:31, :33].copy(),
        "64x64 of one color": np.full((64, 64, 3), (200, 30, 90), np.uint8),
        "64x64 noise": rng.integers(0, 256, (64, 64, 3), np.uint8),
        "512x384 photographs": np.tile(photos, (4, 4, 1)),
    }


def of_few_colors() -> dict[str, IndexedImage]:
    """Indexed images by name, of 1 to 200 colors."""
    palette = np.random.default_rng(RNG_SEED).integers(0, 256, (256, 3), np.uint8)

    def stripes(colors: int, side: int) -> IndexedImage:
        indices = np.add.outer(np.arange(side), np.arange(side)) // 3 % colors
        return IndexedImage(indices.astype(np.uint8), palette[:colors])

    several = {f"{colors} colors": stripes(colors, 32) for colors in (2, 3, 16, 200)}
    return {"1 color": stripes(1, 32), **several, "1 color, 1x1": stripes(1, 1)}
