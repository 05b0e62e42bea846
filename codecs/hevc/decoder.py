"""FFmpeg's HEVC decoder through PyAV: one coded picture -> color planes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .bits import Malformed
from .color import Plane, Planes
from .container import Picture
from .contexts import Contexts
from .parameter_sets import MONOCHROME, YUV420, YUV444, parameter_sets, read_header
from .x265 import library

if TYPE_CHECKING:
    import av

_PIXELS = {MONOCHROME: "gray", YUV420: "yuv420p", YUV444: "yuv444p"}
_IDLE_PIXELS = 1 << 20
"""Idle decoders may hold this many pixels in all: 32 of up to 181x181."""

_BEYOND = b"\xff" * 64
"""Bytes behind a picture, which a decoder does not read where the picture is whole."""

Key = tuple[bytes, int, int, int]
"""The HEVC header, pixel format, width and height of a file."""


class Decoder:
    """A decoder for pictures of one size coded with the same tools."""

    def __init__(self, key: Key) -> None:
        header, pixel_format, width, height = key
        av = library()
        context: av.VideoCodecContext = av.CodecContext.create("hevc", "r")
        context.thread_count = 1
        context.extradata = parameter_sets(read_header(header), pixel_format, width, height)
        context.options = {"err_detect": "explode"}
        self._packet, self._context, self._format = av.Packet, context, _PIXELS[pixel_format]

    def planes(self, picture: Picture, beyond: bytes) -> list[Plane]:
        """The decoded planes, padding and all. They are the decoder's own memory while the result is held."""
        frames = self._context.decode(self._packet(picture.coded + beyond))
        if len(frames) != 1 or frames[0].is_corrupt:
            raise Malformed(f"the picture data give {len(frames)} whole pictures")
        frame = frames[0]
        if frame.format.name != self._format or frame.width < picture.width or frame.height < picture.height:
            raise Malformed(f"the picture data give {frame.format.name} {frame.width}x{frame.height}")
        return [_view(plane) for plane in frame.planes]


Decoders: Contexts[Key, Decoder] = Contexts(Decoder, lambda key: max(key[2] * key[3], 1 << 15), _IDLE_PIXELS)


def decode(picture: Picture) -> Planes:
    """The planes of a picture at its true size. Raises Malformed.

    A file cut short has no mark of it, and FFmpeg decodes on into whatever follows. So the picture is decoded twice,
    with other bytes behind it: a whole one does not depend on them.
    """
    errors = library().error.FFmpegError
    try:
        with Decoders.lent((picture.header, picture.pixel_format, picture.width, picture.height)) as decoder:
            planes = decoder.planes(picture, b"")
            planes_again = decoder.planes(picture, _BEYOND)
            cropped = _cropped(planes, picture)
            if not all(np.array_equal(a, b) for a, b in zip(cropped, _cropped(planes_again, picture), strict=True)):
                raise Malformed("the picture data end too early, or are damaged")
            chroma = np.stack(cropped[1:]) if len(cropped) > 1 else None
            return Planes(cropped[0].copy(), chroma)
    except errors as error:
        raise Malformed(f"the picture data cannot be decoded ({error.strerror})") from None


def _cropped(planes: list[Plane], picture: Picture) -> list[Plane]:
    height, width = picture.height, picture.width
    chroma = ((height + 1) // 2, (width + 1) // 2) if picture.pixel_format == YUV420 else (height, width)
    return [p[:h, :w] for p, (h, w) in zip(planes, ((height, width), chroma, chroma), strict=False)]


def _view(plane: Any) -> Plane:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
