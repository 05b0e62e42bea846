"""Checkpoints of a training: all that it needs to go on after a kill exactly as it would have gone on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from .errors import Refused
from .files import write_bytes

EVERY_SECONDS = 60.0
"""Seconds between two checkpoints within an epoch."""


@dataclass(frozen=True)
class Position:
    """Where a training stands within an epoch that has begun."""

    epoch: int
    """The epoch, from 0."""
    step: int
    """Steps of it that are done."""
    sums: torch.Tensor
    """What these steps have counted so far: loss, other figures, correct predictions."""
    generators: Sequence[torch.Tensor]
    """The state of each generator of random numbers after these steps, torch's own first."""


class Checkpoint:
    """A safetensors file of model, optimizer, history and place, bound to the run that wrote it.

    run: what the run is made of, such as its recipe, by the words that an error uses. A file from before places within
    an epoch were kept is read as well.
    """

    def __init__(self, path: Path, run: Mapping[str, str], model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.path, self.run, self.model, self.optimizer = path, dict(run), model, optimizer
        self.history: list[dict[str, Any]] = []
        self.position: Position | None = None
        self._saved = time.monotonic()

    def save(self, position: Position | None = None) -> None:
        """Writes the state after a whole epoch, or at a position within one; atomically."""
        tensors = {f"model.{k}": v.cpu().contiguous() for k, v in self.model.state_dict().items()}
        for name, parameter in self.model.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                if isinstance(value, torch.Tensor):  # SGD without momentum keeps None
                    tensors[f"optimizer.{key}.{name}"] = value.cpu().contiguous()
        about = {**self.run, "history": json.dumps(self.history)}
        if position is not None:
            tensors |= {f"generator.{i}": state.clone() for i, state in enumerate(position.generators)}
            tensors["sums"] = position.sums.cpu().contiguous()
            about["position"] = json.dumps([position.epoch, position.step])
        write_bytes(self.path, save(tensors, about))
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Whether the last checkpoint is older than a minute."""
        return time.monotonic() - self._saved >= EVERY_SECONDS

    def load(self) -> None:
        """Restores model, optimizer, history and position in place; leaves all as it is where there is no file.

        Raises Refused for the checkpoint of another run, and for a file that is none.
        """
        if not self.path.exists():
            return
        try:
            with safe_open(self.path, "pt") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError as error:
            raise Refused(f"{self.path} is no whole checkpoint ({error}); begin again with `restart=True`") from None
        for entry, now in self.run.items():
            if metadata.get(entry) != now:
                raise Refused(
                    f"{self.path} is of another run: its {entry} is {metadata.get(entry)}, now {now}; "
                    "begin again with `restart=True`, or name another `out`"
                )
        self.model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        self._restore_optimizer(tensors)
        self.history = json.loads(metadata["history"])
        if "position" in metadata:
            states = [tensors[f"generator.{i}"] for i in range(sum(k.startswith("generator.") for k in tensors))]
            epoch, step = json.loads(metadata["position"])
            self.position = Position(epoch, step, tensors["sums"], states)

    def _restore_optimizer(self, tensors: Mapping[str, torch.Tensor]) -> None:
        parameters = dict(self.model.named_parameters())
        for tensor_name, value in tensors.items():
            kind, _, rest = tensor_name.partition(".")
            if kind == "optimizer":
                key, _, name = rest.partition(".")
                device = "cpu" if key == "step" else parameters[name].device
                self.optimizer.state[parameters[name]][key] = value.to(device)
