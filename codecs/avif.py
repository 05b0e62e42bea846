"""AVIF: one AV1 intra picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from PIL import AvifImagePlugin, Image

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .boxes import boxes
from .pillow import pillow_version, read, write

# Pillow's decoder starts a thread a core for every image, which on a 64x64 image costs more than decoding.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


@dataclass(frozen=True)
class AVIF(Codec):
    """libavif with the AOM encoder, 8 bits, full range, one thread, no tiles."""

    name: ClassVar[str] = "avif"
    quality: int = setting(75, range(101), quality_parameter=True, help="0 small and poor, 100 large and good")
    chroma: int = setting(420, (420, 422, 444), help="color resolution: 420 halves both sides, 422 the width, 444 none")
    speed: int = setting(6, range(11), help="0 slow and small, 10 fast")

    def version(self) -> str:
        return pillow_version("avif")

    def encode(self, image: AnyImage) -> bytes:
        return write(
            Image.fromarray(as_rgb(image)),
            "AVIF",
            quality=self.quality,
            subsampling=":".join(str(self.chroma)),
            speed=self.speed,
            codec="aom",
            range="full",
            autotiling=False,
            tile_rows=0,
            tile_cols=0,
            max_threads=1,
        )

    def decode(self, data: bytes) -> RGB:
        return read(data, "AVIF")

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """The content of the mdat box is payload (the AV1 sequence header, some 10 bytes, included)."""
        payload = sum(end - begin for kind, begin, end in boxes(data) if kind == b"mdat")
        return ByteBreakdown(container=len(data) - payload, payload=payload)
