"""A data set's images by their content: read in chunks, hashed, and described block by block."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

from ...core.errors import Refused
from ...core.images import RGB
from ...datasets.base import BadImage, Block, Dataset
from ..records.format import FILES
from ..records.pieces import content_hash
from ..records.sources import UNREADABLE_SIZE

FIRST_CHUNK, CHUNK_IMAGES = 8, 100
"""The images that are held first, while nobody knows how large they are, and the most that are held at a time."""
CHUNK_BYTES = 32 << 20
"""The most bytes of pixels held at a time, so that memory does not grow with the size or number of images."""


def chunks(
    dataset: Dataset,
    start: int,
    stop: int,
    clock: Clock | None = None,
    most: Callable[[], int] = lambda: CHUNK_IMAGES,
) -> Iterator[Block]:
    """The images start..stop-1 in chunks, each as long as 32 MB of pixels allow, going by the sizes in the one before.

    clock: receives the seconds of ``load``. most: tells the most images that the next chunk may have; below 1 there is no
    further chunk. Raises Refused for a data set that ends before ``stop``.
    """
    clock = clock or Clock()
    step = FIRST_CHUNK
    while start < stop and (images := min(step, stop - start, most())) >= 1:
        with clock("load"):
            block = dataset.load(start, start + images)
        if len(block.images) < images:
            raise Refused(f"{dataset.label} ends before image {stop - 1} here; give every worker the same images")
        yield block
        start += len(block.images)
        largest = max((i.nbytes for i in block.images if not isinstance(i, BadImage)), default=1)
        step = max(1, min(2 * images, CHUNK_IMAGES, CHUNK_BYTES // largest))


def describe_block(dataset: Dataset, start: int, stop: int) -> dict[str, Any]:
    """The description of the images start..stop-1 that the index keeps.

    ``sha256``: their content, as hex; ``files_sha256``: that of the files they came from. ``sizes``: the number of images of each size, such as 32x32. ``sources``: for each
    format that they were stored in the number of images and their bytes. ``remarks``: the number of images that each
    remark on their source is about; left out where there is none.
    """
    digests, labels = list[bytes](), list[int]()
    sizes, formats, files = Counter[str](), Counter[str](), hashlib.sha256()
    stored: Counter[str] = Counter()
    remarks: Counter[str] = Counter()
    for block in chunks(dataset, start, stop):
        digests += map(digest, block.images)
        labels += block.labels.tolist()
        sizes.update(_size(image) for image in block.images)
        for image, source in zip(block.images, block.sources, strict=True):
            files.update(hashlib.sha256(source.file).digest())
            if isinstance(image, BadImage):
                continue
            remarks.update(source.remarks)
            formats[source.format] += 1
            stored[source.format] += source.bytes
    sources = {name: {"images": formats[name], "bytes": stored[name]} for name in sorted(formats)}
    hashes = {"sha256": content_hash(digests, labels), FILES: files.hexdigest()}
    about = {**hashes, "sizes": dict(sorted(sizes.items())), "sources": sources}
    return {**about, "remarks": dict(sorted(remarks.items()))} if remarks else about


def _size(image: RGB | BadImage) -> str:
    return UNREADABLE_SIZE if isinstance(image, BadImage) else f"{image.shape[1]}x{image.shape[0]}"


def digest(image: RGB | BadImage) -> bytes:
    """The sha256 of an image's height, width and pixels.

    All images that cannot be read have one digest, so that a library's wording of the reason changes nothing.
    """
    if isinstance(image, BadImage):
        return hashlib.sha256(b"unreadable").digest()
    content = hashlib.sha256(b"%d %d " % image.shape[:2])
    content.update(image.data)
    return content.digest()


class Clock:
    """A stopwatch that adds up seconds by stage: ``with clock("encode"): ...``"""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def __call__(self, stage: str) -> Clock:
        self._stage = stage
        return self

    def __enter__(self) -> None:
        self._begin = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds[self._stage] += perf_counter() - self._begin
