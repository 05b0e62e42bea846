"""PNG, searched for the smallest file: order of the palette's entries, bits a pixel, each row's filter, deflation."""

from __future__ import annotations

import struct
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
from .png import SIGNATURE, ReadsPNG, framed

Bytes = NDArray[np.uint8]
LUMA = (0.299, 0.587, 0.114)
FILTERS = 5
"""The number of row filters: None, Sub, Up, Average, Paeth (PNG specification, 9.2)."""
EVERY_ORDER = 4
"""The number of colors up to which every order of the palette is tried."""
WORK = 1 << 22
"""Bytes deflated for an image at the most, some half a second: images above 64x64 are searched less."""
SEARCHED_AT = 10
"""libdeflate's level while searching: half the time of 12, and as good a guide (measured)."""
ZOPFLI = 1 << 16
"""Bytes of filtered rows up to which zopfli, too, deflates the file."""


@dataclass(frozen=True)
class PNGSearch(ReadsPNG):
    """The smallest PNG that a search finds; an image of up to 256 colors becomes indexed.

    Every order of up to 4 colors is tried, and of more colors those by place, luma, frequency and neighbourhood, then
    swaps and moves from the best. Each order goes through every filter and bit depth; libdeflate says how long the file is, and
    zopfli may shorten it.
    """

    name: ClassVar[str] = "png-search"
    lossless: ClassVar[bool] = True
    order: str = setting("search", ("given", "search"), help="the palette's order: as it comes, or searched")
    filters: str = setting("search", ("none", "search"), help="the rows' filters: None for all, or searched")
    tries: int = setting(300, range(2001), help="swaps and moves of palette entries, from 5 colors on")

    def version(self) -> str:
        library = imagecodecs()
        return f"imagecodecs {library.__version__}, {library.deflate_version()}, {library.zopfli_version()}"

    def encode(self, image: AnyImage) -> bytes:
        indexed = image if isinstance(image, IndexedImage) else _with_palette(as_rgb(image))
        return self._true_color(as_rgb(image)) if indexed is None else self._indexed(indexed.trimmed())

    def _true_color(self, image: RGB) -> bytes:
        search = _Search(self.filters == "search", bytes_a_pixel=3)
        height, width = image.shape[:2]
        rows = search.filtered(image.reshape(height, width * 3), None)[1]
        return _file(width, height, 8, None, search.deflated(rows))

    def _indexed(self, image: IndexedImage) -> bytes:
        search = _Search(self.filters == "search", bytes_a_pixel=1)
        height, width = image.indices.shape
        fewest_bits = _bits(len(image.palette))
        results: list[tuple[int, tuple[int, ...], int, int]] = []
        for order in _orders(image) if self.order == "search" else [tuple(range(len(image.palette)))]:
            for bits in {fewest_bits: 0, 8: 0}:
                filtering, rows = search.filtered(_packed(_renumbered(image, order), bits), None)
                results.append((search.cost(rows), order, bits, filtering))
            if search.budget <= 0:
                break
        cost, order, bits, filtering = min(results)
        if self.order == "search" and len(order) > EVERY_ORDER:
            order = self._moved(search, image, order, bits, filtering, cost)
        rows = search.by_row(_packed(_renumbered(image, order), bits), filtering)
        return _file(width, height, bits, image.palette[list(order)], search.deflated(rows))

    def _moved(
        self, search: _Search, image: IndexedImage, order: tuple[int, ...], bits: int, filtering: int, cost: int
    ) -> tuple[int, ...]:
        """Swaps and moves that make the file no larger, one after another."""
        dice = Random(0)
        for attempt in range(self.tries):
            if search.budget <= 0:
                break
            a, b = dice.sample(range(len(order)), 2)
            changed = list(order)
            if attempt % 2:
                changed[a], changed[b] = changed[b], changed[a]
            else:
                changed.insert(b, changed.pop(a))
            changed_cost = search.cost(search.filtered(_packed(_renumbered(image, changed), bits), filtering)[1])
            if changed_cost <= cost:
                order, cost = tuple(changed), changed_cost
        return order


