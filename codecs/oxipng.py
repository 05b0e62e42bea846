"""PNG, its palette order, filters and deflation searched by oxipng."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

from ..core.images import AnyImage
from ..core.plugins import setting
from .extra import library
from .png import PNG, ReadsPNG


@dataclass(frozen=True)
class OxiPNG(ReadsPNG):
    """The smallest of many PNG files of one image; indexed images keep their palette, in the order that packs best."""

    name: ClassVar[str] = "oxipng"
    lossless: ClassVar[bool] = True
    level: int = setting(4, range(7), help="how much oxipng tries: 0 least, 6 most")
    deflate: str = setting("libdeflate", ("libdeflate", "zopfli"), help="zopfli: smaller by a little, 30 times slower")

    def version(self) -> str:
        library("oxipng", "codecs")
        return f"pyoxipng {version('pyoxipng')}, {PNG().version()}"

    def encode(self, image: AnyImage) -> bytes:
        oxipng = library("oxipng", "codecs")
        with_ = oxipng.Deflaters.zopfli(15) if self.deflate == "zopfli" else oxipng.Deflaters.libdeflater(12)
        return oxipng.optimize_from_memory(
            PNG().encode(image), level=self.level, strip=oxipng.StripChunks.all(), deflate=with_
        )
