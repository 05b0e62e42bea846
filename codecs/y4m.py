"""YUV4MPEG2: raw pictures as encoders of video read and their decoders write them; YCbCr of BT.601, full range."""

from __future__ import annotations

import re

import numpy as np

from ..core.images import RGB
from .hevc.color import Planes, to_planes, to_rgb

SIGNATURE = b"YUV4MPEG2 "
_CHROMA = re.compile(r"(420|444|mono)(?:jpeg|mpeg2|paldv)?(?:p?(\d+))?")
"""The header's tag C: sampling, and bits a sample where they are not 8."""


def write(image: RGB, chroma: int) -> bytes:
    """The bytes of a file of one picture. chroma: 420, its samples centered between those of luma, or 444."""
    planes = to_planes(image, halved=chroma == 420)
    height, width = image.shape[:2]
    header = f"W{width} H{height} F25:1 Ip A1:1 C{'420jpeg' if chroma == 420 else '444'} XCOLORRANGE=FULL\nFRAME\n"
    assert planes.chroma is not None  # neither of the two is grey
    return SIGNATURE + header.encode() + planes.luma.tobytes() + planes.chroma.tobytes()


def read(data: bytes) -> RGB:
    """The pixels of the first picture of a file, 8 to 16 bits a sample. Raises ValueError for what is no such file."""
    header, _, rest = data.partition(b"\n")
    if not header.startswith(SIGNATURE):
        raise ValueError("no YUV4MPEG2 file")
    tags = {word[:1]: word[1:] for word in header.decode("ascii", "replace").split()[1:]}
    match = _CHROMA.fullmatch(tags.get("C", "420"))
    sizes = tags.get("W", ""), tags.get("H", "")
    if match is None or not all(re.fullmatch(r"[1-9]\d{0,4}", size) for size in sizes):
        raise ValueError(f"YUV4MPEG2 of 4:2:0, 4:4:4 or grey is read, got {header.decode('ascii', 'replace')!r}")
    (width, height), sampling, bits = map(int, sizes), match[1], int(match[2] or 8)
    frame, _, samples = rest.partition(b"\n")
    size = 1 if bits == 8 else 2
    across, down = (width, height) if sampling == "444" else (-(-width // 2), -(-height // 2))
    count = width * height + (0 if sampling == "mono" else 2 * across * down)
    if not frame.startswith(b"FRAME") or len(samples) < count * size or not 8 <= bits <= 16:
        raise ValueError("a YUV4MPEG2 file without a whole picture")
    values = np.frombuffer(samples, np.uint8, count * size)
    if bits > 8:
        wide = values.view("<u2").astype(np.uint32)
        values = np.clip((wide + (1 << bits - 9)) >> bits - 8, 0, 255).astype(np.uint8)
    luma, chroma = np.split(values, [width * height])
    planes = None if sampling == "mono" else chroma.reshape(2, down, across)
    return to_rgb(Planes(luma.reshape(height, width), planes))
