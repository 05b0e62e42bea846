"""Records of what was measured: for each point and block of images one Parquet file, with a row per image.

A record's name is the hash of what was measured (settings, versions, images by content), so equal
measurements have equal names on every machine, and studies merge by copying files. A record is
written whole or not at all and never changes. Those with failures lie apart, in ``failed/``, until a
later run measures them without one.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...codecs.base import Codec, StoredFileCodec
from ...core.files import atomic_write, remove_partial, write_text

BLOCK = 1000
"""The number of images in a record; blocks begin at multiples of it in every study."""
PART = 100
"""The number of images in a part of a block, for what measures less than whole blocks; parts begin at multiples of it."""
FILES = "files_sha256"
"""The key under which the description of a block has the hash of the images' own files."""
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
    """The record's Parquet file."""
    identity: Identity
    """What the record holds."""
    about: dict[str, Any]
    """The images' positions (``start``, ``stop``), the seconds of each stage and the version of rabench."""

    def rows(self) -> pa.Table:
        """The table of COLUMNS, some of OPTIONAL and ``error``, a row per image; and ``remark``, where any row has one.

        Raises OSError or ArrowInvalid for a damaged file.
        """
        return pq.read_table(self.path, page_checksum_verification=True)


def write_table(table: pa.Table, path: Path, metadata: dict[str, str]) -> None:
    """Writes a table as a Parquet file, packed as records are, with ``metadata`` in its footer."""
    with pq.ParquetWriter(path, table.schema, compression="zstd", **PACKING) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata)


class Records:
    """The folder of a study's records; those with failures lie in ``failed`` below it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.failed, self.damaged = folder, folder / "failed", folder / "damaged"

    def create(self) -> None:
        """Makes the folders where they are missing, and removes what killed runs left unfinished. Raises OSError."""
        self.failed.mkdir(parents=True, exist_ok=True)
        remove_partial(self.folder)
        remove_partial(self.failed)

    def names(self) -> set[str]:
        """The names of all records without failures."""
        return {file.stem for file in self.folder.glob("*.parquet")}

    def write(self, identity: Identity, rows: Rows, about: dict[str, Any]) -> None:
        """Writes a record, whole or not at all; one with failures apart, where it replaces that of an earlier run.

        about: what else to keep: at least ``start`` and ``stop``, the positions of the block in its data set.
        """
        metadata = {"format": FORMAT, "identity": asdict(identity), "seconds": rows.seconds, **about}
        errors = [rows.errors.get(i) for i in range(len(rows))]
        table = pa.table({**rows.columns, "error": pa.array(errors, pa.string())})
        if rows.remarks:
            remarks = pa.array([rows.remarks.get(i) for i in range(len(rows))], pa.string())
            table = table.append_column("remark", remarks)
        failed = self.failed / f"{identity.name}.parquet"
        with atomic_write(self.folder / f"{identity.name}.parquet" if rows.final else failed) as partial:
            write_table(table, partial, {"rabench": json.dumps(metadata, sort_keys=True)})
        if rows.final:
            failed.unlink(missing_ok=True)

    def record(self, name: str) -> Record | None:
        """The record of that name, with failures where there is none without; None where there is neither.

        Raises what pyarrow raises for a damaged file.
        """
        for folder in (self.folder, self.failed):
            if (path := folder / f"{name}.parquet").is_file():
                return _opened(path)[0]
        return None

    def read(self) -> tuple[list[Record], list[str]]:
        """Every record, and a line for each file that is no record or of a newer format.

        Where a block was measured with failures and again without, the record without them counts.
        """
        good, bad = {}, []
        for path in sorted([*self.failed.glob("*.parquet"), *self.folder.glob("*.parquet")], key=lambda p: p.name):
            try:
                record, written = _opened(path)
            except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as error:
                reason = str(error).splitlines()[0][:100]
                bad.append(f"{path}: no whole record ({reason}); rabench run puts it aside and measures it again")
                continue
            if written > FORMAT:
                bad.append(f"{path}: of a newer rabench (format {written}, this one reads {FORMAT}); update rabench")
                continue
            if path.parent == self.folder or path.stem not in good:
                good[path.stem] = record
        return list(good.values()), bad

    def put_damaged_aside(self) -> list[Path]:
        """Moves files that are no records, and records under another's name, into ``damaged``; gives where they lie now.

        Their records are then missing, so that a run measures them again. Records of a newer format stay.
        """
        moved = []
        for path in sorted(self.folder.glob("*.parquet")):
            with suppress(pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError):  # what is no record is moved
                record, written = _opened(path)
                if written > FORMAT or record.identity.name == path.stem:
                    continue
            self.damaged.mkdir(exist_ok=True)
            moved.append(path.replace(self.damaged / path.name))
        return moved


def _opened(path: Path) -> tuple[Record, int]:
    """A file's record and format, without its rows. Raises what pyarrow and JSON raise for a file that is none."""
    about = json.loads(pq.read_metadata(path).metadata[b"rabench"])
    names, written = about.pop("identity"), about.pop("format", 1)
    identity = Identity(tuple(names["labels"]), tuple(names["key"]), tuple(names["versions"]), names["block"])
    return Record(path, identity, about), written


