"""The index of a study: the blocks of its data sets, the versions of its points, and what flat images take."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from ...codecs.base import Codec, StoredFileCodec
from ...core.files import write_text
from ...core.json_texts import parsed
from .format import BLOCK, FILES, PART, Identity
from .index_content import datasets_in, overheads_in, versions_in

Three = tuple[str, str, str]
"""A text each for quantizer, codec and classifier."""


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
            content = parsed(self.path.read_text(encoding="utf-8")) if self.path.is_file() else {}
        except (OSError, ValueError):
            content = {}
        parts = content if isinstance(content, dict) else {}
        self.datasets: dict[str, Any] = datasets_in(parts.get("datasets"))
        self.versions: dict[str, Any] = versions_in(parts.get("versions"))
        self.overheads: dict[str, int] = overheads_in(parts.get("overheads"))

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

    def noted(self, labels: tuple[str, ...]) -> tuple[Three, Three] | None:
        """The key and the versions that a point was last measured with; None for a point that no run here has noted."""
        entry = self.versions.get(" + ".join(labels))
        if entry is None:
            return None
        (quantizer, codec, judge), versions = entry["key"], tuple(entry["versions"])
        return (quantizer, codec, judge), (versions[0], versions[1], versions[2])

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
        return min(entry["images"], entry.get("limit") or entry["images"])

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
