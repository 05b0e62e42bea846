"""Where a study stands: what is measured of each point, at what pace, and how long the rest takes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from ...core.plugins import Plugin
from ...core.tables import Kind, Table
from ..reading.curves import Held, held_records
from ..reading.recorded import not_trusted, with_recorded
from ..records.format import Identity, Record
from ..records.index import Index, Span, block_name
from ..records.pieces import Pieces
from ..records.records import Records
from ..running.pace import Pace
from ..study.matrix import Matrix, all_points, with_references
from ..study.points import Point
from ..study.study import Study
from ..study.trained import TrainedNetwork

RECENT = 600.0
"""The seconds that the pace of a run is told from."""


@dataclass(frozen=True)
class PointStatus:
    """How far one point is measured."""

    point: Point
    images: int
    """The images of the last run."""
    done: int
    """The images in records and in pieces of records, those that failed among them."""
    failed: int
    seconds_left: float
    """The seconds that the missing images take one worker; NaN where nothing tells."""
    judge: str = ""
    """The trained network, or, where a study has several, the classifier or metric."""

    @property
    def name(self) -> str:
        """The point as the table shows it."""
        return f"{self.point.title}{self.judge and f', {self.judge}'}"


@dataclass(frozen=True)
class Status:
    """Where a study stands."""

    title: str
    points: list[PointStatus]
    running: bool
    """Whether a run is going on."""
    recent: float
    """The images a second, over all points, that came in the last RECENT seconds."""
    not_trusted: Sequence[str] = ()
    """A line that names the plug-ins that did not run, where there are any."""
    networks: Sequence[TrainedNetwork] = ()
    """Those of [[training]] blocks."""
    trained: int = 0
    """How many of them are trained."""
    begun: int = 0
    """How many of the others have a checkpoint."""
    untrainable: int = 0
    """How many could not be trained."""

    @property
    def seconds_left(self) -> float | None:
        """The seconds that the run that goes on will take, at its pace; None without one, or before anything came."""
        missing = sum(p.images - p.done for p in self.points)
        return missing / self.recent if self.running and self.recent else None

    @property
    def table(self) -> Table:
        """A row a point."""
        kinds = {"point": Kind.NAME, **dict.fromkeys(("done", "of", "failed", "one worker, s"), Kind.NUMBER)}
        rows = [
            [p.name, f"{p.done:,}", f"{p.images:,}", f"{p.failed:,}", _seconds(p.seconds_left)] for p in self.points
        ]
        done, images = (sum(getattr(p, name) for p in self.points) for name in ("done", "images"))
        share = f"{100 * done / images:.1f} %" if images else "nothing"
        notes = [f"{done:,} of {images:,} images are measured, over all points ({share})."]
        if self.networks:
            lost = f", {self.untrainable:,} could not be trained" if self.untrainable else ""
            notes.append(
                f"{self.trained:,} of {len(self.networks):,} networks of [[training]] are trained, {self.begun:,} more begun{lost}."
            )
        if self.running:
            left = f"; about {self.seconds_left:,.0f} s left" if self.seconds_left is not None else ""
            notes.append(f"A run is going on: {self.recent:,.1f} images/s in the last ten minutes{left}.")
        notes += [f"{line}." for line in self.not_trusted]
        notes.append("one worker, s: the seconds that the images that are missing take one worker.")
        return Table(self.title, pd.DataFrame(rows, columns=list(kinds)), kinds, tuple(notes))


def status(study: Study) -> Status:
    """Where a study stands, while a run goes on or not; reads records and measures nothing.

    A data set that no run has looked at yet counts no images. Raises Unavailable where nothing is measured, nor being so.
    """
    matrix, index, records, pieces = study.load(), Index(study.records), Records(study.records), Pieces(study.records)
    running = _locked(study.folder / ".lock")
    networks = list(dict.fromkeys(t.network for t in matrix.trained))
    known = [(n, n.about(study.folder)) for n in networks]
    ended = {n: "error" in about for n, about in known if about is not None and n.is_of(about)}
    begun = [n for n in networks if n not in ended and n.checkpoints()]
    if not (index.datasets or running or ended or begun):
        raise study.unmeasured()
    found, _ = records.read()
    matrix = with_recorded(matrix, found)
    pace, noted = Pace.of(found), by_point(found)
    names = _judges(matrix)
    points = [
        replace(_point_status(point, index, noted, pieces, pace), judge=names.get(point.judge, ""))
        for point in all_points(matrix)
    ]
    lost = sum(ended.values())
    recent, unrun = _images_a_second(found, pieces), not_trusted(study.folder, matrix)
    return Status(matrix.title, points, running, recent, unrun, networks, len(ended) - lost, len(begun), lost)


def _judges(matrix: Matrix) -> dict[Plugin, str]:
    """The name of each trained network; of every classifier and metric, where points have several."""
    judges = dict.fromkeys(
        p.judge if p.tuned_from is None else p.frozen for p in (*with_references(matrix), *matrix.fidelity)
    )
    names: dict[Plugin, str] = {judge: judge.title for judge in judges} if len(judges) > 1 else {}
    return names | {t.point.judge: t.network.name for t in matrix.trained}


def _images_a_second(records: Iterable[Record], pieces: Pieces) -> float:
    """The images a second that came in the last RECENT seconds, or since the first of them came."""
    now = time.time()
    counts = Counter[Path]()
    for record in records:
        counts[record.path] += record.images
    for path, start, stop in pieces.files():
        counts[path] += stop - start
    recent = [(age, images) for path, images in counts.items() if (age := now - _written(path)) < RECENT]
    return sum(images for _, images in recent) / max(1.0, *(age for age, _ in recent)) if recent else 0.0


def _written(path: Path) -> float:
    """When a file was written; a run that goes on may have joined a piece meanwhile."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _point_status(point: Point, index: Index, records: PointRecords, pieces: Pieces, pace: Pace) -> PointStatus:
    label = point.dataset.label
    if label not in index.datasets:
        return PointStatus(point, 0, 0, 0, float("nan"))
    noted = noted_records(point, index, records)
    held = [record for _, record in noted]
    images, done, failed = index.expected(label), sum(r.images for r in held), sum(map(_failed, held))
    done += _images_in_pieces(point, index, pieces, [span for span, _ in noted])
    return PointStatus(point, images, done, failed, pace.seconds(point.key, images - done) if pace else float("nan"))


