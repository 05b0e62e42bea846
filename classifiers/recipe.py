"""The constants of a training; named without PyTorch, which takes seconds to import."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ..core.errors import BadSetting

RANGES = {
    "epochs": (1, 100_000),
    "batch": (1, 1_000_000),
    "lr": (1e-9, 1e12),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, 1e3),
    "crop": (-1, 10_000),
    "first_side": (0.1, 1.0),
}
"""What constants of a recipe may be."""


@dataclass(frozen=True)
class Recipe:
    """Every constant of a training run."""

    epochs: int = 60
    lr: float = 0.1
    """The peak of the one-cycle schedule."""
    momentum: float = 0.9
    weight_decay: float = 5e-4
    batch: int = 128
    crop: int = -1
    """Padding of the random crop in pixels; -1: an eighth of the image's side (4 for 32, 8 for 64, 12 for 96)."""
    flip: bool = True
    seed: int = 0
    precision: str = "fp32"
    """fp32, or bf16 for autocast."""
    nesterov: bool = False
    """Whether SGD looks ahead along its momentum (Nesterov)."""
    first_side: float = 1.0
    """The side of training images in the first epoch, as a share of the full side, 0.1 to 1. It grows evenly, in steps of
    4 pixels from 16 at the least, and is full in the last third of the epochs (progressive resizing)."""

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise BadSetting(f"`{name}` must be in {low:g}..{high:g}, got {getattr(self, name)}")
        if self.nesterov and not self.momentum:
            raise BadSetting("`nesterov` needs `momentum` above 0")

    def settings(self) -> dict[str, Any]:
        """The constants as weights and checkpoints keep them: a newer one is left out where it has its usual value."""
        return {k: v for k, v in asdict(self).items() if k not in NEWER or v != getattr(Recipe, k)}

    def side(self, full: int, epoch: int, epochs: float | None = None) -> int:
        """The side that images of a ``full`` side have in an epoch, counted from 0, both in pixels.

        epochs: how many there are, where the last one is a part; None: the recipe's.
        """
        growing = int((epochs or self.epochs) * 2 // 3)
        if self.first_side == 1 or epoch >= growing:
            return full
        share = self.first_side + (1 - self.first_side) * epoch / growing
        return min(full, max(LEAST, round(share * full / STEP) * STEP))


NEWER = ("nesterov", "first_side")
"""Constants that weights and checkpoints of before know nothing of: they had the usual values."""
STEP, LEAST = 4, 16
"""Pixels that the side of growing images is a multiple of, and the least that it has: smaller ones leave nothing of some
networks' maps."""
FAST = Recipe(epochs=18, lr=0.2, nesterov=True, first_side=0.5)
RECIPES = {"published": Recipe(), "fast": FAST}
"""The recipes by name. fast: for small images on a CPU; docs/networks.md says what it reaches."""
