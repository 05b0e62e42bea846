"""Stored rows measured again on this machine, and set beside what the records say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from time import monotonic

import numpy as np
import pandas as pd
import pyarrow as pa

from ...core.errors import BadSetting, RabenchError, Refused
from ...core.tables import Kind, Table
from ..measuring import task as tasks
from ..measuring.content import describe_block
from ..measuring.task import Changed, Task
from ..records.format import Record, Rows
from ..records.index import Index, Span
from ..records.records import Records
from ..running.batches import task_of
from ..running.plan import Missing
from ..running.pool import Pool
from ..running.runner import Progress
from ..study.matrix import all_points
from ..study.points import Point
from ..study.study import Study
from .status import by_point, noted_records

ROWS = 300
"""The rows of a sample: with 95 % confidence it finds that a hundredth of the rows were altered."""
SHOWN = 20
"""The rows that are named, of those that differ."""
EXACT = ("label", "prediction", "pixels", "bytes", "container", "tables", "palette", "payload", "squared_error")
"""Columns that are the same wherever the versions are."""
CLOSE = {"log_probability": 1e-3, "confidence": 1e-3, "value": 1e-6}
"""Columns of floating-point numbers, and how far they may lie apart: relative, or absolute below 1."""


@dataclass(frozen=True)
class Difference:
    """A row that is not as its record says."""

    point: Point
    image: int
    what: str
    """The columns that differ, as recorded and as measured now."""
    versions: str
    """The plug-ins of the point whose version here is another than the record's; empty where all are the same."""


@dataclass
class Verified:
    """What measuring again has shown."""

    rows: int = 0
    """The rows that were measured again."""
    of: int = 0
    """The rows that could be."""
    differences: list[Difference] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    """The points that cannot be measured here, and images that are not those measured, with the reason."""

    @property
    def share(self) -> float:
        """The share of altered rows that a sample of this size finds one of with 95 % confidence; 0 where all were measured."""
        return 0.0 if self.rows >= self.of else 1 - 0.05 ** (1 / max(1, self.rows))

    @property
    def table(self) -> Table:
        """The rows that differ, and what the sample can tell."""
        kinds = dict.fromkeys(("point", "image", "recorded -> now", "other version"), Kind.NAME) | {
            "image": Kind.NUMBER
        }
        rows = [[d.point.title, d.image, d.what, d.versions or "-"] for d in self.differences[:SHOWN]]
        notes = [f"{self.rows:,} of {self.of:,} rows measured again; {len(self.differences):,} differ."]
        if self.share:
            notes.append(
                f"With 95 % confidence a sample of so many rows has found one where {100 * self.share:.2g} % of all are altered."
            )
        if len(self.differences) > SHOWN:
            notes.append(f"The first {SHOWN} are shown.")
        notes += [f"not verified: {what}: {reason}" for what, reason in self.left_out.items()]
        return Table("rows that are not as recorded", pd.DataFrame(rows, columns=list(kinds)), kinds, tuple(notes))


@dataclass(frozen=True)
class _Stored:
    """A record that can be measured again: its point, the images that it holds, and its rows."""

    point: Point
    span: Span
    record: Record
    versions: tuple[str, str, str]
    """The versions that the point's quantizer, codec and classifier have on this machine."""


def verify(
    study: Study, pool: Pool, rows: int | None = ROWS, seed: int = 0, progress: Progress | None = None
) -> Verified:
    """Measures stored rows again, and writes nothing.

    rows: how many, drawn at random from all; None for all, whose images are then known by their hash, too. Raises
    Unavailable where there are no records, Refused where nothing of them can be measured here.
    """
    if rows is not None and rows < 1:
        raise BadSetting(f"`rows` must be 1 or more, got {rows}")
    progress, verified = progress or Progress(), Verified()
    stored = list(_stored(study, verified))
    verified.of = sum(s.record.images for s in stored)
    if not stored:
        why = next(iter(verified.left_out.values()), None)
        if why is None:
            raise study.unmeasured()
        raise Refused(f"{study.name}: nothing can be verified here: {why}")
    whole = rows is None or rows >= verified.of
    batches = _batches(stored, None if whole else rows, seed)
    progress.total = sum(sum(len(places) for _, places in members) for _, members in batches)
    begun = monotonic()
    waiting, flying = iter(batches), dict[Future[list[Rows]], _Batch]()
    while True:
        while len(flying) < 2 * pool.slots and (batch := next(waiting, None)) is not None:
            flying[pool.submit(_measured, batch[0], whole)] = batch
        if not flying:
            break
        for future in wait(flying, return_when=FIRST_COMPLETED)[0]:
            task, members = flying.pop(future)
            try:
                for (own, places), again in zip(members, future.result(), strict=True):
                    _compare(own, places, again, task.start, verified)
            except Changed as error:
                verified.left_out[f"images {task.start}..{task.stop - 1} of {task.dataset.label}"] = str(error)
                verified.of -= sum(len(places) for _, places in members)
            progress.done += sum(len(places) for _, places in members)
            progress.seconds_left = (monotonic() - begun) * (progress.total / max(1, progress.done) - 1)
            progress.report(progress)
    verified.differences.sort(key=lambda d: (str(d.point), d.image))
    return verified