def _images_in_pieces(point: Point, index: Index, pieces: Pieces, held: Sequence[Span]) -> int:
    """The images of blocks, or of parts of them, that are begun and not in records."""
    noted = index.noted(point.labels)
    if noted is None or not pieces:
        return 0

    def begun(span: Span, start: int, stop: int) -> int:
        name = Identity(point.labels, noted[0], noted[1], block_name(point.codec, span.description)).name
        return pieces.images(name, start, stop)

    taken, count = {(span.start, span.stop) for span in held}, 0
    for whole, parts in index.layout(point.dataset.label):
        if whole is not None and (whole.start, whole.stop) in taken:
            continue
        lacking = [p for p in parts if (p.start, p.stop) not in taken]
        own = sum(begun(p, p.start, p.stop) for p in lacking)
        if whole is not None:
            spans = lacking if len(lacking) < len(parts) else [whole]
            own = max(own, sum(begun(whole, s.start, s.stop) for s in spans))
        count += own
    return count


PointRecords = dict[tuple[tuple[str, ...], tuple[str, ...]], dict[str, Record]]
"""Records by the key and the versions of their point, then by the hash of their images."""


def by_point(records: Iterable[Record]) -> PointRecords:
    """Records, to be asked for point by point."""
    found: PointRecords = {}
    for record in records:
        identity = record.identity
        found.setdefault((identity.key, identity.versions), {})[identity.block] = record
    return found


def noted_records(point: Point, index: Index, records: PointRecords) -> Held:
    """The records of a point, as it was last measured here, and the images that each holds; of blocks, else of their parts."""
    noted = index.noted(point.labels)
    of_point = records.get(noted, {}) if noted is not None else {}
    return held_records(point, index.layout(point.dataset.label), of_point)


def _seconds(seconds: float) -> str:
    return "-" if isnan(seconds) else f"{seconds:,.0f}"


def _failed(record: Record) -> int:
    if not record.failed:
        return 0
    return int(record.rows()["error"].is_valid().to_numpy().sum())


def _locked(path: Path) -> bool:
    """Whether another process measures the study."""
    if not path.is_file() or path.is_symlink():  # no run makes a link
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written is not being measured
        return False
