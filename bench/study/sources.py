"""What the images of a data set were before rabench saw them: their sizes, their formats, their bytes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from .records import Index

LOSSY = {"JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"}
"""Formats of which a data set's files have lost something already."""
UNREADABLE_SIZE = "unreadable"
"""Stands among the sizes of a block's images for those that could not be read."""


@dataclass(frozen=True)
class Sources:
    """The images of a data set that the last run measured, as they were stored."""

    sizes: dict[tuple[int, int], int] = field(default_factory=dict)
    """How many images there are of each width and height."""
    formats: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The number of images and their bytes, by format; 0 bytes where images are parts of larger files."""
    remarks: dict[str, int] = field(default_factory=dict)
    """What the pixels of stored images leave out, and for how many images."""
    notes: tuple[str, ...] = ()
    """What the data set itself says of its images."""
    classes: int = 0
    stamp: str = ""
    """The state of the data set's files when they were measured."""

    @classmethod
    def of(cls, index: Index, dataset: str) -> Sources:
        """The sources of a data set, named by its label, as a study's index knows them."""
        sizes: Counter[tuple[int, int]] = Counter()
        formats: dict[str, tuple[int, int]] = {}
        remarks: Counter[str] = Counter()
        for _, _, block in index.measured(dataset):
            for size, count in block["sizes"].items():
                if size != UNREADABLE_SIZE:
                    width, _, height = size.partition("x")
                    sizes[int(width), int(height)] += count
            for name, stored in block["sources"].items():
                images, length = formats.get(name, (0, 0))
                formats[name] = (images + stored["images"], length + stored["bytes"])
            remarks.update(block.get("remarks", {}))
        about = index.datasets.get(dataset, {})
        notes, classes = tuple(about.get("notes", ())), about.get("classes", 0)
        return cls(dict(sizes), formats, dict(remarks), notes, classes, about.get("stamp", ""))

    @property
    def common_size(self) -> tuple[int, int] | None:
        """The most frequent width and height."""
        return max(self.sizes, key=lambda size: self.sizes[size], default=None)

    @property
    def native_bpp(self) -> float | None:
        """The rate of the data set's own files, where every image is a file of its own."""
        pixels = sum(count * math.prod(size) for size, count in self.sizes.items())
        lengths = [length for _, length in self.formats.values()]
        return 8 * sum(lengths) / pixels if pixels and lengths and all(lengths) else None

    def audit(self) -> list[str]:
        """Sentences on what the images were: a lossy source flatters the codec that made it."""
        counts = ", ".join(f"{images:,} from {name}" for name, (images, _) in self.formats.items())
        lines = [f"Sources: {counts}."] if counts else []
        if lossy := sum(images for name, (images, _) in self.formats.items() if name in LOSSY):
            rate = f" All native files together take {self.native_bpp:.2f} bpp." if self.native_bpp else ""
            lines.append(
                f"{lossy:,} images were lossy files before they came here: "
                f"a codec is charged for their artefacts too.{rate}"
            )
        lines += [f"{count:,} of these images: {remark}." for remark, count in self.remarks.items()]
        return lines + [f"Note: {note}." for note in self.notes]
