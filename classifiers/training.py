"""Training a classifier from scratch: arrays and a module in, weights and a history out.

The recipe is that of Hou et al. (CVPR 2020) for small images: SGD, one-cycle learning rate, random
crop and horizontal flip. Everything random comes from (seed, epoch), so that a run resumed after a
kill goes on exactly as it would have, and one seed gives one set of weights on a CPU with one number
of threads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from torch.nn import functional

from ..core.errors import RabenchError, Refused
from ..core.files import write_bytes
from .inference import Normalized, on_device


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


@dataclass(frozen=True)
class Images:
    """Training images, all of one size, kept in memory as they are."""

    pixels: NDArray[np.uint8]
    """(N, H, W, 3)"""
    labels: NDArray[np.int64]
    """(N,)"""

    def __len__(self) -> int:
        return len(self.labels)


class Diverged(RabenchError, RuntimeError):
    """The loss is no number any more."""


Progress = Callable[[int, int, int, float], None]
"""Told the epoch, the step in it, the steps an epoch has, and the running loss."""


def one_cycle(done: float, peak: float) -> float:
    """The learning rate when the share ``done`` of all steps is done.

    Up from peak/25 over the first 30 %, down to peak/250,000, both by half a cosine (Smith and Topin 2018).
    """
    if done < 0.3:
        return peak / 25 + (peak - peak / 25) * (1 - math.cos(math.pi * done / 0.3)) / 2
    low = peak / 25 / 1e4
    return low + (peak - low) * (1 + math.cos(math.pi * (done - 0.3) / 0.7)) / 2


def augmented(pixels: torch.Tensor, crop: int, flip: bool, generator: torch.Generator) -> torch.Tensor:
    """Each image shifted by up to ``crop`` pixels (black comes in) and mirrored every other time.

    (N, H, W, 3) -> (N, H, W, 3). Offsets are drawn on the CPU, so that a seed means the same everywhere.
    """
    n, height, width, _ = pixels.shape
    offsets = torch.randint(0, 2 * crop + 1, (2, n, 1), generator=generator)
    rows = torch.arange(height) + offsets[0]
    columns = torch.arange(width) + offsets[1]
    if flip:
        mirrored = torch.rand(n, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    padded = functional.pad(pixels, (0, 0, crop, crop, crop, crop))
    image = torch.arange(n, device=pixels.device)[:, None, None]
    return padded[image, rows.to(pixels.device)[:, :, None], columns.to(pixels.device)[:, None, :]]


def train(
    network: nn.Module,
    normalization: tuple[tuple[float, ...], tuple[float, ...]],
    training: Images,
    held_out: Images,
    recipe: Recipe,
    checkpoint: Path,
    device: torch.device,
    on_step: Progress = lambda *_: None,
    on_epoch: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Trains ``network`` in place; gives the history, one entry an epoch.

    Goes on from ``checkpoint`` where there is one, and writes it after each epoch.
    Raises Diverged when the loss is no number, Refused when the checkpoint is of another run.
    """
    model = on_device(Normalized(network, *normalization), device)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    state = _Checkpoint(checkpoint, recipe, _fingerprint(training, held_out, network))
    history = state.load(model, optimizer)
    pixels = torch.from_numpy(training.pixels).to(device)
    labels = torch.from_numpy(training.labels).to(device)
    for epoch in range(len(history), recipe.epochs):
        figures = _epoch(model, optimizer, pixels, labels, recipe, epoch, on_step)
        held = accuracy(model, held_out, device, recipe.precision)
        history.append({"epoch": epoch + 1, **figures, "held_out_accuracy": held})
        state.save(model, optimizer, history)
        on_epoch(history)
    return history


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.SGD,
    pixels: torch.Tensor,
    labels: torch.Tensor,
    recipe: Recipe,
    epoch: int,
    on_step: Progress,
) -> dict[str, float]:
    device = pixels.device
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
    torch.manual_seed(recipe.seed * 1_000_003 + epoch)  # for dropout
    order = torch.randperm(len(labels), generator=generator)
    crop = recipe.crop if recipe.crop >= 0 else pixels.shape[1] // 8
    steps = math.ceil(len(labels) / recipe.batch)
    loss_sum, correct = torch.zeros((), device=device), torch.zeros((), device=device)
    lr = 0.0
    model.train()
    for step in range(steps):
        lr = one_cycle((epoch * steps + step) / (recipe.epochs * steps), recipe.lr)
        for group in optimizer.param_groups:
            group["lr"] = lr
        chosen = order[step * recipe.batch : (step + 1) * recipe.batch].to(device)
        # (N, H, W, 3) -> (N, 3, H, W): channels_last as it lies
        x, y = augmented(pixels[chosen], crop, recipe.flip, generator).permute(0, 3, 1, 2), labels[chosen]
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            logits = model(x)
        loss = functional.cross_entropy(logits.float(), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        loss_sum += loss.detach() * len(y)
        correct += (logits.argmax(1) == y).sum()
        if step % 20 == 0 or step == steps - 1:  # looked at now and then: each look waits for the GPU
            running = loss_sum.item() / min((step + 1) * recipe.batch, len(labels))
            if not math.isfinite(running):
                raise Diverged(
                    f"the loss is {running} in epoch {epoch + 1}, step {step + 1}, at learning rate {lr:.4g}; "
                    "the last good checkpoint is kept, try a smaller --lr with --restart"
                )
            on_step(epoch, step + 1, steps, running)
    n = len(labels)
    return {"lr": lr, "loss": loss_sum.item() / n, "training_accuracy": correct.item() / n}


def accuracy(model: nn.Module, images: Images, device: torch.device, precision: str = "fp32") -> float:
    """Top-1, of pixels as they are (no augmentation)."""
    model.eval()
    correct = 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for start in range(0, len(images), 256):
            x = torch.from_numpy(images.pixels[start : start + 256]).to(device).permute(0, 3, 1, 2)
            y = torch.from_numpy(images.labels[start : start + 256]).to(device)
            correct += int((model(x).argmax(1) == y).sum())
    return correct / max(1, len(images))


def held_out_split(n: int, share: float, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions to train on and positions held out of training to judge by; both sorted."""
    order = np.random.default_rng(seed).permutation(n)
    cut = round(n * share)
    return np.sort(order[cut:]), np.sort(order[:cut])


def _fingerprint(training: Images, held_out: Images, network: nn.Module) -> str:
    shapes = {name: list(t.shape) for name, t in network.state_dict().items()}
    sample = int(training.pixels[:: max(1, len(training) // 64)].astype(np.int64).sum())
    return json.dumps([len(training), len(held_out), int(training.labels.sum()), sample, shapes])


class _Checkpoint:
    """Model, momentum and history in one safetensors file."""

    def __init__(self, path: Path, recipe: Recipe, fingerprint: str) -> None:
        self.path = path
        self.run = {"recipe": json.dumps(asdict(recipe), sort_keys=True), "fingerprint": fingerprint}

    def save(self, model: nn.Module, optimizer: torch.optim.SGD, history: list[dict[str, Any]]) -> None:
        tensors = {f"model.{k}": v.cpu().contiguous() for k, v in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            if (buffer := optimizer.state[parameter].get("momentum_buffer")) is not None:  # none without momentum
                tensors[f"momentum.{name}"] = buffer.cpu().contiguous()
        write_bytes(self.path, save(tensors, {**self.run, "history": json.dumps(history)}))

    def load(self, model: nn.Module, optimizer: torch.optim.SGD) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        try:
            with safe_open(self.path, "pt") as file:
                said = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except SafetensorError as error:
            raise Refused(f"{self.path} is no whole checkpoint ({error}); begin again with --restart") from None
        for part, now in self.run.items():
            if said.get(part) != now:
                raise Refused(
                    f"{self.path} is of another run: its {part} is {said.get(part)}, now {now}; "
                    "begin again with --restart, or name another --out"
                )
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        for name, parameter in model.named_parameters():
            if (buffer := tensors.get(f"momentum.{name}")) is not None:
                optimizer.state[parameter]["momentum_buffer"] = buffer.to(parameter.device)
        return json.loads(said["history"])
