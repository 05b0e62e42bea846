"""The rows of a study's points on its images in a random order, and the records that are missing for more of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...core.errors import Refused
from ...datasets.base import Dataset, blocks
from ..reading.measures import LOG_LOSS_CAP
from ..records.format import BLOCK, COLUMNS, Record
from ..records.index import Index, Span, spans_of_parts
from ..running.plan import Missing, describe_parts, identity_of, missing_of, open_dataset
from ..running.runner import Runner
from ..study.points import Point

ORDER_SEED = 20231
"""The seed of the order of images: the same in every study, so that every search goes on where another ended."""

Rows = dict[str, NDArray[Any]]
"""The values of images by the name of the column, (N,) each: COLUMNS and ``failed``."""
KINDS = COLUMNS | {"failed": np.dtype(bool)}
"""The columns of a point's rows here."""


@dataclass(frozen=True)
class Place:
    """Some images of a point: the record that holds them, and where in it they lie."""

    record: str
    """The record's name."""
    first: int
    stop: int


class ShuffledImages:
    """The images of a data set in a random order, part by part, with the rows of points that are measured on them."""

    def __init__(self, dataset: Dataset, runner: Runner, index: Index) -> None:
        """Opens a data set. Raises what opening it raises."""
        self.dataset, self.runner, self.index = dataset, runner, index
        self.blocks = open_dataset(dataset, index, None)
        parts = [(block, part) for block in blocks(dataset, BLOCK) for part in spans_of_parts(*block)]
        order = np.random.default_rng(ORDER_SEED).permutation(len(parts))
        self.parts = [parts[i] for i in order]
        """The block and the span of each part, in the random order."""
        self.present = runner.records.names()
        self.versions: dict[Point, tuple[str, str, str]] = {}
        """The versions of each point that can be measured here."""
        self._places: dict[Point, list[Place]] = {}
        self._rows: dict[Point, Rows] = {}
        self._read: dict[str, tuple[Record, Rows]] = {}

    def __len__(self) -> int:
        return sum(stop - start for _, (start, stop) in self.parts)

    def check(self, point: Point) -> None:
        """Takes in a point that is to be measured. Raises RabenchError where it cannot be measured here."""
        point.check()
        self.versions[point] = point.versions()
        self.index.note(point.labels, point.key, self.versions[point])

    def missing(self, wanted: Mapping[Point, int]) -> list[Missing]:
        """The missing records of each point for so many of the first images."""
        found: dict[str, Missing] = {}
        for point, images in wanted.items():
            parts = self._first_parts(images)
            lacking = {part: block for block, part in parts if self._whole(point, block) is None}
            for span in describe_parts(self.dataset, self.index, self.runner.pool, list(lacking)):
                identity = identity_of(point, self.versions[point], span)
                if identity.name not in self.present:
                    block = self._name(point, lacking[span.start, span.stop]) or ""
                    found.setdefault(identity.name, missing_of(point, identity, span, block))
        return list(found.values())

    def note(self, measured: Iterable[Missing]) -> None:
        """Takes in what a run has been given to measure: with failures or without, it is not asked for again."""
        self.present |= {m.identity.name for m in measured if self.runner.records.record(m.identity.name) is not None}

    def rows(self, point: Point) -> Rows:
        """The rows of a point's images in the random order, as far as it goes without a gap: COLUMNS and ``failed``."""
        places = self._places.setdefault(point, [])
        before = len(places)
        for block, part in self.parts[len(places) :]:
            if (place := self._place(point, block, part)) is None:
                break
            places.append(place)
        known = self._rows.setdefault(point, {name: np.zeros(0, kind) for name, kind in KINDS.items()})
        if new := [self._columns(place) for place in places[before:]]:
            known = self._rows[point] = {n: np.concatenate([known[n], *(part[n] for part in new)]) for n in known}
        return known

    def seconds(self, point: Point, stage: str) -> float:
        """The seconds that a stage took an image, over the records of a point; NaN without any."""
        records = {place.record: self._read[place.record][0] for place in self._places.get(point, [])}.values()
        images = sum(r.images for r in records)
        return sum(r.about["seconds"][stage] for r in records) / images if images else np.nan

    def _first_parts(self, images: int) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        taken, count = [], 0
        for block, part in self.parts:
            if count >= images:
                break
            taken.append((block, part))
            count += part[1] - part[0]
        return taken

    def _name(self, point: Point, block: tuple[int, int]) -> str | None:
        """The name that the record of a whole block has, where the index knows the block."""
        about = self.blocks.get(f"{block[0]}-{block[1]}")
        return about and identity_of(point, self.versions[point], Span(*block, about)).name

    def _whole(self, point: Point, block: tuple[int, int]) -> str | None:
        """The record of a whole block, where there is one."""
        name = self._name(point, block)
        return name if name in self.present else None

    def _place(self, point: Point, block: tuple[int, int], part: tuple[int, int]) -> Place | None:
        if (whole := self._whole(point, block)) is not None:
            return Place(whole, part[0] - block[0], part[1] - block[0])
        about = self.index.parts(self.dataset.label).get(f"{part[0]}-{part[1]}")
        name = about and identity_of(point, self.versions[point], Span(*part, about)).name
        return Place(name, 0, part[1] - part[0]) if name in self.present else None

    def _columns(self, place: Place) -> Rows:
        if place.record not in self._read:
            try:
                record = self.runner.records.record(place.record)
                assert record is not None
                table = record.rows()
            except (pa.ArrowInvalid, OSError) as error:
                reason = str(error).splitlines()[0][:100]
                raise Refused(
                    f"{place.record}.parquet among the records is damaged ({reason}); rabench run puts it aside"
                ) from None
            columns: Rows = {name: table[name].to_numpy() for name in COLUMNS}
            columns["failed"] = table["error"].is_valid().to_numpy()
            self._read[place.record] = (record, columns)
        columns = self._read[place.record][1]
        return {name: values[place.first : place.stop] for name, values in columns.items()}


def losses(before: Rows, after: Rows, by: str) -> NDArray[np.float64]:
    """The loss of each image from one point to another, (N,), over the images that both were measured on.

    by: ``accuracy`` against the labels, ``agreement`` with the predictions before, or ``log-loss`` in nats, of at most
    LOG_LOSS_CAP an image. An image that failed after is lost; one that failed before loses nothing.
    """
    n = min(len(before["image"]), len(after["image"]))
    good_before, good = ~before["failed"][:n], ~after["failed"][:n]
    if by == "log-loss":
        floor = -LOG_LOSS_CAP
        was = np.maximum(before["log_probability"][:n], floor)
        now = np.where(good, np.maximum(after["log_probability"][:n], floor), floor)
        return np.where(good_before, was - now, 0.0).astype(np.float64)
    wanted = before["label"][:n] if by == "accuracy" else before["prediction"][:n]
    was = good_before & (before["prediction"][:n] == wanted)
    now = good & (after["prediction"][:n] == wanted) & good_before
    return was.astype(np.float64) - now
