"""The format of a record: a Parquet file with a row per image, named by what was measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...core.printable import printable

BLOCK = 1000
"""The number of images in a record; blocks begin at multiples of it in every study."""
PART = 100
"""The number of images in a part of a block, for what measures less than whole blocks; parts begin at multiples of it."""
FILES = "files_sha256"
"""The key under which the description of a block has the hash of the images' own files."""
MOST_ROWS = 1 << 25
"""The most rows of a file; more are taken for a mistake or a trap."""
MOST_SECONDS = 1e10
"""The most seconds that a stage may take."""
MOST_TEXT, ROOM = 4096, 1 << 24
"""The bytes of a row, its error among them, at the most on average; and beside them."""
FORMAT = 1
"""The version of the file format, part of every record's name."""
UNREADABLE = "data set: "
"""How the error of a row begins whose image could not be read; such a row is final, as the block's hash covers it."""
NOT_TAKEN = "the stored file was not taken"
"""The remark on a row whose image was coded from its pixels, by a codec that takes stored files."""
STAGES = ("load", "quantize", "encode", "decode", "classify")
"""The stages of the chain that are timed, in their order."""

COLUMNS: dict[str, np.dtype[Any]] = {
    "image": np.dtype(np.int32),  # position in the data set
    "label": np.dtype(np.int32),  # -1: unlabelled
    "prediction": np.dtype(np.int32),  # -1: failed
    "log_probability": np.dtype(np.float32),  # of the label; NaN without one
    "pixels": np.dtype(np.int32),  # of the original image
    "bytes": np.dtype(np.int32),  # the whole file
    "container": np.dtype(np.int32),
    "tables": np.dtype(np.int32),
    "palette": np.dtype(np.int32),
    "payload": np.dtype(np.int32),
    "squared_error": np.dtype(np.int64),  # decoded against source, over all pixels and channels
}
OPTIONAL: dict[str, np.dtype[Any]] = {
    "confidence": np.dtype(np.float32),  # the probability of the predicted class; records of version 0.1 have none
    "value": np.dtype(np.float64),  # a fidelity metric's, where the record is of one
}
"""Columns that not every record has; NaN where an image has none."""
TEXTS = ("error", "remark")
"""Columns of texts."""
LEAST = {"label": -1, "prediction": -1}
"""The least value of a column of whole numbers, where that is not 0."""
KINDS = {name: pa.from_numpy_dtype(kind) for name, kind in (COLUMNS | OPTIONAL).items()} | dict.fromkeys(
    TEXTS, pa.string()
)
"""The Arrow type of each column that a record may have."""

# Half the size and half the time of pyarrow's defaults: 12.7 instead of 24.7 KB, 0.32 instead of 0.65 ms
# (1,000 rows of Tiny-ImageNet). Dictionaries do not pay for columns in which few values repeat.
PACKING: dict[str, Any] = {
    "use_dictionary": False,
    "write_statistics": False,
    "store_schema": False,
    "write_page_checksum": True,
    "column_encoding": {
        n: "DELTA_BINARY_PACKED" if n == "image" else "BYTE_STREAM_SPLIT" for n in (*COLUMNS, "confidence")
    },
}

ROW_GROUP = 1 << 17
"""The rows of a row group of a pack."""


class Newer(Exception):
    """The error for a file of a format that only a newer rabench reads."""

    def __init__(self, path: Path, written: int) -> None:
        super().__init__(f"{path}: of a newer rabench (format {written}, this one reads {FORMAT}); update rabench")


