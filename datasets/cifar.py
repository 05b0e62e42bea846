"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009): 32x32, lossless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.images import RGB
from .base import Reader
from .binary import BinaryReader
from .download import Archive
from .official import Official

PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _CIFAR(Official):
    normalization: ClassVar = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
    names_file: ClassVar[str]
    label_bytes: ClassVar[int]
    files: ClassVar[dict[str, list[str]]]

    def open_official(self) -> Reader:
        folder = self.extracted()
        classes = tuple((folder / self.names_file).read_text().split())
        paths = [folder / f for f in self.files[self.split]]
        return BinaryReader(paths, self.label_bytes + PIXELS, classes, _pixels, self._label)

    @classmethod
    def _label(cls, _: int, record: NDArray[np.uint8]) -> int:
        return int(record[cls.label_bytes - 1])  # CIFAR-100: the coarse label, then the fine one


def _pixels(record: NDArray[np.uint8]) -> RGB:
    # Red, green and blue planes, rows from the top (the data sets' web page, "binary version")
    return np.ascontiguousarray(record[-PIXELS:].reshape(3, 32, 32).transpose(1, 2, 0))


@dataclass(frozen=True)
class CIFAR10(_CIFAR):
    """10 classes, 10,000 test and 50,000 training images."""

    name: ClassVar[str] = "cifar10"
    archive: ClassVar[Archive] = Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
    )
    folder: ClassVar[str] = "cifar-10-batches-bin"
    names_file: ClassVar[str] = "batches.meta.txt"
    label_bytes: ClassVar[int] = 1
    files: ClassVar[dict[str, list[str]]] = {
        "test": ["test_batch.bin"],
        "train": [f"data_batch_{i}.bin" for i in range(1, 6)],
    }


@dataclass(frozen=True)
class CIFAR100(_CIFAR):
    """100 classes (the fine labels), 10,000 test and 50,000 training images."""

    name: ClassVar[str] = "cifar100"
    archive: ClassVar[Archive] = Archive(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"
    )
    folder: ClassVar[str] = "cifar-100-binary"
    names_file: ClassVar[str] = "fine_label_names.txt"
    label_bytes: ClassVar[int] = 2
    files: ClassVar[dict[str, list[str]]] = {"test": ["test.bin"], "train": ["train.bin"]}
