"""A folder of image files."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from ..core.errors import Refused, Unavailable
from ..core.plugins import Location, setting
from .base import UNLABELLED, Block, Dataset
from .decoding import decode

SUFFIXES = {".avif", ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
SPLITS = {"test": ("test", "val", "valid", "validation"), "train": ("train",)}


@dataclass(frozen=True)
class Folder(Dataset):
    """One sub-folder a class, or a flat folder of unlabelled images; sizes may differ.

    The first image of each class comes first, then the second of each: the first few hundred hold all classes equally.

    Where the folder holds ``train`` and ``test`` (or ``val``), ``split`` chooses between them.
    """

    name: ClassVar[str] = "folder"
    path: str = setting("", Location("a folder of images", required=True))

    def open(self) -> FolderReader:
        return FolderReader(self._home())

    def where(self) -> str | None:
        return self.path

    def notes(self) -> list[str]:
        home = self._home()
        classes, stray = _class_folders(home), len(_images(home))
        notes = [f"{stray} images beside the class folders are left out"] if stray and classes else []
        visible = [f for f in home.rglob("*") if not any(p.startswith(".") for p in f.relative_to(home).parts)]
        if others := [f for f in visible if f.is_file() and f.suffix.lower() not in SUFFIXES]:
            endings = ", ".join(sorted({f.suffix.lower() or f.name for f in others})[:5])
            notes.append(f"{len(others)} files that are no images are left out ({endings})")
        folders = [f for f in visible if f.is_dir() and f.parent == home]
        if empty := sorted(f.name for f in folders if not any(_images(f, deep=True))):
            notes.append(f"folders without images are no classes: {', '.join(empty[:5])}")
        lower = [f.name.lower() for f in classes]
        if alike := sorted(f.name for f in classes if lower.count(f.name.lower()) > 1):
            notes.append(f"classes that differ in case alone: {', '.join(alike)}")
        return notes

    def _home(self) -> Path:
        home = Path(os.path.normpath(Path(self.path).expanduser()))
        if not home.is_dir():
            raise Unavailable(
                f"folder: {home} is no folder; give path=FOLDER, with one sub-folder a class or images only"
            )
        if (part := next((home / s for s in SPLITS[self.split] if (home / s).is_dir()), None)) is not None:
            return part
        others = [s for split, names in SPLITS.items() if split != self.split for s in names]
        if any((home / s).is_dir() for s in others) or (self.split == "train" and home.name not in SPLITS["train"]):
            raise Refused(
                f"folder: {home} has no part named {' or '.join(SPLITS[self.split])}, and an image is for training or for "
                f"testing, not for both; lay them out as {home}/train/CLASS/... and {home}/test/CLASS/..."
            )
        return home


class FolderReader:
    """An open folder of image files."""

    def __init__(self, home: Path) -> None:
        self.home = home
        folders = _class_folders(home)
        self.classes = tuple(f.name for f in folders)
        ranked = [(rank, n, f) for n, folder in enumerate(folders) for rank, f in enumerate(_images(folder, deep=True))]
        self.files = [(f, n) for _, n, f in sorted(ranked)]
        self.files = self.files or [(f, UNLABELLED) for f in _images(home)]
        if not self.files:
            raise Unavailable(f"folder: {home} holds no images ({', '.join(sorted(SUFFIXES))})")

    def __len__(self) -> int:
        return len(self.files)

    def read(self, start: int, stop: int) -> Block:
        chosen = self.files[start:stop]
        decoded = [decode(_bytes(file), file.relative_to(self.home).as_posix()) for file, _ in chosen]
        labels = np.array([label for _, label in chosen], np.int64)
        return Block([image for image, _ in decoded], labels, [source for _, source in decoded])

    def image_name(self, position: int) -> str:
        """The file's path below the folder."""
        return self.files[position][0].relative_to(self.home).as_posix()

    def stamp(self) -> str:
        digest = hashlib.sha256()
        for file, label in self.files:
            stat = file.stat() if file.exists() else None
            digest.update(
                f"{file.name} {label} {stat and (stat.st_size, stat.st_mtime_ns)}\n".encode(errors="surrogateescape")
            )
        return digest.hexdigest()


def _class_folders(home: Path) -> list[Path]:
    folders = [f for f in home.iterdir() if f.is_dir() and not f.name.startswith(".") and any(_images(f, deep=True))]
    return sorted(folders, key=Path.as_posix)  # by case on every system


def _images(folder: Path, deep: bool = False) -> list[Path]:
    paths = folder.rglob("*") if deep else folder.iterdir()
    images = [f for f in paths if f.suffix.lower() in SUFFIXES and not f.name.startswith(".") and f.is_file()]
    return sorted(images, key=Path.as_posix)


def _bytes(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None  # a row with its error, as any file that cannot be read
