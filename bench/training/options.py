"""What every training is asked beside its recipe, and its options as the command line writes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

HELD_OUT = 0.05


@dataclass(frozen=True, kw_only=True)
class TrainingPlan(ABC):
    """What every training is asked beside its recipe."""

    held_out: float = HELD_OUT
    """Share of the training split that is not trained on, to judge by."""
    limit: int | None = None
    """Only the first images of the training split."""
    dtype: str = "fp16"
    """The weights' type in the file: fp16 or fp32."""
    restart: bool = False
    """Whether to forget the checkpoint."""

    @property
    @abstractmethod
    def file(self) -> Path:
        """The weights that the training writes."""

    @abstractmethod
    def command(self) -> str:
        """The command that makes the same weights again; options at their defaults left out."""

    def beside(self, ending: str) -> Path:
        """A file of the same name beside the weights."""
        return self.file.with_name(f"{self.file.stem}.{ending}")

    @property
    def checkpoint(self) -> Path:
        """The state after the last whole epoch."""
        return self.beside("checkpoint.safetensors")

    @property
    def figure(self) -> Path:
        """The learning curve, redrawn after each epoch."""
        return self.beside("training.png")


def changed_options(*pairs: tuple[Any, Any], leave_out: Sequence[str] = ()) -> list[str]:
    """The fields of values that differ from their usual ones, as options of a command line.

    pairs: a value, and another of its kind whose fields are the usual ones. leave_out: fields that are no options.
    """
    words = []
    for value, usual in pairs:
        for f in fields(value):
            setting = getattr(value, f.name)
            if f.name in leave_out or setting == getattr(usual, f.name):
                continue
            option = f.name.replace("_", "-")
            words.append(
                f"--{'' if setting else 'no-'}{option}" if isinstance(setting, bool) else f"--{option} {setting}"
            )
    return words
