"""WebDataset shards: tar files in which the files of one sample share their name up to the first dot."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from math import prod
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from ..core.errors import BadSetting, Refused, Unavailable
from ..core.json_texts import parsed
from ..core.plugins import Location, setting
from .base import UNLABELLED, Block, Dataset
from .decoding import decode
from .tar_files import Member, members

IMAGES = ("jpg", "jpeg", "png", "webp", "ppm", "tif", "tiff", "bmp", "avif", "jp2")
MOST_SHARDS, MOST_DIGITS = 100_000, 6
"""The most shards of a path, and the most digits of a class."""
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}")


class Shards(Location):
    """A path of shards, with a range in braces."""

    def found(self, path: Path) -> bool:
        return any(super(Shards, self).found(p) for p in expanded(str(path))[:1])


@dataclass(frozen=True)
class WebDataset(Dataset):
    """WebDataset shards (.tar): in each sample an image, and its class as .cls or as "label" in .json.

    ``split`` changes nothing: the path says which shards; with split=train they are for training.
    """

    name: ClassVar[str] = "webdataset"
    path: str = setting("", Shards("a .tar file, or several as shard-{000..099}.tar", required=True))

    def open(self) -> WebDatasetReader:
        return WebDatasetReader(self._shards())

    def where(self) -> str | None:
        return self.path

    def notes(self) -> list[str]:
        absent = [p for p in expanded(self.path) if not p.is_file()]
        if not absent:
            return []
        return [f"{len(absent)} of {len(expanded(self.path))} shards are not here, such as {absent[0].name}"]

    def _shards(self) -> list[Path]:
        shards = [p for p in expanded(self.path) if p.is_file()]
        if not shards:
            raise Unavailable(
                f"webdataset: no shard at {self.path!r}; give path=FILE.tar or path=shard-{{000..099}}.tar"
            )
        return shards


def expanded(path: str) -> list[Path]:
    """The paths that a range in braces stands for: ``a-{08..10}.tar`` is a-08.tar, a-09.tar and a-10.tar."""
    match = _BRACES.search(path)
    if match is None:
        return [Path(path).expanduser()]
    ends = [(int(low[:9]), int(high[:9])) for low, high in _BRACES.findall(path)]
    if max(map(len, match.groups())) > 9 or prod(max(1, high - low) for low, high in ends) > MOST_SHARDS:
        raise BadSetting(f"webdataset: {match[0][:40]} in path: the most is {MOST_SHARDS:,} shards")
    low, high = int(match[1]), int(match[2])
    if high < low:
        raise BadSetting(f"webdataset: {match[0]} in path runs backwards; write it as {{{match[2]}..{match[1]}}}")
    width = len(match[1])
    texts = [f"{path[: match.start()]}{n:0{width}}{path[match.end() :]}" for n in range(low, high + 1)]
    return [p for text in texts for p in expanded(text)]


@dataclass(frozen=True)
class _Sample:
    key: str
    image: Member
    label: int


class WebDatasetReader:
    """Open shards: their samples in order, images read when they are asked for."""

    def __init__(self, shards: list[Path]) -> None:
        self.shards = shards
        self.samples = [sample for shard in shards for sample in _samples(shard)]
        if not self.samples:
            raise Unavailable(f"webdataset: {shards[0]} holds no images ({', '.join(IMAGES)})")
        highest = max(sample.label for sample in self.samples)
        self.classes = tuple(map(str, range(highest + 1)))

    def __len__(self) -> int:
        return len(self.samples)

    def read(self, start: int, stop: int) -> Block:
        chosen = self.samples[start:stop]
        decoded = [decode(s.image.read(), s.image.name) for s in chosen]
        labels = np.array([s.label for s in chosen], np.int64)
        return Block([image for image, _ in decoded], labels, [source for _, source in decoded])

    def image_name(self, position: int) -> str:
        """The image's name in its shard."""
        return self.samples[position].image.name

    def stamp(self) -> str:
        lines = [f"{p.name} {p.stat().st_size} {p.stat().st_mtime_ns}" for p in self.shards]
        return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def _samples(shard: Path) -> Iterator[_Sample]:
    for key, files in groupby(members(shard), lambda m: _key(m.name)):
        parts = {_extension(m.name): m for m in files}
        image = next((parts[e] for e in IMAGES if e in parts), None)
        if image is not None:
            yield _Sample(key, image, _label(parts, shard, key))


def _key(name: str) -> str:
    """The folder and the name up to its first dot: what the files of a sample share."""
    path = PurePosixPath(name)
    return str(path.parent / path.name.partition(".")[0])


def _extension(name: str) -> str:
    return PurePosixPath(name).name.partition(".")[2].lower()


def _label(parts: dict[str, Member], shard: Path, key: str) -> int:
    """The sample's class. Raises Refused, naming the sample, for one that is no whole number from 0 on."""
    if (member := parts.get("cls")) is not None:
        text = (member.read() or b"").decode("utf-8", "replace").strip()
    elif (member := parts.get("json")) is not None:
        try:
            content = parsed(member.read() or b"{}")
        except ValueError:
            content = {}
        text = str(content.get("label", content.get("cls", ""))) if isinstance(content, dict) else ""
        if not text:
            return UNLABELLED
    else:
        return UNLABELLED
    if not text.isdecimal():
        raise Refused(
            f"webdataset: {shard.name}: the class of {key} is {text[:40]!r}; a whole number from 0 on is wanted"
        )
    if len(text) > MOST_DIGITS:
        raise Refused(f"webdataset: {shard.name}: the class of {key} is {text[:40]!r}; that is too large a number")
    return int(text)
