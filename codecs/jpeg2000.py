"""JPEG 2000."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import ByteBreakdown, Codec
from .pillow import pillow_version, read, write

# Markers (ITU-T T.800, table A.2)
SOC, SOT, SOD, EOC = 0xFF4F, 0xFF90, 0xFF93, 0xFFD9
TABLES = {0xFF52, 0xFF53, 0xFF5C, 0xFF5D}  # COD, COC, QCD, QCC


@dataclass(frozen=True)
class JPEG2000(Codec):
    """OpenJPEG, one quality layer, 9-7 wavelet, a bare codestream (no JP2 boxes)."""

    name: ClassVar[str] = "jpeg2000"
    psnr: int = setting(35, range(15, 61), quality_parameter=True, help="the PSNR aimed at, in dB")

    def version(self) -> str:
        return pillow_version("jpg_2000")

    def encode(self, image: AnyImage) -> bytes:
        pixels = as_rgb(image)
        return write(
            Image.fromarray(pixels),
            "JPEG2000",
            no_jp2=True,
            irreversible=True,
            mct=1,
            quality_mode="dB",
            quality_layers=[self.psnr],
            # Six is the usual number; a side has to stay a pixel long after each halving.
            num_resolutions=min(6, min(pixels.shape[:2]).bit_length()),
        )

    def decode(self, data: bytes) -> RGB:
        return read(data, "JPEG2000")

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """Coding style and quantization are tables; what follows each SOD is payload."""
        tables = payload = 0
        position, tile_end = 2, len(data)
        while position < len(data):
            (marker,) = struct.unpack_from(">H", data, position)
            if marker == EOC:
                break
            if marker == SOD:
                payload += tile_end - position - 2
                position = tile_end
                continue
            (length,) = struct.unpack_from(">H", data, position + 2)
            if marker in TABLES:
                tables += 2 + length
            if marker == SOT:  # Psot counts from the marker; 0 means up to EOC
                (tile_length,) = struct.unpack_from(">I", data, position + 6)
                tile_end = position + tile_length if tile_length else len(data) - 2
            position += 2 + length
        return ByteBreakdown(container=len(data) - tables - payload, tables=tables, payload=payload)
