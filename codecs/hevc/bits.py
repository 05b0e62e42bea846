"""Bit strings and the variable-length integers of HEVC (ITU-T H.265, clause 9.2) and of BPG."""

from __future__ import annotations


class Malformed(ValueError):
    """Bytes that are no BPG file of the kind this reader knows; the message says why."""


class BitWriter:
    """A string of bits that grows, the high bits of each number first."""

    def __init__(self) -> None:
        self._value = self._length = 0

    def u(self, bits: int, value: int) -> None:
        """Appends an unsigned number of so many bits."""
        self._value = self._value << bits | value
        self._length += bits

    def ue(self, value: int) -> None:
        """Appends a number as Exponential Golomb code."""
        bits = (value + 1).bit_length()
        self.u(2 * bits - 1, value + 1)

    def aligned(self, stop_bit: bool) -> bytes:
        """The bits, filled up to whole bytes; stop_bit: rbsp_trailing_bits (7.3.2.11), else zeros alone."""
        if stop_bit:
            self.u(1, 1)
        self.u(-self._length % 8, 0)
        return self._value.to_bytes(self._length // 8, "big")


class BitReader:
    """A string of bits that is read from its start. Raises Malformed where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "big")
        self._left = self._length = 8 * len(data)

    @property
    def position(self) -> int:
        """Bits read so far."""
        return self._length - self._left

    @property
    def left(self) -> int:
        """Bits not yet read."""
        return self._left

    def u(self, bits: int) -> int:
        """Reads an unsigned number of so many bits."""
        if bits > self._left:
            raise Malformed("a header ends too early")
        self._left -= bits
        return self._value >> self._left & ((1 << bits) - 1)

    def ue(self) -> int:
        """Reads a number in Exponential Golomb code."""
        zeros = 0
        while not self.u(1):
            zeros += 1
        if zeros > 32:
            raise Malformed("a number in a header has more than 32 bits")
        return (1 << zeros) - 1 + self.u(zeros)


def ue7(value: int) -> bytes:
    """An integer as BPG writes it: seven bits a byte, the high ones first, all bytes but the last with the top bit set."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def read_ue7(data: bytes, position: int) -> tuple[int, int]:
    """(the integer at ``position``, where the next byte is); 32 bits at the most, in no more bytes than needed.

    Raises Malformed for any other.
    """
    value = 0
    for index in range(position, min(position + 5, len(data))):
        if index == position and data[index] == 0x80:
            break
        value = value << 7 | data[index] & 0x7F
        if data[index] < 0x80:
            if value >= 1 << 32:
                break
            return value, index + 1
    raise Malformed("a number in the header is cut short or too long")


def escape(payload: bytes) -> bytes:
    """The payload with emulation prevention: no 00 00 00, 00 00 01, 00 00 02 or 00 00 03 is left (7.4.2)."""
    escaped, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(escaped)


def unescape(payload: bytes) -> bytes:
    """The payload without emulation prevention. Right where it holds no 00 00 03 of its own, as all escaped ones."""
    return payload.replace(b"\0\0\3", b"\0\0")
