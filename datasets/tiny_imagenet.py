"""Tiny-ImageNet-200 (Stanford CS231n): 200 classes, 64x64 JPEG files, 500 training images a class."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from ..core.errors import Unavailable
from .base import Block, Reader
from .decoding import decode
from .download import Archive, fetch
from .official import Official

MOST_BYTES = 1 << 26
"""The most bytes of a file in the archive."""


@dataclass(frozen=True)
class TinyImageNet(Official):
    """The official zip file or its extracted folder; test is the validation split, whose labels are public."""

    name: ClassVar[str] = "tiny-imagenet-200"
    archive: ClassVar[Archive] = Archive(
        "http://cs231n.stanford.edu/tiny-imagenet-200.zip", "90528d7ca1a48142e341f4ef8d21d0de"
    )
    folder: ClassVar[str] = "wnids.txt"

    def open_official(self) -> Reader:
        if (self.home() / self.folder).is_file():
            return TinyReader(FolderFiles(self.home()), self.split)
        return TinyReader(ZipFiles(fetch(self.archive, self.home())), self.split)


class FolderFiles:
    """The data set's files in its extracted folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def read(self, name: str) -> bytes:
        return (self.home / name).read_bytes()

    def images_of(self, wnid: str) -> list[str]:
        """The names of a class's training images, sorted."""
        folder = self.home / "train" / wnid / "images"
        return sorted(f"train/{wnid}/images/{f.name}" for f in folder.iterdir())

    def stamp(self, names: list[str]) -> str:
        digest = hashlib.sha256()
        for path in (self.home / name for name in names):
            stat = path.stat() if path.exists() else None
            digest.update(f"{path.name} {stat and (stat.st_size, stat.st_mtime_ns)}\n".encode())
        return digest.hexdigest()


class ZipFiles:
    """The data set's files in the official zip, read in place."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
            raise Unavailable(f"{path} is no whole zip file ({error}); delete it to fetch it again") from None
        self.top = next((part for name in self.archive.namelist() for part in PurePosixPath(name).parts), "")

    def read(self, name: str) -> bytes:
        if (size := self.archive.getinfo(f"{self.top}/{name}").file_size) > MOST_BYTES:
            raise OSError(f"{name} takes {size:,} bytes")
        try:
            return self.archive.read(f"{self.top}/{name}")
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise OSError(f"{name}: {error}") from None

    def images_of(self, wnid: str) -> list[str]:
        return _training_images(self.path)[wnid]

    def stamp(self, names: list[str]) -> str:
        return f"{self.path.name} {self.path.stat().st_size} {self.path.stat().st_mtime_ns}"


@lru_cache(maxsize=2)
def _training_images(path: Path) -> dict[str, list[str]]:
    with zipfile.ZipFile(path) as archive:
        images: dict[str, list[str]] = {}
        for name in sorted(archive.namelist()):
            parts = PurePosixPath(name).parts
            if len(parts) == 5 and parts[1] == "train":
                images.setdefault(parts[2], []).append("/".join(parts[1:]))
        return images


class TinyReader:
    """An open split; classes are in the order of their sorted WordNet ids, as in every published loader."""

    def __init__(self, files: FolderFiles | ZipFiles, split: str) -> None:
        self.files = files
        try:
            self._list(split)
        except (OSError, KeyError, ValueError) as error:
            raise Unavailable(
                f"tiny-imagenet-200 is not whole here ({error}); extract the official zip again"
            ) from None

    def _list(self, split: str) -> None:
        files = self.files
        self.classes = tuple(sorted(files.read("wnids.txt").decode().split()))
        number = {wnid: i for i, wnid in enumerate(self.classes)}
        if split == "train":
            self.names = [(name, number[w]) for w in self.classes for name in files.images_of(w)]
        else:
            rows = [line.split("\t") for line in files.read("val/val_annotations.txt").decode().splitlines()]
            self.names = [(f"val/images/{row[0]}", number[row[1]]) for row in rows if len(row) > 1]

    def __len__(self) -> int:
        return len(self.names)

    def read(self, start: int, stop: int) -> Block:
        chosen = self.names[start:stop]
        decoded = [decode(self._file(name), name) for name, _ in chosen]
        labels = np.array([label for _, label in chosen], np.int64)
        return Block([image for image, _ in decoded], labels, [source for _, source in decoded])

    def _file(self, name: str) -> bytes | None:
        try:
            return self.files.read(name)
        except (OSError, KeyError):
            return None  # a row with its error, as any file that cannot be read

    def stamp(self) -> str:
        return self.files.stamp([name for name, _ in self.names])
