"""Patches of the photographs that ship inside scikit-image: a data set that needs no download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import ClassVar

import numpy as np
from PIL import Image

from ..core.errors import Unavailable
from ..core.images import RGB
from .base import Block, Dataset, Source

PHOTOGRAPHS = (
    "astronaut.png",
    "chelsea.png",
    "coffee.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
SIDE = 32
TRAINING_PATCHES = 12_000
TEST_PATCHES_A_CLASS = 250
# Standard deviation of the pixel values below which a patch shows nothing (the black rim of the
# retina, the empty sky behind the rocket): in 8-bit steps.
FLAT = 4.0
SEED = 20_200_614


@dataclass(frozen=True)
class Photos(Dataset):
    """32x32 patches of eight photographs; the class is the photograph.

    Training patches lie anywhere in the left half of each and overlap; test patches lie on a grid
    of the right half, so no test pixel is in two patches or in training. Patches of one photograph
    are not independent draws: intervals over them are somewhat too narrow.
    """

    name: ClassVar[str] = "photos"

    def open(self) -> PatchReader:
        return PatchReader(self.split)

    def where(self) -> str | None:
        return f"scikit-image {version('scikit-image')}"

    def notes(self) -> list[str]:
        return ["patches of one photograph are not independent: intervals are somewhat too narrow"]


class PatchReader:
    """The patches of a split, cut from the photographs."""

    classes = tuple(Path(name).stem for name in PHOTOGRAPHS)

    def __init__(self, split: str) -> None:
        opened = [_open(name) for name in PHOTOGRAPHS]
        self.photographs = [np.asarray(image.convert("RGB")) for image in opened]
        self.formats = [image.format or "unknown" for image in opened]
        rng = np.random.default_rng(SEED)
        places = [_anywhere, _on_a_grid][split == "test"]
        corners = [(c, *yx) for c, photo in enumerate(self.photographs) for yx in places(photo, rng)]
        rng.shuffle(corners)  # so that the first N are a fair sample
        self.corners: list[tuple[int, int, int]] = corners

    def __len__(self) -> int:
        return len(self.corners)

    def read(self, start: int, stop: int) -> Block:
        chosen = self.corners[start:stop]
        images = [np.ascontiguousarray(_patch(self.photographs[c], y, x)) for c, y, x in chosen]
        labels = np.array([c for c, _, _ in chosen], np.int64)
        return Block(list(images), labels, [Source(self.formats[c]) for c, _, _ in chosen])

    def stamp(self) -> str:
        return f"scikit-image {version('scikit-image')}"


def _open(name: str) -> Image.Image:
    path = files("skimage") / "data" / name
    if not path.is_file():
        raise Unavailable(
            f"photos: scikit-image {version('scikit-image')} does not bring {name}; install scikit-image 0.25 or 0.26"
        )
    with path.open("rb") as file:
        image = Image.open(file)
        image.load()
    return image


def _patch(photo: RGB, y: int, x: int) -> RGB:
    return photo[y : y + SIDE, x : x + SIDE]


def _flat(patch: RGB) -> bool:
    return float(patch.std(axis=(0, 1)).max()) < FLAT


def _anywhere(photo: RGB, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Corners in the left half, flat patches left out."""
    height, width = photo.shape[0], photo.shape[1] // 2
    corners: list[tuple[int, int]] = []
    while len(corners) < TRAINING_PATCHES // len(PHOTOGRAPHS):
        y, x = int(rng.integers(height - SIDE + 1)), int(rng.integers(width - SIDE + 1))
        if not _flat(_patch(photo, y, x)):
            corners.append((y, x))
    return corners


def _on_a_grid(photo: RGB, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Corners in the right half that share no pixel, flat patches left out, at most 250 drawn."""
    height, width = photo.shape[:2]
    grid = [
        (y, x)
        for y in range(0, height - SIDE + 1, SIDE)
        for x in range(width - width // 2, width - SIDE + 1, SIDE)
        if not _flat(_patch(photo, y, x))
    ]
    if len(grid) > TEST_PATCHES_A_CLASS:
        grid = [grid[i] for i in rng.permutation(len(grid))[:TEST_PATCHES_A_CLASS]]
    return grid
