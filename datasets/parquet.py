"""Images in Parquet shards, Hugging Face layout: image = struct{bytes, path}, label = integer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..core.errors import BadSetting, Unavailable, nearest
from ..core.json_texts import parsed
from ..core.plugins import Location, Text, setting
from .base import UNLABELLED, Block, Dataset
from .decoding import decode

SPLITS = {"test": ("test", "validation", "valid", "val"), "validation": ("validation", "valid", "val")}
MOST_CLASSES = 1_000_000
_SHARD = re.compile(r"-(\d+)-of-(\d+)\.parquet$")


@dataclass(frozen=True)
class Parquet(Dataset):
    """One .parquet file, or a folder of shards (``train-*``, ``test-*``, ``validation-*``)."""

    name: ClassVar[str] = "parquet"
    split: str = setting(
        "test",
        ("test", "train", "validation"),
        help="which shards of a folder; test falls back on validation",
    )
    path: str = setting("", Location("a .parquet file or a folder of them", required=True))
    image_column: str = setting("image", Text("the column that holds the images", required=True))
    label_column: str = setting("label", Text("the column that holds the labels; empty for none"))

    def open(self) -> ParquetReader:
        return ParquetReader(shards(Path(self.path).expanduser(), self.split), self.image_column, self.label_column)

    def where(self) -> str | None:
        return self.path

    def notes(self) -> list[str]:
        return missing_shards(shards(Path(self.path).expanduser(), self.split))


def shards(path: Path, split: str) -> list[Path]:
    """The .parquet files of a split, in order; a path of one file is taken whatever its name. Raises Unavailable."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise Unavailable(f"parquet: {path} is neither a file nor a folder; give path=FILE.parquet or path=FOLDER")
    files = sorted(path.rglob("*.parquet"), key=Path.as_posix)
    parts = {file: _part(file.relative_to(path)) for file in files}
    for name in SPLITS.get(split, (split,)):
        if chosen := [file for file in files if parts[file] == name]:
            return chosen
    if files and split == "test" and not any(parts.values()):
        return files  # no file says what it is for
    names = ", ".join(str(f.relative_to(path)) for f in files[:5]) or "no .parquet file"
    raise Unavailable(
        f"parquet: {path} has no shard for split={split}, such as {split}-00000-of-00001.parquet; it holds {names}"
    )


def _part(file: Path) -> str | None:
    """Which part of a data set a shard's name or one of its folders says it is."""
    for word in (file.name, *reversed(file.parts[:-1])):
        if match := re.match(r"(train|test|validation|valid|val)(?![a-z])", word):
            return match[1]
    return None


def missing_shards(files: list[Path]) -> list[str]:
    """A note where the shards' names (``-00000-of-00008``) tell that some are not here, else nothing."""
    numbered = [m for f in files if (m := _SHARD.search(f.name))]
    if numbered and len(numbered) < (total := int(numbered[0][2])):
        return [f"{len(numbered)} of {total} shards are here: a part of the data set"]
    return []


