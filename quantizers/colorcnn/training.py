"""Training a ColorCNN for frozen classifiers: arrays and modules in, weights and a history out.

The recipe by default is that of Hou et al. (CVPR 2020). Everything random comes from (seed, epoch).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ...core.checkpoints import Checkpoint
from ...core.learning import Batches, Images, augmented, one_cycle, train_epochs
from ...core.networks import fingerprint, on_device
from ...core.progress import TrainingProgress
from .drawing import Jitter, chosen, hard_palette, redrawn, regularizer
from .network import ColorCNN
from .plus import COLOR_NUMBERS, ColorCNNPlus, elsewhere, place_of
from .recipes import Recipe

LATER = ("first_sharpness", "temperature", "class_epochs", "imitation")
"""Constants that recipes got later: checkpoints from before were made with their usual values."""
CALIBRATION = 1024
"""The training images that a ColorCNN+'s batch statistics are measured on."""
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""What the offsets of a ColorCNN+ may be multiplied by, in use."""
AnyColorCNN = ColorCNN | ColorCNNPlus


@dataclass(frozen=True)
class FrozenClassifier:
    """A classifier that a ColorCNN is trained for: normalized pixels (N, 3, H, W) -> logits."""

    network: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def frozen(self, device: torch.device) -> nn.Module:
        """The network on a device, frozen in place: no gradient reaches its parameters, no batch changes its statistics."""
        return on_device(self.network, device).eval().requires_grad_(False)

    def normalized(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels as the network takes them: 0 to 255, (N, 3, H, W) -> float."""
        return (pixels.float() - self._channels(self.mean, pixels)) / self._channels(self.std, pixels)

    def from_space_of(self, other: FrozenClassifier, images: torch.Tensor) -> torch.Tensor:
        """Images as this network takes them, from images as another takes them."""
        if (self.mean, self.std) == (other.mean, other.std):
            return images
        return self.normalized(images * self._channels(other.std, images) + self._channels(other.mean, images))

    @staticmethod
    def _channels(values: tuple[float, ...], like: torch.Tensor) -> torch.Tensor:
        return torch.tensor(values, device=like.device).view(1, 3, 1, 1) * 255


@dataclass(frozen=True)
class ColorRange:
    """The numbers of colors that a network is for: every one from ``low`` to ``high``."""

    low: int
    high: int

    def draw(self, generator: torch.Generator) -> int:
        """One of them; n comes in proportion to 1 / (n log² n), so that few colors, where most is to be won, come often."""
        if self.low == self.high:
            return self.low
        numbers = torch.arange(self.low, self.high + 1, dtype=torch.float64)
        weights = 1 / (numbers * numbers.log2().square())
        return self.low + int(torch.multinomial(weights, 1, generator=generator))

    def judged(self) -> list[int]:
        """Those that held-out images are drawn in: both ends, and powers of two between them."""
        powers = {1 << bits for bits in range(1, 9)}
        return [n for n in range(self.low, self.high + 1) if n in powers | {self.low, self.high}]


