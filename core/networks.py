"""PyTorch networks: where they run, and their weights as safetensors files whose metadata tell what they are.

Torch is imported when a network runs, not when it is named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from safetensors import SafetensorError, safe_open

from .errors import Unavailable
from .files import sha256_of, write_bytes
from .json_texts import parsed

if TYPE_CHECKING:
    import torch
    from _typeshed import DataclassInstance
    from torch import nn

KEY = "rabench"


def device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_kind() -> str:
    """The GPU's name where there is one, else ``CPU``."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def torch_version() -> str:
    import torch

    return torch.__version__


def on_device(network: nn.Module, target: torch.device) -> nn.Module:
    """The network, moved, its weights in channels_last: 1.4 times as fast as channels first on a CPU (AlexNet, 64x64)."""
    import torch

    for parameter in network.to(target).parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
    return network


def fingerprint(network: nn.Module) -> str:
    """A hash of the weights: the first 16 hex digits of their sha256."""
    content = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        content.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return content.hexdigest()[:16]


def round_weights(network: nn.Module, half: bool = True) -> None:
    """Rounds weights in place to what their file will store: fp16, or fp32 (unchanged) where not ``half``."""
    import torch

    for tensor in network.state_dict().values():
        if half and tensor.is_floating_point():
            tensor.copy_(tensor.to(torch.float16))


def weights_hash(version: str) -> str:
    """The part of a plug-in's version that names its weights and is equal on every machine; empty where there is none."""
    return version.split(",")[0] if version.startswith("sha256 ") else ""


def write_weights(path: Path, state: Mapping[str, torch.Tensor], about: Mapping[str, Any], half: bool = True) -> None:
    """Writes a safetensors file atomically, with ``about`` as its metadata; equal arguments give equal bytes.

    half: store floating-point tensors as fp16, else as fp32.
    """
    import torch
    from safetensors.torch import save

    dtype = torch.float16 if half else torch.float32
    tensors = {name: (t.to(dtype) if t.is_floating_point() else t).cpu().contiguous() for name, t in state.items()}
    # One key: safetensors writes several in any order, and equal weights would be unequal files.
    write_bytes(path, save(tensors, {KEY: json.dumps(about, sort_keys=True)}))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a weights file by name, floating-point ones as float32."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


A = TypeVar("A", bound="DataclassInstance")


class WeightsFormat(Generic[A]):
    """A format of weights files, whose metadata make a dataclass: write(path, state, about) and about(path)."""

    def __init__(self, name: str, about: type[A], tuples: tuple[str, ...], made_by: str) -> None:
        """name: as a file names its format. tuples: fields that JSON makes lists of. made_by: the command that writes such files."""
        self.name, self._about, self._tuples, self._made_by = name, about, tuples, made_by

    def write(self, path: Path, state: Mapping[str, torch.Tensor], about: A, half: bool = True) -> None:
        """Writes a weights file atomically; floating-point tensors as fp16, or fp32 where not ``half``."""
        write_weights(path, state, {"format": self.name, **asdict(about)}, half)

    def is_own(self, path: Path) -> bool:
        """Whether a file is of this format; False for weights that others wrote, and for files that are none."""
        try:
            return _metadata(path, sha256_of(path)).get("format") == self.name
        except Unavailable:
            return False

    def about(self, path: Path) -> A:
        """The metadata of a weights file. Raises Unavailable for a file of another format or none."""
        metadata = dict(_metadata(path, sha256_of(path)))
        if metadata.pop("format", None) != self.name:
            raise Unavailable(
                f"{path} does not say what it is ({self.name!r} is wanted); train it with '{self._made_by}'"
            )
        try:
            return self._about(**{**metadata, **{name: tuple(metadata[name]) for name in self._tuples}})
        except (KeyError, TypeError, ValueError) as error:
            raise Unavailable(
                f"{path} is of the format {self.name!r} and does not keep to it ({error!r:.80}); fetch it again"
            ) from None


@lru_cache(maxsize=64)
def _metadata(path: Path, sha256: str) -> dict[str, Any]:
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise Unavailable(f"{path} is no whole safetensors file: {error}") from None
    try:
        content = parsed(metadata.get(KEY, "{}"))
    except ValueError as error:
        raise Unavailable(f"{path} does not say what it is: {error}") from None
    return content if isinstance(content, dict) else {}
