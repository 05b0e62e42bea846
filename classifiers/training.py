"""Training a classifier from scratch: arrays and a module in, weights and a history out.

The published recipe is that of Hou et al. (CVPR 2020) for small images: SGD, one-cycle learning rate, random crop and
horizontal flip. A recipe may also let images grow with the epochs, which saves time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..core.checkpoints import Checkpoint
from ..core.learning import Batches, Images, augmented, one_cycle, train_epochs
from ..core.networks import fingerprint, on_device
from ..core.progress import TrainingProgress
from .inference import Normalized
from .recipe import Recipe


def train(
    network: nn.Module,
    normalization: tuple[tuple[float, ...], tuple[float, ...]],
    training: Images,
    held_out: Images,
    recipe: Recipe,
    checkpoint: Path,
    device: torch.device,
    progress: TrainingProgress | None = None,
    before_save: Callable[[list[dict[str, Any]]], None] = lambda _: None,
    last: int | None = None,
) -> list[dict[str, Any]]:
    """Trains ``network`` in place; gives the history, one entry an epoch. held_out: may be empty.

    Goes on from ``checkpoint`` where there is one, and writes it after each epoch.
    last: how many images the last epoch has, drawn at random; None for all.
    before_save: called with the history just before the checkpoint is written: what it writes is never behind.
    Raises Diverged when the loss is no number, Refused when the checkpoint is of another run.
    """
    model = on_device(Normalized(network, *normalization), device)
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=recipe.lr,
        momentum=recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=recipe.nesterov,
    )
    images = [len(training)] * (recipe.epochs - 1) + [last or len(training)]
    state = Checkpoint(checkpoint, _run(recipe, network, training, held_out, last), model, optimizer)
    state.load()
    progress = progress or TrainingProgress()
    batches = Batches(state, training, recipe.batch, device, progress)

    def learn(epoch: int) -> dict[str, float]:
        return _epoch(model, batches, recipe, epoch, images)

    def judge() -> dict[str, float]:
        if not len(held_out):
            return {}
        return {"held_out_accuracy": accuracy(model, held_out, device, recipe.precision)}

    return train_epochs(state, recipe.epochs, learn, judge, progress.on_epoch, before_save)


def _epoch(model: nn.Module, batches: Batches, recipe: Recipe, epoch: int, images: Sequence[int]) -> dict[str, float]:
    """images: how many each epoch has."""
    device, pixels, labels = batches.device, batches.pixels, batches.labels
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
    torch.manual_seed(recipe.seed * 1_000_003 + epoch)  # for dropout
    crop = recipe.crop if recipe.crop >= 0 else pixels.shape[1] // 8
    full = tuple(pixels.shape[1:3])
    height, width = (recipe.side(side, epoch, sum(images) / len(labels)) for side in full)

    def learn(part: torch.Tensor, size: int) -> torch.Tensor:
        # (N, H, W, 3) -> (N, 3, H, W): channels_last as it lies
        x, y = augmented(pixels[part], crop, recipe.flip, generator).permute(0, 3, 1, 2), labels[part]
        if (height, width) != full:
            x = functional.interpolate(x.float(), (height, width), mode="bilinear", antialias=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            logits = model(x)
        loss = functional.cross_entropy(logits.float(), y)
        (loss * (len(y) / size)).backward()
        return torch.stack([loss * len(y), (logits.argmax(1) == y).sum()])

    steps = [ceil(n / recipe.batch) for n in images]

    def rate(step: int, _: int) -> float:
        return one_cycle((sum(steps[:epoch]) + step) / sum(steps), recipe.lr)

    model.train()
    lr, (loss, correct) = batches.epoch(epoch, learn, rate, (generator,), images[epoch])
    return {"lr": lr, "loss": loss, "training_accuracy": correct}


def accuracy(model: nn.Module, images: Images, device: torch.device, precision: str = "fp32") -> float:
    """Top-1 accuracy, 0 to 1, on images without augmentation."""
    model.eval()
    correct = 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for start in range(0, len(images), 256):
            x = torch.from_numpy(images.pixels[start : start + 256]).to(device).permute(0, 3, 1, 2)
            y = torch.from_numpy(images.labels[start : start + 256]).to(device)
            correct += int((model(x).argmax(1) == y).sum())
    return correct / max(1, len(images))


def _run(recipe: Recipe, network: nn.Module, training: Images, held_out: Images, last: int | None) -> dict[str, str]:
    sample = int(training.pixels[:: max(1, len(training) // 64)].astype(np.int64).sum())
    return {
        "recipe": json.dumps(recipe.settings(), sort_keys=True),
        "network as it began": fingerprint(network),
        "set of images": json.dumps([len(training), len(held_out), int(training.labels.sum()), sample]),
        **({} if last is None else {"images of the last epoch": str(last)}),
    }
