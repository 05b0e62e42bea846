"""A codec on trial: its files of the test images, and what is wrong with what it gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from ...codecs.base import Codec
from ...core.images import RGB, AnyImage, IndexedImage, as_rgb
from ...core.origins import describe_error
from . import fresh_process
from .fresh_process import ERROR_LENGTH
from .images import of_few_colors, of_many_sizes

SMALL_IMAGES = 6
"""How many of the RGB images, the first, are coded in fresh processes too: those up to 33x31, and strips."""


class Broken(Exception):
    """A promise that is not kept: what was seen, and how to mend it where the promise's own remedy does not fit."""

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


class Trial:
    """A codec, the images on which it is tried, and its file of each, encoded when first asked for."""

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.rgb_images = of_many_sizes()
        self.indexed_images = of_few_colors()
        self.images: dict[str, AnyImage] = {**self.rgb_images, **self.indexed_images}
        self._files: dict[str, bytes] = {}

    def file(self, name: str) -> bytes:
        """The file of the image of that name. Raises Broken."""
        if name not in self._files:
            self._files[name] = encode(self.codec, name, self.images[name])
        return self._files[name]

    @cached_property
    def foreign_files(self) -> dict[str, bytes]:
        """The files of the small images as a process that has nothing of this one's memory writes them. Raises Broken."""
        names = list(self.rgb_images)[:SMALL_IMAGES]
        files = self.in_fresh_process(fresh_process.encode_each, [self.rgb_images[name] for name in names])
        return dict(zip(names, files, strict=True))

    def in_fresh_process(
        self, function: Callable[[Codec, Sequence[Any]], list[Any]], arguments: Sequence[Any]
    ) -> list[Any]:
        """``function(codec, arguments)`` in a process that is spawned for it. Raises Broken where that dies or hangs."""
        try:
            return fresh_process.call(function, self.codec, arguments)
        except fresh_process.Lost as lost:
            raise Broken(str(lost)) from None


def encode(codec: Codec, name: str, image: AnyImage) -> bytes:
    """The file of an image called ``name``. Raises Broken where there is none, or where the image is changed."""
    copy = IndexedImage(image.indices.copy(), image.palette) if isinstance(image, IndexedImage) else image.copy()
    remedy = "call as_rgb(image) where indices mean nothing to you" if isinstance(image, IndexedImage) else ""
    file = _called("encode", codec.encode, name, copy, remedy)
    if not isinstance(file, bytes):
        raise Broken(f"{name}: encode gives {type(file).__name__}", "give the whole file, as bytes")
    if not (as_rgb(copy) == as_rgb(image)).all():
        raise Broken(f"{name}: encode changes the image that it is given", "work on a copy of it")
    return file


def decode(codec: Codec, name: str, file: bytes, image: AnyImage) -> RGB:
    """The pixels of the file of an image. Raises Broken for what is no writable image of the same size."""
    pixels, size = _called("decode", codec.decode, name, file, ""), as_rgb(image).shape
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != size:
        shape = "x".join(map(str, getattr(pixels, "shape", ())))
        raise Broken(
            f"{name}: decoded to {getattr(pixels, 'dtype', type(pixels).__name__)} {shape} "
            f"instead of uint8 {'x'.join(map(str, size))}",
            "give uint8 pixels, (H, W, 3), as many as were encoded",
        )
    if not pixels.flags.writeable:
        raise Broken(f"{name}: the decoded pixels cannot be written", "give a copy: np.array(pixels)")
    return pixels


def check_lossless(codec: Codec, name: str, pixels: RGB, image: AnyImage) -> None:
    """Raises Broken where a codec that says to be lossless gave other pixels."""
    if codec.lossless and not (pixels == as_rgb(image)).all():
        changed = int((pixels != as_rgb(image)).any(axis=2).sum())
        raise Broken(f"{name}: lossless, but {changed} pixels differ")


def check_breakdown(codec: Codec, name: str, file: bytes) -> None:
    """Raises Broken where the byte breakdown of a file does not sum to it."""
    parts = codec.byte_breakdown(file)
    if sum(parts) != len(file) or min(parts) < 0:
        raise Broken(f"{name}: {parts} of {len(file)} bytes")


def check_batch(codec: Codec, images: list[AnyImage], alone: list[bytes]) -> None:
    """Raises Broken where a batch gives other files, or other pixels, than its images alone."""
    if (together := codec.encode_batch(images)) != alone:
        different = (i for i, (a, b) in enumerate(zip(together, alone, strict=False)) if a != b)
        raise Broken(
            f"encode_batch gives {len(together)} files for {len(alone)} images, "
            f"the first other one at {next(different, len(together))}"
        )
    for place, (file, pixels) in enumerate(zip(alone, codec.decode_batch(alone), strict=True)):
        if not np.array_equal(codec.decode(file), pixels):
            raise Broken(f"decode_batch gives other pixels for file {place}")


def _called(method: str, function: Callable[[Any], Any], name: str, argument: Any, remedy: str) -> Any:
    try:
        return function(argument)
    except Exception as error:
        raise Broken(f"{name}: {method} raises {describe_error(error, ERROR_LENGTH)}", remedy) from None
