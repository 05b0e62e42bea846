"""The rows of a point, column by column: in memory as far as there is room, else in a temporary file."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import IO, Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from ...core.errors import Unavailable

HELD = 1 << 29
"""The bytes of columns that are held in memory."""
SMALL = 1 << 16
"""Arrays of fewer bytes stay in memory whatever is held."""


class Store:
    """What bounds the memory of columns: those that nobody has asked for longest go to a file, which ends with the process."""

    def __init__(self, held: int = HELD) -> None:
        """held: the bytes that are held in memory."""
        self.held, self.bytes = held, 0
        self.end = 0
        """The length of the file."""
        self._held: WeakValueDictionary[int, Column] = WeakValueDictionary()
        """The columns in memory, in the order in which they were last asked for."""
        self._file: IO[bytes] | None = None
        self._free: defaultdict[int, list[int]] = defaultdict(list)
        """Places in the file that columns have given back, by their length."""

    def note(self, column: Column) -> None:
        """Notes that a column has been asked for; whatever is in memory beyond ``held`` goes to the file."""
        self._held.pop(id(column), None)
        self._held[id(column)] = column
        while self.bytes > self.held and len(self._held) > 1:
            oldest = next(iter(self._held.values()))
            del self._held[id(oldest)]
            oldest.leave()

    def write(self, array: NDArray[Any]) -> int:
        """Writes an array to the file; gives its place. Raises Unavailable where the disk is full."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="rabench-", buffering=0)  # noqa: SIM115 - as long as the store
        free = self._free[array.nbytes]
        place = free.pop() if free else self.end
        self.end = max(self.end, place + array.nbytes)
        try:
            self._file.seek(place)
            array.tofile(self._file)
        except OSError as error:
            raise Unavailable(
                f"the temporary folder {tempfile.gettempdir()} cannot take {self.end / 1e9:.1f} GB of columns: "
                f"{error.strerror or error}; set TMPDIR to a folder with more room"
            ) from None
        return place

    def read(self, place: int, dtype: np.dtype[Any], length: int) -> NDArray[Any]:
        """The array that was written to a place."""
        assert self._file is not None
        self._file.seek(place)
        return np.fromfile(self._file, dtype, length)

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def free(self, place: int, nbytes: int) -> None:
        """Gives a place in the file to the next array of its length."""
        self._free[nbytes].append(place)


class Column:
    """One column, which nobody changes; its array is in memory, in the store's file, or in both."""

    def __init__(self, array: NDArray[Any], store: Store) -> None:
        array.flags.writeable = False
        self._dtype, self._length, self._place, self._store = array.dtype, len(array), None, store
        self._enter(array)

    def array(self) -> NDArray[Any]:
        """The values, (N,), not to be written to."""
        if self._array is None:
            assert self._place is not None
            array = self._store.read(self._place, self._dtype, self._length)
            array.flags.writeable = False
            self._enter(array)
            return array
        if self._array.nbytes >= SMALL:
            self._store.note(self)
        return self._array

    def _enter(self, array: NDArray[Any]) -> None:
        self._array: NDArray[Any] | None = array
        if array.nbytes >= SMALL:
            self._store.bytes += array.nbytes
            self._store.note(self)

    def leave(self) -> None:
        """Goes out of memory, and into the file where it is not there yet."""
        assert self._array is not None
        if self._place is None:
            self._place = self._store.write(self._array)
        self._store.bytes -= self._array.nbytes
        self._array = None

    def __del__(self) -> None:
        nbytes = self._dtype.itemsize * self._length
        if self._place is not None:
            self._store.free(self._place, nbytes)
        if self._array is not None and nbytes >= SMALL:
            self._store.bytes -= nbytes


class Columns(Mapping[str, NDArray[Any]]):
    """The rows of a point: the values of all images by the name of the column, (N,) each, not to be written to."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], store: Store | None = None) -> None:
        """store: what bounds the memory; by default one for the whole process."""
        self._store = store or _STORE
        self._columns = {name: Column(array, self._store) for name, array in arrays.items()}

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._columns[name].array()

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def having(self, **arrays: NDArray[Any]) -> Columns:
        """The same rows with other or further columns; those that stay are shared."""
        more = Columns(arrays, self._store)
        more._columns = {**self._columns, **more._columns}
        return more

    def sharing(self, other: Columns, names: Iterable[str]) -> Columns:
        """The same rows; of some columns, those that are equal to the columns of ``other`` are held once for both."""
        kept = {name: other._columns[name] for name in names if np.array_equal(self[name], other[name])}
        same = Columns({}, self._store)
        same._columns = {**self._columns, **kept}
        return same


_STORE = Store()


Images = NDArray[np.int64]
"""Positions of images in their data set, (N,), each once."""
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


def rows_of_both(first: Images, second: Images, one: Mask, other: Mask) -> tuple[Rows, Rows]:
    """The rows, in each of two columns of images, of the images that both have; (N,) both, in the order of the images.

    one, other: which rows of each count.
    """
    if np.array_equal(first, second):
        rows = np.flatnonzero(one & other)
        return rows, rows
    if _ordered(first) and _ordered(second):
        places = np.searchsorted(first, second).clip(max=max(0, len(first) - 1))
        both = other & one[places] & (first[places] == second) if len(first) else np.zeros(len(second), bool)
        return places[both], np.flatnonzero(both)
    own, others = np.flatnonzero(one), np.flatnonzero(other)
    _, a, b = np.intersect1d(first[own], second[others], assume_unique=True, return_indices=True)
    return own[a], others[b]


def rows_of(own: Images, images: Images) -> Rows:
    """The rows of a column of images that hold these images, all of which it has."""
    if np.array_equal(own, images):
        return np.arange(len(images))
    order = np.argsort(own, kind="stable")
    return order[np.searchsorted(own, images, sorter=order)]


def _ordered(images: Images) -> bool:
    return bool((images[1:] > images[:-1]).all())


def images_of_all(columns: Sequence[Images], masks: Sequence[Mask]) -> Images:
    """The images that every column has, sorted. masks: which rows of each count."""
    if all(np.array_equal(columns[0], other) for other in columns[1:]):
        return np.sort(columns[0][reduce(np.logical_and, masks)])
    return reduce(np.intersect1d, (images[mask] for images, mask in zip(columns, masks, strict=True)))


def images_of_any(columns: Iterable[Images]) -> Images:
    """The images that any column has, sorted."""
    found: Images | None = None
    for images in columns:
        if found is None or not np.array_equal(found, images):
            found = np.unique(images) if found is None else np.union1d(found, images)
    return np.empty(0, np.int64) if found is None else found
