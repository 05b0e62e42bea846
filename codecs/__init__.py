"""Every codec, by name. A new one is a file here and a line in this table."""

from __future__ import annotations

from ..core.plugins import Family
from .base import Codec

CODECS: Family[Codec] = Family(
    "codec",
    __name__,
    {
        "avif": "avif:AVIF",
        "bpg": "bpg:BPG",
        "bpgenc": "bpgenc:BPGEnc",
        "heic": "heic:HEIC",
        "jpeg": "jpeg:JPEG",
        "jpeg-moz": "jpegmoz:JPEGMoz",
        "jpeg-recompress": "stored:JPEGRecompress",
        "jpeg2000": "jpeg2000:JPEG2000",
        "jpegls": "jpegls:JPEGLS",
        "jpegls-lossless": "jpegls:JPEGLSLossless",
        "jpegxl": "jpegxl:JPEGXL",
        "jpegxl-recompress": "stored:JPEGXLRecompress",
        "jpegxl-lossless": "jpegxl:JPEGXLLossless",
        "jpegxr": "jpegxr:JPEGXR",
        "oxipng": "oxipng:OxiPNG",
        "png": "png:PNG",
        "png-search": "pngsearch:PNGSearch",
        "png-shared": "pngshared:PNGShared",
        "qoi": "qoi:QOI",
        "raw": "raw:Raw",
        "stored": "stored:Stored",
        "webp": "webp:WebP",
        "webp-lossless": "webp:WebPLossless",
    },
)
