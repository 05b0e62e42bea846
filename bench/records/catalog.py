"""The footers of records, kept together: a study of many records is listed without opening each file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

from ...core.files import atomic_write
from ...core.json_texts import parsed
from .format import FORMAT, Newer, Record, identity_and_about

FILE = "catalog.arrow"
ENOUGH = 2000
"""From this many new records on the catalog is written; fewer are as soon opened."""


class Catalog:
    """What the footers of a folder's records say, by the size and the time of each file; those that changed are read anew."""

    def __init__(self, folder: Path) -> None:
        """Reads nothing before a record is asked for."""
        self.path = folder / FILE
        self._known: dict[str, tuple[int, int, bytes]] | None = None
        self._opened: dict[str, Record] = {}
        """The records that were asked for, as long as their files are as they were."""
        self._new = 0

    def opened(self, path: Path) -> Record:
        """A file's record, without its rows.

        Raises Newer for one of a newer format, and what pyarrow and JSON raise for a file that is none.
        """
        known = self._known if self._known is not None else self._load()
        stat, name = path.stat(), f"{path.parent.name}/{path.name}"
        entry = known.get(name)
        if entry is None or entry[:2] != (stat.st_size, stat.st_mtime_ns):
            if not path.is_file():  # a pipe would never end
                raise OSError("it is no file")
            footer = (pq.read_metadata(path).metadata or {})[b"rabench"]
            entry = known[name] = (stat.st_size, stat.st_mtime_ns, footer)
            self._new += 1
            self._opened.pop(name, None)
        if name not in self._opened:
            about = parsed(entry[2])
            if not isinstance(about, dict):
                raise ValueError("its footer is no table")
            if (written := about.pop("format", FORMAT)) > FORMAT:
                raise Newer(path, written)
            self._opened[name] = Record(path, *identity_and_about(about))
        return self._opened[name]

    def save(self) -> None:
        """Writes the catalog where there is much new in it; a folder that cannot be written goes without."""
        if self._known is None or self._new < ENOUGH:
            return
        sizes, times, footers = zip(*self._known.values(), strict=True)
        table = pa.table({"name": list(self._known), "size": sizes, "time": times, "footer": footers})
        with suppress(OSError), atomic_write(self.path) as partial:
            feather.write_feather(table, str(partial), compression="zstd")
            self._new = 0

    def _load(self) -> dict[str, tuple[int, int, bytes]]:
        self._known = {}
        with suppress(OSError, pa.ArrowException, KeyError, TypeError, ValueError):  # it is written anew
            if not self.path.is_file():
                return self._known
            table = feather.read_table(str(self.path), memory_map=False)
            columns = (table[name].to_pylist() for name in ("name", "size", "time", "footer"))
            rows = zip(*columns, strict=True)
            self._known = {n: (size, time, f) for n, size, time, f in rows if isinstance(n, str) and type(f) is bytes}
        return self._known
