"""The interface of a data set: images, their labels and the files they came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ..core.errors import BadSetting, RabenchError
from ..core.images import RGB, as_rgb
from ..core.origins import describe_error, named_files
from ..core.plugins import Plugin, setting
from ..core.printable import printable
from .download import data_root

UNLABELLED = -1
"""The label of an image that has none."""


@dataclass(frozen=True)
class BadImage:
    """Stands in the place of an image that could not be read; ``reason`` says why."""

    reason: str


@dataclass(frozen=True)
class Source:
    """The file that an image came from.

    format: ``JPEG``, ``PNG``, ... or ``raw`` for plain pixels. bytes: the file's length; 0 where the
    image is a part of a larger file.
    """

    format: str
    bytes: int = 0
    remarks: tuple[str, ...] = ()
    """What of the stored image its pixels leave out, such as its transparency."""
    file: bytes = field(default=b"", repr=False)
    """The file itself, for codecs that take stored files; empty where the image is no file of its own."""


RAW = Source("raw")


@dataclass(frozen=True)
class Block:
    """Some consecutive images of a data set."""

    images: list[RGB | BadImage]
    labels: NDArray[np.int64]
    """(N,), index into the data set's classes; -1 where an image has no label."""
    sources: list[Source]
    """One for each image."""


class Reader(Protocol):
    """An open data set, as ``Dataset.open`` gives it."""

    classes: tuple[str, ...]

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> Block:
        """Images start..stop-1, reading nothing else."""
        ...

    def stamp(self) -> str:
        """A text that changes when the files behind the data set change (by sizes and times; cheap)."""
        ...


@dataclass(frozen=True)
class Dataset(Plugin, ABC):
    """Images and labels in a fixed order. A value: opening happens on first use, once a process."""

    normalization: ClassVar[tuple[tuple[float, float, float], tuple[float, float, float]]] = (
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
    )
    """Mean and standard deviation of each channel, of pixels scaled to 0..1, by which networks trained on these images
    normalize; ImageNet's where a data set has none of its own."""

    split: str = setting("test", ("test", "train"), help="which images; test is what is measured on")

    @abstractmethod
    def open(self) -> Reader:
        """A reader of the data set, whose files are fetched if need be. Raises Unavailable with the remedy."""

    def where(self) -> str | None:
        """Where the images lie on this machine, or None when they would have to be fetched."""
        return None

    def notes(self) -> list[str]:
        """Sentences that whoever reads the results must know about these images."""
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
        if self.origin is not None:
            return _checked_block(self, start, min(stop, len(self)))
        return self._reader().read(start, min(stop, len(self)))

    def image_name(self, position: int) -> str:
        """The file name of an image, as the data set's own files call it, printable; empty where it has none."""
        name = getattr(self._reader(), "image_name", None)
        return printable(name(position)) if name is not None else ""

    def stamp(self) -> str:
        """A text that changes when the files behind the images change, or the plug-in file that reads them.

        The files that a plug-in file names count as a part of it.
        """
        if self.origin is None:
            return self._reader().stamp()
        return " ".join([self._reader().stamp(), self.origin.sha256, *named_files(self).values()])

    def _reader(self) -> Reader:
        return _opened(self, str(data_root()))


@lru_cache(maxsize=8)
def _opened(dataset: Dataset, root: str) -> Reader:
    reader = dataset.open() if dataset.origin is None else _checked_reader(dataset)
    if len(reader) == 0:
        raise BadSetting(f"{dataset.label} holds no images")
    return reader


def _checked_reader(dataset: Dataset) -> Reader:
    """The reader that `open` of a plug-in from a file gives. Raises BadSetting, in a line, for what is none."""
    try:
        reader = dataset.open()
    except RabenchError:
        raise
    except Exception as error:
        raise BadSetting(f"{dataset.name}: open raises {describe_error(error)}") from None
    missing = [name for name in ("classes", "__len__", "read", "stamp") if not hasattr(type(reader), name)]
    missing = [name for name in missing if name != "classes" or not hasattr(reader, name)]
    if missing:
        raise BadSetting(
            f"{dataset.origin.name}: {type(reader).__name__}, which open gives, lacks {', '.join(missing)}"
        )
    return reader


def _checked_block(dataset: Dataset, start: int, stop: int) -> Block:
    """A block of images of a plug-in from a file. Raises BadSetting, in a line, for what is none."""
    try:
        block = dataset._reader().read(start, stop)
    except RabenchError:
        raise
    except Exception as error:
        raise BadSetting(f"{dataset.name}: read({start}, {stop}) raises {describe_error(error)}") from None
    context = f"{dataset.origin.name}: {dataset.name}: read({start}, {stop})"
    if not isinstance(block, Block):
        raise BadSetting(f"{context} gave {type(block).__name__} instead of a rabench.Block")
    counts = len(block.images), len(block.labels), len(block.sources)
    if set(counts) != {stop - start}:
        raise BadSetting(f"{context} gave {counts[0]} images, {counts[1]} labels and {counts[2]} sources")
    for position, (image, source) in enumerate(zip(block.images, block.sources, strict=True), start):
        if not isinstance(source, Source) or not isinstance(source.bytes, int) or not isinstance(source.file, bytes):
            raise BadSetting(f"{context}: image {position}: a source is Source(format, bytes), got {source!r}")
        if not isinstance(image, BadImage):
            try:
                as_rgb(image)
            except TypeError as error:
                raise BadSetting(f"{context}: image {position}: {error}") from None
    labels, classes = np.asarray(block.labels), len(dataset.classes)
    if labels.dtype.kind not in "iu" or labels.min(initial=-1) < -1 or labels.max(initial=-1) >= max(classes, 1):
        raise BadSetting(
            f"{context}: labels are whole numbers from 0 to {classes - 1}, or -1 for none, got {labels!r:.80}"
        )
    return Block(block.images, labels.astype(np.int64), block.sources)


def forget_opened() -> None:
    """Forgets the open data sets, so that their next use opens them anew: their files may have changed."""
    _opened.cache_clear()


def blocks(dataset: Dataset, size: int, limit: int | None = None) -> Iterator[tuple[int, int]]:
    """(start, stop) of each block of ``size`` images; ``limit`` cuts only the last."""
    end = min(len(dataset), limit or len(dataset))
    return ((start, min(start + size, end)) for start in range(0, end, size))
