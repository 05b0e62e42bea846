"""Pieces of records: the rows of some images of a block, kept until all of the block is measured.

A record is of a whole block and is named by the hash of its images. What a task has measured of it before lies in
``pieces/``, with the digest of each image, so that the hash can be checked once all pieces are there.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...core.files import atomic_write, remove_partial
from ...core.json_texts import parsed
from .format import COLUMNS, OPTIONAL, STAGES, Identity, Rows, footer_of, read_table, table_of, write_table

DIGEST = "digest"
"""The column of the digests of images, as ``content_hash`` takes them."""
_NAME = re.compile(r"([0-9a-f]{32})\.(\d+)-(\d+)\.parquet")
Spans = list[tuple[int, int]]
"""Images start..stop-1, in order."""


def content_hash(digests: list[bytes], labels: list[int]) -> str:
    """The hash that a block is known by, as hex: of the digest and the label of each image, in order."""
    content = hashlib.sha256()
    for digest, label in zip(digests, labels, strict=True):
        content.update(digest + label.to_bytes(8, "little", signed=True))
    return content.hexdigest()


class Pieces:
    """The pieces in a study's folder."""

    def __init__(self, records: Path) -> None:
        """records: the folder of the study's records."""
        self.folder = records / "pieces"
        self._spans: dict[str, Spans] | None = None

    def spans(self, name: str) -> Spans:
        """The images that pieces of a record hold, a pair a piece; pieces of two machines may overlap."""
        return sorted(self._known().get(name, []))

    def gaps(self, name: str, start: int, stop: int) -> Spans:
        """The images among start..stop-1 of a record that no piece holds, as spans in order."""
        found, place = [], start
        for first, last in self.spans(name):
            if place < min(first, stop):
                found.append((place, min(first, stop)))
            place = max(place, last)
        return [*found, (place, stop)] if place < stop else found

    def images(self, name: str, start: int, stop: int) -> int:
        """How many of the images start..stop-1 of a record pieces hold."""
        return stop - start - sum(last - first for first, last in self.gaps(name, start, stop))

    def forget(self, names: set[str]) -> None:
        """Removes what killed runs left: files half written, and pieces of records that are there."""
        remove_partial(self.folder)
        for name in names & self._known().keys():
            self.remove(name)

    def write(self, identity: Identity, start: int, stop: int, rows: Rows) -> None:
        """Writes a piece, whole or not at all."""
        self.folder.mkdir(exist_ok=True)  # without its parents: a folder that vanished is not made anew
        table = table_of(rows).append_column(DIGEST, pa.array(rows.digests, pa.binary(32)))
        with atomic_write(self._path(identity.name, start, stop)) as partial:
            write_table(table, partial, {"rabench-piece": json.dumps({"seconds": rows.seconds})})
        self._known().setdefault(identity.name, []).append((start, stop))

    def whole(self, name: str, start: int, stop: int) -> Rows | None:
        """The rows of images start..stop-1, once pieces hold them all; None before.

        A piece that cannot be read is removed, so that it is measured again.
        """
        if self.gaps(name, start, stop):
            return None
        place, parts = start, list[Rows]()
        for first, last in self.spans(name):
            if last <= place:  # two machines have measured the same images
                continue
            if place >= stop:
                break
            rows = self._read(name, first, last)
            if rows is None:
                return None
            parts.append(_between(rows, place - first, min(last, stop) - first))
            place = last
        return _joined(parts)

    def remove(self, name: str) -> None:
        """Removes the pieces of a record."""
        for span in self._known().pop(name, []):
            with suppress(OSError):
                self._path(name, *span).unlink(missing_ok=True)

    def files(self) -> Iterator[tuple[Path, int, int]]:
        """Each piece: its file, and the images that it holds."""
        for name, spans in self._known().items():
            yield from ((self._path(name, *span), *span) for span in spans)

    def __bool__(self) -> bool:
        return bool(self._known())

    def _known(self) -> dict[str, Spans]:
        if self._spans is None:
            self._spans = {}
            for path in self.folder.glob("*.parquet"):
                if match := _NAME.fullmatch(path.name):
                    self._spans.setdefault(match[1], []).append((int(match[2]), int(match[3])))
        return self._spans

    def _path(self, name: str, start: int, stop: int) -> Path:
        return self.folder / f"{name}.{start}-{stop}.parquet"

    def _read(self, name: str, start: int, stop: int) -> Rows | None:
        """The rows of a piece; None for one that cannot be read, which is removed."""
        path = self._path(name, start, stop)
        with suppress(pa.ArrowException, OSError, KeyError, TypeError, ValueError):
            rows = _rows_in(path)
            if len(rows) == stop - start:
                return rows
        with suppress(OSError):
            path.unlink(missing_ok=True)
        self._known()[name].remove((start, stop))
        return None


def _rows_in(path: Path) -> Rows:
    table = read_table(path, (DIGEST,))
    if table[DIGEST].type != pa.binary(32) or table[DIGEST].null_count:
        raise ValueError("digests are missing")
    seconds = parsed((footer_of(path).metadata or {})[b"rabench-piece"])["seconds"]
    columns = {n: table[n].to_numpy() for n in table.column_names if n in COLUMNS or n in OPTIONAL}
    errors, remarks = (
        {i: text for i, text in enumerate(table[n].to_pylist()) if text is not None} if n in table.column_names else {}
        for n in ("error", "remark")
    )
    return Rows(columns, errors, {s: float(seconds[s]) for s in STAGES}, remarks, table[DIGEST].to_pylist())


def _between(rows: Rows, first: int, stop: int) -> Rows:
    """The rows first..stop-1 of a piece; the seconds are shared out evenly."""
    if not first and stop == len(rows):
        return rows
    columns = {name: values[first:stop] for name, values in rows.columns.items()}
    errors, remarks = (
        {i - first: t for i, t in texts.items() if first <= i < stop} for texts in (rows.errors, rows.remarks)
    )
    seconds = {stage: s * (stop - first) / len(rows) for stage, s in rows.seconds.items()}
    return Rows(columns, errors, seconds, remarks, rows.digests[first:stop])


def _joined(parts: list[Rows]) -> Rows:
    names = dict.fromkeys(name for part in parts for name in part.columns)
    errors: dict[int, str] = {}
    remarks: dict[int, str] = {}
    first = 0
    for part in parts:
        errors |= {first + row: reason for row, reason in part.errors.items()}
        remarks |= {first + row: remark for row, remark in part.remarks.items()}
        first += len(part)
    columns = {n: np.concatenate([_column(part, n) for part in parts]) for n in names}
    seconds = {stage: sum(part.seconds[stage] for part in parts) for stage in STAGES}
    return Rows(columns, errors, seconds, remarks, [digest for part in parts for digest in part.digests])


def _column(part: Rows, name: str) -> np.ndarray:
    """A column of a piece; NaN where it lacks one of OPTIONAL, as rows that were lost with their worker do."""
    return part.columns[name] if name in part.columns else np.full(len(part), np.nan, OPTIONAL[name])
