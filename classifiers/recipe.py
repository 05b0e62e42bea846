"""The constants of a training; named without PyTorch, which takes seconds to import."""

from __future__ import annotations

from dataclasses import dataclass


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