class Training:
    """A network, the classifiers it is for, and how it learns from a batch."""

    def __init__(
        self,
        network: AnyColorCNN,
        judges: Sequence[FrozenClassifier],
        colors: ColorRange,
        recipe: Recipe,
        device: torch.device,
        encoder_stays: bool = False,
    ) -> None:
        """encoder_stays: whether a ColorCNN+ has an encoder that knows the classes, and is not to be changed."""
        self.network, self.judges, self.colors, self.recipe, self.device = network, judges, colors, recipe, device
        self.encoder_stays = encoder_stays
        self.frozen = [judge.frozen(device) for judge in judges]
        on_device(network, device)

    def autocast(self) -> torch.autocast:
        """The number format of convolutions that the recipe asks for."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def seen(self, drawn: torch.Tensor, judge: int) -> torch.Tensor:
        """The logits of one classifier on images in the space of the first."""
        images = self.judges[judge].from_space_of(self.judges[0], drawn)
        return self.frozen[judge](images.contiguous(memory_format=torch.channels_last)).float()

    def epoch(self, batches: Batches, epoch: int) -> dict[str, float]:
        """Learns from every image once. Each batch is drawn in one number of colors, for one of the classifiers."""
        recipe, pixels, labels = self.recipe, batches.pixels, batches.labels
        generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + epoch)
        on_map = torch.Generator(self.device).manual_seed(recipe.seed * 1_000_003 + epoch)  # too much for the CPU
        crop = recipe.crop if recipe.crop >= 0 else pixels.shape[1] // 8
        sharpness = recipe.first_sharpness

        def rate(step: int, steps: int) -> float:
            nonlocal sharpness
            sharpness = recipe.sharpness_after(epoch + step / steps)
            return learning_rate(recipe, epoch + step / steps)

        def learn(part: torch.Tensor, size: int) -> torch.Tensor:
            # (N, H, W, 3) -> (N, 3, H, W): channels_last as it lies
            x = augmented(pixels[part], crop, recipe.flip, generator, recipe.border).permute(0, 3, 1, 2)
            y = labels[part]
            if epoch < recipe.classes_first:
                loss, spread, correct = self._class_loss(x, y, generator)
            else:
                loss, spread, correct = self._loss(x, y, sharpness, generator, on_map)
            (loss * (len(y) / size)).backward()
            return torch.stack([loss * len(y), spread * len(y), correct])

        knows = self.encoder_stays or 0 < recipe.classes_first <= epoch
        if isinstance(self.network, ColorCNNPlus) and knows:
            self.network.train_decoder()
        else:
            self.network.train()
        lr, (loss, spread, correct) = batches.epoch(epoch, learn, rate, (generator, on_map))
        return {"lr": lr, "loss": loss, "regularizer": spread, "training_accuracy": correct}

    def _loss(
        self, x: torch.Tensor, y: torch.Tensor, sharpness: float, generator: torch.Generator, on_map: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The loss of a batch, its regularizer, and how many images the classifier gets right.

        A network with guidance learns to draw what it takes the image for, not the label, which it cannot know better.
        """
        recipe, colors = self.recipe, self.colors.draw(generator)
        judge = 0 if len(self.judges) == 1 else int(torch.randint(len(self.judges), (1,), generator=generator))
        images = self.judges[0].normalized(x)
        jitter = Jitter(recipe.jitter, recipe.jitter_shared).draw(len(y), colors, generator).to(self.device)
        with self.autocast():
            drawing = self.network.map(images, colors)
            m = chosen(drawing.logits, sharpness, recipe.map_noise, on_map)
            drawn = redrawn(images, m, jitter, recipe.color_norm)
            logits = self.seen(drawn, judge)
        spread = regularizer(drawing.logits.softmax(1)) if recipe.gamma else torch.zeros((), device=self.device)
        t, wanted = recipe.temperature, y if drawing.guess is None else drawing.guess.argmax(1)
        loss = t * functional.cross_entropy(logits / t, wanted) + recipe.gamma * spread
        if recipe.fidelity:
            loss = loss + recipe.fidelity * functional.mse_loss(drawn.float(), images)
        if recipe.imitation and drawing.offsets is not None:
            loss = loss + recipe.imitation_of(colors) * drawing.offsets.square().mean()
        return loss, spread, (logits.argmax(1) == y).sum()

    def _class_loss(
        self, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """The loss of a batch whose classes the network guesses, 0, and how many it guesses right."""
        if not isinstance(self.network, ColorCNNPlus):
            raise TypeError("only a ColorCNN+ guesses at classes")
        with self.autocast():
            logits = self.network.guess(self.judges[0].normalized(x), self.colors.draw(generator))
        loss = functional.cross_entropy(logits, y)
        return loss, torch.zeros((), device=self.device), (logits.argmax(1) == y).sum()

    def calibrate(self, images: Images, everything: bool = False) -> None:
        """Measures the batch statistics of a ColorCNN+ on a sample of training images; of other networks nothing.

        everything: for each number of colors that has some; else for those that held-out images are drawn in.
        """
        if not isinstance(self.network, ColorCNNPlus):
            return
        pixels = torch.from_numpy(_sample(images).pixels).permute(0, 3, 1, 2).to(self.device)
        batches = [self.judges[0].normalized(part) for part in pixels.split(self.recipe.batch)]
        judged = {COLOR_NUMBERS[place_of(n)] for n in self.colors.judged()}
        self.network.calibrate(batches, sorted(judged | set(self._measured_colors() if everything else ())))

    def _measured_colors(self) -> list[int]:
        return [n for n in COLOR_NUMBERS if self.colors.low <= n <= self.colors.high] or [
            COLOR_NUMBERS[place_of(self.colors.low)]
        ]

    def choose_strengths(self, images: Images) -> None:
        """Sets by how much a ColorCNN+ moves pixels in each number of colors: what most training images are right with.

        Where that is not better than clustering, it is clustering. Other networks stay as they are.
        """
        if not isinstance(self.network, ColorCNNPlus):
            return
        sample, strengths = _sample(images), self.network.strengths
        for colors in (numbers := self._measured_colors()):
            found = []
            for strength in STRENGTHS:
                strengths[COLOR_NUMBERS.index(colors)] = strength
                found.append(self.accuracies(sample, colors, 1.0)[0])
            strengths[COLOR_NUMBERS.index(colors)] = STRENGTHS[found.index(max(found))]
        for place, known in elsewhere([COLOR_NUMBERS.index(n) for n in numbers]).items():
            strengths[place] = strengths[known]

    def judge(self, held_out: Images, epochs_done: float) -> dict[str, Any]:
        """Accuracies, 0 to 1, of the first classifier on held-out images after so many epochs.

        ``held_out_accuracy`` is that of images as they will be stored, ``held_out_soft_accuracy`` that of training
        images at their sharpness, without noise; both are means over the numbers of colors in ``by_colors``, whose
        entries are (colors, stored, soft). While a ColorCNN+ learns the classes and draws nothing, there is
        ``held_out_class_accuracy`` instead: how many images it guesses right itself.
        """
        if 0 < epochs_done <= self.recipe.classes_first and isinstance(self.network, ColorCNNPlus):
            return {"held_out_class_accuracy": self._class_accuracy(self.network, held_out)}
        sharpness = self.recipe.sharpness_after(epochs_done)
        by_colors = [[n, *self.accuracies(held_out, n, sharpness)] for n in self.colors.judged()]
        stored, soft = (sum(entry[i] for entry in by_colors) / len(by_colors) for i in (1, 2))
        return {"held_out_accuracy": stored, "held_out_soft_accuracy": soft, "by_colors": by_colors}

    def _batches(self, images: Images) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Pixels (N, 3, H, W) and labels of some images at a time."""
        for start in range(0, len(images), 128):
            x = torch.from_numpy(images.pixels[start : start + 128]).to(self.device).permute(0, 3, 1, 2)
            yield x, torch.from_numpy(images.labels[start : start + 128]).to(self.device)

    def _class_accuracy(self, network: ColorCNNPlus, images: Images) -> float:
        network.eval()
        correct = 0
        with torch.inference_mode(), self.autocast():
            for x, y in self._batches(images):
                guessed = network.guess(self.judges[0].normalized(x), self.colors.low).argmax(1)
                correct += int((guessed == y).sum())
        return correct / max(1, len(images))

    def accuracies(self, images: Images, colors: int, sharpness: float) -> tuple[float, float]:
        """Stored and soft accuracy, 0 to 1, of the first classifier on images in so many colors.

        Stored: argmax, palettes of 8-bit means. Soft: the training image at a sharpness, without noise.
        """
        self.network.eval()
        correct = torch.zeros(2, dtype=torch.int64)
        with torch.inference_mode(), self.autocast():
            for x, y in self._batches(images):
                normalized = self.judges[0].normalized(x)
                logits = self.network.map(normalized, colors).logits
                stored = self.judges[0].normalized(painted(x, logits.argmax(1), colors))
                soft = redrawn(normalized, (sharpness * logits).softmax(1))
                correct += torch.stack([(self.seen(drawn, 0).argmax(1) == y).sum() for drawn in (stored, soft)]).cpu()
        stored, soft = (correct / max(1, len(images))).tolist()
        return stored, soft


def train(
    trained: Training, images: Images, held_out: Images, checkpoint: Path, progress: TrainingProgress | None = None
) -> list[dict[str, Any]]:
    """Trains a network in place for classifiers that stay as they are; gives the history, one entry an epoch.

    Goes on from ``checkpoint`` where there is one; it is written after each epoch, and every minute within one.
    Raises Diverged when the loss is no number, Refused when the checkpoint is of another run.
    """
    recipe = trained.recipe
    optimizer = _optimizer(trained.network, recipe)
    state = Checkpoint(checkpoint, _run(trained, images, held_out), trained.network, optimizer)
    state.load()
    progress = progress or TrainingProgress()
    batches = Batches(state, images, recipe.batch, trained.device, progress)

    def judged() -> dict[str, Any]:
        if len(state.history) + 1 > recipe.classes_first:
            trained.calibrate(images)
        return trained.judge(held_out, len(state.history) + 1)

    return train_epochs(state, recipe.epochs, lambda epoch: trained.epoch(batches, epoch), judged, progress.on_epoch)


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(network.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(
        network.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )


def learning_rate(recipe: Recipe, epochs_done: float) -> float:
    """The learning rate after that many epochs, a step being a part of one."""
    if recipe.optimizer == "adamw":
        if epochs_done < recipe.classes_first:
            return one_cycle(epochs_done / recipe.classes_first, recipe.lr)
        return one_cycle(recipe.drawing_done(epochs_done), recipe.lr)
    # Loshchilov and Hutter (2017), restarts of equal length, down to 0
    since = epochs_done % recipe.restart_epochs / recipe.restart_epochs
    return recipe.lr * (1 + math.cos(math.pi * since)) / 2


def _sample(images: Images) -> Images:
    """CALIBRATION of some images, spread over all."""
    step = max(1, len(images) // CALIBRATION)
    return Images(images.pixels[::step][:CALIBRATION], images.labels[::step][:CALIBRATION])


def painted(pixels: torch.Tensor, indices: torch.Tensor, colors: int) -> torch.Tensor:
    """Images as they will be stored, each color the mean of its pixels: (N, 3, H, W), (N, H, W) -> (N, 3, H, W), uint8."""
    palettes, _ = hard_palette(pixels, indices, colors)  # (N, C, 3)
    drawn = palettes.gather(1, indices.flatten(1)[..., None].expand(-1, -1, 3))  # (N, H * W, 3)
    return drawn.transpose(1, 2).unflatten(2, pixels.shape[2:])


def _run(trained: Training, images: Images, held_out: Images) -> dict[str, str]:
    """What a training is made of, as its checkpoint keeps it."""
    network, judges, colors = trained.network, trained.judges, trained.colors
    sample = int(images.pixels[:: max(1, len(images) // 64)].sum(dtype="int64"))
    constants = {
        name: value
        for name, value in asdict(trained.recipe).items()
        if name not in LATER or value != getattr(Recipe(), name)
    }
    return {
        "number of colors": str(colors.low) if colors.low == colors.high else f"{colors.low}..{colors.high}",
        "width": str(network.width),
        "backbone": type(network.backbone).__name__
        if isinstance(network, ColorCNN)
        else f"{network.levels} levels of {network.blocks} blocks{', guided' if network.guided else ''}",
        "normalization": f"mean {judges[0].mean}, std {judges[0].std}",
        "classifier": ", ".join(fingerprint(judge.network) for judge in judges),
        "recipe": json.dumps(constants, sort_keys=True),
        "set of images": json.dumps([len(images), len(held_out), int(images.labels.sum()), sample]),
    }
