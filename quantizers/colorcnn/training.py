"""Training a ColorCNN for a frozen classifier: arrays and modules in, weights and a history out.

The recipe by default is that of Hou et al. (CVPR 2020). Everything random comes from (seed, epoch).
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ...core.learning import (
    Batches,
    Checkpoint,
    Images,
    augmented,
    one_cycle,
    train_epochs,
)
from ...core.networks import fingerprint, on_device
from ...core.progress import TrainingProgress
from .drawing import Jitter, chosen, hard_palette, redrawn, regularizer
from .network import ColorCNN

OPTIMIZERS = ("sgd", "adamw")


@dataclass(frozen=True)
class Recipe:
    """Every constant of a training run."""

    epochs: int = 60
    optimizer: str = "sgd"
    """sgd: cosine learning rate with warm restarts, as published. adamw: one cycle."""
    lr: float = 1e-2
    """The highest learning rate."""
    momentum: float = 0.5
    """The momentum of sgd; adamw keeps its usual 0.9 and 0.999."""
    weight_decay: float = 5e-4
    restart_epochs: int = 20
    """Epochs from one warm restart to the next (sgd)."""
    batch: int = 128
    gamma: float = 1.0
    """Weight of the regularizer."""
    fidelity: float = 0.0
    """Weight of the squared error between the training image and its original, in the classifier's normalized space (0:
    as published). Hou et al. add such a term in ColorCNN+ (TIP 2024), in another form; it pulls towards clustering."""
    jitter: float = 1.0
    """Strength of the noise on the palette, in the classifier's normalized space."""
    jitter_shared: bool = True
    """One number for a whole batch, as published; else one for each image, color and channel."""
    color_norm: float = 4.0
    """Divides the palette in training."""
    sharpness: float = 1.0
    """The factor of the map's logits at the end of training, from 1 at its beginning: pixels become less and less
    mixtures of colors, which do not exist once the image is stored."""
    map_noise: float = 0.0
    """Strength of Gumbel noise on the map's logits in training; it, too, makes mixtures of colors rare."""
    crop: int = -1
    """Padding of the random crop in pixels; -1: an eighth of the image's side."""
    border: str = "black"
    """The filling of the random crop's border: black, as published, or the image mirrored at its edges."""
    flip: bool = True
    seed: int = 0
    precision: str = "fp32"
    """fp32, or bf16 for autocast."""


PUBLISHED = Recipe()
RECIPES = {
    "published": PUBLISHED,
    "adamw": Recipe(
        epochs=20,
        optimizer="adamw",
        lr=2e-3,
        weight_decay=1e-2,
        color_norm=1.0,
        jitter=0.1,
        sharpness=10.0,
        border="mirrored",
    ),
}
"""The recipes by name; docs/log.md says which accuracy each reaches."""


