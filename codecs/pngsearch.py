"""PNG, searched for the smallest file: order of the palette's entries, bits a pixel, each row's filter, deflation."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from random import Random
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..core.images import RGB, AnyImage, IndexedImage, as_rgb
from ..core.plugins import setting
from .extra import imagecodecs
from .png import SIGNATURE, ReadsPNG

Bytes = NDArray[np.uint8]
LUMA = (0.299, 0.587, 0.114)
FILTERS = 5
"""None, Sub, Up, Average, Paeth (PNG specification, 9.2)."""
EVERY_ORDER = 4
"""Up to so many colors every order of the palette is tried."""
WORK = 1 << 22
"""Bytes deflated for an image at the most, some half a second: images above 64x64 are searched less."""
SEARCHED_AT = 10
"""libdeflate's level while searching: half the time of 12, and as good a guide (measured)."""
ZOPFLI = 1 << 16
"""Bytes up to which zopfli has the last word."""


@dataclass(frozen=True)
class PNGSearch(ReadsPNG):
    """The smallest PNG that a search finds; an image of up to 256 colors becomes indexed.

    Every order of up to 4 colors is tried, and of more colors those by place, luma, frequency and neighbourhood, then
    swaps and moves from the best. Each order goes through every filter and bit depth; libdeflate says how long the file is, and
    zopfli may shorten it.
    """

    name: ClassVar[str] = "png-search"
    lossless: ClassVar[bool] = True
    order: str = setting("search", ("given", "search"), help="of the palette's entries")
    filters: str = setting("search", ("none", "search"), help="of the rows")
    tries: int = setting(300, range(2001), help="swaps and moves of palette entries, from 5 colors on")

    def version(self) -> str:
        library = imagecodecs()
        return f"imagecodecs {library.__version__}, {library.deflate_version()}, {library.zopfli_version()}"

    def encode(self, image: AnyImage) -> bytes:
        indexed = image if isinstance(image, IndexedImage) else _of_few_colors(as_rgb(image))
        return self._true_color(as_rgb(image)) if indexed is None else self._indexed(indexed.trimmed())

    def _true_color(self, image: RGB) -> bytes:
        search = _Search(self.filters == "search", bytes_a_pixel=3)
        height, width = image.shape[:2]
        rows = search.filtered(image.reshape(height, width * 3), None)[1]
        return _file(width, height, 8, None, search.deflated(rows))

    def _indexed(self, image: IndexedImage) -> bytes:
        search = _Search(self.filters == "search", bytes_a_pixel=1)
        height, width = image.indices.shape
        few = _bits(len(image.palette))
        tried: list[tuple[int, tuple[int, ...], int, int]] = []
        for order in _orders(image) if self.order == "search" else [tuple(range(len(image.palette)))]:
            for bits in {few: 0, 8: 0}:
                how, rows = search.filtered(_packed(_renumbered(image, order), bits), None)
                tried.append((search.cost(rows), order, bits, how))
            if search.left <= 0:
                break
        cost, order, bits, how = min(tried)
        if self.order == "search" and len(order) > EVERY_ORDER:
            order = self._moved(search, image, order, bits, how, cost)
        rows = search.by_row(_packed(_renumbered(image, order), bits), how)
        return _file(width, height, bits, image.palette[list(order)], search.deflated(rows))

    def _moved(
        self, search: _Search, image: IndexedImage, order: tuple[int, ...], bits: int, how: int, cost: int
    ) -> tuple[int, ...]:
        """Swaps and moves that make the file no larger, one after another."""
        dice = Random(0)
        for attempt in range(self.tries):
            if search.left <= 0:
                break
            a, b = dice.sample(range(len(order)), 2)
            changed = list(order)
            if attempt % 2:
                changed[a], changed[b] = changed[b], changed[a]
            else:
                changed.insert(b, changed.pop(a))
            found = search.cost(search.filtered(_packed(_renumbered(image, changed), bits), how)[1])
            if found <= cost:
                order, cost = tuple(changed), found
        return order


class _Search:
    """Filters and deflates rows, and counts what that costs."""

    def __init__(self, filters: bool, bytes_a_pixel: int) -> None:
        self.left = WORK
        self.filters = filters
        self.bytes_a_pixel = bytes_a_pixel

    def cost(self, rows: Bytes) -> int:
        self.left -= rows.size
        return len(imagecodecs().deflate_encode(rows.tobytes(), SEARCHED_AT))

    def filtered(self, lines: Bytes, how: int | None) -> tuple[int, Bytes]:
        """The rows under one filter, or under the one that deflates best; FILTERS is the least sum for each row."""
        if how == 0 or not self.filters:
            return 0, np.pad(lines, ((0, 0), (1, 0)))
        each = _each_filter(lines, self.bytes_a_pixel)
        if how is not None:
            return how, each[how] if how < FILTERS else _least_sums(each)
        # a true-color image may have no time for all of them: the likeliest first
        candidates = [(FILTERS, _least_sums(each)), *enumerate(each)]
        best, cost = candidates[0], self.cost(candidates[0][1])
        for candidate in candidates[1:]:
            if self.left <= 0:
                break
            if (found := self.cost(candidate[1])) < cost:
                best, cost = candidate, found
        return best

    def by_row(self, lines: Bytes, how: int) -> Bytes:
        """Each row's filter on its own, where that makes the file shorter, from top to bottom."""
        rows = self.filtered(lines, how)[1]
        if not self.filters:
            return rows
        each, cost = _each_filter(lines, self.bytes_a_pixel), self.cost(rows)
        for y in range(len(rows)):
            for way in range(FILTERS):
                if self.left <= 0:
                    return rows
                changed = rows.copy()
                changed[y] = each[way, y]
                if (found := self.cost(changed)) < cost:
                    rows, cost = changed, found
        return rows

    def deflated(self, rows: Bytes) -> bytes:
        content = rows.tobytes()
        found = imagecodecs().deflate_encode(content, 12)
        if len(content) > ZOPFLI:
            return found
        return min(found, imagecodecs().zopfli_encode(content), key=len)


