"""`rabench time`: encode and decode times of a study's points, interleaved so that a slow minute hits all alike."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import numpy as np

from ...core.errors import BadSetting, RabenchError, Refused, nearest
from ...core.version import __version__
from ...datasets.base import Dataset
from ..running.pool import Pool
from ..study.matrix import check_for_points
from ..study.points import Point
from ..study.provenance import processor_name
from ..study.study import Study
from .times import FEWEST_ROUNDS, Name, Times, name_of, write
from .worker import Chain, Setup, load, time_round, warm_up

SEED = 20301
"""Of the choice of images and of the order of points."""
TIMEOUT = 300.0
"""Seconds after which a point that codes one image is given up."""


@dataclass(frozen=True)
class Extent:
    """How much is timed."""

    images: int = 32
    """Of each data set at the most; fewer where the budget asks for it."""
    rounds: int = 15
    budget: float = 300.0
    """Seconds, for all data sets together."""
    codecs: tuple[str, ...] = ()
    """The codecs that are timed, by name; empty for all."""

    def __post_init__(self) -> None:
        if self.images < 1:
            raise BadSetting(f"`images` is a number from 1, got {self.images}")
        if self.rounds < FEWEST_ROUNDS:
            raise BadSetting(
                f"`rounds` is a number from {FEWEST_ROUNDS}, with which a median has a 95 % interval, got {self.rounds}"
            )
        if self.budget <= 0:
            raise BadSetting(f"`budget` is a time above 0, got {self.budget:g} seconds")


@dataclass(frozen=True)
class Timed:
    """The times of a study, and what could not be timed."""

    times: list[Times]
    left_out: list[str]
    """A line for each point that failed, is not available here, or took too long."""


def time_study(
    study: Study, make_pool: Callable[[], Pool], extent: Extent, say: Callable[[str], None] = lambda _: None
) -> Timed:
    """Times a study's points and writes times.json into its folder; needs no records.

    make_pool: a pool of one worker process. Raises BadSetting for a codec that the study lacks, Refused where the budget
    is too short or nothing can be timed.
    """
    matrix = study.load(measuring=True)
    check_for_points(matrix)
    points = matrix.points
    if unknown := [c for c in extent.codecs if c not in {p.codec.name for p in points}]:
        names = sorted({p.codec.name for p in points})
        raise BadSetting(
            f"`codecs`: the study has no {', '.join(unknown)}{nearest(unknown[0], names)}; it has {', '.join(names)}"
        )
    left_out: list[str] = []
    chains: dict[Dataset, dict[Name, tuple[Chain, str]]] = {}
    for point in points:
        if not extent.codecs or point.codec.name in extent.codecs:
            _add(point, chains.setdefault(point.dataset, {}), left_out)
    wanted = {dataset: found for dataset, found in chains.items() if found}
    if not wanted:
        raise Refused(f"{study.name}: nothing can be timed here: {'; '.join(left_out)}")
    pool, times = make_pool(), []
    try:
        for dataset, found in wanted.items():
            session = _Session(pool, dataset, found, extent, extent.budget / len(wanted), left_out, say)
            times.append(session.times())
    finally:
        pool.stop()
    study.folder.mkdir(parents=True, exist_ok=True)
    write(study.folder, times)
    return Timed(times, list(dict.fromkeys(left_out)))


def _add(point: Point, found: dict[Name, tuple[Chain, str]], left_out: list[str]) -> None:
    """Takes in what a point stores, once for all that look at it."""
    try:
        point.check_size()
        for plugin in (point.quantizer, point.codec):
            plugin.check_point({**point.parts, "classifier": point.classifier})
        name = name_of(point.key, point.stored_versions())
    except RabenchError as error:
        left_out.append(f"{point.title}: {error}")
        return
    found.setdefault(name, (Chain(point.size, point.quantizer, point.codec), point.title))


class _Session:
    """The timing of one data set's chains on one worker."""

    def __init__(
        self,
        pool: Pool,
        dataset: Dataset,
        found: dict[Name, tuple[Chain, str]],
        extent: Extent,
        budget: float,
        left_out: list[str],
        say: Callable[[str], None],
    ) -> None:
        self.pool, self.dataset, self.extent, self.budget = pool, dataset, extent, budget
        self.names, self.left_out, self.say = list(found), left_out, say
        self.labels = [label for _, label in found.values()]
        count = min(extent.images, len(dataset))
        positions = np.sort(np.random.default_rng(SEED).choice(len(dataset), count, replace=False))
        order = np.random.default_rng(SEED).permutation(positions)  # fewer are a random part of these
        self.setup = Setup(dataset, tuple(int(i) for i in order), tuple(chain for chain, _ in found.values()))

    def times(self) -> Times:
        """Warms everything up, and times it in rounds until all are done or the budget is spent."""
        pixels, pinned = self.pool.submit(load, self.setup).result()
        if not pixels:
            raise Refused(f"{self.dataset.title}: none of {len(self.setup.positions)} images can be read")
        costs = self._warm_up()
        if not costs:
            raise Refused(f"{self.dataset.title}: no point can be timed: {'; '.join(self.left_out)}")
        images, rounds = self._plan(sum(costs.values()), len(pixels))
        self.say(
            f"{self.dataset.title}: {len(costs)} points on {images} images, {rounds} rounds, "
            f"about {max(1, round(sum(costs.values()) * images * rounds / 60))} min"
        )
        numbers, found, begun = tuple(costs), [], monotonic()
        while len(found) < rounds:
            if len(found) >= FEWEST_ROUNDS and (monotonic() - begun) * (1 + 1 / len(found)) > self.budget:
                break
            try:
                call = self.pool.submit(time_round, self.setup, numbers, images, SEED + len(found))
                found.append(call.result())
            except (Refused, BrokenExecutor) as error:
                raise Refused(
                    f"{self.dataset.title}: {error or 'the worker died'}; name the others as `codecs`"
                ) from None
            self.say(f"{self.dataset.title}: round {len(found)} of {rounds}")
        seconds = np.array(found)  # (rounds, chains, clocks, stages)
        return Times(
            self.dataset.label,
            images,
            sum(pixels[:images]),
            processor_name(),
            pinned,
            datetime.now(UTC).isoformat(timespec="seconds"),
            __version__,
            tuple(self.names[n] for n in numbers),
            tuple(self.labels[n] for n in numbers),
            seconds[:, :, 0],
            seconds[:, :, 1],
        )

    def _warm_up(self) -> dict[int, float]:
        """The seconds that each chain takes for an image; those that fail, hang or die are left out."""
        costs: dict[int, float] = {}
        for number, label in enumerate(self.labels):
            try:
                costs[number] = self.pool.submit(warm_up, self.setup, number).result(TIMEOUT)
            except Refused as error:
                self.left_out.append(f"{label}: {error}")
            except (TimeoutError, BrokenExecutor) as error:
                reason = (
                    f"takes more than {TIMEOUT:g} s an image" if isinstance(error, TimeoutError) else "the worker died"
                )
                self.left_out.append(f"{label}: {reason}")
                self.pool.restart(kill=True)
                for other in costs:  # a new worker knows nothing
                    self.pool.submit(warm_up, self.setup, other).result()
        return costs

    def _plan(self, cost: float, images: int) -> tuple[int, int]:
        """How many images and rounds fit the budget. cost: the seconds of all chains for an image."""
        rounds = self.extent.rounds
        count = min(images, int(self.budget / (rounds * cost)))
        if count >= 1:
            return count, rounds
        rounds = int(self.budget / cost)
        if rounds < FEWEST_ROUNDS:
            raise Refused(
                f"{self.dataset.title}: one image through {len(self.labels)} points takes {cost:.2g} s, and "
                f"{FEWEST_ROUNDS} rounds take {FEWEST_ROUNDS * cost:.2g}; the budget is {self.budget:.2g}: give more "
                "`budget`, or fewer `codecs`"
            )
        return 1, rounds
