"""Data sets that their authors publish as one archive."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ..core.errors import Unavailable
from .base import Dataset, Reader
from .download import Archive, data_root, fetch
from .parquet import ParquetReader, missing_shards, shards

MOST_EXTRACTED = 1 << 33
"""The most bytes of what is extracted from an archive."""


@dataclass(frozen=True)
class Official(Dataset, ABC):
    """A data set at $RABENCH_DATA/NAME: Parquet shards in ``data/`` where they are there, else the official archive."""

    archive: ClassVar[Archive]
    folder: ClassVar[str]
    """The folder in the archive, or a file; where the data set's home has it, the archive is extracted."""

    @abstractmethod
    def open_official(self) -> Reader:
        """A reader of the archive or of what was extracted from it; fetches it if need be."""

    def open(self) -> Reader:
        if self._shards().is_dir():
            return ParquetReader(shards(self._shards(), self.split), "image", "label")
        return self.open_official()

    def where(self) -> str | None:
        candidates = (self._shards(), self.home() / self.folder, self.home() / self.archive.file)
        return next((str(p) for p in candidates if p.exists()), None)

    def notes(self) -> list[str]:
        return missing_shards(shards(self._shards(), self.split)) if self._shards().is_dir() else []

    def home(self) -> Path:
        """The data set's folder on this machine."""
        return data_root() / self.name

    def extracted(self) -> Path:
        """The folder extracted from a .tar.gz archive, now if it was not; it appears as a whole."""
        target = self.home() / self.folder
        if target.is_dir():
            return target
        packed = fetch(self.archive, self.home())
        with tempfile.TemporaryDirectory(dir=self.home()) as scratch:
            try:
                with tarfile.open(packed) as tar:
                    tar.extractall(scratch, filter=_Bounded())
            except (tarfile.TarError, EOFError, OSError) as error:
                raise Unavailable(f"{packed} cannot be extracted ({error}); delete it to fetch it again") from None
            unpacked = Path(scratch) / self.folder
            if not unpacked.is_dir():
                raise Unavailable(f"{packed} holds no folder {self.folder}; delete it to fetch it again")
            shutil.move(unpacked, target)
        return target

    def _shards(self) -> Path:
        return self.home() / "data"


class _Bounded:
    """What may be extracted: files and folders below the target, of MOST_EXTRACTED bytes together."""

    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self, member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
        self.bytes += member.size
        if self.bytes > MOST_EXTRACTED:
            raise tarfile.ReadError(f"more than {MOST_EXTRACTED:,} bytes")
        return tarfile.data_filter(member, path)
