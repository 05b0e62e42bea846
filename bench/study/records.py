"""What is kept of a point: one Parquet file for each block of images, a row per image.

A record's name is the hash of what was measured (settings, versions, images by content), so equal
measurements have equal names on every machine, and studies merge by copying files. A record is
written whole or not at all and never changes. Those with failures lie apart, in ``failed/``, until a
later run measures them without one.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...core.files import atomic_write, remove_partial, write_text

BLOCK = 1000
"""Images a record holds; blocks begin at multiples of it for everybody."""
FORMAT = 1
UNREADABLE = "data set: "
"""How the reason of a row begins whose image could not be read; the block's hash covers it."""
STAGES = ("load", "quantize", "encode", "decode", "classify")

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


# Half the size and half the time of pyarrow's defaults: 12.7 instead of 24.7 KB, 0.32 instead of 0.65 ms
# (1,000 rows of Tiny-ImageNet). Dictionaries do not pay for columns in which few values repeat.
PACKING: dict[str, Any] = {
    "use_dictionary": False,
    "write_statistics": False,
    "store_schema": False,
    "write_page_checksum": True,
    "column_encoding": {n: "DELTA_BINARY_PACKED" if n == "image" else "BYTE_STREAM_SPLIT" for n in COLUMNS},
}


@dataclass(frozen=True)
class Identity:
    """What a record is about."""

    labels: tuple[str, str, str, str]
    """Data set, quantizer, codec, classifier: for people; not part of the name."""
    key: tuple[str, str, str]
    versions: tuple[str, str, str]
    block: str
    """sha256 of the images and labels."""

    @property
    def name(self) -> str:
        said = json.dumps([FORMAT, self.key, self.versions, self.block])
        return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Rows:
    """A row per image, as columns; ``errors`` holds a reason for each image that failed."""

    columns: dict[str, NDArray[Any]]
    errors: dict[int, str]
    """By row."""
    seconds: dict[str, float]
    """What each stage took for these images."""

    def __len__(self) -> int:
        return len(self.columns["image"])

    @property
    def final(self) -> bool:
        """Whether another try would give the same: all went through but images that cannot be read."""
        return all(reason.startswith(UNREADABLE) for reason in self.errors.values())


@dataclass(frozen=True)
class Record:
    """A record as read back; ``rows`` is a data frame's worth of columns plus ``error``."""

    path: Path
    identity: Identity
    about: dict[str, Any]

    def rows(self) -> pa.Table:
        """Raises OSError or ArrowInvalid where the file is damaged."""
        return pq.read_table(self.path, page_checksum_verification=True)


def write_table(table: pa.Table, path: Path, metadata: dict[str, str]) -> None:
    with pq.ParquetWriter(path, table.schema, compression="zstd", **PACKING) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata)


