"""Packs: all records of a point in one file, so that a million images are a file a point and not a thousand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from ...core.files import atomic_write
from ...core.json_texts import parsed
from .format import FORMAT, Newer, Record, footer_of, identity_and_about, read_table, write_table

KEY = b"rabench-pack"
"""The key in a pack's footer under which its records are told."""


@dataclass(frozen=True)
class Pack:
    """A pack as it lies in a study's folder, and the records in it, in the order of their rows."""

    path: Path
    records: tuple[Record, ...]

    @classmethod
    def open(cls, path: Path) -> Pack:
        """Reads a pack's footer. Raises Newer for one of a newer format, and what pyarrow and JSON raise for a file that is none."""
        metadata = footer_of(path)
        content = parsed((metadata.metadata or {})[KEY])
        if content["format"] > FORMAT:
            raise Newer(path, content["format"])
        records, first = [], 0
        for told in content["records"]:
            about = dict(told)
            names = {**content["identity"], "labels": about.pop("labels"), "block": about.pop("block")}
            identity, about = identity_and_about({"identity": names, **about})
            records.append(Record(path, identity, about, first))
            first += records[-1].images
        if first != metadata.num_rows:
            raise ValueError(f"{metadata.num_rows:,} rows, of which its footer tells {first:,}")
        return cls(path, tuple(records))


def write_pack(folder: Path, records: Sequence[Record]) -> Path:
    """Writes records of one point into a pack, and reads it back; its name is a hash of what it holds.

    Raises OSError or ArrowInvalid where a record is damaged, and ValueError where what is read is not what was written.
    """
    table = pa.concat_tables([r.rows() for r in records], promote_options="default").combine_chunks()
    names = sorted(r.identity.name for r in records)
    path = folder / f"{hashlib.sha256(' '.join(names).encode()).hexdigest()[:32]}.parquet"
    with atomic_write(path) as partial:
        write_table(table, partial, {KEY.decode(): json.dumps(_footer(records), sort_keys=True)})
        if [r.identity for r in Pack.open(partial).records] != [r.identity for r in records]:
            raise ValueError(f"{path}: its records are not those that were packed")
        if not _equal(read_table(partial), table):
            raise ValueError(f"{path}: its rows are not those that were packed")
    return path


def _footer(records: Sequence[Record]) -> dict[str, Any]:
    identity = asdict(records[0].identity)
    told = [{"labels": r.identity.labels, "block": r.identity.block, **r.about} for r in records]
    return {"format": FORMAT, "identity": {n: identity[n] for n in ("key", "versions")}, "records": told}


def _equal(a: pa.Table, b: pa.Table) -> bool:
    """Whether two tables hold the same bits; NaN is equal to itself."""
    same_shape = a.column_names == b.column_names and len(a) == len(b)
    return same_shape and all(_equal_columns(a[name], b[name]) for name in a.column_names)


def _equal_columns(a: pa.ChunkedArray, b: pa.ChunkedArray) -> bool:
    if not pa.types.is_floating(a.type):
        return a.equals(b)
    bits = (column.fill_null(0).to_numpy().tobytes() for column in (a, b))
    return a.is_null().equals(b.is_null()) and next(bits) == next(bits)


@dataclass(frozen=True)
class Packed:
    """What packing has done."""

    records: int
    """The records in packs now."""
    packs: int
    files: int
    """The files that lay there before, and are gone."""


def pack(
    loose: Sequence[Record], packs: Sequence[Pack], folder: Path, say: Callable[[str], None] = lambda _: None
) -> Packed:
    """Puts records into a pack a point; files of records and earlier packs go once what they hold is in a new one.

    loose: records that lie in files of their own. folder: that of the packs. say: receives a line for each point whose
    records are damaged and stay as they are.
    """
    points: dict[tuple[Any, ...], dict[str, Record]] = {}
    for record in [*(r for p in packs for r in p.records), *loose]:
        identity = record.identity
        points.setdefault((identity.key, identity.versions), {}).setdefault(identity.name, record)
    gone = kept = 0
    made: set[Path] = set()
    for members in points.values():
        records = sorted(members.values(), key=lambda r: (r.about["start"], r.about["stop"], r.identity.name))
        kept += len(records)
        if len({r.path for r in records}) == 1:
            made.add(records[0].path)
            continue
        try:
            made.add(write_pack(folder, records))
        except (OSError, pa.ArrowException, ValueError) as error:
            say(f"{' + '.join(records[0].identity.labels[1:])}: not packed ({str(error).splitlines()[0][:200]})")
            made |= {r.path for r in records}
    for path in {r.path for r in loose} | {p.path for p in packs}:
        if path not in made:
            path.unlink(missing_ok=True)
            gone += 1
    return Packed(kept, sum(path.parent == folder for path in made), gone)
