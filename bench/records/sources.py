"""The sources of a data set's images: their sizes, and the formats and bytes that they were stored in."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

from .index import Index
from .index_content import UNREADABLE_SIZE

LOSSY = {"JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"}
"""Formats, by Pillow's names, in which an image has lost something before it is measured."""


@dataclass(frozen=True)
class Sources:
    """The stored form of those images of a data set that the last run measured."""

    sizes: dict[tuple[int, int], int] = field(default_factory=dict)
    """The number of images of each width and height."""
    formats: dict[str, tuple[int, int]] = field(default_factory=dict)
    """The number of images and their bytes, by format; 0 bytes where images are parts of larger files."""
    remarks: dict[str, int] = field(default_factory=dict)
    """The number of images for each remark on what their pixels leave out, such as transparency."""
    notes: tuple[str, ...] = ()
    """The data set's own remarks on its images."""
    classes: int = 0
    """The number of the data set's classes; 0 without labels."""
    images: int = 0
    """How many images the data set has, whatever the last run's limit."""
    limit: int | None = None
    """The limit of the last run."""
    stamp: str = ""
    """The text that changes when the data set's files do, as it was when they were measured."""

    @classmethod
    def of(cls, index: Index, dataset: str) -> Sources:
        """The sources of the data set with that label, as a study's index knows them."""
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
        return cls(
            dict(sizes),
            formats,
            dict(remarks),
            notes,
            classes,
            about.get("images", 0),
            about.get("limit"),
            about.get("stamp", ""),
        )

    @property
    def common_size(self) -> tuple[int, int] | None:
        """The width and height that most images have; None without images."""
        return max(self.sizes, key=lambda size: self.sizes[size], default=None)

    @property
    def native_bytes(self) -> int | None:
        """The bytes of the data set's own files together; None unless every image is a file of its own."""
        lengths = [length for _, length in self.formats.values()]
        return sum(lengths) if lengths and all(lengths) else None

    @property
    def native_bpp(self) -> float | None:
        """The bits per pixel of the data set's own files; None unless every image is a file of its own."""
        pixels = sum(count * math.prod(size) for size, count in self.sizes.items())
        return 8 * self.native_bytes / pixels if pixels and self.native_bytes else None

    def audit(self) -> list[str]:
        """Sentences on the formats of the sources; a lossy one flatters the codec that made it."""
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
