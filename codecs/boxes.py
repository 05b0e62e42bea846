"""The boxes of ISO files (ISO/IEC 14496-12 and 15444-1): AVIF, JPEG 2000."""

from __future__ import annotations

import struct
from collections.abc import Iterator


def boxes(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(kind, first byte, last byte + 1) of what each top-level box holds."""
    position = 0
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        begin = position + 8
        if length == 1:  # a 64-bit length follows
            (length,) = struct.unpack_from(">Q", data, begin)
            begin += 8
        end = position + length if length else len(data)
        if end < begin:
            raise ValueError(f"a {kind!r} box of {length} bytes cannot be")
        yield kind, begin, end
        position = end
