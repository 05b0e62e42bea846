"""The plan of a run: which records are missing, the tasks that measure them, and how long they take."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, as_completed
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from ...codecs.base import Codec, StoredFileCodec
from ...core.errors import RabenchError, Refused
from ...datasets.base import Dataset, blocks
from ..records.format import BLOCK, FILES, Identity
from ..records.index import Index, Span, block_name, spans_of_parts
from ..records.pieces import Pieces
from ..records.records import Records
from ..study.matrix import all_points
from ..study.points import Point
from ..study.study import Study
from . import task as tasks
from .content import describe_block
from .executors import Pool, in_process
from .pace import Pace, kind_of
from .task import Task

CODECS_A_TASK, PIXELS_A_TASK = 8, 1 << 27
"""The most codecs and pixels of a task: they bound what a kill costs and how long a task may seem to hang.

A quantizer runs once for this many codecs. 1,000 images of 128x128 still go through eight codecs at once; of 512x512
through one.
"""

Say = Callable[[str], None]
"""A function that receives a line for the user."""


@dataclass(frozen=True)
class Missing:
    """One record that is still to be measured: images start..stop-1 of a point."""

    point: Point
    identity: Identity
    """What the record will be filed as."""
    start: int
    stop: int
    content: str
    """The sha256 of these images and labels, as hex."""
    pixels: int = 0
    """The number of pixels of these images together."""


@dataclass
class Plan:
    """The points of a run, sorted by what there is to do for them."""

    missing: list[Missing] = field(default_factory=list)
    """The records to measure."""
    possible: dict[Point, tuple[str, str, str]] = field(default_factory=dict)
    """The points that can be measured here, with the versions of their plug-ins."""
    finished: int = 0
    """The number of records that are there already."""
    impossible: list[tuple[Point, str]] = field(default_factory=list)
    """The points that cannot be measured here, with the reason."""
    spans: dict[Dataset, list[Span]] = field(default_factory=dict)
    """The blocks of each data set."""


def make_plan(
    points: tuple[Point, ...], records: Records, index: Index, limit: int | None, pool: Pool, say: Say
) -> Plan:
    """Finds which records of points are missing; reads the images of blocks that the index does not know yet.

    records, index: those of the study; the index receives blocks and versions. limit: only the first images of each data
    set. pool: reads the images. say: receives a line before images are read. Raises Refused where a worker dies while it reads.
    """
    plan = Plan()
    for point in points:
        try:
            point.check()
            plan.possible[point] = point.versions()
        except RabenchError as error:
            plan.impossible.append((point, str(error)))
    takers = {p.dataset for p in plan.possible if isinstance(p.codec, StoredFileCodec)}
    for dataset in dict.fromkeys(p.dataset for p in plan.possible):
        plan.spans[dataset] = _describe_blocks(dataset, index, limit, pool, say, dataset in takers)
    present = records.names()
    for point, versions in plan.possible.items():
        index.note(point.labels, point.key, versions)
        for block in plan.spans[point.dataset]:
            whole = identity_of(point, versions, block)
            if whole.name in present:
                plan.finished += 1
                continue
            begun = _begun_parts(point, versions, block, index, present, pool)
            for span, identity in begun or [(block, whole)]:
                if identity.name in present:
                    plan.finished += 1
                else:
                    present.add(identity.name)  # two data sets may hold the same block
                    plan.missing.append(missing_of(point, identity, span))
    return plan


def _begun_parts(
    point: Point, versions: tuple[str, str, str], block: Span, index: Index, present: set[str], pool: Pool
) -> list[tuple[Span, Identity]]:
    """All parts of a block of which a point has some, with what their records are filed as; nothing where it has none."""
    known = index.parts_of(point.dataset.label, block.start, block.stop)
    if not any(identity_of(point, versions, part).name in present for part in known):
        return []
    parts = describe_parts(point.dataset, index, pool, spans_of_parts(block.start, block.stop))
    return [(part, identity_of(point, versions, part)) for part in parts]


def describe_parts(dataset: Dataset, index: Index, pool: Pool, spans: Sequence[tuple[int, int]]) -> list[Span]:
    """Parts of a data set's blocks, once the index knows them; those that it does not know are read."""
    known = index.parts(dataset.label)
    _describe(dataset, known, [span for span in spans if f"{span[0]}-{span[1]}" not in known], pool)
    return [Span(start, stop, known[f"{start}-{stop}"]) for start, stop in spans]


def identity_of(point: Point, versions: tuple[str, str, str], span: Span) -> Identity:
    """What the record of a point is filed as for some images."""
    return Identity(point.labels, point.key, versions, block_name(point.codec, span.description))


