"""Every color quantizer, by name. A new one is a file here and a line in this table."""

from __future__ import annotations

from ..core.plugins import Family
from .base import Quantizer

QUANTIZERS: Family[Quantizer] = Family(
    "quantizer",
    __name__,
    {
        "colorcnn": "colorcnn.quantizer:ColorCNNQuantizer",
        "colorcnn-plus": "colorcnn.quantizer:ColorCNNPlusQuantizer",
        "k-means": "k_means:KMeans",
        "libimagequant": "libimagequant:LibImageQuant",
        "max-coverage": "pillow:MaxCoverage",
        "median-cut": "pillow:MedianCut",
        "none": "none:NoQuantizer",
        "octree": "pillow:OCTree",
        "shared-palette": "shared_palette:SharedPalette",
    },
)
