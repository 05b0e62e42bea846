"""STL-10 (Coates, Ng and Lee 2011): 96x96, 10 classes, 8,000 test and 5,000 training images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Unavailable
from ..core.images import RGB
from .base import Reader
from .binary import BinaryReader
from .download import Archive
from .official import Official

SIDE = 96


@dataclass(frozen=True)
class STL10(Official):
    """The official binary archive; its unlabelled images are not used."""

    name: ClassVar[str] = "stl10"
    archive: ClassVar[Archive] = Archive(
        "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz", "91f7769df0f17e558f3565bffb0c7dfb"
    )
    folder: ClassVar[str] = "stl10_binary"

    def open_official(self) -> Reader:
        folder = self.extracted()
        labels = np.fromfile(folder / f"{self.split}_y.bin", np.uint8).astype(np.int64) - 1  # stored as 1..10
        classes = tuple((folder / "class_names.txt").read_text().split())

        def label(position: int, _: NDArray[np.uint8]) -> int:
            return int(labels[position])

        reader = BinaryReader([folder / f"{self.split}_X.bin"], 3 * SIDE * SIDE, classes, _pixels, label)
        if len(labels) != len(reader):
            raise Unavailable(f"{folder}: {len(reader)} images but {len(labels)} labels; delete it to extract it again")
        return reader


def _pixels(record: NDArray[np.uint8]) -> RGB:
    # Three planes, each column by column (the data set's web page)
    return np.ascontiguousarray(record.reshape(3, SIDE, SIDE).transpose(2, 1, 0))