def missing_of(point: Point, identity: Identity, span: Span) -> Missing:
    """The record of a point for some images, as one that is to be measured."""
    return Missing(
        point, identity, span.start, span.stop, span.description["sha256"], _pixels(span.description["sizes"])
    )


def _pixels(sizes: dict[str, int]) -> int:
    """The pixels of all images, from the number of each size such as 32x32; those that cannot be read have none."""
    return sum(n * math.prod(map(int, size.split("x"))) for size, n in sizes.items() if "x" in size)


def _describe_blocks(
    dataset: Dataset, index: Index, limit: int | None, pool: Pool, say: Say, with_files: bool
) -> list[Span]:
    """The blocks of a data set, once the index knows them all.

    with_files: whether the images' own files count, too, which indices of earlier versions do not know.
    """
    descriptions = open_dataset(dataset, index, limit)
    new = [
        (start, stop)
        for start, stop in blocks(dataset, BLOCK, limit)
        if (known := descriptions.get(f"{start}-{stop}")) is None or (with_files and FILES not in known)
    ]
    if new:
        say(f"{dataset.label}: reading {sum(b - a for a, b in new):,} images to know them by content")
        _describe(dataset, descriptions, new, pool)
    return index.measured(dataset.label)


def open_dataset(dataset: Dataset, index: Index, limit: int | None) -> dict[str, Any]:
    """The descriptions of the blocks that the index knows of a data set, as its files are now."""
    about = {"notes": dataset.notes(), "classes": len(dataset.classes)}
    return index.open(dataset.label, dataset.stamp(), len(dataset), limit, about)


def _describe(dataset: Dataset, descriptions: dict[str, Any], spans: Sequence[tuple[int, int]], pool: Pool) -> None:
    """Adds the descriptions of images. Raises Refused where workers cannot start, or die while they read."""
    futures = {pool.submit(describe_block, dataset, *span): span for span in spans}
    for future in as_completed(futures):
        start, stop = futures[future]
        try:
            descriptions[f"{start}-{stop}"] = future.result()
        except BrokenExecutor:
            if not pool.begins():
                raise Refused(
                    "worker processes cannot start; in a script, call rabench below "
                    "'if __name__ == \"__main__\":', or with `workers=0`"
                ) from None
            raise Refused(
                f"a worker died while reading images {start}..{stop - 1} of {dataset.label}; look at these files"
            ) from None


TASK_SECONDS, FIRST_IMAGES = 10.0, 1
"""How long a task is to take, which bounds what a kill costs; and the images of a task whose pace nobody knows yet."""


