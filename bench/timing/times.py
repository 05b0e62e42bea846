"""Times as a study keeps them: times.json, with the seconds of each chain in each round, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from ...core.files import write_text
from ...core.json_texts import parsed
from ..reading.curves import Measured
from .worker import STAGES

FILE, FORMAT = "times.json", 1
FEWEST_ROUNDS = 6
"""The rounds without which a median has no 95 % interval."""
Name = tuple[str, str, str, str]
"""The keys of quantizer and codec, and their versions: what a time is of."""


def name_of(key: Sequence[str], versions: Sequence[str]) -> Name:
    """What a point's time is filed under; its classifier has no part in it."""
    return (key[0], key[1], versions[0], versions[1])


@dataclass(frozen=True)
class Estimate:
    """A median over rounds, in milliseconds an image, and its 95 % interval."""

    milliseconds: float
    low: float
    high: float


@dataclass(frozen=True)
class Times:
    """The times of chains on some images of a data set, on one worker."""

    dataset: str
    """The data set's label."""
    images: int
    pixels: int
    """Of all images, before any resizing."""
    machine: str
    """The processor's name."""
    pinned: bool
    """Whether the worker was held to one core."""
    date: str
    version: str
    """Of rabench."""
    names: tuple[Name, ...]
    labels: tuple[str, ...]
    """The chains as people call them."""
    processor: NDArray[np.float64]
    """Seconds of processor time an image, (rounds, chains, stages)."""
    wall: NDArray[np.float64]
    """The same by the clock on the wall."""

    @property
    def rounds(self) -> int:
        """How often everything was timed."""
        return len(self.processor)

    @property
    def waiting(self) -> float:
        """The share of the time in which the worker had to wait for its core, for the median chain."""
        return float(np.median(1 - self.processor.sum((0, 2)) / self.wall.sum((0, 2))))

    def waits(self, name: Name) -> float:
        """The share of the time in which a chain did not compute: it waited for its core, a disk or another process."""
        place = self.names.index(name)
        return float(1 - self.processor[:, place].sum() / self.wall[:, place].sum())

    def encode(self, name: Name) -> Estimate:
        """Resizing, quantizing and encoding: what it takes to store an image."""
        return self._estimate(self._steady[:, self.names.index(name), :2].sum(1))

    def stage(self, name: Name, stage: str) -> Estimate:
        """One stage of STAGES; resizing counts as quantizing."""
        return self._estimate(self._steady[:, self.names.index(name), STAGES.index(stage)])

    @cached_property
    def _steady(self) -> NDArray[np.float64]:
        """The seconds as if all rounds had been equally fast: divided by how slow each was for all chains together."""
        pace = np.exp(np.log(np.maximum(self.processor.sum(2), 1e-9)).mean(1))
        return self.processor / (pace / np.median(pace))[:, None, None]

    @staticmethod
    def _estimate(seconds: NDArray[np.float64]) -> Estimate:
        """The median and the interval between the order statistics that holds it with 95 %, whatever the distribution."""
        ordered = 1000 * np.sort(seconds)
        rank = max(1, int(binom.ppf(0.025, len(ordered), 0.5)))
        return Estimate(float(np.median(ordered)), float(ordered[rank - 1]), float(ordered[-rank]))

    def of(self, m: Measured) -> tuple[Estimate, Estimate] | None:
        """What it takes to store and to read an image of a point; None where the version that made its records was not timed."""
        name = name_of(m.point.key, m.records[0].identity.versions)
        if m.point.dataset.label != self.dataset or name not in self.names:
            return None
        return self.encode(name), self.stage(name, "decode")


def read(folder: Path) -> dict[str, Times]:
    """The times in a study's folder, by the label of their data set; none where the file is missing or damaged."""
    try:
        content = parsed((folder / FILE).read_text(encoding="utf-8") if (folder / FILE).is_file() else "{}")
        return {entry["dataset"]: _from_json(entry) for entry in content["times"]}
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return {}


def write(folder: Path, times: Sequence[Times]) -> Path:
    """Writes times beside those of other data sets. Raises what the disk raises."""
    kept = read(folder) | {t.dataset: t for t in times}
    content = {"format": FORMAT, "times": [_as_json(t) for t in kept.values()]}
    write_text(folder / FILE, json.dumps(content) + "\n")
    return folder / FILE


def _as_json(times: Times) -> dict[str, Any]:
    entry = asdict(times)
    for clock in ("processor", "wall"):
        seconds = entry[clock]
        entry[clock] = [[[float(f"{s:.4g}") for s in stages] for stages in chains] for chains in seconds.tolist()]
    return entry


def _from_json(entry: dict[str, Any]) -> Times:
    chains = len(entry["names"])
    clocks = {clock: np.array(entry[clock], float).reshape(-1, chains, len(STAGES)) for clock in ("processor", "wall")}
    names = tuple((str(a), str(b), str(c), str(d)) for a, b, c, d in entry["names"])
    times = Times(**{**entry, **clocks, "names": names, "labels": tuple(map(str, entry["labels"]))})
    seconds = np.concatenate([times.processor.ravel(), times.wall.ravel()])
    if not len(seconds) or times.processor.shape != times.wall.shape or seconds.min() < 0 or seconds.max() > 1e9:
        raise ValueError("its seconds are none")
    counts = (times.images, times.pixels, len(set(names)), chains)
    if not all(type(c) is int and c > 0 for c in counts) or len(times.labels) != chains or counts[2] != chains:
        raise ValueError("its counts are none")
    if not all(isinstance(text, str) for text in (times.dataset, times.machine, times.date, times.version)):
        raise TypeError("its texts are none")
    return times