def block_name(codec: Codec, description: dict[str, Any]) -> str:
    """The hash that a codec's records of a block are known by: of pixels and labels, and for a codec that takes stored
    files of these, too."""
    if not isinstance(codec, StoredFileCodec):
        return description["sha256"]
    return hashlib.sha256(f"{description['sha256']} {description.get(FILES)}".encode()).hexdigest()


class Index:
    """What the last run knew, kept as blocks.json: the blocks of each data set, the versions of each point, overheads.

    Without it all images would have to be read again to learn which records are theirs. A data set's blocks are bound
    to its stamp (names, sizes and times of its files), and checked against the content whenever one is loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "blocks.json"
        try:
            content = json.loads(self.path.read_text())
            self.datasets: dict[str, Any] = content["datasets"]
            self.versions: dict[str, Any] = content["versions"]
            self.overheads: dict[str, int] = content.get("overheads", {})
        except (OSError, ValueError, KeyError, TypeError):
            self.datasets, self.versions, self.overheads = {}, {}, {}

    def open(self, label: str, stamp: str, images: int, limit: int | None, about: dict[str, Any]) -> dict[str, Any]:
        """The blocks of a data set that are known, by ``start-stop``; none where the stamp says that its files changed.

        The caller adds new blocks to the dict that this returns. images, limit: how many images the data set has, and
        how many a run is limited to. about: what else to keep of the data set.
        """
        entry = self.datasets.get(label, {})
        known = entry if entry.get("stamp") == stamp else {}
        blocks, parts = known.get("blocks", {}), known.get("parts", {})
        more = {"parts": parts} if parts else {}
        self.datasets[label] = {"stamp": stamp, "images": images, "limit": limit, **about, "blocks": blocks, **more}
        return blocks

    def parts(self, label: str) -> dict[str, Any]:
        """The parts of blocks that are known of a data set, by ``start-stop``; the caller may add new ones."""
        return self.datasets[label].setdefault("parts", {})

    def forget(self, label: str) -> None:
        """Drops a data set, so that the next run reads all its images again."""
        self.datasets.pop(label, None)

    def note(self, labels: tuple[str, ...], key: tuple[str, str, str], versions: tuple[str, str, str]) -> None:
        """Notes what a point was last measured with, so that a report never mixes versions."""
        self.versions[" + ".join(labels)] = {"key": key, "versions": versions}

    def noted(self, labels: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """The key and the versions that a point was last measured with; None for a point that no run here has noted."""
        entry = self.versions.get(" + ".join(labels))
        return entry and (tuple(entry["key"]), tuple(entry["versions"]))

    def overhead_bytes(self, identity: Identity, indexed: bool, size: tuple[int, int]) -> int | None:
        """The bytes that the codec of a record takes for a flat image, or None where no run has measured them.

        indexed: whether the image came from a palette. size: width and height.
        """
        return self.overheads.get(_overhead_name(identity, indexed, size))

    def note_overhead(self, identity: Identity, indexed: bool, size: tuple[int, int], count: int) -> None:
        """Notes the bytes of a flat image, as the codec and version of a record code it."""
        self.overheads[_overhead_name(identity, indexed, size)] = count

    def save(self) -> None:
        """Writes the index, whole or not at all."""
        content = {"datasets": self.datasets, "versions": self.versions, "overheads": self.overheads}
        write_text(self.path, json.dumps(content, indent=1, sort_keys=True) + "\n")

    def parts_of(self, label: str, start: int, stop: int) -> list[Span]:
        """The known parts of the block start..stop-1, in order."""
        known = self.datasets[label].get("parts", {})
        spans = ((*span, known.get(f"{span[0]}-{span[1]}")) for span in spans_of_parts(start, stop)) if known else ()
        return [Span(first, last, about) for first, last, about in spans if about is not None]

    def layout(self, label: str) -> list[tuple[Span | None, list[Span]]]:
        """For each block that the last run was about, in order: the whole block, where it is known, and its known parts."""
        entry = self.datasets.get(label)
        if entry is None:
            return []
        end = self.expected(label)
        found: list[tuple[Span | None, list[Span]]] = []
        for start in range(0, end, BLOCK):
            stop = min(start + BLOCK, end)
            description = entry["blocks"].get(f"{start}-{stop}")
            whole = Span(start, stop, description) if description is not None else None
            found.append((whole, self.parts_of(label, start, stop)))
        return found

    def expected(self, label: str) -> int:
        """How many images of a data set the last run was about."""
        entry = self.datasets[label]
        return min(entry["images"], entry["limit"] or entry["images"])

    def measured(self, label: str) -> list[Span]:
        """The images that the last run was about, in order: blocks, and the parts of those that are not known whole."""
        spans = [[whole] if whole is not None else parts for whole, parts in self.layout(label)]
        return [span for block in spans for span in block]


class Span(NamedTuple):
    """Consecutive images of a data set, a block or a part of one, and what the index knows of them."""

    start: int
    stop: int
    description: dict[str, Any]
    """Holds the images' hash (``sha256``), ``sizes`` and formats (``sources``)."""


def spans_of_parts(start: int, stop: int) -> list[tuple[int, int]]:
    """The start and the stop of each part of the block start..stop-1."""
    return [(first, min(first + PART, stop)) for first in range(start, stop, PART)]


def _overhead_name(identity: Identity, indexed: bool, size: tuple[int, int]) -> str:
    kind = "indexed" if indexed else "rgb"
    return f"{identity.key[1]} | {identity.versions[1]} | {kind} {size[0]}x{size[1]}"
