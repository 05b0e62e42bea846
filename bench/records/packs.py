"""Packs: all records of a point in one file, so that a million images are a file a point and not a thousand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...core.files import atomic_write
from .format import FORMAT, Identity, Record, identity_and_about, read_table, write_table

KEY = b"rabench-pack"
"""The key in a pack's footer under which its records are told."""


@dataclass(frozen=True)
class Pack:
    """A pack as it lies in a study's folder, and the records in it, in the order of their rows."""

    path: Path
    format: int
    records: tuple[Record, ...]

    @classmethod
    def open(cls, path: Path) -> Pack:
        """Reads a pack's footer. Raises what pyarrow and JSON raise for a file that is none."""
        metadata = pq.read_metadata(path)
        content = json.loads((metadata.metadata or {})[KEY])
        if content["format"] > FORMAT:
            return cls(path, content["format"], ())
        records, first = [], 0
        for about in content["records"]:
            names = {**content["identity"], "labels": about.pop("labels"), "block": about.pop("block")}
            identity, told = identity_and_about({"identity": names, **about})
            records.append(Record(path, identity, told, first))
            first += records[-1].images
        if first != metadata.num_rows:
            raise ValueError(f"{metadata.num_rows:,} rows, of which its footer tells {first:,}")
        return cls(path, content["format"], tuple(records))


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
    if a.column_names != b.column_names or len(a) != len(b):
        return False
    for name in a.column_names:
        x, y = (table[name].combine_chunks() for table in (a, b))
        if pa.types.is_floating(x.type):
            if (
                x.null_count != y.null_count
                or x.fill_null(0).to_numpy().tobytes() != y.fill_null(0).to_numpy().tobytes()
            ):
                return False
        elif not x.equals(y):
            return False
    return True


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
        identity: Identity = record.identity
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
