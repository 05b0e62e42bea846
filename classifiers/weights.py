"""Weights as safetensors files whose metadata tell what they are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from ..core.errors import Unavailable, nearest
from ..core.files import sha256_of, write_bytes

if TYPE_CHECKING:
    import torch

SHIPPED = Path(__file__).parent / "weights"
KEY, FORMAT = "rabench", "classifier 1"


@dataclass(frozen=True)
class About:
    """What a weights file says of itself."""

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


def shipped() -> list[Path]:
    """Weights that come with rabench."""
    return sorted(SHIPPED.glob("*.safetensors"))


def find(weights: str) -> Path:
    """The file that a ``weights`` setting means: a path, or the name of weights that ship."""
    here = {f.stem: f for f in shipped()}
    if weights in here:
        return here[weights]
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    raise Unavailable(
        f"no weights at {weights!r}{nearest(weights, here)}; give a .safetensors file that "
        f"'rabench train classifier' wrote, or one of {', '.join(sorted(here)) or 'none that ship'}"
    )


def write(path: Path, state: dict[str, torch.Tensor], about: About, half: bool = True) -> None:
    """Whole or not at all; floating-point tensors as fp16, or fp32 where not ``half``. Equal arguments give equal bytes."""
    import torch
    from safetensors.torch import save

    dtype = torch.float16 if half else torch.float32
    tensors = {name: (t.to(dtype) if t.is_floating_point() else t).cpu().contiguous() for name, t in state.items()}
    # One key: safetensors writes several in any order, and equal weights would be unequal files.
    metadata = {KEY: json.dumps({"format": FORMAT, **asdict(about)}, sort_keys=True)}
    write_bytes(path, save(tensors, metadata))


@lru_cache(maxsize=64)
def _about(path: Path, sha256: str) -> About:
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise Unavailable(f"{path} is no whole safetensors file: {error}") from None
    known = json.loads(metadata.get(KEY, "{}"))
    if known.pop("format", None) != FORMAT:
        raise Unavailable(
            f"{path} does not say what it is ({FORMAT!r} is wanted); train it with 'rabench train classifier'"
        )
    for name in ("classes", "mean", "std"):
        known[name] = tuple(known[name])
    return About(**known)


def about(path: Path) -> About:
    return _about(path, sha256_of(path))


def read(path: Path) -> dict[str, torch.Tensor]:
    """The tensors, as float32."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}
