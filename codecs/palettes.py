"""Palettes that many images share, in one safetensors file: read by the quantizer that draws with them and by the codec
that leaves them out of its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save
from scipy.cluster.vq import vq

from ..core.errors import Refused, Unavailable
from ..core.files import sha256_of, write_bytes
from ..core.images import RGB, IndexedImage
from ..core.networks import KEY, WeightsFormat

SHIPPED = Path(__file__).parent / "palette_files"
MOST = 256
"""Palettes of a file at the most: a file of one image names its palette in a byte."""
MADE_BY = "rabench train palettes"


@dataclass(frozen=True)
class About:
    """The metadata of a file of palettes."""

    dataset: str
    """The data set whose images they were fitted to, as a label."""
    colors: tuple[int, ...]
    """The numbers of colors that it has palettes of."""
    palettes: int
    """The palettes of each number of colors: one for all images, or one for each cluster of them."""
    training: dict[str, Any] = field(default_factory=dict)
    """The command, the number of images and pixels, the seed, and the errors that are left."""


FILES = WeightsFormat("palettes 1", About, ("colors",), MADE_BY)


def write(path: Path, palettes: dict[int, NDArray[np.uint8]], about: About) -> None:
    """Writes a file, whole or not at all. palettes: (P, K, 3) for each number of colors K."""
    tensors = {str(colors): np.ascontiguousarray(p) for colors, p in sorted(palettes.items())}
    metadata = {KEY: json.dumps({"format": FILES.name, **asdict(about)}, sort_keys=True)}
    write_bytes(path, save(tensors, metadata))


@dataclass(frozen=True)
class Palettes:
    """The palettes of a file."""

    by_colors: dict[int, NDArray[np.uint8]]
    """(P, K, 3), for each number of colors K."""

    def of(self, colors: int, file: str) -> NDArray[np.uint8]:
        """The palettes of so many colors. Raises Refused where there are none."""
        if colors not in self.by_colors:
            numbers = ", ".join(map(str, self.by_colors))
            raise Refused(f"{file} has palettes of {numbers} colors, not of {colors}; make them: {MADE_BY}")
        return self.by_colors[colors]

    @property
    def all(self) -> list[NDArray[np.uint8]]:
        """Every palette, the smallest first: its place here is its number in a file."""
        return [palette for _, palettes in sorted(self.by_colors.items()) for palette in palettes]


def find(text: str) -> Path:
    """The file that a setting means: a path, or the name of one that ships. Raises Unavailable where there is none."""
    shipped = {file.stem: file for file in sorted(SHIPPED.glob("*.safetensors"))}
    path = shipped.get(text, Path(text).expanduser())
    if not path.is_file():
        raise Unavailable(f"no palettes at {text!r}; give the file that '{MADE_BY}' wrote, or {', '.join(shipped)}")
    return path


def read(text: str) -> Palettes:
    """The palettes of the file that a setting means. Raises Unavailable where there is none, or no such file."""
    path = find(text)
    return _read(path, sha256_of(path))


@lru_cache(maxsize=8)
def _read(path: Path, sha256: str) -> Palettes:
    about = FILES.about(path)
    try:
        tensors = load(path.read_bytes())
    except (SafetensorError, ValueError) as error:
        raise Unavailable(f"{path} is no whole safetensors file: {error}") from None
    palettes: dict[int, NDArray[np.uint8]] = {}
    for name, tensor in tensors.items():
        whole = tensor.dtype == np.uint8 and tensor.ndim == 3 and tensor.shape[2:] == (3,) and len(tensor)
        if not whole or name != str(tensor.shape[1]) or not 2 <= tensor.shape[1] <= 256:
            raise Unavailable(f"{path}: {name!r} is no (palettes, colors, 3) of bytes; make it again: {MADE_BY}")
        palettes[tensor.shape[1]] = tensor
    if not palettes or set(palettes) != set(about.colors) or sum(map(len, palettes.values())) > MOST:
        raise Unavailable(f"{path} has other palettes than it says; make it again: {MADE_BY}")
    return Palettes(palettes)


def nearest(image: RGB, palettes: Sequence[NDArray[np.uint8]]) -> IndexedImage:
    """The image in the palette of the least squared error, each pixel in the nearest color. palettes: (K, 3) each."""
    pixels = image.reshape(-1, 3).astype(np.float64)
    tries = [vq(pixels, palette.astype(np.float64)) for palette in palettes]
    best = int(np.argmin([np.square(distances).sum() for _, distances in tries]))
    return IndexedImage(tries[best][0].astype(np.uint8).reshape(image.shape[:2]), palettes[best])
