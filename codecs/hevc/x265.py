"""x265 through PyAV: color planes -> one coded picture, as bpgenc asks for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.errors import Unavailable
from .bits import BitReader, unescape
from .color import Plane, Planes
from .container import START, Picture
from .contexts import Contexts
from .parameter_sets import IDR_N_LP, IDR_W_RADL, MONOCHROME, PPS, SPS, VPS, YUV420, YUV444, CodingTools, read_sps

if TYPE_CHECKING:
    import av

PRESETS = ("superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo")
"""x265's presets, by bpgenc's level 1..9."""
_PIXELS = {MONOCHROME: "gray", YUV420: "yuv420p", YUV444: "yuv444p"}

_OPTIONS = {
    "keyint": 1,  # one intra picture after another,
    "frame-threads": 1,  # each handed back by the call that brings it
    "pools": "none",
    "wpp": 0,
    "info": 0,
    "log-level": "none",
    "allow-non-conformance": 1,  # a picture of 8000x16 fits no level
    "amp": 1,  # what a BPG file has no bit for, and takes as switched on
    "rect": 1,
}
FRAMES = 16
"""Pictures handed to x265 one after another; an encoder keeps a frame for each."""
_IDLE_PIXELS = 1 << 18
"""Idle encoders may hold this many pixels in all: 16 of up to 128x128, at 3 to 8 MB each."""


def library() -> Any:
    """The module av, which is PyAV. Raises Unavailable, with the remedy, where it is missing or has no x265."""
    try:
        import av
    except ImportError:
        raise Unavailable("bpg needs PyAV, which brings x265: pip install -c constraints.txt '.[gpl]'") from None
    if "libx265" not in av.codecs_available:
        raise Unavailable("this PyAV was built without x265; install the wheel: pip install --only-binary av av")
    return av


@lru_cache
def version() -> str:
    """x265's own version, as it writes it into a stream that is asked to say so."""
    errors = library().error.FFmpegError
    try:
        with Encoders.lent(Setup(16, 16, YUV420, 51, 1, info=True)) as encoder:
            (packet,) = encoder.packets([Planes(np.zeros((16, 16), np.uint8), np.zeros((2, 8, 8), np.uint8))])
    except (errors, OSError) as error:
        raise Unavailable(
            f"x265 cannot be opened ({error.strerror}); is TMPDIR a folder that can be written?"
        ) from None
    match = re.search(rb"x265 \(build (\d+)\) - ([^\s:]+)", packet)
    return f"x265 {match[2].decode()} build {match[1].decode()}" if match else "x265 of unknown version"


@dataclass(frozen=True)
class Setup:
    """The settings that an encoder is opened with; width and height are padded."""

    width: int
    height: int
    pixel_format: int
    qp: int
    effort: int
    block: int = 8
    """The smallest coding block's side."""
    info: bool = False
    """Whether x265 writes its version into the stream."""


