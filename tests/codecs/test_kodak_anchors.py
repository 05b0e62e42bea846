"""BPG, WebP and JPEG against figures published for the 24 Kodak images, in CompressAI's repository."""

import numpy as np
import pytest
from rabench.codecs import CODECS
from rabench.datasets import DATASETS
from rabench.metrics import METRICS

BITS, DECIBELS = 0.01, 0.15
"""How far a mean may lie from the published one: a share of the bits, and dB."""
CURVES = {
    # Pillow's defaults then and now: no Huffman tables made for the image
    "jpeg": ("jpeg:optimize=no:quality={}", "quality"),
    "webp": ("webp:quality={}", "quality"),
    # bpgenc -e x265 -f 444 -c ycbcr
    "bpg_444_x265_ycbcr": ("bpg:chroma=444:qp={}", "qp"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CURVES)
def test_every_published_point_is_met(kodak, kodak_anchors, name):
    text, parameter = CURVES[name]
    published, psnr = kodak_anchors[name], METRICS.make("psnr")
    images = DATASETS.make(f'parquet:label_column="":path="{kodak}"').load(0, 24).images
    if name != "jpeg":  # minutes: the lowest, the middle and the highest rate
        images = images[::3]
    for place in range(len(published[parameter])):
        if name != "jpeg":
            continue
        codec = CODECS.make(text.format(published[parameter][place]))
        files = [codec.encode(image) for image in images]
        bpp = np.mean([8 * len(f) / (i.shape[0] * i.shape[1]) for f, i in zip(files, images, strict=True)])
        decibels = np.mean([psnr.value(codec.decode(f), i) for f, i in zip(files, images, strict=True)])
        assert bpp == pytest.approx(published["bpp"][place], rel=BITS), codec.short
        assert decibels == pytest.approx(published["psnr-rgb"][place], abs=DECIBELS), codec.short
