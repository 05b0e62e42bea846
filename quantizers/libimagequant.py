"""libimagequant, the library behind pngquant (GPL or commercial)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from ..core.errors import Unavailable
from ..core.images import RGB, AnyImage, IndexedImage
from .base import PaletteQuantizer


@dataclass(frozen=True)
class LibImageQuant(PaletteQuantizer):
    """Median cut with feedback, refined by k-means in a perceptual space.

    Its author calls it unsuited to small numbers of colors: a weak baseline below 16.
    """

    name: ClassVar[str] = "libimagequant"

    def version(self) -> str:
        _module()
        return f"imagequant {version('imagequant')}"

    def quantize(self, images: Sequence[RGB]) -> Sequence[AnyImage]:
        return [self._quantize(image) for image in images]

    def _quantize(self, image: RGB) -> IndexedImage:
        height, width = image.shape[:2]
        opaque = np.dstack([image, np.full((height, width), 255, np.uint8)])
        indices, palette = _module().quantize_raw_rgba_bytes(
            opaque.tobytes(), width, height, float(self.dither != "none"), self.colors
        )
        colors = np.array(palette, np.uint8).reshape(-1, 4)[:, :3]
        return IndexedImage(np.frombuffer(indices, np.uint8).reshape(height, width).copy(), colors).trimmed()


def _module():
    try:
        import imagequant
    except ImportError:
        raise Unavailable("libimagequant needs imagequant: pip install -c constraints.txt '.[gpl]'") from None
    return imagequant