@dataclass(frozen=True)
class Identity:
    """What a record holds: which plug-ins, in which versions, measured which images."""

    labels: tuple[str, str, str, str]
    """Data set, quantizer, codec and classifier as people read them; no part of the name."""
    key: tuple[str, str, str]
    """The keys of quantizer, codec and classifier: their names and settings."""
    versions: tuple[str, str, str]
    """The versions of quantizer, codec and classifier."""
    block: str
    """The sha256 of the images and labels, as hex."""

    @property
    def name(self) -> str:
        """The record's file name without its ending: a hash of settings, versions and images, as hex."""
        text = json.dumps([FORMAT, self.key, self.versions, self.block])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Rows:
    """What was measured of a block of images, a row per image."""

    columns: dict[str, NDArray[Any]]
    """The values of all images, (N,) for each name in COLUMNS and for some of OPTIONAL."""
    errors: dict[int, str]
    """The stage and the reason of each failure, by the position of its row."""
    seconds: dict[str, float]
    """The seconds that each of STAGES took for all rows."""
    remarks: dict[int, str] = field(default_factory=dict)
    """Remarks on rows that went through, by their position: that the codec could not take the stored file."""
    digests: list[bytes] = field(default_factory=list)
    """The digest of each original image, (N,), as a block's hash is made from them; not kept in a record."""

    def __len__(self) -> int:
        return len(self.columns["image"])

    @property
    def final(self) -> bool:
        """Whether measuring again would give the same rows: no image failed but those that cannot be read."""
        return all(reason.startswith(UNREADABLE) for reason in self.errors.values())


@dataclass(frozen=True)
class Record:
    """A record as it lies in a study's folder; its rows are read when they are asked for."""

    path: Path
    """The Parquet file that holds it: its own, or a pack."""
    identity: Identity
    """What the record holds."""
    about: dict[str, Any]
    """The images' positions (``start``, ``stop``), the seconds of each stage and the version of rabench."""
    first: int | None = None
    """Where its rows begin in a pack; None for a file of its own."""

    @property
    def images(self) -> int:
        """The number of its images."""
        return self.about["stop"] - self.about["start"]

    @property
    def failed(self) -> bool:
        """Whether it lies apart from others, as some of its images failed."""
        return self.path.parent.name == "failed"

    def rows(self) -> pa.Table:
        """The table of COLUMNS, some of OPTIONAL and ``error``, a row per image; and ``remark``, where any row has one.

        Raises OSError or ArrowInvalid for a damaged file.
        """
        if self.first is None:
            table = read_table(self.path)
            if len(table) != self.images:
                raise pa.ArrowInvalid(f"{len(table)} rows instead of {self.images}")
            return table
        stat = self.path.stat()
        return _pack_table(self.path, stat.st_size, stat.st_mtime_ns).slice(self.first, self.images)


def footer_of(path: Path) -> pq.FileMetaData:
    """The footer of a Parquet file. Raises OSError or ArrowInvalid where it is none; a pipe would never end."""
    if not path.is_file():
        raise OSError("it is no file")
    return pq.read_metadata(path)


def read_table(path: Path, more: Sequence[str] = ()) -> pa.Table:
    """The rows of a record's file or of a pack. Raises OSError or ArrowInvalid where they are none or damaged.

    more: columns that are read beside those of a record.
    """
    metadata = footer_of(path)
    texts = [name for name in TEXTS if name in metadata.schema.names]
    with pq.ParquetFile(path, metadata=metadata, page_checksum_verification=True, read_dictionary=texts) as file:
        names = _checked_columns(file, more)
        table = file.read(columns=names).replace_schema_metadata(None)
    for name in TEXTS:
        if name in names:
            table = table.set_column(names.index(name), name, _unpacked(table[name]))
    _check_values(table)
    return table


@lru_cache(maxsize=1)
def _pack_table(path: Path, _size: int, _mtime_ns: int) -> pa.Table:
    """The rows of a pack; the last one is kept, as its records are asked for one after another."""
    return read_table(path)