_Batch = tuple[Task, list[tuple[_Stored, list[int]]]]
"""A task, and for each of its pairs what is stored and which of its rows are to be compared."""


def _stored(study: Study, verified: Verified) -> Iterator[_Stored]:
    """The records of the study's points that can be measured here; those that cannot are noted as left out."""
    matrix, index = study.load(), Index(study.records)
    records = by_point(Records(study.records).read()[0])
    for name in matrix.unrun:
        verified.left_out[name] = "its code came with the study and may not run here; read it, then trust the study"
    for point in all_points(matrix):
        held = noted_records(point, index, records)
        if not held:
            continue
        try:
            point.check()
            versions = point.versions()
        except RabenchError as error:
            verified.left_out[str(point)] = str(error)
            continue
        if point.dataset.where() is None:
            verified.left_out[point.dataset.label] = "its images are not on this machine"
            continue
        for span, record in held:
            yield _Stored(point, span, record, versions)


def _batches(stored: Sequence[_Stored], rows: int | None, seed: int) -> list[_Batch]:
    """Tasks that measure stored rows again.

    rows: how many are drawn at random, those of one image and quantizer to a task; None for all, a block's rows of one
    quantizer and codec to a task.
    """
    ends = np.cumsum([s.record.images for s in stored])
    whole = rows is None
    chosen = np.arange(ends[-1]) if whole else np.random.default_rng(seed).choice(ends[-1], rows, replace=False)
    chosen.sort()
    owners = np.searchsorted(ends, chosen, side="right")
    groups: defaultdict[tuple[object, ...], dict[int, list[int]]] = defaultdict(dict)
    for row, owner in zip(chosen.tolist(), owners.tolist(), strict=True):
        own = stored[owner]
        place = int(row - (ends[owner] - own.record.images))
        begin, end = (own.span.start, own.span.stop) if whole else (own.span.start + place, own.span.start + place + 1)
        codec = own.point.codec if whole else None  # a block goes through one codec at a time, as it may take long
        name = (own.point.dataset, begin, end, own.point.size, own.point.quantizer, codec)
        groups[name].setdefault(owner, []).append(place)
    return [
        _batch([(stored[i], places) for i, places in members.items()], name[1], name[2])
        for name, members in groups.items()
    ]


def _batch(members: list[tuple[_Stored, list[int]]], start: object, stop: object) -> _Batch:
    assert isinstance(start, int) and isinstance(stop, int)
    missing = [
        Missing(
            own.point, replace(own.record.identity, versions=own.versions), start, stop, own.span.description["sha256"]
        )
        for own, _ in members
    ]
    return task_of(missing), members


def _measured(task: Task, whole: bool) -> list[Rows]:
    """The rows of a task; of a part of a block, whatever its images are."""
    if not whole:
        task = replace(task, block=describe_block(task.dataset, task.start, task.stop)["sha256"])
    return tasks.run(task)


def _compare(own: _Stored, places: list[int], again: Rows, start: int, verified: Verified) -> None:
    """Notes the rows that are not as recorded."""
    try:
        table = own.record.rows()
    except (pa.ArrowException, OSError) as error:
        verified.left_out[str(own.record.path)] = f"damaged ({str(error).splitlines()[0][:100]})"
        return
    recorded = {name: table[name].to_numpy() for name in table.column_names if name not in ("error", "remark")}
    errors = table["error"].to_pylist()
    for place in places:
        row = own.span.start + place - start
        what = _differences(recorded, errors[place], place, again, row)
        if what:
            names = zip(("quantizer", "codec", "judge"), own.record.identity.versions, own.versions, strict=True)
            versions = "; ".join(f"{name}: {then} -> {now}" for name, then, now in names if then != now)
            verified.differences.append(Difference(own.point, own.span.start + place, ", ".join(what), versions))
    verified.rows += len(places)


def _differences(recorded: dict[str, np.ndarray], error: str | None, place: int, again: Rows, row: int) -> list[str]:
    now_failed = again.errors.get(row)
    if (error is None) != (now_failed is None):
        return [f"{error or 'no failure'} -> {now_failed or 'no failure'}"]
    if error is not None:
        return []
    found = []
    for name in (*EXACT, *CLOSE):
        if name not in recorded or name not in again.columns:
            continue
        then, now = recorded[name][place], again.columns[name][row]
        same = then == now if name in EXACT else _close(float(then), float(now), CLOSE[name])
        if not same:
            found.append(f"{name} {then:.7g} -> {now:.7g}")
    return found


def _close(then: float, now: float, tolerance: float) -> bool:
    if np.isnan(then) or not np.isfinite(now) or not np.isfinite(then):
        return np.isnan(then) or then == now  # a record of an earlier version may lack the number
    return abs(then - now) <= tolerance * max(1.0, abs(then))
