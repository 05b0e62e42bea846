"""The folder of a study's records: for each point and block of images one file, or packs of them, with a row per image.

A record's name is the hash of what was measured (settings, versions, images by content), so equal
measurements have equal names on every machine, and studies merge by copying files. A record is
written whole or not at all and never changes. Those with failures lie apart, in ``failed/``, until a
later run measures them without one. Packs, in ``packs/``, hold all records of a point in one file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from ...core.files import atomic_write, remove_partial
from .catalog import Catalog
from .format import FORMAT, Identity, Newer, Record, Rows, table_of, write_table
from .packs import Pack

T = TypeVar("T")
NO_RECORD = (pa.ArrowException, OSError, KeyError, TypeError, ValueError)
"""What opening a file raises that is no whole record."""


class Records:
    """The folder of a study's records; below it, ``failed`` has those with failures, ``packs`` packs, ``pieces`` pieces."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.failed, self.damaged = folder, folder / "failed", folder / "damaged"
        self.packs, self.pieces = folder / "packs", folder / "pieces"
        self._catalog = Catalog(folder)
        self._packed: dict[str, Record] = {}
        self._bad_packs: list[str] = []
        self._read_packs: dict[Path, tuple[int, int]] = {}

    def create(self) -> None:
        """Makes the folders where they are missing, and removes what killed runs left unfinished. Raises OSError."""
        self.failed.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.failed, self.packs):
            remove_partial(folder)

    def names(self) -> set[str]:
        """The names of all records without failures."""
        return {file.stem for file in self.folder.glob("*.parquet")} | self._in_packs().keys()

    def write(self, identity: Identity, rows: Rows, about: dict[str, Any]) -> None:
        """Writes a record, whole or not at all; one with failures apart, where it replaces that of an earlier run.

        about: what else to keep: at least ``start`` and ``stop``, the positions of the block in its data set.
        """
        metadata = {"format": FORMAT, "identity": asdict(identity), "seconds": rows.seconds, **about}
        failed = self.failed / f"{identity.name}.parquet"
        with atomic_write(self.folder / f"{identity.name}.parquet" if rows.final else failed) as partial:
            write_table(table_of(rows), partial, {"rabench": json.dumps(metadata, sort_keys=True)})
        if rows.final:
            failed.unlink(missing_ok=True)

    def record(self, name: str) -> Record | None:
        """The record of that name, with failures where there is none without; None where there is neither.

        Raises what pyarrow raises for a damaged file.
        """
        for folder in (self.folder, self.failed):
            if (path := folder / f"{name}.parquet").is_file():
                return self._catalog.opened(path)
        return self._in_packs().get(name)

    def read(self) -> tuple[list[Record], list[str]]:
        """Every record, and a line for each file that is no record or of a newer format.

        Where a block was measured with failures and again without, the record without them counts.
        """
        good = dict(self._in_packs())
        bad = list(self._bad_packs)
        files = sorted([*self.failed.glob("*.parquet"), *self.folder.glob("*.parquet")], key=lambda p: p.name)
        for record in _opened(files, self._catalog.opened, bad.append):
            if record.path.parent == self.folder or record.path.stem not in good:
                good[record.path.stem] = record
        self._catalog.save()
        return list(good.values()), bad

    def put_damaged_aside(self) -> list[Path]:
        """Moves files that are no records, and records under another's name, into ``damaged``; gives where they lie now.

        Their records are then missing, so that a run measures them again. Records of a newer format stay.
        """
        moved = [
            self._put_aside(path)
            for folder, opened in ((self.folder, self._loose_of_its_name), (self.packs, Pack.open))
            for path in sorted(folder.glob("*.parquet"))
            if _damaged(path, opened)
        ]
        self._catalog.save()
        return moved

    def loose(self) -> list[Record]:
        """The records without failures that lie in files of their own; damaged files are left out."""
        return list(_opened(sorted(self.folder.glob("*.parquet")), self._loose_of_its_name))

    def opened_packs(self) -> list[Pack]:
        """The packs that this version reads; damaged ones are left out."""
        return list(_opened(sorted(self.packs.glob("*.parquet")), Pack.open))

    def _loose_of_its_name(self, path: Path) -> Record:
        """The record in a file that is named as it is. Raises ValueError for one under another's name."""
        record = self._catalog.opened(path)
        if record.identity.name != path.stem:
            raise ValueError(f"{path}: a record under another's name")
        return record

    def _put_aside(self, path: Path) -> Path:
        self.damaged.mkdir(exist_ok=True)
        return path.replace(self.damaged / path.name)

    def _in_packs(self) -> dict[str, Record]:
        """The records in packs, by name; read anew where a pack has come, gone or changed."""
        there: dict[Path, tuple[int, int]] = {}
        for path in sorted(self.packs.glob("*.parquet")):
            with suppress(OSError):  # it may be gone by now
                stat = path.stat()
                there[path] = (stat.st_size, stat.st_mtime_ns)
        if there != self._read_packs:
            self._packed, self._bad_packs = _records_of(there)
            self._read_packs = there
        return self._packed


def _records_of(packs: Iterable[Path]) -> tuple[dict[str, Record], list[str]]:
    """The records in packs, by name; and a line for each file that is no pack or of a newer format."""
    found: dict[str, Record] = {}
    bad: list[str] = []
    for pack in _opened(packs, Pack.open, bad.append):
        for record in pack.records:
            found.setdefault(record.identity.name, record)
    return found, bad


def _opened(
    paths: Iterable[Path], opened: Callable[[Path], T], say: Callable[[str], None] = lambda _: None
) -> Iterator[T]:
    """What lies in files, as ``opened`` gives it. say: receives a line for each that is damaged or of a newer format."""
    for path in paths:
        try:
            content = opened(path)
        except Newer as error:
            say(str(error))
        except NO_RECORD as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:100]
            say(f"{path}: no whole record ({reason}); rabench run puts it aside and measures it again")
        else:
            yield content


def _damaged(path: Path, opened: Callable[[Path], Any]) -> bool:
    try:
        opened(path)
    except Newer:
        return False
    except NO_RECORD:
        return True
    return False
