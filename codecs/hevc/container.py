"""The BPG file: a few bytes around one HEVC picture (BPG specification 0.9.8, section 3)."""

from __future__ import annotations

from dataclasses import dataclass

from ..base import ByteBreakdown
from .bits import Malformed, read_ue7, ue7
from .parameter_sets import CRA, IDR_N_LP, IDR_W_RADL, PPS, SPS, VPS

MAGIC = b"BPG\xfb"
START = b"\0\0\1"

PIXELS = 1 << 24
"""The most that a picture may have, so that a file takes no more than some 220 MB to decode, whatever it declares."""

_FORMATS = ("grey", "4:2:0", "4:2:2", "4:4:4", "4:2:0 with chroma as in MPEG-2", "4:2:2 with chroma as in MPEG-2")
_COLOR_SPACES = ("YCbCr (BT.601)", "RGB", "YCgCo", "YCbCr (BT.709)", "YCbCr (BT.2020)")
_SEI = (39, 40)


class Unsupported(Malformed):
    """A BPG file of a kind this reader does not know."""


@dataclass(frozen=True)
class Picture:
    """A BPG file taken apart."""

    pixel_format: int
    """0 grey, 1 4:2:0, 3 4:4:4."""
    width: int
    height: int
    header: bytes
    """Which coding tools are on: parameter_sets.read_header."""
    pps: bytes
    """The PPS NAL unit, without start code."""
    rest: bytes
    """The NAL units after the PPS, the first one's start code left out: SEI messages, slices."""

    @property
    def coded(self) -> bytes:
        """PPS and slices with start codes, for a decoder: an SEI message has nothing to say to it."""
        units = [self.pps, *(unit for unit in _split(self.rest) if _kind(unit) not in _SEI)]
        return b"".join(b"\0" + START + unit for unit in units)


def write(picture: Picture) -> bytes:
    """The bytes of the file; its picture data go to the end, as bpgenc writes it."""
    p = picture
    head = MAGIC + bytes((p.pixel_format << 5, 0)) + ue7(p.width) + ue7(p.height) + ue7(0)
    return b"".join((head, ue7(len(p.header)), p.header, p.pps, START, p.rest))


def read(data: bytes) -> Picture:
    """Takes a file apart, and checks all that can be checked before a decoder sees it.

    Raises Malformed, or Unsupported for alpha, animation, 4:2:2, other colors, limited range and
    more than 8 bits.
    """
    data = bytes(data)
    width, height, position = declared_size(data)
    _check_flags(data[4], data[5])
    length, position = read_ue7(data, position)
    if data[5] & 0x08:  # extension: metadata such as EXIF
        extension_length, position = read_ue7(data, position)
        position += extension_length
    end = position + length if length else len(data)
    if end > len(data):
        raise Malformed(f"the file ends {end - len(data)} bytes too early")
    size, position = read_ue7(data, position)
    header, hevc = data[position : position + size], data[position + size : end]
    if len(header) < size or not hevc:
        raise Malformed("the file ends before its picture")
    pps, rest = _nal_units(hevc)
    return Picture(data[4] >> 5, width, height, header, pps, rest)


def declared_size(data: bytes) -> tuple[int, int, int]:
    """(width, height, where the next byte is) of any BPG file. Raises Malformed for sizes that may not be."""
    if data[:4] != MAGIC:
        raise Malformed("no BPG file: it does not begin with 'BPG' and FB")
    if len(data) < 6:
        raise Malformed("the file ends within its header")
    width, position = read_ue7(data, 6)
    height, position = read_ue7(data, position)
    check_size(width, height)
    return width, height, position


def byte_breakdown(data: bytes) -> ByteBreakdown:
    """The HEVC header and the PPS are tables, slices payload; the rest frames them."""
    picture = read(data)
    tables, payload = len(picture.header) + len(picture.pps), len(picture.rest)
    return ByteBreakdown(container=len(data) - tables - payload, tables=tables, payload=payload)


def check_size(width: int, height: int) -> None:
    """Refuses a picture that is too large, before anything is allocated or searched. Raises Malformed."""
    if not 0 < width * height <= PIXELS:
        raise Malformed(f"{width}x{height} pixels; 1 to {PIXELS:,} are allowed")


def _check_flags(first: int, second: int) -> None:
    kind, space = first >> 5, second >> 4
    checks = [
        (kind not in (0, 1, 3), f"chroma format {_named(_FORMATS, kind)}"),
        (first & 0x10 or second & 0x04, "an alpha plane"),
        (first & 0x0F, f"{8 + (first & 0x0F)} bits a sample"),
        (space, f"color space {_named(_COLOR_SPACES, space)}"),
        (second & 0x02, "limited range"),
        (second & 0x01, "animation"),
    ]
    features = ", ".join(feature for condition, feature in checks if condition)
    if features:
        raise Unsupported(f"{features}; read are 8-bit grey, 4:2:0 and 4:4:4 pictures in full-range YCbCr (BT.601)")


def _named(names: tuple[str, ...], number: int) -> str:
    return names[number] if number < len(names) else f"number {number}"


def _nal_units(hevc: bytes) -> tuple[bytes, bytes]:
    """(PPS, what follows). Only the NAL units of one intra picture are let through to a decoder."""
    units = _split(hevc)
    kinds = [_kind(unit) for unit in units]
    if kinds[0] != PPS or len(kinds) < 2 or -1 in kinds:
        raise Malformed("the picture data do not begin with a PPS and a whole slice")
    if any(kind in (VPS, SPS) for kind in kinds):
        raise Malformed("the picture data bring parameter sets that a BPG file must not hold")
    slices = [kind for kind in kinds[1:] if kind not in _SEI]
    if not slices or set(slices) - {IDR_W_RADL, IDR_N_LP, CRA}:
        raise Malformed(f"the picture data hold NAL units of types {kinds[1:]}; an intra picture has 19, 20 or 21")
    return units[0], hevc[hevc.index(START) + 3 :]


def _kind(unit: bytes) -> int:
    return unit[0] >> 1 & 0x3F if len(unit) > 2 else -1


def _split(hevc: bytes) -> list[bytes]:
    """The NAL units between start codes 00 00 01 or 00 00 00 01; emulation prevention keeps those unique."""
    return [unit.rstrip(b"\0") for unit in hevc.split(START)]
