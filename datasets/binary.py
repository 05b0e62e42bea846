"""Data sets that are plain arrays of pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..core.errors import Unavailable
from ..core.images import RGB
from .base import RAW, Block


class BinaryReader:
    """Fixed-length records in one or more files, mapped into memory and read where asked for."""

    def __init__(
        self,
        files: list[Path],
        record: int,
        classes: tuple[str, ...],
        split_record: Callable[[NDArray[np.uint8]], RGB],
        label: Callable[[int, NDArray[np.uint8]], int],
    ) -> None:
        self.files, self.record, self.classes = files, record, classes
        self.split_record, self.label = split_record, label
        for file in files:
            if not file.is_file() or file.stat().st_size % record:
                raise Unavailable(f"{file} is missing or cut short; delete {file.parent} to extract it again")
        self.records = [np.memmap(f, np.uint8, "r").reshape(-1, record) for f in files]
        self.starts = np.cumsum([0] + [len(r) for r in self.records])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def read(self, start: int, stop: int) -> Block:
        images: list[RGB] = []
        labels: list[int] = []
        for position in range(start, stop):
            file = int(np.searchsorted(self.starts, position, side="right")) - 1
            record = self.records[file][position - self.starts[file]]
            images.append(self.split_record(record))
            labels.append(self.label(position, record))
        return Block(list(images), np.array(labels, np.int64), [RAW] * len(images))

    def stamp(self) -> str:
        return ";".join(f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in self.files)
