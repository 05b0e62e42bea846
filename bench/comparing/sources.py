"""What the images of a data set were before rabench saw them: sizes, formats, bytes."""

from __future__ import annotations

import math

from ..study.records import Index

UNREADABLE = "unreadable"
"""Among the sizes of a block's images: those that could not be read."""


def common_size(index: Index, dataset: str) -> tuple[int, int] | None:
    """The most frequent (width, height) among a data set's images."""
    counts: dict[str, int] = {}
    for _, _, known in index.measured(dataset):
        for size, count in known["sizes"].items():
            if size != UNREADABLE:
                counts[size] = counts.get(size, 0) + count
    if not counts:
        return None
    width, _, height = max(counts, key=lambda size: counts[size]).partition("x")
    return int(width), int(height)


def sources(index: Index, dataset: str) -> dict[str, tuple[int, int]]:
    """format -> (images, bytes) of what a data set's images were stored as."""
    found: dict[str, tuple[int, int]] = {}
    for _, _, known in index.measured(dataset):
        for kind, said in known["sources"].items():
            images, stored = found.get(kind, (0, 0))
            found[kind] = (images + said["images"], stored + said["bytes"])
    return found


LOSSY = {"JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"}


def source_audit(index: Index, dataset: str) -> list[str]:
    """What the images were before rabench saw them: a lossy source flatters the codec that made it."""
    found = sources(index, dataset)
    told = ", ".join(f"{images:,} from {kind}" for kind, (images, _) in found.items())
    lines = [f"Sources: {told}."] if told else []
    if lossy := sum(images for kind, (images, _) in found.items() if kind in LOSSY):
        native = native_bpp(index, dataset)
        rate = f" All native files together take {native:.2f} bpp." if native else ""
        lines.append(
            f"{lossy:,} images were lossy files before they came here: a codec is charged for their artefacts too.{rate}"
        )
    known = index.datasets.get(dataset, {})
    return lines + [f"Note: {note}." for note in known.get("notes", [])]


def native_bpp(index: Index, dataset: str) -> float | None:
    """The rate of the data set's own files, where every image is a file of its own."""
    found = sources(index, dataset).values()
    pixels = sum(
        count * math.prod(map(int, size.split("x")))
        for _, _, known in index.measured(dataset)
        for size, count in known["sizes"].items()
        if size != UNREADABLE
    )
    if not found or not pixels or any(stored == 0 for _, stored in found):
        return None
    return 8 * sum(stored for _, stored in found) / pixels
