"""`rabench train palettes`: fits the palettes that many images share to a data set's training split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..codecs import palettes
from ..core.errors import BadSetting, Refused
from ..core.files import check_writable
from ..datasets.base import BadImage, Dataset
from .shared_palette import fit

MOST_IMAGES, PIXELS = 20_000, 64
"""The images that palettes are fitted to at the most, spread over the data set, and the pixels taken of each."""
SEED = 20_031


def train_palettes(
    dataset: Dataset,
    colors: Sequence[int],
    count: int,
    out: Path,
    limit: int | None = None,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> palettes.About:
    """Fits palettes and writes their file.

    dataset: the training split. colors: of a palette, a number or several. count: the palettes of each number of colors, one
    for all images or one for each cluster of them. limit: only the first images. say: receives a line for each number of
    colors. Raises RabenchError for what the caller can set right.
    """
    if any(not 2 <= number <= 256 for number in colors) or not colors:
        raise BadSetting(f"`colors` must be in 2..256, got {', '.join(map(str, colors)) or 'none'}")
    if not 1 <= count <= palettes.MOST // len(set(colors)):
        most = palettes.MOST // len(set(colors))
        raise BadSetting(f"`palettes` must be in 1..{most} for {len(set(colors))} numbers of colors, got {count}")
    if out.suffix != ".safetensors":
        raise BadSetting(f"`out` must end in .safetensors, got {out}")
    if dataset.split != "train":
        raise Refused(f"{dataset.label}: palettes are fitted to split=train only")
    check_writable(out)
    pixels = _pixels(dataset, limit)
    if len(pixels) < count:
        raise Refused(f"{dataset.label}: {len(pixels)} images are too few for {count} palettes")
    fitted, errors = {}, {}
    for number in sorted(set(colors)):
        fitted[number], errors[str(number)] = fit(pixels, number, count)
        say(f"{count} x {number} colors: root mean squared error {errors[str(number)]:.2f} of 255")
    training = {"command": command, "images": len(pixels), "pixels_an_image": pixels.shape[1], "errors": errors}
    about = palettes.About(dataset.label, tuple(sorted(fitted)), count, training)
    palettes.write(out, fitted, about)
    return about


def _pixels(dataset: Dataset, limit: int | None) -> NDArray[np.uint8]:
    """Some pixels of each image, drawn with a fixed seed: (N, M, 3)."""
    end = min(len(dataset), limit or len(dataset))
    step, generator = -(-end // MOST_IMAGES), np.random.default_rng(SEED)
    found: list[NDArray[np.uint8]] = []
    for start in range(0, end, 100):
        block = dataset.load(start, min(start + 100, end))
        for place, image in enumerate(block.images, start):
            if place % step == 0 and not isinstance(image, BadImage):
                flat = image.reshape(-1, 3)
                found.append(flat[generator.integers(0, len(flat), PIXELS)])
    if not found:
        raise Refused(f"{dataset.label}: not one image can be read")
    return np.stack(found)