def make_groups(missing: list[Missing]) -> Iterator[list[Missing]]:
    """Missing records that are measured together.

    A block is loaded and quantized once for up to CODECS_A_TASK codecs, and all classifiers share the files.
    """

    def group(m: Missing) -> tuple[str, int, int, str, str]:
        return (m.point.dataset.spec, m.start, m.stop, str(m.point.size), m.point.quantizer.spec)

    first = {group(m): number for number, m in reversed(list(enumerate(missing)))}
    for _, records in groupby(sorted(missing, key=lambda m: first[group(m)]), group):
        block = list(records)
        codecs = list(dict.fromkeys(m.point.codec for m in block))
        count = max(1, min(CODECS_A_TASK, PIXELS_A_TASK // max(1, block[0].pixels)))
        for begin in range(0, len(codecs), count):
            task_codecs = set(codecs[begin : begin + count])
            yield [m for m in block if m.point.codec in task_codecs]


def new_kinds_first(groups: Iterable[list[Missing]]) -> list[list[Missing]]:
    """The same groups; those that bring a kind of point not met before come first, so that its pace is known early."""
    kinds: set[str] = set()
    early, later = [], []
    for members in groups:
        new = {kind_of(m.identity.key) for m in members} - kinds
        (early if new else later).append(members)
        kinds |= new
    return early + later


def make_tasks(
    groups: Iterable[list[Missing]], pace: Pace, pieces: Pieces, given_up: Collection[str] = ()
) -> Iterator[tuple[Task, list[Missing]]]:
    """The tasks that measure groups of records, each with the records that it gives or gives a piece of.

    A task takes some TASK_SECONDS, as far as ``pace``, which may learn meanwhile, tells; what ``pieces`` hold already is
    left out, and so are records in ``given_up``, which may grow meanwhile, too.
    """
    for group in groups:
        alike: dict[tuple[tuple[int, int], ...], list[Missing]] = {}
        for m in group:
            alike.setdefault(tuple(pieces.gaps(m.identity.name, m.start, m.stop)), []).append(m)
        for gaps, members in alike.items():
            for start, stop in gaps:
                while start < stop and (members := [m for m in members if m.identity.name not in given_up]):
                    images, together = _extent(members, pace, stop - start)
                    end = min(stop, start + images)
                    for part in [members] if together else _by_codec(members):
                        task = task_of(part)
                        if (start, end) != (task.start, task.stop):
                            task = replace(task, start=start, stop=end, block="")
                        yield task, part
                    start = end


def _extent(members: list[Missing], pace: Pace, left: int) -> tuple[int, bool]:
    """How many of the images that are left a task takes, and whether through all codecs together."""
    known = [pace.seconds(m.identity.key, 1) for m in members if pace.knows(m.identity.key)]
    if len(known) < len(members):
        return FIRST_IMAGES, False
    seconds = sum(known)
    if seconds * left <= 1.3 * TASK_SECONDS:
        return left, True
    return max(1, int(TASK_SECONDS / seconds)), seconds <= TASK_SECONDS


def _by_codec(members: list[Missing]) -> list[list[Missing]]:
    codecs: dict[Codec, list[Missing]] = {}
    for m in members:
        codecs.setdefault(m.point.codec, []).append(m)
    return list(codecs.values())


def task_of(members: list[Missing]) -> Task:
    """The task that measures records of one block and one quantizer; its pairs are in the order of ``members``."""
    first = members[0]
    size = first.point.size
    versions = {str(size): size.version()} if size else {}
    for m in members:
        plugins = (m.point.quantizer, m.point.codec, m.point.judge)
        own = (m.point.without_size(m.identity.versions[0]), *m.identity.versions[1:])
        versions.update(zip((p.spec for p in plugins), own, strict=True))
    return Task(
        first.point.dataset,
        first.start,
        first.stop,
        first.content,
        first.point.quantizer,
        tuple((m.point.codec, m.point.judge) for m in members),
        tuple(versions.items()),
        size,
    )


def estimate(plan: Plan, records: Records) -> float | None:
    """The seconds that the missing records will take one worker, by what a study's records took; None without records."""
    pace = Pace.of(records.read()[0])
    return total_seconds(plan.missing, pace) if pace else None


def total_seconds(missing: Iterable[Missing], pace: Pace) -> float:
    """The seconds that missing records will take one worker at a pace."""
    return sum(pace.seconds(m.identity.key, m.stop - m.start) for m in missing)


def probe(plan: Plan, images: int = 16) -> float:
    """The seconds that the missing records will take one worker, by measuring a few images of each kind of point.

    images: how many of each kind. Their rows are thrown away.
    """
    pace = Pace()
    kinds: set[str] = set()
    for m in plan.missing:
        if (kind := kind_of(m.identity.key)) in kinds:
            continue
        kinds.add(kind)
        part = replace(m, stop=min(m.stop, m.start + images))
        block = describe_block(m.point.dataset, part.start, part.stop)["sha256"]
        task = task_of([replace(part, content=block)])
        tasks.run(task)  # a network's first call is slow
        rows = tasks.run(task)[0]
        pace.learn(m.identity.key, len(rows), sum(rows.seconds.values()))
    return total_seconds(plan.missing, pace)


@dataclass(frozen=True)
class Preview:
    """What a run would measure, and how long it would take."""

    states: dict[Point, str]
    """For each point that can be measured ``done``, or ``missing: `` and the number of its records."""
    impossible: list[tuple[Point, str]]
    """The points that cannot be measured here, with the reason."""
    points: int
    """The number of all points, the references among them."""
    finished: int
    """The number of records that are there already."""
    records: int
    """The number of records in the end: those that are there and those that are missing."""
    seconds: float
    """The seconds that the missing records take one worker."""
    basis: str
    """The words that say what the seconds are estimated from."""


def preview(study: Study, limit: int | None, say: Say) -> Preview:
    """What a run of a study would measure, and how long it would take.

    limit: only the first images of each data set. say: receives a line before images are read. A study without records
    is estimated by measuring a few images; nothing is written.
    """
    pool, records = in_process(), Records(study.records)
    points = all_points(study.load(measuring=True))
    plan = make_plan(points, records, Index(study.records), limit, pool, say)
    missing = Counter(m.point for m in plan.missing)
    states = {p: f"missing: {missing[p]}" if p in missing else "done" for p in points if p in plan.possible}
    seconds, basis = estimate(plan, records), "from the records of this study"
    if seconds is None:
        seconds, basis = probe(plan), "from a probe of 16 images"
    pool.close()
    total = plan.finished + len(plan.missing)
    return Preview(states, plan.impossible, len(points), plan.finished, total, seconds, basis)