def _checked_columns(file: pq.ParquetFile, more: Sequence[str]) -> list[str]:
    """The names of a record's columns in a file. Raises ArrowInvalid for those of other types, or more rows than any has."""
    metadata = file.metadata
    if metadata.num_rows > MOST_ROWS:
        raise pa.ArrowInvalid(f"it has {metadata.num_rows:,} rows; the most is {MOST_ROWS:,}")
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > ROOM + MOST_TEXT * metadata.num_rows:
        raise pa.ArrowInvalid(f"its rows take {size:,} bytes")
    schema = file.schema_arrow
    found = {field.name: field.type for field in schema}
    for name, kind in KINDS.items():
        if name in found and (own := _plain(found[name])) != kind:
            raise pa.ArrowInvalid(f"column {name} is of {own}, not {kind}")
    if missing := [name for name in (*COLUMNS, "error", *more) if name not in found]:
        raise pa.ArrowInvalid(f"it lacks the columns {', '.join(missing)}")
    names = [name for name in schema.names if name in KINDS or name in more]
    if len(set(names)) < len(names):
        raise pa.ArrowInvalid("two columns have one name")
    return names


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _unpacked(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of texts as such. Raises ArrowInvalid where they would fill the memory: short codes stand for long texts."""
    size = 0
    for chunk in column.chunks:
        lengths = pc.call_function("binary_length", [chunk.dictionary]).take(chunk.indices.drop_null())
        size += int(lengths.to_numpy(zero_copy_only=False).sum(dtype=np.int64))
    if size > ROOM + MOST_TEXT * len(column):
        raise pa.ArrowInvalid(f"its texts take {size:,} bytes")
    texts = column.cast(pa.string())
    texts.validate(full=True)
    return texts


def _check_values(table: pa.Table) -> None:
    """Raises ArrowInvalid for numbers that no image has."""
    for name in COLUMNS:
        column, least = table[name], LEAST.get(name, 0)
        if column.null_count:
            raise pa.ArrowInvalid(f"column {name} lacks values")
        if column.type != pa.float32() and len(column) and column.to_numpy().min() < least:
            raise pa.ArrowInvalid(f"column {name} holds numbers below {least}")


def identity_and_about(metadata: dict[str, Any]) -> tuple[Identity, dict[str, Any]]:
    """What a record holds, and what else is told of it, from the text in its file.

    Raises KeyError, TypeError or ValueError for one that nobody has written who keeps to the format.
    """
    about = dict(metadata)
    names = about.pop("identity")
    identity = Identity(tuple(names["labels"]), tuple(names["key"]), tuple(names["versions"]), names["block"])
    texts = (*identity.labels, *identity.key, *identity.versions, identity.block)
    if (len(identity.labels), len(identity.key), len(identity.versions)) != (4, 3, 3):
        raise ValueError("its identity is not that of a record")
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("its identity holds what is no text")
    _ = "".join(texts).encode()  # no half of a character, which is a ValueError
    start, stop, seconds = about["start"], about["stop"], about["seconds"]
    if not (type(start) is type(stop) is int and 0 <= start < stop <= start + MOST_ROWS):
        raise ValueError(f"its images are {start!r} to {stop!r}")
    about["seconds"] = {stage: seconds_of(seconds[stage]) for stage in STAGES}
    return identity, about


def seconds_of(value: Any) -> float:
    """A number of seconds. Raises TypeError or ValueError for what is none."""
    if type(value) not in (int, float) or not 0 <= value <= MOST_SECONDS:
        raise ValueError(f"{value!r:.40} is no number of seconds")
    return float(value)


def table_of(rows: Rows) -> pa.Table:
    """Rows as a record's file holds them."""
    table = pa.table({**rows.columns, "error": _texts(rows.errors, len(rows))})
    return table.append_column("remark", _texts(rows.remarks, len(rows))) if rows.remarks else table


def _texts(texts: dict[int, str], count: int) -> pa.Array:
    """A column of texts, which may name files whose names are no UTF-8; null where there is none."""
    return pa.array([printable(texts[i], lines=True) if i in texts else None for i in range(count)], pa.string())


def write_table(table: pa.Table, path: Path, metadata: dict[str, str]) -> None:
    """Writes a table as a Parquet file, packed as records are, with ``metadata`` in its footer."""
    with pq.ParquetWriter(path, table.schema, compression="zstd", **PACKING) as writer:
        writer.write_table(table, ROW_GROUP)
        writer.add_key_value_metadata(metadata)