class ParquetReader:
    """An open data set of Parquet files; row groups are read one at a time, so memory does not grow with the files."""

    def __init__(self, files: list[Path], image: str, label: str) -> None:
        self.files, self.image, self.label = files, image, label
        self.groups: list[tuple[Path, int]] = []
        sizes: list[int] = []
        schema = pa.schema([])
        for file in files:
            try:
                metadata = pq.read_metadata(file)
                schema = metadata.schema.to_arrow_schema() if file == files[0] else schema
            except (pa.ArrowException, OSError, ValueError) as error:
                raise Unavailable(f"{file} is no Parquet file, or cut short: {_line(error)}") from None
            self.groups += [(file, i) for i in range(metadata.num_row_groups)]
            sizes += [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        for column in (image, label):
            if column and column not in schema.names:
                raise BadSetting(
                    f"{files[0]} has no column {column!r}{nearest(column, schema.names)}; "
                    f"it has {', '.join(schema.names)}"
                    + ('; images without labels are read with label_column=""' if column == label else "")
                )
        if label and not pa.types.is_integer(schema.field(label).type):
            raise BadSetting(f"{files[0]}: labels must be integers, {label!r} holds {schema.field(label).type}")
        if not _holds_files(schema.field(image).type):
            raise BadSetting(f"{files[0]}: images are bytes of files, {image!r} holds {schema.field(image).type!s:.80}")
        self.classes = self._classes(schema) if label else ()

    def _classes(self, schema: pa.Schema) -> tuple[str, ...]:
        with suppress(ValueError, KeyError, TypeError, IndexError):  # none are named
            described: Any = parsed((schema.metadata or {}).get(b"huggingface", b"{}"))
            return tuple(map(str, described["info"]["features"][self.label]["names"]))
        highest = [_highest(file, self.label) for file in self.files]
        if max(highest) >= MOST_CLASSES:
            raise BadSetting(f"{self.files[0]}: a label is {max(highest)}; the most is {MOST_CLASSES - 1:,}")
        return tuple(map(str, range(int(max(highest)) + 1)))

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(self, start: int, stop: int) -> Block:
        images, sources, labels = [], [], []
        position = start
        while position < stop:
            group = int(np.searchsorted(self.starts, position, side="right")) - 1
            first = int(self.starts[group])
            file, number = self.groups[group]
            rows = _row_group(file, number, self.image, self.label, file.stat().st_mtime_ns).slice(
                position - first, min(stop, int(self.starts[group + 1])) - position
            )
            for image_number, (stored, name) in enumerate(_files(rows[self.image]), position):
                image, source = decode(stored, name or f"{file.name}, image {image_number}")
                images.append(image)
                sources.append(source)
            if self.label:
                labels.append(rows[self.label].fill_null(UNLABELLED).to_numpy().astype(np.int64))
            else:
                labels.append(np.full(len(rows), UNLABELLED, np.int64))
            position += len(rows)
        return Block(images, np.concatenate(labels) if labels else np.empty(0, np.int64), sources)

    def image_name(self, position: int) -> str:
        """The name in the image's ``path``, where the shards keep one."""
        group = int(np.searchsorted(self.starts, position, side="right")) - 1
        file, number = self.groups[group]
        rows = _row_group(file, number, self.image, self.label, file.stat().st_mtime_ns)
        ((_, name),) = _files(rows.slice(position - int(self.starts[group]), 1)[self.image])
        return name or ""

    def stamp(self) -> str:
        return ";".join(f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in self.files)


def _holds_files(kind: pa.DataType) -> bool:
    """Whether a column holds files: bytes, or structs of bytes and perhaps a path."""
    if not pa.types.is_struct(kind):
        return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    parts = {field.name: field.type for field in kind}
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_null)
    named = "path" not in parts or any(is_text(parts["path"]) for is_text in texts)
    return named and "bytes" in parts and not pa.types.is_struct(parts["bytes"]) and _holds_files(parts["bytes"])


def _highest(file: Path, label: str) -> int:
    """The highest label in a file; -1 without any. Raises Unavailable for a damaged file."""
    try:
        return int(pq.read_table(file, columns=[label])[label].drop_null().to_numpy().max(initial=-1))
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise Unavailable(f"{file}: the labels are damaged ({_line(error)}); fetch the file again") from None


def _line(error: Exception) -> str:
    """The first line of what pyarrow says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


@lru_cache(maxsize=2)  # neighbours: a block of 1,000 may straddle two
def _row_group(file: Path, group: int, image: str, label: str, mtime_ns: int) -> pa.Table:
    try:
        with pq.ParquetFile(file) as parquet:
            table = parquet.read_row_group(group, columns=[c for c in (image, label) if c])
        table.validate(full=True)
        return table
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unavailable(f"{file}: row group {group} is damaged ({_line(error)}); fetch the file again") from None


def _files(column: pa.ChunkedArray) -> Iterator[tuple[bytes | None, str | None]]:
    """The files and, where the shards keep them, their names."""
    for chunk in column.chunks:
        if not pa.types.is_struct(column.type):
            yield from ((file, None) for file in chunk.to_pylist())
            continue
        named = "path" in {field.name for field in column.type}
        names = chunk.field("path").to_pylist() if named else [None] * len(chunk)
        yield from zip(chunk.field("bytes").to_pylist(), names, strict=True)
