"""BPG: one HEVC intra picture, coded in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ..core.images import RGB, AnyImage, as_rgb
from ..core.plugins import setting
from .base import Anatomy, Codec
from .hevc import color, container, decoder, x265
from .hevc.parameter_sets import MONOCHROME, YUV420, YUV444


@dataclass(frozen=True)
class BPG(Codec):
    """x265 through PyAV in BPG files, as ``bpgenc -e x265`` writes them: 8 bits, YCbCr of BT.601, full range."""

    name: ClassVar[str] = "bpg"
    qp: int = setting(29, range(52), dial=True, help="0 large and good, 51 small and poor")
    chroma: int = setting(420, (420, 444))
    effort: int = setting(8, range(1, 10), help="how long x265 searches, as bpgenc's level")
    grey: str = setting("yes", ("yes", "no"), help="an image whose pixels are all grey is coded without chroma")

    def version(self) -> str:
        return f"{x265.version()}, PyAV {x265.library().__version__}"

    def alike(self) -> BPG:
        """x265 codes an intra picture three steps finer than asked, and no finer than 0: QP 0 to 3 are one."""
        return replace(self, qp=max(self.qp, 3))

    def encode(self, image: AnyImage) -> bytes:
        rgb = as_rgb(image)
        if self.grey == "yes" and color.is_grey(rgb):
            planes, pixel_format = color.Planes(rgb[..., 0], None), MONOCHROME
        else:
            pixel_format = YUV420 if self.chroma == 420 else YUV444
            planes = color.to_planes(rgb, halved=pixel_format == YUV420)
        return container.write(x265.encode(planes, pixel_format, self.qp, self.effort))

    def decode(self, data: bytes) -> RGB:
        """Any 8-bit BPG picture in grey, 4:2:0 or 4:4:4. Raises Malformed, or Unsupported by name."""
        return color.to_rgb(decoder.decode(container.read(data)))

    def anatomy(self, data: bytes) -> Anatomy:
        return container.anatomy(data)
