"""The time that a task may take: its images go through in parts of about a second, until the time is up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from time import perf_counter

from ...core.images import RGB
from ...datasets.base import BadImage, Block
from .content import CHUNK_IMAGES

PART_SECONDS = 1.0
"""The time that images which go through together are to take; the last of them may make a task so much longer."""
FIRST_SHARE = 100
"""A task begins with one in so many of its images, as the first show how long the others will take."""


class TimeLimit:
    """Says how many images a task may still take, going by the seconds that its pixels took so far."""

    def __init__(self, seconds: float, images: int, pending: Callable[[], float]) -> None:
        """Begins to count.

        seconds: the time for all; infinite for no limit. images: the number of them. pending: tells the seconds that what
        was begun takes to end.
        """
        self.seconds, self.first, self.pending = seconds, max(1, images // FIRST_SHARE), pending
        self.begun, self.images, self.pixels, self.over = perf_counter(), 0, 0, False

    def most(self) -> int:
        """The most images that may be loaded next; 0 once the time is up. One is always taken."""
        if math.isinf(self.seconds):
            return CHUNK_IMAGES
        if not self.images:
            return self.first
        an_image = self._spent() / self.images
        left = 0 if self.over else int(self._left() / an_image)
        return min(CHUNK_IMAGES, left, max(1, int(PART_SECONDS / an_image)))

    def parts(self, block: Block) -> Iterator[Block]:
        """The images of a block in parts that take about a second each; it ends early once the time is up."""
        start, n = 0, len(block.images)
        while start < n and not self.over:
            stop, pixels = start + 1, _pixels(block.images[start])
            while stop < n and pixels + _pixels(block.images[stop]) <= self._pixels_a_part():
                pixels += _pixels(block.images[stop])
                stop += 1
            yield Block(block.images[start:stop], block.labels[start:stop], block.sources[start:stop])
            self.images, self.pixels, start = self.images + stop - start, self.pixels + pixels, stop
            self.over = self._left() <= 0

    def _pixels_a_part(self) -> float:
        if math.isinf(self.seconds) or not self.images:
            return math.inf
        return PART_SECONDS * self.pixels / self._spent()

    def _left(self) -> float:
        return self.seconds - self._spent()

    def _spent(self) -> float:
        return max(perf_counter() - self.begun + self.pending(), 1e-6)


def _pixels(image: RGB | BadImage) -> int:
    return 0 if isinstance(image, BadImage) else image.shape[0] * image.shape[1]
