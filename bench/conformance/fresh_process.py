"""Calls in a spawned process, which has nothing of this one's memory and may crash or hang.

Imports little, since every process that is spawned for a call imports this file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

import numpy as np

from ...codecs.base import Codec
from ...core.images import RGB, AnyImage
from ...core.origins import describe_error

PATIENCE = 60.0
"""Seconds that a codec may take for a handful of images, the start of the process included."""
ERROR_LENGTH = 400
"""Characters of an error that are shown."""
RAISED, IMAGE = "raised", "an image"

A = TypeVar("A")
B = TypeVar("B")


class Lost(Exception):
    """A process that gave no answer, because it died or hung."""


def call(function: Callable[[Codec, Sequence[A]], B], codec: Codec, arguments: Sequence[A]) -> B:
    """``function(codec, arguments)`` in a new process that ends with it. Raises Lost, or what the function raises."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(function, codec, arguments).result(PATIENCE)
        except BrokenProcessPool:
            raise Lost("the process dies") from None
        except TimeoutError:
            for process in list(pool._processes.values()):
                process.kill()
            raise Lost(f"no answer in {PATIENCE:g} s") from None


def encode_each(codec: Codec, images: Sequence[AnyImage]) -> list[bytes]:
    """The file of each image."""
    return [codec.encode(image) for image in images]


def decode_each(codec: Codec, files: Sequence[bytes]) -> list[RGB | str]:
    """The pixels of each file, or why there are none."""
    decoded: list[RGB | str] = []
    for file in files:
        try:
            decoded.append(codec.decode(file))
        except Exception as error:
            decoded.append(describe_error(error, ERROR_LENGTH))
    return decoded


def outcome_of_each(codec: Codec, files: Sequence[bytes]) -> list[str]:
    """What decoding each file comes to: an image, an exception, or something that is neither."""
    outcomes = []
    for file in files:
        try:
            pixels = codec.decode(file)
            is_image = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 3
            outcomes.append(IMAGE if is_image else f"no image but {type(pixels).__name__}")
        except Exception:
            outcomes.append(RAISED)
    return outcomes
