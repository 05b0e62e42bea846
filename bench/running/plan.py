"""What a run has to do: which records are missing, the tasks that measure them, how long that takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import numpy as np

from ...core.errors import RabenchError, Refused
from ...datasets.base import Dataset, blocks
from ..study.points import Point
from ..study.records import BLOCK, Identity, Index, Records
from . import task as tasks
from .content import describe_block
from .executors import Pool
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
    finished: int = 0
    impossible: list[tuple[Point, str]] = field(default_factory=list)
    spans: dict[Dataset, list[tuple[int, int, dict[str, Any]]]] = field(default_factory=dict)


def make_plan(
    points: tuple[Point, ...], records: Records, index: Index, limit: int | None, pool: Pool, say: Say
) -> Plan:
    """Which records are missing. Reads the images of blocks that the index does not know yet."""
    plan = Plan()
    possible: dict[Point, tuple[str, str, str]] = {}
    for point in points:
        try:
            point.check()
            possible[point] = point.versions()
        except RabenchError as error:
            plan.impossible.append((point, str(error)))
    for dataset in dict.fromkeys(p.dataset for p in possible):
        plan.spans[dataset] = _describe_blocks(dataset, index, limit, pool, say)
    present = records.names()
    for point, versions in possible.items():
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
                        "'if __name__ == \"__main__\":', or with workers=0"
                    ) from None
                raise Refused(
                    f"a worker died while reading images {start}..{stop - 1} of {dataset.label}; look at these files"
                ) from None
    return index.measured(dataset.label)


def make_tasks(missing: list[Missing]) -> Iterator[tuple[Task, list[Missing]]]:
    """Missing records grouped so that a block is loaded and quantized once for several codecs."""

    def group(m: Missing) -> tuple[str, int, str]:
        return (m.point.dataset.spec, m.start, m.point.quantizer.spec)

    order = {group(m): number for number, m in reversed(list(enumerate(missing)))}
    for _, found in groupby(sorted(missing, key=lambda m: order[group(m)]), group):
        same = list(found)
        codecs = list(dict.fromkeys(m.point.codec for m in same))
        at_once = max(1, min(CODECS_A_TASK, PIXELS_A_TASK // max(1, same[0].pixels)))
        for begin in range(0, len(codecs), at_once):
            few = set(codecs[begin : begin + at_once])
            members = [m for m in same if m.point.codec in few]
            yield task_of(members), members


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
    known, _ = records.read()
    pace: dict[str, list[float]] = {}
    for record in known:
        images = record.about["stop"] - record.about["start"]
        for key in (str(record.identity.key), _names(record.identity.key), ""):
            pace.setdefault(key, []).append(sum(record.about["seconds"].values()) / max(1, images))
    if not pace:
        return None
    total = 0.0
    for m in plan.missing:
        found = next(pace[k] for k in (str(m.identity.key), _names(m.identity.key), "") if k in pace)
        total += float(np.median(found)) * (m.stop - m.start)
    return total


def _names(key: tuple[str, ...]) -> str:
    return "+".join(part.split(":")[0] for part in key)


def probe(plan: Plan, images: int = 16) -> float:
    """Seconds of one worker that the missing records will take, from the first images of one of each kind."""
    total, pace = 0.0, {}
    for m in plan.missing:
        kind = _names(m.identity.key)
        if kind not in pace:
            few = replace(m, stop=min(m.stop, m.start + images))
            block = describe_block(m.point.dataset, few.start, few.stop)["sha256"]
            task = replace(task_of([few]), block=block)
            tasks.run(task)  # a network's first call is slow
            rows = tasks.run(task)[0]
            pace[kind] = sum(rows.seconds.values()) / max(1, len(rows))
        total += pace[kind] * (m.stop - m.start)
    return total
