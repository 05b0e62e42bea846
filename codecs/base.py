"""The interface of a codec: an image to the bytes of a file, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from ..core.errors import Refused
from ..core.images import RGB, AnyImage
from ..core.plugins import Plugin


class ByteBreakdown(NamedTuple):
    """A file's bytes by what they are for; the parts sum to the file's length."""

    container: int = 0
    """Headers, framing and end markers that any file of the format has."""
    tables: int = 0
    """Parameters of the decoder: quantization and entropy tables, coding tools."""
    palette: int = 0
    """The colors of an indexed image."""
    payload: int = 0
    """The coded pixels."""


def _single(results: Any, method: str, result: str, argument: str) -> Any:
    """The one result of a batch of one. Raises TypeError for what is no list of one."""
    if not isinstance(results, list) or len(results) != 1:
        actual = f"{len(results)} {result}s" if isinstance(results, list) else type(results).__name__
        raise TypeError(
            f"{method} gave {actual} for a list of 1 {argument}; it gives a list, a {result} for each {argument}"
        )
    return results[0]


@dataclass(frozen=True)
class Codec(Plugin, ABC):
    """Turns an image into the bytes that would be stored, and those bytes into pixels.

    A codec at one operating point is a value: it holds its settings and nothing
    else, so it can be compared, pickled to a worker and written into a table.
    """

    lossless: ClassVar[bool] = False
    """Whether decoding gives back every pixel."""

    @abstractmethod
    def version(self) -> str:
        """Which encoder does the work, e.g. ``"libjpeg-turbo 3.0.1"``; kept in every record.

        Raises Unavailable, saying what to install, where there is none.
        """

    def encode(self, image: AnyImage) -> bytes:
        """The whole file, container and headers included, as it would lie on disk. Write this or encode_batch."""
        return _single(self.encode_batch([image]), "encode_batch", "file", "image")

    def decode(self, data: bytes) -> RGB:
        """The pixels a viewer would see: (H, W, 3) of the image that was encoded. Write this or decode_batch.

        Writable. Raises for bytes that are no file of this codec, and for a file cut short where the format can tell.
        """
        return _single(self.decode_batch([data]), "decode_batch", "image", "file")

    def canonical(self) -> Codec:
        """The representative of all settings that give byte for byte the same files; by default, the codec itself.

        A run encodes once for codecs of equal canonical settings, after comparing their files of one image.
        """
        older = getattr(self, "alike", None)  # this method's name in plug-ins written before version 0.2
        return older() if older else self

    def byte_breakdown(self, data: bytes) -> ByteBreakdown:
        """A file's bytes by what they are for; all payload where the codec does not take its files apart."""
        older = getattr(self, "anatomy", None)  # this method's name in plug-ins written before version 0.2
        return older(data) if older else ByteBreakdown(payload=len(data))

    def shared_bytes(self, quantizer: Plugin) -> int:
        """The bytes that all files of a data set share and that are kept once, such as palettes; 0 for most codecs.

        quantizer: that of the images.
        """
        return 0

    def encode_batch(self, images: Sequence[AnyImage]) -> list[bytes]:
        """A file for each image, in order; images may be of many sizes, and none depends on its neighbours."""
        return [self.encode(image) for image in images]

    def decode_batch(self, files: Sequence[bytes]) -> list[RGB]:
        """The pixels of each file, in order."""
        return [self.decode(data) for data in files]

    @classmethod
    def lacking(cls) -> list[str]:
        pairs = (("encode", "encode_batch"), ("decode", "decode_batch"))
        return [
            f"{single} or {batch}"
            for single, batch in pairs
            if all(getattr(cls, n) is getattr(Codec, n) for n in (single, batch))
        ]


@dataclass(frozen=True)
class StoredFileCodec(Codec, ABC):
    """A codec that takes an image's stored file instead of its pixels, and loses nothing of them.

    What it cannot take, and an image that is no file of its own, is coded losslessly from pixels; ``taken`` tells these
    apart. Such a codec goes with the quantizer ``none`` and the full size alone.
    """

    lossless: ClassVar[bool] = True

    @abstractmethod
    def encode_stored(self, file: bytes, image: AnyImage) -> bytes:
        """The bytes that would be stored instead of ``file``. image: its pixels, for a file that the codec cannot take."""

    @abstractmethod
    def taken(self, data: bytes) -> bool:
        """Whether bytes from ``encode_stored`` hold the stored file, and not an image coded from its pixels."""

    def check_point(self, parts: Mapping[str, Any]) -> None:
        """Refuses a quantizer: after it there is no stored file any more."""
        if parts["quantizer"].name != "none":
            raise Refused(f"{self.name} takes the stored file, and after {parts['quantizer'].short} there is none")