def setup(width: int, height: int, pixel_format: int, qp: int, effort: int) -> Setup:
    """The setup for pictures of that size before padding. qp, effort: bpgenc's.

    A picture is padded to whole coding blocks; FFmpeg's wrapper refuses sides below 16.
    """
    block = 8 if min(width, height) > 8 else 16
    return Setup(-(-width // block) * block, -(-height // block) * block, pixel_format, qp, effort, block)


def encode(pictures: Sequence[tuple[Planes, int]], qp: int, effort: int) -> list[Picture]:
    """Coded pictures, each on its own, from planes and pixel formats. qp, effort: bpgenc's."""
    coded: list[Picture] = []
    setups = [
        setup(planes.luma.shape[1], planes.luma.shape[0], pixel_format, qp, effort) for planes, pixel_format in pictures
    ]
    for encoder_setup, run in groupby(zip(setups, pictures, strict=True), itemgetter(0)):
        with Encoders.lent(encoder_setup) as encoder:
            run_planes = [planes for _, (planes, _) in run]
            batch = max(1, min(FRAMES, _IDLE_PIXELS // (encoder_setup.width * encoder_setup.height)))
            for start in range(0, len(run_planes), batch):
                batch_planes = run_planes[start : start + batch]
                packets = encoder.packets(batch_planes)
                coded += [
                    encoder.picture(packet, planes.luma.shape[1], planes.luma.shape[0])
                    for planes, packet in zip(batch_planes, packets, strict=True)
                ]
    return coded


def lambda_tables() -> str:
    """A file for x265 that weighs rate against distortion as the x265 of bpgenc: lambda^2 = 0.85 * 2^((qp - 12) / 3).

    Later versions weigh by 0.038 * exp(0.234 qp), which costs 1.4 to 10 % of bytes at a QP.
    """
    values = [2 ** (qp / 6 - 2) for qp in range(70)]
    return "\n".join(", ".join(f"{v:.4f}" for v in line) for line in (values, [0.85 * v * v for v in values])) + "\n"


class Encoder:
    """An x265 context that is kept open; a picture's bytes do not depend on those before it."""

    def __init__(self, setup: Setup) -> None:
        av = library()
        self._setup = setup
        self._context: av.VideoCodecContext = av.CodecContext.create("libx265", "w")
        context = self._context
        context.width, context.height, context.pix_fmt = setup.width, setup.height, _PIXELS[setup.pixel_format]
        context.time_base, context.framerate, context.thread_count = Fraction(1, 25), Fraction(25), 1
        # Only while it opens does x265 read the tables. They are one for all encoders of a process.
        with TemporaryDirectory(prefix="rabench-lambda-") as folder:
            tables = Path(folder) / "tables.txt"
            tables.write_text(lambda_tables())
            context.options = self._options(str(tables))
            context.open()
        self._frames: list[tuple[av.VideoFrame, list[Plane]]] = []
        self._new_frame = lambda: av.VideoFrame(setup.width, setup.height, context.pix_fmt)
        self._count = 0
        self._template: _Template | None = None

    def _options(self, tables: str) -> dict[str, str]:
        s = self._setup
        options = {**_OPTIONS, "info": int(s.info), "qp": s.qp, "lambda-file": re.sub(r"([\\':=])", r"\\\1", tables)}
        if s.block > 8:
            options["min-cu-size"] = s.block
        if PRESETS[s.effort - 1] == "placebo" and min(s.width, s.height) < 32:
            # FFmpeg's wrapper makes the largest blocks 16 wide, which cannot be split four times.
            options["tu-intra-depth"] = options["tu-inter-depth"] = 3
        params = ":".join(f"{name}={value}" for name, value in options.items())
        return {"preset": PRESETS[s.effort - 1], "tune": "ssim", "x265-params": params}

    def packets(self, pictures: Sequence[Planes]) -> list[bytes]:
        """The bytes that x265 writes for each of some pictures: parameter sets and a slice.

        x265 leaves the caches cold: all frames are filled before the first is coded.
        """
        while len(self._frames) < len(pictures):
            frame = self._new_frame()
            self._frames.append((frame, [_view(plane) for plane in frame.planes]))
        for (frame, views), planes in zip(self._frames, pictures, strict=False):
            for view, plane in zip(views, _planes_of(planes), strict=True):
                _fill(view, plane)
            frame.pts, self._count = self._count, self._count + 1
        packets = [self._context.encode(frame) for frame, _ in self._frames[: len(pictures)]]
        if any(len(frame_packets) != 1 for frame_packets in packets):
            raise RuntimeError(
                f"x265 gave {[len(frame_packets) for frame_packets in packets]} packets for {len(pictures)} pictures"
            )
        return [bytes(frame_packets[0]) for frame_packets in packets]

    def picture(self, packet: bytes, width: int, height: int) -> Picture:
        """The picture that a BPG file keeps of a packet. width, height: before padding."""
        if self._template is None:
            self._template = _template_of(packet, self._setup)
        return self._template.picture(packet, width, height)


Encoders: Contexts[Setup, Encoder] = Contexts(Encoder, lambda s: max(s.width * s.height, 1 << 14), _IDLE_PIXELS)


def _planes_of(planes: Planes) -> tuple[Plane, ...]:
    return (planes.luma,) if planes.chroma is None else (planes.luma, planes.chroma[0], planes.chroma[1])


def _view(plane: Any) -> Plane:
    return np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]


def _fill(view: Plane, plane: Plane) -> None:
    """Copies, the last row and column repeated as far as the view goes."""
    if plane.shape == view.shape:
        view[:] = plane
        return
    height, width = plane.shape
    view[:height, :width] = plane
    view[:height, width:] = plane[:, -1:]
    view[height:] = view[height - 1]


@dataclass(frozen=True)
class _Template:
    """The bytes that an encoder writes before every slice, and where in a slice it counts pictures."""

    prefix: bytes
    """Parameter sets and the slice's start code."""
    pixel_format: int
    header: bytes
    pps: bytes
    flag_byte: int
    flag_bit: int

    def picture(self, packet: bytes, width: int, height: int) -> Picture:
        if not packet.startswith(self.prefix):
            raise RuntimeError("x265 changed its parameter sets between two pictures")
        slice_ = bytearray(packet[len(self.prefix) :])
        slice_[0] = IDR_W_RADL << 1  # later pictures are IDR_N_LP, to the same effect
        slice_[self.flag_byte] |= self.flag_bit
        return Picture(self.pixel_format, width, height, self.header, self.pps, bytes(slice_))


def _template_of(packet: bytes, s: Setup) -> _Template:
    """The template by an encoder's first packet: VPS, SPS, PPS, slice."""
    units = packet.split(START)[1:]  # each after 00 00 01; the zero of a longer start code ends the one before
    kinds = [unit[0] >> 1 & 0x3F for unit in units]
    if kinds not in ([VPS, SPS, PPS, IDR_W_RADL], [VPS, SPS, PPS, IDR_N_LP]):
        raise RuntimeError(f"x265 wrote NAL units of types {kinds}")
    tools, coded = read_sps(units[1].rstrip(b"\0"))
    if coded != (s.pixel_format, s.width, s.height):
        raise RuntimeError(f"x265 coded a picture of {coded}")
    place = _loop_filter_flag(units[3], tools, s.pixel_format)
    prefix = packet[: len(packet) - len(units[3])]
    header, pps = tools.header(), units[2].rstrip(b"\0")
    return _Template(prefix, s.pixel_format, header, pps, place // 8, 0x80 >> place % 8)


def _loop_filter_flag(slice_: bytes, tools: CodingTools, pixel_format: int) -> int:
    """Where the bit slice_loop_filter_across_slices_enabled_flag stands in an IDR slice (7.3.6.1).

    x265 toggles it from picture to picture; with one slice it has no effect. As in an encoder's first picture it
    is set.
    """
    bits = BitReader(unescape(slice_[:16])[2:])
    if bits.u(3) != 0b101 or bits.ue() != 2:  # first slice; no_output_of_prior_pics_flag 0, PPS 0; an I slice
        raise RuntimeError("x265 wrote another slice header than expected")
    if tools.sample_adaptive_offset:
        bits.u(1 if pixel_format == MONOCHROME else 2)
    bits.ue()  # slice_qp_delta
    return 16 + bits.position
