"""Decoding of a data set's stored image files."""

from __future__ import annotations

from ..core.images import RGB
from ..core.stored_images import Undecodable, decode_stored
from .base import BadImage, Source


def decode(file: bytes | None, name: str = "") -> tuple[RGB | BadImage, Source]:
    """The pixels of a stored file by the rule of core/stored_images.py, and their source with the file itself.

    A file that cannot be read, or None, gives a BadImage with its ``name``, so that one bad file costs one row.
    """
    prefix = f"{name}: " if name else ""
    if not file:
        return BadImage(f"{prefix}the file is missing or empty"), Source("unknown")
    try:
        decoded = decode_stored(file)
    except Undecodable as error:
        return BadImage(f"{prefix}{error}"), Source(error.format, len(file), error.remarks)
    return decoded.pixels, Source(decoded.format, len(file), decoded.remarks, file)
