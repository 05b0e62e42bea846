"""A ColorCNN's weights: safetensors files whose metadata tell what they are.

ColorCNN has a file for each number of colors, ColorCNN+ one for a range of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import Refused, Unavailable, nearest
from ...core.networks import WeightsFormat

SHIPPED = Path(__file__).parent / "weights"
MADE_BY = "rabench train colorcnn"


@dataclass(frozen=True)
class About:
    """The metadata of a ColorCNN's weights file."""

    colors: int
    width: int
    backbone: str
    dataset: str
    """The data set it was trained on, as a label."""
    classifier: str
    """The classifier it was trained for, as a label."""
    classifier_version: str
    """The version of the classifier it was trained for: its weights by sha256."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    training: dict[str, Any] = field(default_factory=dict)
    """Recipe, seed, images, held-out accuracy, command."""


@dataclass(frozen=True)
class PlusAbout:
    """The metadata of a ColorCNN+'s weights file."""

    colors: tuple[int, int]
    """The least and the largest number of colors that it was trained for."""
    width: int
    levels: int
    """How often the network halves an image."""
    blocks: int
    """Residual blocks of each level but the first."""
    classes: int
    """Classes that the network itself guesses at, in training."""
    dataset: str
    """The data set it was trained on, as a label."""
    classifiers: tuple[str, ...]
    """The classifiers it was trained for, as labels."""
    classifier_versions: tuple[str, ...]
    """Their versions: their weights by sha256."""
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    training: dict[str, Any] = field(default_factory=dict)
    """Recipe, seed, images, held-out accuracies by number of colors, command."""
    guided: bool = False
    """Whether what the encoder takes an image for guides what draws."""


FILES = WeightsFormat("colorcnn 1", About, ("mean", "std"), MADE_BY)
write, about = FILES.write, FILES.about
"""Write and read a weights file; see WeightsFormat."""
PLUS_FILES = WeightsFormat(
    "colorcnn-plus 1", PlusAbout, ("colors", "classifiers", "classifier_versions", "mean", "std"), MADE_BY + " --plus"
)
PLUS = "colorcnn-plus.safetensors"
"""The name of a ColorCNN+'s file in a folder."""


def file_name(colors: int) -> str:
    """The name of the file with weights for that many colors, in a folder of such files."""
    return f"colorcnn-{colors}.safetensors"


def shipped() -> dict[str, Path]:
    """Folders of weights that come with rabench, by name."""
    return {f.name: f for f in sorted(SHIPPED.glob("*")) if f.is_dir()}


def numbers(folder: Path) -> list[int]:
    """The numbers of colors that a folder has weights for, sorted."""
    names = (f.stem.removeprefix("colorcnn-") for f in folder.glob(file_name(0).replace("0", "*")))
    return sorted(int(name) for name in names if name.isdigit())


def shipped_plus() -> dict[str, Path]:
    """ColorCNN+ weights that come with rabench, by the name of their folder."""
    return {name: file for name, folder in shipped().items() if (file := folder / PLUS).is_file()}


def find_plus(weights: str) -> Path:
    """The file that a ``weights`` setting of ColorCNN+ means: a file, a folder with one, or a name of some that ship.

    Raises Unavailable where there is none.
    """
    names = shipped_plus()
    path = names.get(weights) or Path(weights).expanduser()
    if path.is_dir():
        path = path / PLUS
    if not path.is_file():
        alternatives = f", or one of {', '.join(names)}" if names else "; none ship"
        raise Unavailable(
            f"no ColorCNN+ weights at {weights!r}{nearest(weights, names)}; give a file or folder that "
            f"'{MADE_BY} --plus' wrote{alternatives}"
        )
    return path


def find(weights: str, colors: int) -> Path:
    """The file that a ``weights`` setting means: a file, or a folder with one for each number of colors.

    Raises Unavailable where there is none, Refused for a file of another number of colors.
    """
    folders = shipped()
    location = folders.get(weights) or Path(weights).expanduser()
    if location.is_dir():
        if (path := location / file_name(colors)).is_file():
            return path
        available = numbers(location)
        raise Unavailable(
            f"{location.name} holds no weights for {colors} colors, it has {', '.join(map(str, available)) or 'none'}; "
            f"{MADE_BY} --colors {colors} makes them"
        )
    if not location.is_file():
        raise Unavailable(
            f"no weights at {weights!r}{nearest(weights, folders)}; give a file or folder that '{MADE_BY}' wrote, "
            f"or one of {', '.join(folders) or 'none that ship'}"
        )
    metadata = about(location)
    if metadata.colors != colors:
        raise Refused(
            f"{location.name} was trained for {metadata.colors} colors, asked are {colors}; say colors={metadata.colors}"
        )
    return location
