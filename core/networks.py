"""PyTorch networks: where they run, and their weights as safetensors files whose metadata tell what they are.

Torch is imported when a network runs, not when it is named.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from .errors import Unavailable
from .files import sha256_of, write_bytes

if TYPE_CHECKING:
    import torch
    from torch import nn

KEY = "rabench"


def device() -> torch.device:
    """A GPU where there is one, else the CPU."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_kind() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU"


def torch_version() -> str:
    import torch

    return torch.__version__


def on_device(network: nn.Module, where: torch.device) -> nn.Module:
    """In channels_last: 1.4 times as fast as channels first on a CPU (AlexNet, 64x64)."""
    import torch

    for parameter in network.to(where).parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
    return network


def fingerprint(network: nn.Module) -> str:
    """Equal for equal weights: sha256, as hex."""
    content = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        content.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return content.hexdigest()[:16]


def round_weights(network: nn.Module, half: bool = True) -> None:
    """To what a file of such weights holds: fp16, or fp32 where not ``half``."""
    import torch

    for tensor in network.state_dict().values():
        if half and tensor.is_floating_point():
            tensor.copy_(tensor.to(torch.float16))


def weights_hash(version: str) -> str:
    """The part of a plug-in's version that names its weights and is equal on every machine; empty where there is none."""
    return version.split(",")[0] if version.startswith("sha256 ") else ""


def write_weights(path: Path, state: Mapping[str, torch.Tensor], about: Mapping[str, Any], half: bool = True) -> None:
    """Whole or not at all; floating-point tensors as fp16, or fp32 where not ``half``. Equal arguments give equal bytes."""
    import torch
    from safetensors.torch import save

    dtype = torch.float16 if half else torch.float32
    tensors = {name: (t.to(dtype) if t.is_floating_point() else t).cpu().contiguous() for name, t in state.items()}
    # One key: safetensors writes several in any order, and equal weights would be unequal files.
    write_bytes(path, save(tensors, {KEY: json.dumps(about, sort_keys=True)}))


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """The tensors, as float32."""
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    return {name: t.float() if t.is_floating_point() else t for name, t in tensors.items()}


def about_weights(path: Path, form: str, made_by: str) -> dict[str, Any]:
    """What a file says of itself. form: as it must name its format; made_by: the command that writes such files.

    Raises Unavailable for a file of another format or none.
    """
    known = dict(_metadata(path, sha256_of(path)))
    if known.pop("format", None) != form:
        raise Unavailable(f"{path} does not say what it is ({form!r} is wanted); train it with '{made_by}'")
    return known


@lru_cache(maxsize=64)
def _metadata(path: Path, sha256: str) -> dict[str, Any]:
    try:
        with safe_open(path, "numpy") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise Unavailable(f"{path} is no whole safetensors file: {error}") from None
    return json.loads(metadata.get(KEY, "{}"))
