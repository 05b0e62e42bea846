"""What a run has to do: which records are missing, the tasks that measure them, how long that takes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from ...core.errors import RabenchError, Refused
from ...datasets.base import Dataset, blocks
from ..study.matrix import Study, with_references
from ..study.points import Point
from ..study.records import BLOCK, Identity, Index, Records
from . import task as tasks
from .content import describe_block
from .executors import Pool, in_process
from .pace import Pace, kind_of
from .task import Task

CODECS_A_TASK, PIXELS_A_TASK = 8, 1 << 27
"""Bound what a kill costs and how long a task may seem to hang; a quantizer runs once for this many codecs.

1,000 images of 128x128 still go through eight codecs at once; of 512x512 through one.
"""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Missing:
    """One record still to be measured."""

    point: Point
    identity: Identity
    start: int
    stop: int
    pixels: int = 0
    """Of the images."""


@dataclass
class Plan:
    """What a run has to do."""

    missing: list[Missing] = field(default_factory=list)
    possible: dict[Point, tuple[str, str, str]] = field(default_factory=dict)
    """The points that can be measured here, with the versions of their plug-ins."""
    finished: int = 0
    impossible: list[tuple[Point, str]] = field(default_factory=list)
    spans: dict[Dataset, list[tuple[int, int, dict[str, Any]]]] = field(default_factory=dict)


def make_plan(
    points: tuple[Point, ...], records: Records, index: Index, limit: int | None, pool: Pool, say: Say
) -> Plan:
    """Which records are missing. Reads the images of blocks that the index does not know yet."""
    plan = Plan()
    for point in points:
        try:
            point.check()
            plan.possible[point] = point.versions()
        except RabenchError as error:
            plan.impossible.append((point, str(error)))
    for dataset in dict.fromkeys(p.dataset for p in plan.possible):
        plan.spans[dataset] = _describe_blocks(dataset, index, limit, pool, say)
    present = records.names()
    for point, versions in plan.possible.items():
        index.note(point.labels, point.key, versions)
        for start, stop, known in plan.spans[point.dataset]:
            identity = Identity(point.labels, point.key, versions, known["sha256"])
            if identity.name in present:
                plan.finished += 1
            else:
                present.add(identity.name)  # two data sets may hold the same block
                plan.missing.append(Missing(point, identity, start, stop, _pixels(known["sizes"])))
    return plan


def _pixels(sizes: dict[str, int]) -> int:
    return sum(n * math.prod(map(int, size.split("x"))) for size, n in sizes.items() if "x" in size)


def _describe_blocks(
    dataset: Dataset, index: Index, limit: int | None, pool: Pool, say: Say
) -> list[tuple[int, int, dict[str, Any]]]:
    about = {"notes": dataset.notes(), "classes": len(dataset.classes)}
    known = index.open(dataset.label, dataset.stamp(), len(dataset), limit, about)
    new = [span for span in blocks(dataset, BLOCK, limit) if f"{span[0]}-{span[1]}" not in known]
    if new:
        say(f"{dataset.label}: reading {sum(b - a for a, b in new):,} images to know them by content")
        futures = {pool.submit(describe_block, dataset, *span): span for span in new}
        for future in as_completed(futures):
            start, stop = futures[future]
            try:
                known[f"{start}-{stop}"] = future.result()
            except BrokenExecutor:
                if not pool.begins():
                    raise Refused(
                        "worker processes cannot start; in a script, call rabench below "
                        "'if __name__ == \"__main__\":', or with `workers=0`"
                    ) from None
                raise Refused(
                    f"a worker died while reading images {start}..{stop - 1} of {dataset.label}; look at these files"
                ) from None
    return index.measured(dataset.label)


def make_tasks(missing: list[Missing]) -> Iterator[tuple[Task, list[Missing]]]:
    """Missing records grouped so that a block is loaded and quantized once for several codecs."""

    def group(m: Missing) -> tuple[str, int, str]:
        return (m.point.dataset.spec, m.start, m.point.quantizer.spec)

    first = {group(m): number for number, m in reversed(list(enumerate(missing)))}
    for _, members in groupby(sorted(missing, key=lambda m: first[group(m)]), group):
        same = list(members)
        codecs = list(dict.fromkeys(m.point.codec for m in same))
        at_once = max(1, min(CODECS_A_TASK, PIXELS_A_TASK // max(1, same[0].pixels)))
        for begin in range(0, len(codecs), at_once):
            chosen = set(codecs[begin : begin + at_once])
            together = [m for m in same if m.point.codec in chosen]
            yield task_of(together), together


def task_of(members: list[Missing]) -> Task:
    first = members[0]
    versions: dict[str, str] = {}
    for m in members:
        plugins = (m.point.quantizer, m.point.codec, m.point.classifier)
        versions.update(zip((p.spec for p in plugins), m.identity.versions, strict=True))
    return Task(
        first.point.dataset,
        first.start,
        first.stop,
        first.identity.block,
        first.point.quantizer,
        tuple((m.point.codec, m.point.classifier) for m in members),
        tuple(versions.items()),
    )


def estimate(plan: Plan, records: Records) -> float | None:
    """Seconds of one worker that the missing records will take, from what like ones took; None without any."""
    pace = Pace.of(records.read()[0])
    return total_seconds(plan.missing, pace) if pace else None


def total_seconds(missing: Iterable[Missing], pace: Pace) -> float:
    """Seconds of one worker that missing records will take at a pace."""
    return sum(pace.seconds(m.identity.key, m.stop - m.start) for m in missing)


def probe(plan: Plan, images: int = 16) -> float:
    """Seconds of one worker that the missing records will take, from the first images of one of each kind."""
    pace = Pace()
    kinds: set[str] = set()
    for m in plan.missing:
        if (kind := kind_of(m.identity.key)) in kinds:
            continue
        kinds.add(kind)
        part = replace(m, stop=min(m.stop, m.start + images))
        block = describe_block(m.point.dataset, part.start, part.stop)["sha256"]
        task = replace(task_of([part]), block=block)
        tasks.run(task)  # a network's first call is slow
        rows = tasks.run(task)[0]
        pace.learn(m.identity.key, len(rows), sum(rows.seconds.values()))
    return total_seconds(plan.missing, pace)


@dataclass(frozen=True)
class Preview:
    """What a run would do."""

    states: dict[Point, str]
    """For each point that can be measured: done, or how many records are missing."""
    impossible: list[tuple[Point, str]]
    points: int
    finished: int
    """Records that are there."""
    records: int
    """Records of all points together, those that are there included."""
    seconds: float
    """What the missing ones take one worker."""
    basis: str
    """What the seconds are estimated from."""


def preview(study: Study, limit: int | None, say: Say) -> Preview:
    """What a run of a study would measure, and how long it would take; measures a few images where nothing is known."""
    pool, records = in_process(), Records(study.records)
    points = with_references(study.load())
    plan = make_plan(points, records, Index(study.records), limit, pool, say)
    missing = Counter(m.point for m in plan.missing)
    states = {p: f"missing: {missing[p]}" if p in missing else "done" for p in points if p in plan.possible}
    seconds, basis = estimate(plan, records), "from the records of this study"
    if seconds is None:
        seconds, basis = probe(plan), "from a probe of 16 images"
    pool.close()
    total = plan.finished + len(plan.missing)
    return Preview(states, plan.impossible, len(points), plan.finished, total, seconds, basis)
