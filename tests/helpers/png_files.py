"""PNG files taken apart by the specification alone."""

import io
import struct


def png_parts(file):
    """(IDAT, PLTE) bytes by an independent walk: PNG is length, type, data, CRC after eight bytes of signature."""
    stream, lengths = io.BytesIO(file), {b"IDAT": 0, b"PLTE": 0}
    stream.read(8)
    while head := stream.read(8):
        length, kind = struct.unpack(">I4s", head)
        stream.read(length + 4)
        lengths[kind] = lengths.get(kind, 0) + length
    return lengths[b"IDAT"], lengths[b"PLTE"]
