"""A classifier's weights: a safetensors file whose metadata tell what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Unavailable, nearest
from ..core.networks import WeightsFormat

SHIPPED = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class About:
    """The metadata of a classifier's weights file."""

    network: str
    width: int
    dataset: str
    """The data set it was trained on, as a label."""
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    size: int
    """Side of the square input, in pixels."""
    training: dict[str, Any] = field(default_factory=dict)
    """Recipe, seed, images, held-out accuracy, command."""
    tuned_on: str = ""
    """The labels of the quantizer and codec on whose images it was fine-tuned, joined by a plus sign."""
    published: float = 0.0
    """The accuracy that is published for these weights, in percent; 0 where nobody said."""
    published_on: str = ""
    """The images of the published accuracy."""


FILES = WeightsFormat("classifier 1", About, ("classes", "mean", "std"), "rabench train classifier")
write, about, is_own = FILES.write, FILES.about, FILES.is_own
"""Write and read a weights file, and whether a file is one; see WeightsFormat."""


def shipped() -> list[Path]:
    """The weights files that come with rabench."""
    return sorted(SHIPPED.glob("*.safetensors"))


def find(weights: str, network: str = "") -> Path:
    """The file that a ``weights`` setting means: a path, or the name of weights that ship. network: for the error."""
    files_by_name = {f.stem: f for f in shipped()}
    if weights in files_by_name:
        return files_by_name[weights]
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    names = [name for name, file in files_by_name.items() if about(file).network == (network or about(file).network)]
    alternatives = f", or one of {', '.join(names)}" if names else f"; none ship for {network}"
    raise Unavailable(
        f"no weights at {weights!r}{nearest(weights, names)}; give a .safetensors file that "
        f"'rabench train classifier' wrote{alternatives}"
    )
