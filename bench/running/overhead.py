"""Format overhead: the bytes that a codec's file takes for a flat image, the least that an image of that size can take.

A run measures it once for each codec, kind of image and size, with the very version that coded the images, and keeps it
in the index beside the records; reports only read it.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import BrokenExecutor

import numpy as np

from ...codecs.base import Codec, StoredFileCodec
from ...core.images import AnyImage, IndexedImage
from ..measuring.threads import one_thread
from ..records.format import Identity
from ..records.index import Index
from ..records.sources import Sources
from ..study.points import Point
from .pool import Pool

GREY = 128
"""The level of the flat image in all three channels."""


def flat_image(indexed: bool, size: tuple[int, int]) -> AnyImage:
    """A grey image of one color. indexed: whether it has a palette. size: width and height."""
    width, height = size
    if indexed:
        return IndexedImage(np.zeros((height, width), np.uint8), np.full((1, 3), GREY, np.uint8))
    return np.full((height, width, 3), GREY, np.uint8)


def flat_file_length(codec: Codec, indexed: bool, size: tuple[int, int]) -> int | None:
    """The bytes of the file that a codec makes of a flat image; None where the codec fails on it.

    indexed, size: as for ``flat_image``.
    """
    one_thread()
    try:
        return len(codec.encode(flat_image(indexed, size)))
    except Exception:  # a codec that fails on a flat image has no overhead to show; its rows tell what else fails
        return None


def measure_overheads(
    points: Iterable[tuple[Point, tuple[str, str, str]]], index: Index, pool: Pool, timeout: float
) -> int:
    """Measures the overheads that the index lacks, and notes them there; returns how many were measured.

    points: each point with the versions of its quantizer, codec and classifier. timeout: seconds for one file; a codec
    that takes longer, or dies, is left out.
    """
    sizes: dict[str, tuple[int, int] | None] = {}
    measured = 0
    for point, versions in points:
        label, indexed = point.dataset.label, point.quantizer.indexed
        if label not in sizes:
            sizes[label] = Sources.of(index, label).common_size
        size = sizes[label]
        identity = Identity(point.labels, point.key, versions, "")
        if size is None or isinstance(point.codec, StoredFileCodec):  # a flat image is no stored file
            continue
        size = point.size.of(size)
        if index.overhead_bytes(identity, indexed, size) is not None:
            continue
        try:
            length = pool.submit(flat_file_length, point.codec, indexed, size).result(timeout)
        except (BrokenExecutor, TimeoutError):
            pool.restart(kill=True)
            continue
        if length is not None:
            index.note_overhead(identity, indexed, size, length)
            measured += 1
    return measured
