"""The plan of a run: which records are missing, the tasks that measure them, and how long they take."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

from ...codecs.base import StoredFileCodec
from ...core.errors import RabenchError, Refused
from ...datasets.base import Dataset, blocks
from ..measuring.content import describe_block
from ..records.format import BLOCK, FILES, PART, Identity
from ..records.index import Index, Span, block_name, spans_of_parts
from ..records.records import Records
from ..study.points import Point
from .pool import Pool, WorkerDied


def nothing_possible(name: str, impossible: Sequence[tuple[Point, str]]) -> Refused:
    """The error for a study of which no point can be measured here. impossible: its points, with the reason of each."""
    return Refused(f"{name}: no point can be measured here: {impossible[0][1]}")


LARGE = 100_000
"""The pixels that an image of a data set has on average from which on its first block is recorded in parts."""
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
    block: str = ""
    """The name that the record of the whole block would have, where this is one of a part: pieces of it may be there."""


@dataclass
class Plan:
    """The points of a run, sorted by what there is to do for them."""

    missing: list[Missing] = field(default_factory=list)
    """The records to measure."""
    possible: dict[Point, tuple[str, str, str]] = field(default_factory=dict)
    """The points that can be measured here, with the versions of their plug-ins."""
    finished: int = 0
    """The number of records that are there already."""
    in_parts: list[str] = field(default_factory=list)
    """The names that the records of whole blocks would have that are recorded in parts."""
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
        plan.spans[dataset] = describe_blocks(dataset, index, limit, pool, say, dataset in takers)
    present = records.names()
    for point, versions in plan.possible.items():
        index.note(point.labels, point.key, versions)
        for block in plan.spans[point.dataset]:
            whole = identity_of(point, versions, block)
            if whole.name in present:
                plan.finished += 1
                continue
            if parts := _parts(point, versions, block, index, present, pool):
                plan.in_parts.append(whole.name)
            for span, identity in parts or [(block, whole)]:
                if identity.name in present:
                    plan.finished += 1
                else:
                    present.add(identity.name)  # two data sets may hold the same block
                    plan.missing.append(missing_of(point, identity, span, whole.name if parts else ""))
    return plan


def _parts(
    point: Point, versions: tuple[str, str, str], block: Span, index: Index, present: set[str], pool: Pool
) -> list[tuple[Span, Identity]]:
    """All parts of a block that a point is recorded in, with what their records are filed as; none for a whole block.

    These are blocks of which some parts are there, and the first block of large images, whose first curves would come
    late else.
    """
    known = index.parts_of(point.dataset.label, block.start, block.stop)
    begun = any(identity_of(point, versions, part).name in present for part in known)
    images = block.stop - block.start
    if not begun and (block.start or images <= PART or _pixels(block.description["sizes"]) < LARGE * images):
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


def missing_of(point: Point, identity: Identity, span: Span, block: str = "") -> Missing:
    """The record of a point for some images, as one that is to be measured. block: as in Missing."""
    content, pixels = span.description["sha256"], _pixels(span.description["sizes"])
    return Missing(point, identity, span.start, span.stop, content, pixels, block)


def _pixels(sizes: dict[str, int]) -> int:
    """The pixels of all images, from the number of each size such as 32x32; those that cannot be read have none."""
    return sum(n * math.prod(map(int, size.split("x"))) for size, n in sizes.items() if "x" in size)


def describe_blocks(
    dataset: Dataset, index: Index, limit: int | None, pool: Pool, say: Say, with_files: bool
) -> list[Span]:
    """The blocks of a data set, once the index knows them all; those that it does not know are read.

    limit: only the first images. say: receives a line before images are read. with_files: whether the images' own files
    count, too, which indices of earlier versions do not know. Raises WorkerDied where a worker dies while it reads.
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
    """Adds the descriptions of images. Raises Refused where workers cannot start, WorkerDied where one dies meanwhile."""
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
            raise WorkerDied(
                f"a worker died while reading images {start}..{stop - 1} of {dataset.label}; look at these files"
            ) from None
