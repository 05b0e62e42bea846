"""A classifier's weights: a safetensors file whose metadata tell what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.errors import Unavailable, nearest
from ..core.files import sha256_of
from ..core.networks import about_weights, write_weights

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).parent / "weights"
FORMAT = "classifier 1"


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


def write(path: Path, state: Mapping[str, torch.Tensor], about: About, half: bool = True) -> None:
    """Writes a weights file atomically; floating-point tensors as fp16, or fp32 where not ``half``."""
    write_weights(path, state, {"format": FORMAT, **asdict(about)}, half)


def about(path: Path) -> About:
    """The metadata of a weights file. Raises Unavailable for a file that holds no classifier's weights."""
    return _about(path, sha256_of(path))


@lru_cache(maxsize=64)
def _about(path: Path, sha256: str) -> About:
    metadata = about_weights(path, FORMAT, "rabench train classifier")
    for name in ("classes", "mean", "std"):
        metadata[name] = tuple(metadata[name])
    return About(**metadata)
