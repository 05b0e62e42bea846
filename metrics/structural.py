"""SSIM and MS-SSIM."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, ClassVar

import numpy as np

from ..core.images import RGB
from ..core.packages import installed
from .base import Metric

WINDOW = 11
"""The side of the Gaussian window (sigma 1.5) of Wang et al."""
REMEDY = "ms-ssim needs pytorch-msssim: pip install -c constraints.txt '.[fidelity]'"
SCALES = 5
"""The scales of MS-SSIM, each half as large as the one before."""


@dataclass(frozen=True)
class SSIM(Metric):
    """SSIM (Wang et al., 2004), Gaussian window of 11 pixels, mean over red, green and blue; by scikit-image.

    Images need sides of 11 pixels and more.
    """

    name: ClassVar[str] = "ssim"
    words: ClassVar[str] = "SSIM"

    def version(self) -> str:
        return f"scikit-image {version('scikit-image')}"

    def value(self, decoded: RGB, original: RGB) -> float:
        from skimage.metrics import structural_similarity

        if min(original.shape[:2]) < WINDOW:
            return np.nan
        similarity: Any = structural_similarity(
            original, decoded, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        return float(similarity)


@dataclass(frozen=True)
class MSSSIM(Metric):
    """MS-SSIM (Wang et al., 2003) over red, green and blue, as learned codecs are published with; by pytorch-msssim.

    Images need sides of 161 pixels and more: the window must fit the smallest of five scales.
    """

    name: ClassVar[str] = "ms-ssim"
    words: ClassVar[str] = "MS-SSIM"

    def version(self) -> str:
        return installed("pytorch-msssim", REMEDY)

    def value(self, decoded: RGB, original: RGB) -> float:
        import pytorch_msssim  # brings torch
        import torch

        if min(original.shape[:2]) <= (WINDOW - 1) * 2 ** (SCALES - 1):
            return np.nan
        with torch.inference_mode():
            images = [torch.from_numpy(i.copy()).permute(2, 0, 1)[None].float() for i in (decoded, original)]
            return float(pytorch_msssim.ms_ssim(*images, data_range=255))
