"""What every training loop here shares.

Everything random comes from (seed, epoch), so that a run resumed after a kill goes on exactly as it would
have, and one seed gives one set of weights on a CPU with one number of threads.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn
from torch.nn import functional

from .errors import RabenchError, Refused
from .files import write_bytes


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


BORDERS = ("black", "mirrored")
"""What comes in where an image is shifted."""


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
"""Of what is held out: one for all trainings, whatever seed their weights have."""


def held_out_split(n: int, share: float, limit: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions to train on and positions held out of training to judge by; both sorted.

    Of the first ``limit`` of n images: what is held out of n is so for every limit and every seed, and a smaller share
    is a part of a larger one. So what judges a network has not taught another that it builds on.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(n)
    cut, end = round(n * share), limit or n
    return np.sort(order[cut:][order[cut:] < end]), np.sort(order[:cut][order[:cut] < end])


def split(images: Images, n: int, share: float, limit: int | None, name: str) -> tuple[Images, Images]:
    """The first ``limit`` of n images cut in two. Raises Refused where a part is empty."""
    kept, held = (Images(images.pixels[p], images.labels[p]) for p in held_out_split(n, share, limit))
    if not len(kept) or not len(held):
        raise Refused(
            f"{name}: {len(kept):,} images to train on and {len(held):,} held out to judge by are too few; "
            "raise --limit or --held-out"
        )
    return kept, held


class GradientAccumulation:
    """Batches, cut in equal parts when a GPU has too little memory for them; gradients add up over the parts.

    ``parts(batch, step)`` calls ``step(part)`` for each part of a batch.
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
                        "not even one image at a time fits into the GPU's memory; try a smaller --width"
                    ) from None
                self.parts *= 2
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
                self.say(
                    f"out of GPU memory: batches of {len(batch)} go in {self.parts} parts of "
                    f"{-(-len(batch) // self.parts)} images from here on"
                )


Learn = Callable[[torch.Tensor, int], torch.Tensor]
"""Given positions of images and the size of the batch they are a part of: goes backward, and gives the sums over these
images of the loss, then of whatever else is counted, and of correct predictions last."""


def run_epoch(
    optimizer: torch.optim.Optimizer,
    learn: Learn,
    images: int,
    batch: int,
    epoch: int,
    rate: Callable[[int, int], float],
    generators: Sequence[torch.Generator],
    parts: GradientAccumulation,
    on_step: Progress,
    device: torch.device,
) -> tuple[float, list[float]]:
    """Learns from every image once, in the order that the first generator draws; gives the last learning rate and means.

    rate: the learning rate by a step and the number of steps. generators: those that ``learn`` draws from; a batch that
    has to be done once more draws the same. Raises Diverged when the loss is no number.
    """
    order = torch.randperm(images, generator=generators[0]).split(batch)
    states: list[torch.Tensor] = []
    found: list[torch.Tensor] = []
    size, lr = 0, 0.0

    def begin() -> None:
        for generator, state in zip(generators, states, strict=True):
            generator.set_state(state)
        optimizer.zero_grad(set_to_none=True)
        found.clear()

    def one(part: torch.Tensor) -> None:
        found.append(learn(part, size).detach())

    sums = torch.zeros((), device=device)
    for step, chosen in enumerate(order):
        lr, size = rate(step, len(order)), len(chosen)
        for group in optimizer.param_groups:
            group["lr"] = lr
        states[:] = [g.get_state() for g in generators]
        parts(chosen.to(device), one, begin)
        optimizer.step()
        sums = sums + torch.stack(found).sum(0)
        if step % 20 == 0 or step == len(order) - 1:  # looked at now and then: each look waits for the GPU
            running = sums[0].item() / min((step + 1) * batch, images)
            if not math.isfinite(running):
                raise Diverged(
                    f"the loss is {running} in epoch {epoch + 1}, step {step + 1}, at learning rate {lr:.4g}; "
                    "the last good checkpoint is kept, try a smaller --lr with --restart"
                )
            on_step(epoch, step + 1, len(order), running)
    return lr, (sums / images).tolist()


class Checkpoint:
    """Model, optimizer and history in one safetensors file, bound to the run that wrote it."""

    def __init__(self, path: Path, run: Mapping[str, str]) -> None:
        self.path, self.run = path, dict(run)

    def save(self, model: nn.Module, optimizer: torch.optim.Optimizer, history: list[dict[str, Any]]) -> None:
        tensors = {f"model.{k}": v.cpu().contiguous() for k, v in model.state_dict().items()}
        for name, parameter in model.named_parameters():
            for key, value in optimizer.state.get(parameter, {}).items():
                if isinstance(value, torch.Tensor):  # SGD without momentum keeps None
                    tensors[f"optimizer.{key}.{name}"] = value.cpu().contiguous()
        write_bytes(self.path, save(tensors, {**self.run, "history": json.dumps(history)}))

    def load(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
        """The history so far, empty where there is no checkpoint. Raises Refused for another run's."""
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
        parameters = dict(model.named_parameters())
        for place, value in tensors.items():
            kind, _, rest = place.partition(".")
            if kind == "optimizer":
                key, _, name = rest.partition(".")
                where = "cpu" if key == "step" else parameters[name].device
                optimizer.state[parameters[name]][key] = value.to(where)
        return json.loads(said["history"])