class Records:
    """The records of a study."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.failed = folder, folder / "failed"

    def create(self) -> None:
        self.failed.mkdir(parents=True, exist_ok=True)
        remove_partial(self.folder)
        remove_partial(self.failed)

    def names(self) -> set[str]:
        return {f.stem for f in self.folder.glob("*.parquet")}

    def write(self, identity: Identity, rows: Rows, about: dict[str, Any]) -> None:
        """Keeps a record; one with failures apart, replacing what an earlier try left there."""
        metadata = {"format": FORMAT, "identity": asdict(identity), "seconds": rows.seconds, **about}
        errors = [rows.errors.get(i) for i in range(len(rows))]
        table = pa.table({**rows.columns, "error": pa.array(errors, pa.string())})
        failed = self.failed / f"{identity.name}.parquet"
        with atomic_write(self.folder / f"{identity.name}.parquet" if rows.final else failed) as partial:
            write_table(table, partial, {"rabench": json.dumps(metadata, sort_keys=True)})
        if rows.final:
            failed.unlink(missing_ok=True)

    def read(self) -> tuple[list[Record], list[str]]:
        """Every record, a good one before a failed one of the same name; and files that are none."""
        good, bad = {}, []
        for path in sorted([*self.failed.glob("*.parquet"), *self.folder.glob("*.parquet")], key=lambda p: p.name):
            try:
                about = json.loads(pq.read_metadata(path).metadata[b"rabench"])
                said, written = about.pop("identity"), about.pop("format", 1)
                identity = Identity(tuple(said["labels"]), tuple(said["key"]), tuple(said["versions"]), said["block"])
            except (pa.ArrowInvalid, OSError, KeyError, TypeError, ValueError) as error:
                bad.append(f"{path}: no whole record ({str(error).splitlines()[0][:100]}); delete it and run again")
                continue
            if written > FORMAT:
                bad.append(f"{path}: of a newer rabench (format {written}, this one reads {FORMAT}); update rabench")
                continue
            if path.parent == self.folder or path.stem not in good:
                good[path.stem] = Record(path, identity, about)
        return list(good.values()), bad


class Index:
    """What the last run knew: the blocks of each data set, and the versions of each point.

    Saves reading all images again to learn which records are theirs. A data set's blocks are bound to its
    stamp (names, sizes and times of its files), and checked against the content whenever one is loaded.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "blocks.json"
        try:
            said = json.loads(self.path.read_text())
            self.datasets: dict[str, Any] = said["datasets"]
            self.versions: dict[str, Any] = said["versions"]
            self.overheads: dict[str, int] = said.get("overheads", {})
        except (OSError, ValueError, KeyError, TypeError):
            self.datasets, self.versions, self.overheads = {}, {}, {}

    def open(self, label: str, stamp: str, images: int, limit: int | None, about: dict[str, Any]) -> dict[str, Any]:
        """The known blocks of a data set, by ``start-stop``; none where its files have changed."""
        known = self.datasets.get(label, {})
        blocks = known.get("blocks", {}) if known.get("stamp") == stamp else {}
        self.datasets[label] = {"stamp": stamp, "images": images, "limit": limit, **about, "blocks": blocks}
        return blocks

    def forget(self, label: str) -> None:
        self.datasets.pop(label, None)

    def note(self, labels: tuple[str, ...], key: tuple[str, str, str], versions: tuple[str, str, str]) -> None:
        """Keeps what a point was last measured with, so that a report never mixes versions."""
        self.versions[" + ".join(labels)] = {"key": key, "versions": versions}

    def noted(self, labels: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
        """(key, versions) of a point's last run, or None."""
        known = self.versions.get(" + ".join(labels))
        return known and (tuple(known["key"]), tuple(known["versions"]))

    def overhead_bytes(self, identity: Identity, indexed: bool, size: tuple[int, int]) -> int | None:
        """The bytes that the codec of a record takes for a flat image, or None where no run has measured them.

        indexed: whether the image came from a palette. size: width and height.
        """
        return self.overheads.get(_overhead_name(identity, indexed, size))

    def note_overhead(self, identity: Identity, indexed: bool, size: tuple[int, int], count: int) -> None:
        """Keeps the bytes of a flat image, as the codec and version of a record code it."""
        self.overheads[_overhead_name(identity, indexed, size)] = count

    def save(self) -> None:
        """Writes the index, whole or not at all."""
        content = {"datasets": self.datasets, "versions": self.versions, "overheads": self.overheads}
        write_text(self.path, json.dumps(content, indent=1, sort_keys=True) + "\n")

    def measured(self, label: str) -> list[tuple[int, int, dict[str, Any]]]:
        """(start, stop, what is known) of each block of the last run, in order."""
        known = self.datasets.get(label)
        if known is None:
            return []
        end = min(known["images"], known["limit"] or known["images"])
        spans = [(start, min(start + BLOCK, end)) for start in range(0, end, BLOCK)]
        return [(a, b, known["blocks"][f"{a}-{b}"]) for a, b in spans if f"{a}-{b}" in known["blocks"]]


def _overhead_name(identity: Identity, indexed: bool, size: tuple[int, int]) -> str:
    kind = "indexed" if indexed else "rgb"
    return f"{identity.key[1]} | {identity.versions[1]} | {kind} {size[0]}x{size[1]}"
