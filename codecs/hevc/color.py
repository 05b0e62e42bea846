"""RGB to YCbCr planes and back as BPG does it: ITU-R BT.601, full range, 8 bits.

Integer arithmetic of libbpg, carried out in floats that hold every intermediate exactly: colors in
float64 (31 bits), filters in float32 (24 bits: with taps of absolute sum 176 at most, twice, on 8
bits, sums stay below 4 million).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...core.images import RGB

Plane = NDArray[np.uint8]
KR, KB = 0.299, 0.114
KG = 1 - KR - KB

BLOCK = 64
"""Samples of full resolution that one filter matrix yields; longer lines take several."""
SMALL = 128
"""Lines up to this length are filtered by one matrix, edges and all: half the time at 64x64."""
TOGETHER = 1 << 15
"""Pixels of small images converted together: 8 of 64x64."""
STRIP = 1 << 18
"""Pixels converted at a time, so that a large picture needs little beside itself."""


class Planes(NamedTuple):
    """Luma (H, W) and chroma: none, (2, H, W), or (2, ceil(H/2), ceil(W/2)); Cb before Cr."""

    luma: Plane
    chroma: Plane | None


def _fixed(coefficient: float, bits: int) -> int:
    return int(np.rint(coefficient * (1 << bits)))


# A row each for Y, Cb, Cr, in units of 2^-23
_TO_YCBCR = np.array(
    [
        [_fixed(KR, 23), _fixed(KG, 23), _fixed(KB, 23)],
        [_fixed(-0.5 * KR / (1 - KB), 23), _fixed(-0.5 * KG / (1 - KB), 23), _fixed(0.5, 23)],
        [_fixed(0.5, 23), _fixed(-0.5 * KG / (1 - KR), 23), _fixed(-0.5 * KB / (1 - KR), 23)],
    ],
    np.float64,
) / (1 << 23)
_ROUND = np.array([[0.5], [128.5], [128.5]])

# What a chroma sample of 0..255 adds to red and blue, and in units of 2^-22 to green
_SAMPLE = np.arange(256, dtype=np.int64) - 128
_HALF = 1 << 21
_RED_OF_CR = ((_fixed(2 * (1 - KR), 22) * _SAMPLE + _HALF) >> 22).astype(np.int16)
_BLUE_OF_CB = ((_fixed(2 * (1 - KB), 22) * _SAMPLE + _HALF) >> 22).astype(np.int16)
_GREEN_OF_CB = (-_fixed(2 * KB * (1 - KB) / KG, 22) * _SAMPLE + _HALF).astype(np.int32)
_GREEN_OF_CR = (-_fixed(2 * KR * (1 - KR) / KG, 22) * _SAMPLE).astype(np.int32)

_DOWN_TAPS = (2, -4, -8, 17, 57, 57, 17, -8, -4, 2)
_UP_TAPS = (2, -6, 18, 57, -10, 4, -1)
"""The taps of even samples; those of odd ones are mirrored."""


@dataclass(frozen=True, eq=False)
class _Filter:
    """``matrix`` yields a block of results from a window of samples."""

    matrix: NDArray[np.float32]
    before: int
    """Samples of a window that lie before the block."""
    step: tuple[int, int]
    """How many samples further the window moves for how many results."""


def _down() -> _Filter:
    """Sample i of half resolution from 2i-4 .. 2i+5 of full."""
    matrix = np.zeros((BLOCK // 2, BLOCK + 8), np.float32)
    for i in range(BLOCK // 2):
        matrix[i, 2 * i : 2 * i + 10] = _DOWN_TAPS
    return _Filter(matrix, 4, (2, 1))


def _up() -> _Filter:
    """Samples 2i and 2i+1 of full resolution from i-3 .. i+3 of half."""
    matrix = np.zeros((BLOCK, BLOCK // 2 + 6), np.float32)
    for i in range(BLOCK // 2):
        matrix[2 * i, i : i + 7] = _UP_TAPS
        matrix[2 * i + 1, i : i + 7] = _UP_TAPS[::-1]
    return _Filter(matrix, 3, (1, 2))


_DOWN, _UP = _down(), _up()


def is_grey(image: RGB) -> bool:
    """Whether red, green and blue are equal at every pixel."""
    for pixels in (image[0], image):  # the first row tells of nearly every image that is not
        if not ((pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 0] == pixels[..., 2]).all()):
            return False
    return True


def to_planes(image: RGB, halved: bool) -> Planes:
    """The planes of an image. halved: chroma at half resolution (4:2:0), its samples centered between those of luma."""
    return to_planes_each([image], halved)[0]


def to_planes_each(images: Sequence[RGB], halved: bool) -> list[Planes]:
    """The planes of each image; small ones of one size that follow each other are converted together."""
    planes: list[Planes] = []
    for (height, width, _), run in groupby(images, np.shape):
        stack = list(run)
        step = max(1, TOGETHER // (height * width)) if max(height, width) <= SMALL else 1
        for start in range(0, len(stack), step):
            planes += _stack_to_planes(stack[start : start + step], halved)
    return planes


def _stack_to_planes(images: list[RGB], halved: bool) -> list[Planes]:
    """The planes of images of one size; large ones come alone."""
    count, (height, width, _) = len(images), images[0].shape
    tall = np.concatenate(images) if count > 1 else images[0]  # (count * H, W, 3)
    planes = np.empty((3, count * height, width), np.uint8)
    for rows in _strips(count * height, width):
        samples = _TO_YCBCR @ tall[rows].reshape(-1, 3).T.astype(np.float64)
        samples += _ROUND
        np.minimum(samples[1:], 255, out=samples[1:])  # pure blue gives 256
        planes[:, rows] = samples.reshape(3, -1, width)  # what is cut off is the fraction: none is negative
    luma, chroma = planes[0].reshape(count, height, width), planes[1:].reshape(2, count, height, width)
    if halved and max(height, width) <= SMALL:
        chroma = _halve_small(chroma)
    elif halved:
        chroma = _halve(chroma[:, 0])[:, None]
    return [Planes(luma[i], chroma[:, i]) for i in range(count)]


def to_rgb(planes: Planes) -> RGB:
    """The image of planes, (H, W, 3); chroma of half resolution is interpolated."""
    luma, chroma = planes
    height, width = luma.shape
    if chroma is None:
        return np.repeat(luma[..., None], 3, axis=2)
    image = np.empty((height, width, 3), np.uint8)
    halved = chroma.shape[1:] != luma.shape
    for rows in _strips(height, width):
        _strip_to_rgb(luma[rows], _doubled(chroma, rows, height, width) if halved else chroma[:, rows], image[rows])
    return image


def _strip_to_rgb(luma: Plane, chroma: Plane, image: RGB) -> None:
    y, (cb, cr) = luma.astype(np.int16), chroma
    image[..., 0] = np.clip(_RED_OF_CR[cr] + y, 0, 255)
    green = _GREEN_OF_CB[cb]
    green += _GREEN_OF_CR[cr]
    green >>= 22
    image[..., 1] = np.clip(green + y, 0, 255)
    image[..., 2] = np.clip(_BLUE_OF_CB[cb] + y, 0, 255)


def _strips(height: int, width: int) -> list[slice]:
    rows = max(16, STRIP // width // BLOCK * BLOCK)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def _halve_small(chroma: Plane) -> Plane:
    """(..., H, W) -> (..., ceil(H/2), ceil(W/2))"""
    *leading, height, width = chroma.shape
    across = _halved_across(chroma.reshape(-1, width).astype(np.float32) @ _line_matrix(_DOWN, width).T)
    return _halved_down(_line_matrix(_DOWN, height) @ across.reshape(*leading, height, -1))


def _halve(chroma: Plane) -> Plane:
    """(2, H, W) -> (2, ceil(H/2), ceil(W/2)): horizontally first, edges replicated."""
    _, height, width = chroma.shape
    rows, columns = (height + 1) // 2, (width + 1) // 2
    halves = np.empty((2, rows, columns), np.uint8)
    column_windows = _windows(_DOWN, 0, columns, width)  # (blocks, BLOCK + 8)
    for strip in _strips(rows, columns):
        row_windows = _windows(_DOWN, strip.start, strip.stop, height)
        lines = np.take(chroma, row_windows, axis=1).astype(np.float32)  # (2, blocks, BLOCK + 8, W)
        across = np.take(lines, column_windows, axis=-1) @ _DOWN.matrix.T  # (2, blocks, BLOCK + 8, blocks, BLOCK/2)
        across = across.reshape(*lines.shape[:3], -1)[..., :columns]
        down = _DOWN.matrix @ _halved_across(across)  # (2, blocks, BLOCK/2, columns)
        halves[:, strip] = _halved_down(down.reshape(2, -1, columns)[:, : strip.stop - strip.start])
    return halves


def _halved_across(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    sums += 1
    sums *= 0.5
    return np.floor(sums, out=sums)


def _halved_down(sums: NDArray[np.float32]) -> Plane:
    sums += 4096
    sums *= 1 / 8192
    return np.clip(sums, 0, 255, out=sums).astype(np.uint8)


def _doubled(chroma: Plane, rows: slice, height: int, width: int) -> Plane:
    """Rows of full resolution, (2, rows, width), from (2, ceil(H/2), ceil(W/2)): vertically first."""
    _, halves, columns = chroma.shape
    if max(height, width) <= SMALL:
        sums = _line_matrix(_UP, height) @ chroma.astype(np.float32) @ _line_matrix(_UP, width).T
    else:
        row_windows = _windows(_UP, rows.start, rows.stop, halves)
        lines = np.take(chroma, row_windows, axis=1).astype(np.float32)  # (2, blocks, BLOCK/2 + 6, columns)
        down = (_UP.matrix @ lines).reshape(2, -1, columns)[:, : rows.stop - rows.start]
        across = np.take(down, _windows(_UP, 0, width, columns), axis=-1) @ _UP.matrix.T  # (2, rows, blocks, BLOCK)
        sums = across.reshape(2, down.shape[1], -1)[..., :width]
    sums += 2048
    sums *= 1 / 4096
    return np.clip(sums, 0, 255, out=sums).astype(np.uint8)


def _windows(kernel: _Filter, start: int, stop: int, length: int) -> NDArray[np.intp]:
    """(blocks, samples): which of ``length`` samples each block of the results start..stop-1 reads."""
    results, samples = kernel.matrix.shape
    samples_per, results_per = kernel.step
    begins = np.arange(start, stop, results) * samples_per // results_per - kernel.before
    return np.clip(begins[:, None] + np.arange(samples), 0, length - 1)


@lru_cache(maxsize=64)
def _line_matrix(kernel: _Filter, length: int) -> NDArray[np.float32]:
    """The filter of a whole short line, edges and all, as one matrix. length: at full resolution."""
    half = (length + 1) // 2
    samples, results = (half, length) if kernel is _UP else (length, half)
    picks = _windows(kernel, 0, results, samples)[..., None] == np.arange(samples)  # (blocks, window, samples)
    return (kernel.matrix @ picks.astype(np.float32)).reshape(-1, samples)[:results]