class _Search:
    """Filters and deflates rows, and counts what that costs."""

    def __init__(self, filters: bool, bytes_a_pixel: int) -> None:
        self.budget = WORK
        self.filters = filters
        self.bytes_a_pixel = bytes_a_pixel

    def cost(self, rows: Bytes) -> int:
        self.budget -= rows.size
        return len(imagecodecs().deflate_encode(rows.tobytes(), SEARCHED_AT))

    def filtered(self, lines: Bytes, filtering: int | None) -> tuple[int, Bytes]:
        """The rows under one filter, or under the one that deflates best; FILTERS is the least sum for each row."""
        if filtering == 0 or not self.filters:
            return 0, np.pad(lines, ((0, 0), (1, 0)))
        by_filter = _each_filter(lines, self.bytes_a_pixel)
        if filtering is not None:
            return filtering, by_filter[filtering] if filtering < FILTERS else _least_sums(by_filter)
        # a true-color image may have no time for all of them: the likeliest first
        candidates = [(FILTERS, _least_sums(by_filter)), *enumerate(by_filter)]
        best, cost = candidates[0], self.cost(candidates[0][1])
        for candidate in candidates[1:]:
            if self.budget <= 0:
                break
            if (candidate_cost := self.cost(candidate[1])) < cost:
                best, cost = candidate, candidate_cost
        return best

    def by_row(self, lines: Bytes, filtering: int) -> Bytes:
        """Each row's filter on its own, where that makes the file shorter, from top to bottom."""
        rows = self.filtered(lines, filtering)[1]
        if not self.filters:
            return rows
        by_filter, cost = _each_filter(lines, self.bytes_a_pixel), self.cost(rows)
        for y in range(len(rows)):
            for filter_ in range(FILTERS):
                if self.budget <= 0:
                    return rows
                changed = rows.copy()
                changed[y] = by_filter[filter_, y]
                if (changed_cost := self.cost(changed)) < cost:
                    rows, cost = changed, changed_cost
        return rows

    def deflated(self, rows: Bytes) -> bytes:
        content = rows.tobytes()
        fast = imagecodecs().deflate_encode(content, 12)
        if len(content) > ZOPFLI:
            return fast
        return min(fast, imagecodecs().zopfli_encode(content), key=len)


def _with_palette(image: RGB) -> IndexedImage | None:
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
    frequencies = np.bincount(image.indices.ravel(), minlength=count)
    for key in (image.palette @ np.array(LUMA), -frequencies):
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
    chain, remaining = list(first), [i for i in range(count) if i not in first]
    while remaining:
        near = np.log2(1 + 1 / (1 + np.arange(len(chain))))
        ends = [beside[np.ix_(remaining, chain)] @ weights for weights in (near, near[::-1])]
        at_the_end = ends[1].max() > ends[0].max()
        chosen = remaining.pop(int(ends[int(at_the_end)].argmax()))
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
    pixels_a_byte = 8 // bits
    padded = np.pad(indices, ((0, 0), (0, -width % pixels_a_byte))).reshape(height, -1, pixels_a_byte)
    return padded @ (1 << bits * np.arange(pixels_a_byte, dtype=np.uint8)[::-1]).astype(np.uint8)


def _each_filter(lines: Bytes, bytes_a_pixel: int) -> Bytes:
    """(FILTERS, H, 1 + W): the rows under each filter, its number before each."""
    height, width = lines.shape
    values = lines.astype(np.int16)
    left, up, corner = np.zeros_like(values), np.zeros_like(values), np.zeros_like(values)
    left[:, bytes_a_pixel:] = values[:, :-bytes_a_pixel]
    up[1:] = values[:-1]
    corner[1:, bytes_a_pixel:] = values[:-1, :-bytes_a_pixel]
    guess = left + up - corner
    from_left, from_up, from_corner = np.abs(guess - left), np.abs(guess - up), np.abs(guess - corner)
    paeth = np.where(from_up <= from_corner, up, corner)
    paeth = np.where((from_left <= from_up) & (from_left <= from_corner), left, paeth)
    filtered = np.empty((FILTERS, height, 1 + width), np.uint8)
    for number, predicted in enumerate((0, left, up, (left + up) >> 1, paeth)):
        filtered[number, :, 0] = number
        filtered[number, :, 1:] = (values - predicted).astype(np.uint8)
    return filtered


def _least_sums(by_filter: Bytes) -> Bytes:
    """For each row the filter whose bytes, taken as signed, have the least sum of magnitudes (PNG specification, 12.7)."""
    sums = np.abs(by_filter[..., 1:].view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    return by_filter[sums.argmin(axis=0), np.arange(by_filter.shape[1])]


def _file(width: int, height: int, bits: int, palette: Bytes | None, content: bytes) -> bytes:
    color_type = 2 if palette is None else 3
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color_type, 0, 0, 0)),
        (b"IDAT", content),
        (b"IEND", b""),
    ]
    if palette is not None:
        chunks.insert(1, (b"PLTE", palette.tobytes()))
    return SIGNATURE + b"".join(framed(kind, content) for kind, content in chunks)
