"""What every data set promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BadSetting
from ..core.images import RGB
from ..core.plugins import Plugin, setting
from .download import data_root

UNLABELLED = -1


@dataclass(frozen=True)
class BadImage:
    """Stands where an image could not be read; ``reason`` says why."""

    reason: str


@dataclass(frozen=True)
class Source:
    """What an image was stored as before rabench saw it.

    format: ``JPEG``, ``PNG``, ... or ``raw`` for plain pixels. bytes: the file's length; 0 where the
    image is a part of a larger file.
    """

    format: str
    bytes: int = 0


RAW = Source("raw")


@dataclass(frozen=True)
class Block:
    """Some consecutive images of a data set."""

    images: list[RGB | BadImage]
    labels: NDArray[np.int64]
    """(N,), index into the data set's classes; -1 where an image has no label."""
    sources: list[Source]


class Reader(Protocol):
    """An open data set; each member of the family makes one."""

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Block:
        """Images start..stop-1, reading nothing else."""
        ...

    def stamp(self) -> str:
        """Changes when the files behind the data set change (sizes and times; cheap)."""
        ...


@dataclass(frozen=True)
class Dataset(Plugin, ABC):
    """Images and labels in a fixed order. A value: opening happens on first use, once a process."""

    split: str = setting("test", ("test", "train"), help="which images; test is what is measured on")

    @abstractmethod
    def open(self) -> Reader:
        """Opens, and fetches if need be. Raises Unavailable with the remedy."""

    def where(self) -> str | None:
        """Where the images lie on this machine, or None when they would have to be fetched."""
        return None

    def notes(self) -> list[str]:
        """What a reader of results must know about these images."""
        return []

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes' names; empty where the images have no labels."""
        return self._reader().classes

    def __len__(self) -> int:
        return len(self._reader())

    def load(self, start: int, stop: int) -> Block:
        """Images start..stop-1 and their labels; ``stop`` may lie beyond the end."""
        if not 0 <= start <= stop:
            raise ValueError(f"{self.name}: no images {start}..{stop}")
        return self._reader().read(start, min(stop, len(self)))

    def stamp(self) -> str:
        """Changes when the files behind the images change, or the code that reads them."""
        return self._reader().stamp() + (f" {self.origin.sha256}" if self.origin else "")

    def _reader(self) -> Reader:
        return _opened(self, str(data_root()))


@lru_cache(maxsize=8)
def _opened(dataset: Dataset, root: str) -> Reader:
    reader = dataset.open()
    if len(reader) == 0:
        raise BadSetting(f"{dataset.label} holds no images")
    return reader


def forget_opened() -> None:
    """Data sets are opened anew when next used: their files may have changed."""
    _opened.cache_clear()


def blocks(dataset: Dataset, size: int, limit: int | None = None) -> Iterator[tuple[int, int]]:
    """(start, stop) of each block of ``size`` images; ``limit`` cuts only the last."""
    end = min(len(dataset), limit or len(dataset))
    return ((start, min(start + size, end)) for start in range(0, end, size))
