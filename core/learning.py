"""The common parts of all training loops: schedule, augmentation, held-out images, batches and epochs.

Everything random comes from (seed, epoch), and a checkpoint keeps the generators of an epoch that has begun, so that
a run resumed after a kill goes on exactly as it would have, and one seed gives one set of weights on a CPU with one
number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from .checkpoints import Checkpoint, Position
from .errors import RabenchError, Refused
from .networks import device_kind
from .progress import TrainingProgress


@dataclass(frozen=True)
class Images:
    """Training images, all of one size, kept in memory as they are."""

    pixels: NDArray[np.uint8]
    """(N, H, W, 3)"""
    labels: NDArray[np.int64]
    """(N,)"""

    def __len__(self) -> int:
        return len(self.labels)

    def on(self, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Pixels and labels as tensors on a device."""
        return torch.from_numpy(self.pixels).to(device), torch.from_numpy(self.labels).to(device)


class Diverged(RabenchError, RuntimeError):
    """A training run whose loss has become infinite or no number."""


Progress = Callable[[int, int, int, float], None]
"""A callback that shows progress: it takes the epoch, the step in it, the steps an epoch has, and the running loss."""


def one_cycle(fraction: float, peak: float) -> float:
    """The learning rate when a ``fraction`` of all steps, 0 to 1, is done.

    Up from peak/25 over the first 30 %, down to peak/250,000, both by half a cosine (Smith and Topin 2018).
    """
    if fraction < 0.3:
        return peak / 25 + (peak - peak / 25) * (1 - math.cos(math.pi * fraction / 0.3)) / 2
    low = peak / 25 / 1e4
    return low + (peak - low) * (1 + math.cos(math.pi * (fraction - 0.3) / 0.7)) / 2


BORDERS = ("black", "mirrored")
"""Fillings of the border of a shifted image: black, or the image mirrored at its edge."""


def augmented(
    pixels: torch.Tensor, crop: int, flip: bool, generator: torch.Generator, border: str = "black"
) -> torch.Tensor:
    """Each image shifted by up to ``crop`` pixels and mirrored every other time.

    (N, H, W, 3) -> (N, H, W, 3). Offsets are drawn on the CPU, so that a seed means the same everywhere.
    """
    n, height, width, _ = pixels.shape
    offsets = torch.randint(0, 2 * crop + 1, (2, n, 1), generator=generator)
    rows = torch.arange(height) + offsets[0]
    columns = torch.arange(width) + offsets[1]
    if flip:
        mirrored = torch.rand(n, 1, generator=generator) < 0.5
        columns = torch.where(mirrored, columns.flip(1), columns)
    if border == "mirrored":
        rows, columns, padded = _mirrored(rows - crop, height), _mirrored(columns - crop, width), pixels
    else:
        padded = functional.pad(pixels, (0, 0, crop, crop, crop, crop))
    image = torch.arange(n, device=pixels.device)[:, None, None]
    return padded[image, rows.to(pixels.device)[:, :, None], columns.to(pixels.device)[:, None, :]]


def _mirrored(places: torch.Tensor, length: int) -> torch.Tensor:
    """Places beyond an end as far inside of it, the end itself once."""
    if length == 1:
        return torch.zeros_like(places)
    folded = places.abs() % (2 * (length - 1))
    return torch.minimum(folded, 2 * (length - 1) - folded)


SPLIT_SEED = 0
"""The seed that draws the held-out images: one for all trainings, whatever seed their weights have."""