def _of_few_colors(image: RGB) -> IndexedImage | None:
    """The same pixels with a palette, where 256 colors are enough."""
    colors = image.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    values, indices = np.unique(colors, return_inverse=True)
    if len(values) > 256:
        return None
    palette = np.stack([values >> 16, values >> 8 & 255, values & 255], axis=1).astype(np.uint8)
    return IndexedImage(indices.reshape(colors.shape).astype(np.uint8), palette)


def _orders(image: IndexedImage) -> Iterator[tuple[int, ...]]:
    """Orders of the palette's entries to begin with."""
    count = len(image.palette)
    if count <= EVERY_ORDER:
        yield from permutations(range(count))
        return
    yield tuple(range(count))
    often = np.bincount(image.indices.ravel(), minlength=count)
    for key in (image.palette @ np.array(LUMA), -often):
        yield tuple(map(int, np.argsort(key, kind="stable")))
    yield _chained(image)


def _chained(image: IndexedImage) -> tuple[int, ...]:
    """Colors that often lie side by side stand side by side: from the most frequent pair on, the one that goes with an
    end, weighed by how near the others stand (after Zeng, Li and Lei 2000)."""
    count, indices = len(image.palette), image.indices.astype(np.int64)
    beside = np.zeros((count, count))
    for a, b in ((indices[:, 1:], indices[:, :-1]), (indices[1:], indices[:-1])):
        np.add.at(beside, (a.ravel(), b.ravel()), 1)
    beside += beside.T
    np.fill_diagonal(beside, 0)
    first = divmod(int(beside.argmax()), count)
    chain, left = list(first), [i for i in range(count) if i not in first]
    while left:
        near = np.log2(1 + 1 / (1 + np.arange(len(chain))))
        ends = [beside[np.ix_(left, chain)] @ weights for weights in (near, near[::-1])]
        at_the_end = ends[1].max() > ends[0].max()
        chosen = left.pop(int(ends[int(at_the_end)].argmax()))
        chain.insert(len(chain) if at_the_end else 0, chosen)
    return tuple(chain)


def _renumbered(image: IndexedImage, order: tuple[int, ...] | list[int]) -> Bytes:
    """The indices, once the palette is in this order."""
    place = np.empty(len(order), np.uint8)
    place[list(order)] = np.arange(len(order), dtype=np.uint8)
    return place[image.indices]


def _bits(colors: int) -> int:
    """The least that PNG has for so many colors: 1, 2, 4 or 8."""
    return next(bits for bits in (1, 2, 4, 8) if colors <= 1 << bits)


def _packed(indices: Bytes, bits: int) -> Bytes:
    """Rows of whole bytes, the leftmost pixel in the high bits."""
    if bits == 8:
        return indices
    height, width = indices.shape
    together = 8 // bits
    padded = np.pad(indices, ((0, 0), (0, -width % together))).reshape(height, -1, together)
    return padded @ (1 << bits * np.arange(together, dtype=np.uint8)[::-1]).astype(np.uint8)


def _each_filter(lines: Bytes, bytes_a_pixel: int) -> Bytes:
    """(FILTERS, H, 1 + W): the rows under each filter, its number before each."""
    height, width = lines.shape
    here = lines.astype(np.int16)
    left, up, corner = np.zeros_like(here), np.zeros_like(here), np.zeros_like(here)
    left[:, bytes_a_pixel:] = here[:, :-bytes_a_pixel]
    up[1:] = here[:-1]
    corner[1:, bytes_a_pixel:] = here[:-1, :-bytes_a_pixel]
    guess = left + up - corner
    from_left, from_up, from_corner = np.abs(guess - left), np.abs(guess - up), np.abs(guess - corner)
    paeth = np.where(from_up <= from_corner, up, corner)
    paeth = np.where((from_left <= from_up) & (from_left <= from_corner), left, paeth)
    found = np.empty((FILTERS, height, 1 + width), np.uint8)
    for number, predicted in enumerate((0, left, up, (left + up) >> 1, paeth)):
        found[number, :, 0] = number
        found[number, :, 1:] = (here - predicted).astype(np.uint8)
    return found


def _least_sums(each: Bytes) -> Bytes:
    """For each row the filter whose bytes, taken as signed, have the least sum of magnitudes (PNG specification, 12.7)."""
    sums = np.abs(each[..., 1:].view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    return each[sums.argmin(axis=0), np.arange(each.shape[1])]


def _file(width: int, height: int, bits: int, palette: Bytes | None, content: bytes) -> bytes:
    kind = 2 if palette is None else 3
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)),
        (b"IDAT", content),
        (b"IEND", b""),
    ]
    if palette is not None:
        chunks.insert(1, (b"PLTE", palette.tobytes()))
    framed = (struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks)
    return SIGNATURE + b"".join(framed)
