"""Every fidelity metric, by name. A new one is a file here and a line in this table."""

from __future__ import annotations

from ..core.plugins import Family
from .base import Metric

METRICS: Family[Metric] = Family(
    "metric",
    __name__,
    {
        "ms-ssim": "structural:MSSSIM",
        "psnr": "psnr:PSNR",
        "ssim": "structural:SSIM",
        "ssimulacra2": "ssimulacra2:SSIMULACRA2",
    },
)
