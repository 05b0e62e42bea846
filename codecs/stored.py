"""Codecs that take an image's stored file: as it lies, or a JPEG file made smaller without loss."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import numpy as np
import PIL
from PIL import Image

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from ..core.stored_images import decode_stored
from .base import ByteBreakdown, StoredFileCodec
from .extra import imagecodecs, library
from .jpeg import JPEG
from .jpegxl import SIGNATURE as BARE_JPEG_XL
from .jpegxl import JPEGXLLossless
from .pillow import write
from .png import PNG
from .png import SIGNATURE as PNG_SIGNATURE

JPEG_SIGNATURE = b"\xff\xd8\xff"
JPEG_XL_CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"


@dataclass(frozen=True)
class _FilesOfViewers(StoredFileCodec):
    """A codec whose files any viewer opens; an image that it does not take as a file becomes a PNG."""

    def encode(self, image: AnyImage) -> bytes:
        return write(Image.fromarray(as_rgb(image)), "PNG", compress_level=9)

    def decode(self, data: bytes) -> RGB:
        return decode_stored(data).pixels

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """The parts of a JPEG or a PNG file; other files are all payload."""
        for signature, codec in ((JPEG_SIGNATURE, JPEG()), (PNG_SIGNATURE, PNG())):
            if data.startswith(signature):
                with suppress(ValueError, IndexError):  # a file that ends early, or holds another behind it, is payload
                    parts = codec.byte_breakdown(data)
                    if sum(parts) == len(data):
                        return parts
        return ByteBreakdown(payload=len(data))


@dataclass(frozen=True)
class Stored(_FilesOfViewers):
    """The stored file, byte for byte, metadata and all; an image that is no file of its own becomes a PNG."""

    name: ClassVar[str] = "stored"

    def version(self) -> str:
        return f"Pillow {PIL.__version__}"

    def encode_stored(self, file: bytes, image: AnyImage) -> bytes:
        return file

    def taken(self, data: bytes) -> bool:
        return True


@dataclass(frozen=True)
class JPEGRecompress(_FilesOfViewers):
    """MozJPEG's lossless optimization of the stored JPEG file: same coefficients, better scans and Huffman tables.

    What is no JPEG file, or one that MozJPEG does not take, is coded as PNG.
    """

    name: ClassVar[str] = "jpeg-recompress"
    metadata: str = setting(
        "keep", ("keep", "drop"), help="keep: EXIF, ICC profile and comments stay; drop: only the orientation counts"
    )

    def version(self) -> str:
        library("mozjpeg_lossless_optimization", "codecs")
        return f"mozjpeg-lossless-optimization {version('mozjpeg-lossless-optimization')}, Pillow {PIL.__version__}"

    def encode_stored(self, file: bytes, image: AnyImage) -> bytes:
        if not file.startswith(JPEG_SIGNATURE):
            return self.encode(image)
        moz = library("mozjpeg_lossless_optimization", "codecs")
        with suppress(ValueError):  # what libjpeg does not read
            whole = moz.optimize(file, copy=moz.COPY_MARKERS.ALL)
            bare = moz.optimize(file, copy=moz.COPY_MARKERS.NONE) if self.metadata == "drop" else whole
            # without its orientation an image would lie on its side
            for data in (bare, whole):
                if np.array_equal(decode_stored(data).pixels, as_rgb(image)):
                    return data
        return self.encode(image)

    def taken(self, data: bytes) -> bool:
        return data.startswith(JPEG_SIGNATURE)


@dataclass(frozen=True)
class JPEGXLRecompress(StoredFileCodec):
    """The stored JPEG file as JPEG XL, without loss: the file comes back bit by bit.

    Every file is restored and compared when it is made. What is no JPEG file, or one that libjxl does not take, is coded
    as lossless JPEG XL from its pixels.
    """

    name: ClassVar[str] = "jpegxl-recompress"

    def version(self) -> str:
        return JPEGXLLossless().version()

    def encode(self, image: AnyImage) -> bytes:
        return JPEGXLLossless().encode(image)

    def encode_stored(self, file: bytes, image: AnyImage) -> bytes:
        codecs = imagecodecs()
        if file.startswith(JPEG_SIGNATURE):
            with suppress(codecs.JpegxlError):  # CMYK, arithmetic coding and damaged files, which libjxl does not take
                data = codecs.jpegxl_encode_jpeg(file, numthreads=1)  # at libjxl's default effort, 7
                if self.restored(data) == file:
                    return data
        return self.encode(image)

    def restored(self, data: bytes) -> bytes:
        """The JPEG file that was recompressed."""
        return imagecodecs().jpegxl_decode_jpeg(data, numthreads=1)

    def taken(self, data: bytes) -> bool:
        return not data.startswith(BARE_JPEG_XL)

    def decode(self, data: bytes) -> RGB:
        if not self.taken(data):
            return JPEGXLLossless().decode(data)
        if not data.startswith(JPEG_XL_CONTAINER):
            raise ValueError("no JPEG XL file")
        return decode_stored(self.restored(data)).pixels

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """All is payload: what restores the file's headers and tables is coded, too."""
        return ByteBreakdown(payload=len(data))
