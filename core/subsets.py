"""The training images whose files fit into a number of bytes: as many of each class, drawn at random."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .errors import Refused

Array = NDArray[np.int64]


def within_budget(labels: Array, sizes: Array, budget: int, seed: int, name: str, shared: int = 0) -> Array:
    """The rows of the images that a budget takes, sorted: equally many of each class, drawn with the seed.

    Where all files fit, they are all taken, however many each class has. labels: the class of each image. sizes: the bytes
    of its file. budget: the most bytes that all files may have. name: of the training set, for the error. shared: bytes that
    all files share and that count once. Raises Refused where not even one image of each class fits.
    """
    if sizes.sum() + shared <= budget:
        return np.arange(len(sizes))
    generator = np.random.default_rng(seed)
    shuffled = [generator.permutation(np.flatnonzero(labels == label)) for label in np.unique(labels)]
    rounds = min(map(len, shuffled))
    together = np.stack([rows[:rounds] for rows in shuffled])  # (classes, rounds)
    spent = shared + np.cumsum(sizes[together].sum(0))
    count = int(np.searchsorted(spent, budget, side="right"))
    if not count:
        raise Refused(
            f"{name}: a budget of {budget:,} bytes is below one image of each class, which takes {int(spent[0]):,}; raise it"
        )
    return np.sort(together[:, :count].ravel())
