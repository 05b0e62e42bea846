"""Decoding of stored image files to RGB pixels."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..core.images import RGB
from .base import BadImage, Source

_EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB", "HSV"}


def decode(file: bytes | None, name: str = "") -> tuple[RGB | BadImage, Source]:
    """The pixels a viewer shows, and their source: upright by the EXIF orientation, grey as RGB, alpha dropped.

    A file that cannot be read, or None, gives a BadImage with its ``name``, so that one bad file costs one row.
    """
    image, source = _decode(file)
    if isinstance(image, BadImage) and name:
        image = BadImage(f"{name}: {image.reason}")
    return image, source


def _remarks(image: Image.Image) -> tuple[str, ...]:
    """What of a stored image is left out: it is said once for a data set."""
    remarks = []
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        remarks.append("their transparency is dropped")
    if getattr(image, "is_animated", False):
        remarks.append("the first of several frames is taken, and the native bytes count all of them")
    return tuple(remarks)


def _decode(file: bytes | None) -> tuple[RGB | BadImage, Source]:
    if not file:
        return BadImage("the file is missing or empty"), Source("unknown")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a large photograph or odd metadata is no news here
            image = Image.open(BytesIO(file))
            source = Source(image.format or "unknown", len(file), _remarks(image))
            if image.mode not in _EIGHT_BIT:
                return BadImage(f"{image.mode} pixels; 8 bits a channel are allowed"), source
            return np.array(ImageOps.exif_transpose(image).convert("RGB")), source
    except UnidentifiedImageError:
        return BadImage("no image that Pillow can read"), Source("unknown", len(file))
    except Exception as error:  # Pillow's readers raise anything, struct.error and MemoryError too
        return BadImage(f"{type(error).__name__}: {error}".split("\n")[0]), Source("unknown", len(file))