@dataclass(frozen=True)
class FrozenClassifier:
    """The classifier that a ColorCNN is trained for: normalized pixels (N, 3, H, W) -> logits."""

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def frozen(self, device: torch.device) -> nn.Module:
        """The network on a device, frozen in place: no gradient reaches its parameters, no batch changes its statistics."""
        return on_device(self.network, device).eval().requires_grad_(False)

    def normalized(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels as the network takes them: uint8 (N, 3, H, W) -> float."""
        mean = torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1) * 255
        std = torch.tensor(self.std, device=pixels.device).view(1, 3, 1, 1) * 255
        return (pixels.float() - mean) / std


def train(
    network: ColorCNN,
    classifier: FrozenClassifier,
    training: Images,
    held_out: Images,
    recipe: Recipe,
    checkpoint: Path,
    device: torch.device,
    progress: TrainingProgress | None = None,
) -> list[dict[str, Any]]:
    """Trains ``network`` in place for a classifier that stays as it is; gives the history, one entry an epoch.

    Goes on from ``checkpoint`` where there is one, and writes it after each epoch.
    Raises Diverged when the loss is no number, Refused when the checkpoint is of another run.
    """
    on_device(network, device)
    frozen = classifier.frozen(device)
    optimizer = _optimizer(network, recipe)
    state = Checkpoint(checkpoint, _run(recipe, network, classifier, training, held_out))
    progress = progress or TrainingProgress()
    batches = Batches(optimizer, training, recipe.batch, device, progress)

    def learn(epoch: int) -> dict[str, float]:
        return _epoch(network, frozen, classifier, batches, recipe, epoch)

    def judge() -> float:
        return accuracy(network, frozen, classifier, held_out, device, recipe.precision)

    return train_epochs(network, optimizer, state, recipe.epochs, learn, judge, progress.on_epoch)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        network.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def learning_rate(recipe: Recipe, epochs_done: float) -> float:
    """The learning rate after that many epochs, a step being a part of one."""
    if recipe.optimizer == "adamw":
        return one_cycle(epochs_done / recipe.epochs, recipe.lr)
    # Loshchilov and Hutter (2017), restarts of equal length, down to 0
    since = epochs_done % recipe.restart_epochs / recipe.restart_epochs
    return recipe.lr * (1 + math.cos(math.pi * since)) / 2


def _epoch(
    network: ColorCNN,
    frozen: nn.Module,
    classifier: FrozenClassifier,
    batches: Batches,
    recipe: Recipe,
    epoch: int,
) -> dict[str, float]:
    device, pixels, labels = batches.device, batches.pixels, batches.labels
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
    on_map = torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + epoch)  # too much to draw on the CPU
    crop = recipe.crop if recipe.crop >= 0 else pixels.shape[1] // 8
    noise = Jitter(recipe.jitter, recipe.jitter_shared)
    sharpness = 1.0

    def rate(step: int, steps: int) -> float:
        nonlocal sharpness
        sharpness = recipe.sharpness ** ((epoch + step / steps) / recipe.epochs)
        return learning_rate(recipe, epoch + step / steps)

    def learn(part: torch.Tensor, size: int) -> torch.Tensor:
        # (N, H, W, 3) -> (N, 3, H, W): channels_last as it lies
        x = augmented(pixels[part], crop, recipe.flip, generator, recipe.border).permute(0, 3, 1, 2)
        images, y = classifier.normalized(x), labels[part]
        jitter = noise.draw(len(y), network.colors, generator).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            z = network.logits(images).float()
            m = chosen(z, sharpness, recipe.map_noise, on_map)
            drawn = redrawn(images, m, jitter, recipe.color_norm)
            logits = frozen(drawn)
        spread = regularizer(z.softmax(1))
        loss = functional.cross_entropy(logits.float(), y) + recipe.gamma * spread
        if recipe.fidelity:
            loss = loss + recipe.fidelity * functional.mse_loss(drawn.float(), images)
        (loss * (len(y) / size)).backward()
        return torch.stack([loss * len(y), spread * len(y), (logits.argmax(1) == y).sum()])

    network.train()
    lr, (loss, spread, correct) = batches.epoch(epoch, learn, rate, (generator, on_map))
    return {"lr": lr, "loss": loss, "regularizer": spread, "training_accuracy": correct}


def accuracy(
    network: ColorCNN,
    frozen: nn.Module,
    classifier: FrozenClassifier,
    images: Images,
    device: torch.device,
    precision: str = "fp32",
) -> float:
    """Top-1 accuracy, 0 to 1, of the classifier on images as they will be stored: argmax, palettes of 8-bit means.

    frozen: what ``classifier.frozen(device)`` gives.
    """
    network.eval()
    correct = 0
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
        for start in range(0, len(images), 128):
            x = torch.from_numpy(images.pixels[start : start + 128]).to(device).permute(0, 3, 1, 2)
            drawn = hard_image(network, classifier, x)
            y = torch.from_numpy(images.labels[start : start + 128]).to(device)
            correct += int((frozen(classifier.normalized(drawn)).argmax(1) == y).sum())
    return correct / max(1, len(images))


def hard_image(network: ColorCNN, classifier: FrozenClassifier, pixels: torch.Tensor) -> torch.Tensor:
    """The images as they will be stored, in few colors: uint8 (N, 3, H, W) -> the same shape and type."""
    indices = network.logits(classifier.normalized(pixels)).argmax(1)  # (N, H, W)
    palettes, _ = hard_palette(pixels, indices, network.colors)  # (N, C, 3)
    drawn = palettes.gather(1, indices.flatten(1)[..., None].expand(-1, -1, 3))  # (N, H * W, 3)
    return drawn.transpose(1, 2).unflatten(2, pixels.shape[2:])


def _run(
    recipe: Recipe, network: ColorCNN, classifier: FrozenClassifier, training: Images, held_out: Images
) -> dict[str, str]:
    sample = int(training.pixels[:: max(1, len(training) // 64)].sum(dtype="int64"))
    return {
        "number of colors": str(network.colors),
        "width": str(network.width),
        "backbone": type(network.backbone).__name__,
        "normalization": f"mean {classifier.mean}, std {classifier.std}",
        "classifier": fingerprint(classifier.network),
        "recipe": json.dumps(asdict(recipe), sort_keys=True),
        "set of images": json.dumps([len(training), len(held_out), int(training.labels.sum()), sample]),
    }
