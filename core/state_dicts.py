"""Weights that others published: state dicts of PyTorch networks, as safetensors or as PyTorch saves them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Refused, Unavailable
from .files import sha256_of

if TYPE_CHECKING:
    import torch
    from torch import nn

NESTED = ("state_dict", "model_state_dict", "model", "net")
"""The names under which checkpoints keep the state dict, tried in this order."""


@dataclass(frozen=True)
class StateDict:
    """Tensors by name, without the prefix that training on several GPUs leaves, and what else the file says."""

    tensors: Mapping[str, torch.Tensor]
    about: Mapping[str, Any]
    """Numbers and texts beside the tensors, such as the best accuracy."""


def read_state_dict(path: Path) -> StateDict:
    """The state dict in a file; read once a process.

    Raises Unavailable for a file that is neither safetensors nor PyTorch's, Refused for one that holds no state dict.
    Nothing in it is executed: PyTorch reads tensors, numbers and texts alone.
    """
    return _read(path, sha256_of(path))


@lru_cache(maxsize=1)
def _read(path: Path, sha256: str) -> StateDict:
    import torch
    from safetensors.torch import load_file

    try:
        content = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # PyTorch's reader raises whatever a broken file makes it do
        text = " ".join(str(error).split())
        if match := re.search(r"Unsupported global: GLOBAL (\S+)", text):
            raise Refused(
                f"{path} holds more than tensors, and would have to run code to be read ({match[1]}); "
                "save network.state_dict() alone, best as .safetensors"
            ) from None
        raise Unavailable(
            f"{path} is no whole file of weights ({type(error).__name__}: {text[:100]}); fetch it again"
        ) from None
    about = {k: v for k, v in content.items() if isinstance(v, (int, float, str))} if isinstance(content, dict) else {}
    tensors = content
    for name in NESTED:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            tensors = content[name]
            break
    if not isinstance(tensors, dict) or not tensors or not all(isinstance(t, torch.Tensor) for t in tensors.values()):
        kind = (
            f"a dictionary of {', '.join(map(str, list(content)[:4]))}"
            if isinstance(content, dict)
            else type(content).__name__
        )
        raise Refused(f"{path} holds {kind}, no state dict; save network.state_dict()")
    return StateDict({str(name).removeprefix("module."): t for name, t in tensors.items()}, about)


def load_into(network: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path, name: str) -> None:
    """Puts weights into a network, in place. name: the network's, for the error.

    Raises Refused for weights of another architecture, with the first names and shapes that differ.
    """
    own = network.state_dict()
    # counters of batches, which older files lack and inference does not read
    counters = {n for n in own if n.endswith("num_batches_tracked")}
    missing = [n for n in own if n not in tensors and n not in counters]
    unexpected = [n for n in tensors if n not in own]
    other = [n for n in own if n in tensors and own[n].shape != tensors[n].shape]
    problems = [
        f"{what} {', '.join(names[:3])}{' and ' + str(len(names) - 3) + ' more' if len(names) > 3 else ''}"
        for what, names in (
            ("it lacks", missing),
            ("it has besides", unexpected),
            ("of other shapes are", [f"{n} ({_shape(tensors[n])} instead of {_shape(own[n])})" for n in other]),
        )
        if names
    ]
    if problems:
        raise Refused(f"{path} holds weights of another architecture than {name}: {'; '.join(problems)}")
    network.load_state_dict({**own, **tensors})


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"
