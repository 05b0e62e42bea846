"""The parameter sets that an HEVC decoder reads before a picture, and the few bits of them that a BPG file keeps.

A BPG file drops the video parameter set and nearly all of the sequence parameter set, since both can
be told from the picture's size and format (BPG specification 0.9.8, section 3.1, hevc_header).
"""

from __future__ import annotations

from dataclasses import dataclass

from .bits import BitReader, BitWriter, Malformed, escape, unescape

VPS, SPS, PPS = 32, 33, 34
IDR_W_RADL, IDR_N_LP, CRA = 19, 20, 21
"""Types of NAL units: parameter sets, and slices of intra pictures (table 7-1)."""

MONOCHROME, YUV420, YUV444 = 0, 1, 3
"""Values of HEVC's chroma_format_idc and of BPG's pixel_format; 2 is 4:2:2."""


@dataclass(frozen=True)
class CodingTools:
    """The hevc_header of a BPG file, field by field: the tools that the picture was coded with."""

    log2_min_coding_block: int
    log2_coding_block_range: int
    log2_min_transform_block: int
    log2_transform_block_range: int
    transform_depth_intra: int
    sample_adaptive_offset: int
    pcm: tuple[int, int, int, int, int] | None
    """Bit depths of luma and chroma minus 1, log2 of the smallest block minus 3, range, loop filter off."""
    strong_intra_smoothing: int
    range_extension: int | None
    """The nine flags of sps_range_extension (7.3.2.3.2), or None."""

    def __post_init__(self) -> None:
        largest = self.log2_min_coding_block + self.log2_coding_block_range
        transform = self.log2_min_transform_block + self.log2_transform_block_range
        if not (self.log2_min_coding_block >= 3 and 4 <= largest <= 6):  # 7.4.3.2.1
            raise Malformed(f"coding blocks of 2^{self.log2_min_coding_block} to 2^{largest} samples")
        if not (2 <= self.log2_min_transform_block < self.log2_min_coding_block and transform <= min(largest, 5)):
            raise Malformed(f"transform blocks of 2^{self.log2_min_transform_block} to 2^{transform} samples")
        if self.transform_depth_intra > largest - self.log2_min_transform_block:
            raise Malformed(f"transform blocks split {self.transform_depth_intra} times")

    def padded(self, side: int) -> int:
        """A side rounded up to whole coding blocks."""
        return -(-side >> self.log2_min_coding_block) << self.log2_min_coding_block

    def header(self) -> bytes:
        """The tools as a BPG file keeps them, without the length before."""
        bits = BitWriter()
        bits.ue(self.log2_min_coding_block - 3)
        self._write(bits)
        return bits.aligned(stop_bit=False)

    def _write(self, bits: BitWriter) -> None:
        bits.ue(self.log2_coding_block_range)
        bits.ue(self.log2_min_transform_block - 2)
        bits.ue(self.log2_transform_block_range)
        bits.ue(self.transform_depth_intra)
        bits.u(1, self.sample_adaptive_offset)
        self._write_pcm(bits)
        bits.u(1, self.strong_intra_smoothing)
        self._write_extension(bits)

    def _write_pcm(self, bits: BitWriter) -> None:
        bits.u(1, self.pcm is not None)
        if self.pcm is not None:
            luma, chroma, smallest, span, filter_off = self.pcm
            bits.u(4, luma)
            bits.u(4, chroma)
            bits.ue(smallest)
            bits.ue(span)
            bits.u(1, filter_off)

    def _write_extension(self, bits: BitWriter) -> None:
        bits.u(1, self.range_extension is not None)
        if self.range_extension is not None:
            bits.u(8, 0x80)  # sps_range_extension_flag and none of the others
            bits.u(9, self.range_extension)


def read_header(header: bytes) -> CodingTools:
    """The tools that a BPG file's hevc_header names. Raises Malformed."""
    bits = BitReader(header)
    sizes = (bits.ue() + 3, bits.ue(), bits.ue() + 2, bits.ue(), bits.ue())
    sao = bits.u(1)
    pcm = (bits.u(4), bits.u(4), bits.ue(), bits.ue(), bits.u(1)) if bits.u(1) else None
    smoothing, extension = bits.u(1), None
    if bits.u(1):
        if bits.u(8) != 0x80:
            raise Malformed("an SPS extension other than that for range")
        extension = bits.u(9)
        if extension & 0b000010001:  # forbidden by the BPG specification, 3.3
            raise Malformed("extended precision or CABAC bypass alignment")
    if bits.left >= 8:
        raise Malformed("the HEVC header is longer than what it says")
    return CodingTools(*sizes, sao, pcm, smoothing, extension)


