"""What the timing worker does: it holds images, warm plug-ins and one core, and times points on them in rounds."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ...codecs.base import Codec, StoredFileCodec
from ...core.errors import Refused
from ...core.images import RGB, AnyImage
from ...core.origins import describe_error
from ...datasets.base import BadImage, Dataset
from ...quantizers.base import Quantizer
from ..study.sizes import Size

try:
    import resource
except ImportError:  # Windows, which tells a process nothing of its children's time
    resource = None

STAGES = ("quantize", "encode", "decode")
LEAST_SECONDS = 0.002
"""What is over sooner is repeated until it has taken so long, so that clocks and interrupts are small beside it."""

T = TypeVar("T")


@dataclass(frozen=True)
class Chain:
    """What a point does to an image before anything looks at it."""

    size: Size
    quantizer: Quantizer
    codec: Codec


@dataclass(frozen=True)
class Setup:
    """What is timed: chains on some images of a data set, by their positions."""

    dataset: Dataset
    positions: tuple[int, ...]
    chains: tuple[Chain, ...]


class _Held:
    """The images of a setup, and how often each stage of each chain is repeated."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.pinned = _pin()
        self.sources: list[RGB] = []
        self.stored: list[bytes] = []
        for position in setup.positions:
            block = setup.dataset.load(position, position + 1)
            if block.images and not isinstance(image := block.images[0], BadImage):
                self.sources.append(image)
                self.stored.append(block.sources[0].file)
        self.repeats: dict[int, tuple[int, ...]] = {}


_held: dict[Setup, _Held] = {}


def _of(setup: Setup) -> _Held:
    if setup not in _held:
        _held.clear()
        _held[setup] = _Held(setup)
    return _held[setup]


def _pin() -> bool:
    """Holds this process, and the programs that it starts, to one core; whether the system can do that."""
    with suppress(AttributeError, OSError):  # Linux alone
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        return True
    return False


def load(setup: Setup) -> tuple[list[int], bool]:
    """Reads the images. Their pixels, one number each, and whether the worker is pinned; images that cannot be read lack."""
    held = _of(setup)
    return [image.shape[0] * image.shape[1] for image in held.sources], held.pinned


def warm_up(setup: Setup, number: int) -> float:
    """Runs a chain twice on the first image, sets how often it is repeated, and gives the wall-clock seconds of a run.

    Raises Refused, with the stage and the reason, where the chain fails.
    """
    held = _of(setup)
    once = tuple(1 for _ in STAGES)
    _timed(held, number, 0, once)
    cpu, wall = _timed(held, number, 0, once)
    held.repeats[number] = tuple(max(1, min(1000, int(np.ceil(LEAST_SECONDS / max(s, 1e-6))))) for s in cpu)
    return float(wall @ np.array(held.repeats[number]))


def time_round(setup: Setup, numbers: tuple[int, ...], images: int, seed: int) -> NDArray[np.float64]:
    """Times chains on the first images, one image after another, each image through all chains in a new random order.

    Gives seconds of processor and of wall-clock time, the mean of the images: (len(numbers), 2, stages). So whatever
    slows the machine for a second slows all chains alike. Raises Refused where a chain fails on an image.
    """
    held, order = _of(setup), random.Random(seed)
    seconds = np.zeros((len(numbers), 2, len(STAGES)))
    for image in range(images):
        for place in order.sample(range(len(numbers)), len(numbers)):
            seconds[place] += _timed(held, numbers[place], image, held.repeats[numbers[place]])
    return seconds / images


def _timed(held: _Held, number: int, image: int, repeats: tuple[int, ...]) -> NDArray[np.float64]:
    """The seconds of each stage of one chain on one image: processor and wall-clock, (2, stages)."""
    chain, source = held.setup.chains[number], held.sources[image]
    file, codec = held.stored[image], chain.codec

    def encode(drawn: AnyImage) -> bytes:
        if isinstance(codec, StoredFileCodec):
            return codec.encode_stored(file, drawn) if file else codec.encode(drawn)
        return codec.encode_batch([drawn])[0]

    stage = STAGES[0]
    try:
        drawn, quantizing = _clocked(lambda: chain.quantizer.drawn([chain.size.resized(source)])[0], repeats[0])
        stage = STAGES[1]
        encoded, encoding = _clocked(lambda: encode(drawn), repeats[1])
        stage = STAGES[2]
        _, decoding = _clocked(lambda: codec.decode_batch([encoded])[0], repeats[2])
    except Exception as error:  # a plug-in's own code: its point is left out
        raise Refused(f"{stage}: {describe_error(error)}") from None
    return np.array([quantizing, encoding, decoding]).T


def _clocked(function: Callable[[], T], repeats: int) -> tuple[T, tuple[float, float]]:
    """A function's result, and the processor and wall-clock seconds of a call."""
    wall, cpu = perf_counter(), _processor_seconds()
    for _ in range(repeats - 1):
        function()
    result = function()
    return result, ((_processor_seconds() - cpu) / repeats, (perf_counter() - wall) / repeats)


def _processor_seconds() -> float:
    """The processor time of this process, all of its threads, and of the programs that it has run to their end."""
    seconds = process_time()
    if resource is not None:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds += children.ru_utime + children.ru_stime
    return seconds
