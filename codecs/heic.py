"""HEIC: one HEVC intra picture in a HEIF file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from PIL import Image

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .boxes import boxes
from .extra import library
from .pillow import read, write

NCLX = {"color_primaries": 1, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}


@dataclass(frozen=True)
class HEIC(Codec):
    """libheif with x265, 8 bits, full range, one thread; sides below 64 are padded to 64 inside the file."""

    name: ClassVar[str] = "heic"
    # Above 92 nothing changes any more, and of 2k - 1 and 2k the files are one (measured)
    quality: int = setting(50, range(93), quality_parameter=True, help="0 small and poor, 92 large and good")
    chroma: int = setting(420, (420, 422, 444), help="color resolution: 420 halves both sides, 422 the width, 444 none")
    preset: str = setting(
        "slow",
        ("ultrafast", "medium", "slow", "veryslow"),
        help="how long x265 searches; slow is libheif's own default",
    )

    def version(self) -> str:
        info = _pillow_heif().libheif_info()
        encoders = ", ".join(sorted(info["encoders"].values()))
        return f"pillow_heif {_pillow_heif().__version__}, libheif {info['libheif']}, {encoders}"

    def encode(self, image: AnyImage) -> bytes:
        _pillow_heif()
        return write(
            Image.fromarray(as_rgb(image)),
            "HEIF",
            quality=self.quality,
            chroma=self.chroma,
            save_nclx_profile=True,
            # x265 codes otherwise where it has a pool of threads (measured from 192x192 on)
            enc_params={"preset": self.preset, "tune": "ssim", "x265:pools": "none", "x265:frame-threads": "1"},
            **NCLX,
        )

    def decode(self, data: bytes) -> RGB:
        _pillow_heif()
        return read(data, "HEIF")

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """Parameter sets are tables; the content of the mdat box is payload."""
        payload = sum(end - begin for kind, begin, end in boxes(data) if kind == b"mdat")
        place = data.find(b"hvcC")  # length, type, content (ISO/IEC 14496-12)
        tables = int.from_bytes(data[place - 4 : place], "big") - 8 if place >= 4 else 0
        return ByteBreakdown(container=len(data) - payload - tables, tables=tables, payload=payload)


def _pillow_heif() -> Any:
    """The module pillow_heif, its formats registered with Pillow."""
    pillow_heif = library("pillow_heif", "gpl")
    if "HEIF" not in Image.SAVE:
        pillow_heif.register_heif_opener(decode_threads=1)
    return pillow_heif
