"""Calls in a spawned process, which has nothing of this one's memory and may crash or hang.

Imports little, since every process that is spawned for a call imports this file.
"""

from __future__ import annotations

import os
import site
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from ...codecs.base import Codec
from ...core.errors import Refused
from ...core.images import RGB, AnyImage
from ...core.origins import MODULE, describe_error

PATIENCE = 60.0
"""Seconds that a codec may take for a handful of images, the start of the process included."""
ERROR_LENGTH = 400
"""Characters of an error that are shown."""
SYSTEM = ("/dev", "/etc", "/proc", "/sys", "/usr", str(Path(__file__).parents[2]))
"""Folders, rabench's own among them, whose files are no data of a plug-in."""
RAISED, IMAGE = "raised", "an image"

A = TypeVar("A")
B = TypeVar("B")


_read: dict[str, None] = {}
"""The paths that code of plug-in files has opened for reading in this process, in order."""


class NoProcess(Refused):
    """No process can be started here at all, as in a script that calls rabench while it is imported."""


class Lost(Exception):
    """A process that gave no answer, because it died or hung."""


def call(function: Callable[[Codec, Sequence[A]], B], codec: Codec, arguments: Sequence[A]) -> B:
    """``function(codec, arguments)`` in a new process that ends with it. Raises Lost, or what the function raises.

    The process notes what plug-in files read from their first line on: the codec is made there after the hook is set.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), sys.addaudithook, (_note_read,)) as pool:
        try:
            pool.submit(os.getpid).result(PATIENCE)
        except RuntimeError:  # a process that spawns while it is spawned, and the pool that it breaks
            raise NoProcess(
                "worker processes cannot start; in a script, call rabench below 'if __name__ == \"__main__\":'"
            ) from None
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


def files_read(codec: Codec, images: Sequence[AnyImage]) -> list[str]:
    """The files that a codec of a plug-in file reads, as it is made and while it codes images; of what is installed none."""
    for image in images:
        codec.decode(codec.encode(image))
    installed = [
        Path(folder).resolve() for folder in (sys.prefix, sys.base_prefix, site.getusersitepackages(), *SYSTEM)
    ]
    paths = dict.fromkeys(Path(path).resolve() for path in _read)
    return [
        str(path)
        for path in paths
        if path.is_file()  # what it has written and removed again is none of its data
        and path.suffix not in (".py", ".pyc")
        and not any(path.is_relative_to(folder) for folder in installed)
    ]


def _note_read(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook. Native code, such as safetensors and ONNX Runtime, opens files without telling Python."""
    if event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
        return
    path, _mode, flags = arguments
    if flags & (os.O_WRONLY | os.O_RDWR):
        return
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(MODULE):
            _read[os.fspath(path)] = None
            return
        frame = frame.f_back