def parameter_sets(tools: CodingTools, pixel_format: int, width: int, height: int) -> bytes:
    """VPS and SPS with start codes, for a decoder; width, height: of the picture before padding."""
    return b"\0\0\0\1" + escape(_vps()) + b"\0\0\0\1" + escape(_sps(tools, pixel_format, width, height))


def _profile_tier_level(bits: BitWriter) -> None:
    """7.3.3: format range extensions, intra, level unlimited."""
    bits.u(8, 4)  # no profile space, main tier, general_profile_idc 4
    bits.u(32, 1 << 27)  # compatible with profile 4
    bits.u(48, 0b1001 << 44)  # progressive, frames only
    bits.u(8, 255)


def _vps() -> bytes:
    """7.3.2.1"""
    bits = BitWriter()
    bits.u(16, VPS << 9 | 1)
    bits.u(16, 0b0000_11_000000_000_1)  # id 0, base layer, one layer, one temporal one, nested
    bits.u(16, 0xFFFF)
    _profile_tier_level(bits)
    bits.u(1, 1)
    bits.ue(1)  # one picture buffer more than needed, as bpgenc's encoder
    bits.ue(0)
    bits.ue(0)
    bits.u(6, 0)
    bits.ue(0)
    bits.u(2, 0)  # no timing, no extension
    return bits.aligned(stop_bit=True)


def _sps(tools: CodingTools, pixel_format: int, width: int, height: int) -> bytes:
    """7.3.2.2, with what every BPG file has in common."""
    bits = BitWriter()
    bits.u(16, SPS << 9 | 1)
    bits.u(8, 0b0000_000_1)  # VPS 0, one temporal layer, nested
    _profile_tier_level(bits)
    bits.ue(0)
    bits.ue(pixel_format)
    if pixel_format == YUV444:
        bits.u(1, 0)  # planes are coded together
    bits.ue(tools.padded(width))
    bits.ue(tools.padded(height))
    bits.u(1, 0)  # the true size is cropped by us
    bits.ue(0)  # 8 bits
    bits.ue(0)
    bits.ue(4)  # picture order count in 8 bits
    bits.u(1, 1)
    bits.ue(1)
    bits.ue(0)
    bits.ue(0)
    bits.ue(tools.log2_min_coding_block - 3)
    bits.ue(tools.log2_coding_block_range)
    bits.ue(tools.log2_min_transform_block - 2)
    bits.ue(tools.log2_transform_block_range)
    bits.ue(tools.transform_depth_intra)  # of inter blocks: there are none
    bits.ue(tools.transform_depth_intra)
    bits.u(1, 0)  # no scaling lists
    bits.u(1, 1)  # asymmetric motion partitions
    bits.u(1, tools.sample_adaptive_offset)
    tools._write_pcm(bits)
    bits.ue(0)  # no reference picture sets
    bits.u(1, 0)
    bits.u(1, 1)  # temporal motion vectors
    bits.u(1, tools.strong_intra_smoothing)
    bits.u(1, 0)  # no VUI
    tools._write_extension(bits)
    return bits.aligned(stop_bit=True)


def read_sps(unit: bytes) -> tuple[CodingTools, tuple[int, int, int]]:
    """The tools and (pixel format, width, height) of an encoder's SPS.

    Raises Malformed where it says what a BPG file has no way to say.
    """
    bits = BitReader(unescape(unit))
    if bits.u(16) != SPS << 9 | 1 or bits.u(8) != 1:
        raise Malformed("an SPS with layers")
    bits.u(96)  # profile, tier, level
    _expect(bits.ue(), 0, "SPS number")
    pixel_format = bits.ue()
    if pixel_format == YUV444:
        _expect(bits.u(1), 0, "separate planes")
    width, height = bits.ue(), bits.ue()
    _expect(bits.u(1), 0, "conformance window")
    _expect((bits.ue(), bits.ue(), bits.ue()), (0, 0, 4), "bit depths and order count bits")
    bits.u(1)
    for _ in range(3):  # picture buffers
        bits.ue()
    sizes = (bits.ue() + 3, bits.ue(), bits.ue() + 2, bits.ue())
    bits.ue()  # depth of inter transform trees
    depth = bits.ue()
    _expect((bits.u(1), bits.u(1)), (0, 1), "scaling lists, asymmetric partitions")
    sao = bits.u(1)
    _expect((bits.u(1), bits.ue(), bits.u(1), bits.u(1)), (0, 0, 0, 1), "PCM, reference pictures, motion vectors")
    smoothing = bits.u(1)
    return CodingTools(*sizes, depth, sao, None, smoothing, None), (pixel_format, width, height)


def _expect(actual: object, expected: object, field: str) -> None:
    if actual != expected:
        raise Malformed(f"{field}: {actual} instead of {expected}")