def held_out_split(n: int, share: float, limit: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions to train on, and positions held out of training to measure accuracy; both sorted.

    share: the part of all n images that is held out, 0 to 1. limit: only positions below it are given.
    Which images are held out depends neither on the limit nor on the seed of the weights, and a smaller share holds out
    a part of what a larger one does. So the images that measure a network never trained another that it builds on.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(n)
    cut, end = round(n * share), limit or n
    return np.sort(order[cut:][order[cut:] < end]), np.sort(order[:cut][order[:cut] < end])


def split(images: Images, n: int, share: float, limit: int | None, name: str) -> tuple[Images, Images]:
    """The images to train on and those held out, as ``held_out_split`` says. Raises Refused where either has none.

    name: the data set's, for the error.
    """
    training, held_out = (Images(images.pixels[p], images.labels[p]) for p in held_out_split(n, share, limit))
    if not len(training) or not len(held_out):
        raise Refused(
            f"{name}: {len(training):,} images to train on and {len(held_out):,} held out to judge by are too few; "
            "raise `limit` or `held_out`"
        )
    return training, held_out


class GradientAccumulation:
    """Cuts batches in equal parts when a GPU has too little memory for them; gradients add up over the parts.

    ``accumulation(batch, step)`` calls ``step(part)`` for each part of a batch. Whenever memory runs out, the number
    of parts doubles, and ``say`` is told. Raises Refused where there is no memory for a single image.
    """

    def __init__(self, say: Callable[[str], None] = lambda _: None) -> None:
        self.parts, self.say = 1, say

    def __call__(
        self, batch: torch.Tensor, step: Callable[[torch.Tensor], None], begin: Callable[[], None] = lambda: None
    ) -> None:
        """begin: called before the first part, and again when all has to be done once more."""
        while True:
            try:
                begin()
                for part in batch.chunk(self.parts):
                    step(part)
                return
            except torch.OutOfMemoryError:
                if self.parts >= len(batch):
                    raise Refused(
                        "not even one image at a time fits into the GPU's memory; "
                        "take a narrower network, smaller images or a GPU with more memory"
                    ) from None
                self.parts *= 2
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                self.say(
                    f"out of GPU memory: batches of {len(batch)} go in {self.parts} parts of "
                    f"{-(-len(batch) // self.parts)} images from here on"
                )


Learn = Callable[[torch.Tensor, int], torch.Tensor]
"""A function of positions of images and the size of the batch that they are a part of: it adds to the gradients, and
gives the sums over these images of the loss, then of whatever else is counted, and of correct predictions last."""


class Batches:
    """The images of a training on its device, and the optimizer that learns from them batch by batch."""

    def __init__(
        self, checkpoint: Checkpoint, images: Images, batch: int, device: torch.device, progress: TrainingProgress
    ) -> None:
        self.pixels, self.labels = images.on(device)
        self.checkpoint, self.optimizer = checkpoint, checkpoint.optimizer
        self.batch, self.device, self.progress = batch, device, progress
        self.accumulation = GradientAccumulation(progress.say)

    def epoch(
        self,
        number: int,
        learn: Learn,
        rate: Callable[[int, int], float],
        generators: Sequence[torch.Generator],
        most: int | None = None,
    ) -> tuple[float, list[float]]:
        """Learns from every image once, in the order that the first generator draws, on from the checkpoint's place.

        number: of the epoch, from 0. rate: (step, number of steps) -> learning rate. generators: those that ``learn``
        draws from, as they are at the beginning of the epoch; a batch that has to be done once more draws the same.
        most: only so many images, the first of that order; None for all.
        Returns the last learning rate, and the mean over these images of each sum that ``learn`` gives.
        Raises Diverged when the loss is no number.
        """
        shuffled = torch.randperm(len(self.labels), generator=generators[0])[:most]
        images, order = len(shuffled), shuffled.split(self.batch)
        begun, sums = self._continued(number, generators)
        lr = 0.0
        for step, chosen in enumerate(order[begun:], begun):
            lr = rate(step, len(order))
            for group in self.optimizer.param_groups:
                group["lr"] = lr
            sums = sums + self._step(chosen.to(self.device), learn, generators)
            if step % 20 == 0 or step == len(order) - 1:  # looked at now and then: each look waits for the GPU
                running = sums[0].item() / min((step + 1) * self.batch, images)
                if not math.isfinite(running):
                    raise Diverged(
                        f"the loss is {running} in epoch {number + 1}, step {step + 1}, at learning rate {lr:.4g}; "
                        "the last good checkpoint is kept, try a smaller `lr` with `restart=True`"
                    )
                self.progress.on_step(number, step + 1, len(order), running)
                if self.checkpoint.due():
                    states = [torch.get_rng_state(), *(g.get_state() for g in generators)]
                    self.checkpoint.save(Position(number, step + 1, sums, states))
        return lr, (sums / images).tolist()

    def _continued(self, number: int, generators: Sequence[torch.Generator]) -> tuple[int, torch.Tensor]:
        """The steps of an epoch that the checkpoint has seen, and what they counted; generators go on from there."""
        position, self.checkpoint.position = self.checkpoint.position, None
        if position is None or position.epoch != number:
            return 0, torch.zeros((), device=self.device)
        torch.set_rng_state(position.generators[0])
        for generator, state in zip(generators, position.generators[1:], strict=True):
            generator.set_state(state)
        return position.step, position.sums.to(self.device)

    def _step(self, batch: torch.Tensor, learn: Learn, generators: Sequence[torch.Generator]) -> torch.Tensor:
        """One step of the optimizer; gives the sums of ``learn`` over the batch."""
        states = [g.get_state() for g in generators]
        part_sums: list[torch.Tensor] = []

        def begin() -> None:
            for generator, state in zip(generators, states, strict=True):
                generator.set_state(state)
            self.optimizer.zero_grad(set_to_none=True)
            part_sums.clear()

        self.accumulation(batch, lambda part: part_sums.append(learn(part, len(batch)).detach()), begin)
        self.optimizer.step()
        return torch.stack(part_sums).sum(0)


def train_epochs(
    checkpoint: Checkpoint,
    epochs: int,
    learn: Callable[[int], Mapping[str, float]],
    judge: Callable[[], Mapping[str, float]],
    on_epoch: Callable[[list[dict[str, Any]]], None] = lambda _: None,
    before_save: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Trains epoch by epoch, on from what the checkpoint has loaded; gives the history, an entry an epoch.

    learn: trains for one epoch, by its number from 0, and gives its figures. judge: figures of held-out images.
    before_save: called with the history just before the checkpoint is written: what it writes is never behind. on_epoch:
    called with the history after each epoch.
    """
    history = checkpoint.history
    for epoch in range(len(history), epochs):
        history.append({"epoch": epoch + 1, **learn(epoch), **judge()})
        before_save(history)
        checkpoint.save()
        on_epoch(history)
    return history


def environment() -> dict[str, Any]:
    """What of this machine decides over the last bits of weights, as their file keeps it."""
    return {"torch": torch.__version__, "device": device_kind(), "threads": torch.get_num_threads()}
