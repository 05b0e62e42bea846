"""What every quantizer must hold to; a new one is tested by being in the table."""

import pickle
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image
from rabench.core.errors import Unavailable
from rabench.core.images import IndexedImage, as_rgb
from rabench.quantizers import QUANTIZERS
from rabench.quantizers.base import PaletteQuantizer

RNG = np.random.default_rng(0)
SETTINGS = [{}, {"colors": 2}, {"colors": 7}, {"colors": 256}]


def operating_points(name):
    cls = QUANTIZERS[name]
    if "colors" not in {f.name for f in fields(cls)}:
        return [cls()]
    if not issubclass(cls, PaletteQuantizer):  # weights are for one number of colors
        return [cls()]
    return [cls(**s, dither=d) for s in SETTINGS for d in ("none", "floyd-steinberg")]


def available(quantizer):
    """The quantizer, where it can run here."""
    try:
        assert quantizer.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    return quantizer


@pytest.fixture(params=[q for n in QUANTIZERS.members for q in operating_points(n)], ids=lambda q: q.spec)
def quantizer(request):
    return available(request.param)


@pytest.fixture(params=sorted(n for n in QUANTIZERS.members if issubclass(QUANTIZERS[n], PaletteQuantizer)))
def palette_quantizer(request):
    """The class of each quantizer of any number of colors, with dither or without."""
    return type(available(QUANTIZERS.make(request.param)))


def squared_error(quantizer, images):
    """The sum over all pixels and channels."""
    pairs = zip(quantizer.quantize(images), images, strict=True)
    return sum(float(((as_rgb(quantized).astype(float) - image) ** 2).sum()) for quantized, image in pairs)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (32, 32), (1, 300)], ids=str)
def test_an_image_keeps_its_size_and_has_at_most_that_many_colors_all_used(quantizer, size):
    image = RNG.integers(0, 256, (*size, 3), np.uint8)
    (quantized,) = quantizer.quantize([image])
    assert as_rgb(quantized).shape == image.shape
    assert as_rgb(quantized).dtype == np.uint8
    if quantizer.name != "none":
        assert isinstance(quantized, IndexedImage)
        assert len(quantized.palette) <= quantizer.colors
        assert sorted(set(quantized.indices.ravel().tolist())) == list(range(len(quantized.palette)))


def test_an_image_does_not_depend_on_its_neighbours(quantizer, photographs):
    together = quantizer.quantize(photographs[:4])
    for quantized, image in zip(together, photographs[:4], strict=True):
        (alone,) = quantizer.quantize([image])
        np.testing.assert_array_equal(as_rgb(quantized), as_rgb(alone))


@pytest.mark.parametrize("color", [(0, 0, 0), (255, 255, 255), (200, 30, 90)])
def test_an_image_of_one_color_is_kept(quantizer, color):
    image = np.full((9, 4, 3), color, np.uint8)
    (quantized,) = quantizer.quantize([image])
    # libimagequant works in a gamma-corrected space and may be a step off
    # Colors that images share are fixed before an image is seen
    tolerance = {"libimagequant": 1, "shared-palette": 64}.get(quantizer.name, 0)
    assert np.abs(as_rgb(quantized).astype(int) - image).max() <= tolerance


def test_a_quantizer_is_a_value(quantizer):
    assert pickle.loads(pickle.dumps(quantizer)) == quantizer
    assert QUANTIZERS.sweep(quantizer.spec) == [quantizer]


@pytest.mark.slow
def test_more_colors_bring_the_image_nearer(palette_quantizer, photographs):
    errors = [squared_error(palette_quantizer(colors=n), photographs[:30]) for n in (2, 4, 16, 64, 256)]
    assert errors[0] > errors[-1] and errors == sorted(errors, reverse=True)


def test_dither_is_not_ignored(palette_quantizer, photographs):
    points = [palette_quantizer(colors=4, dither=d) for d in ("none", "floyd-steinberg")]
    plain, dithered = (q.quantize(photographs[:20]) for q in points)
    assert any((as_rgb(a) != as_rgb(b)).any() for a, b in zip(plain, dithered, strict=True))


def test_k_means_rounds_lower_the_error_it_minimizes(photographs):
    quantizers = [QUANTIZERS.make(f"k-means:colors=8:rounds={rounds}") for rounds in (1, 3, 30)]
    errors = [squared_error(q, photographs[:30]) for q in quantizers]
    assert errors[0] > errors[1] > errors[2]


def test_median_cut_with_dither_is_pillows_second_pass(photographs):
    """The oracle is Pillow called by hand, as the paper's MedianCut+Dither is understood."""
    canvas = Image.fromarray(photographs[5])
    palette = canvas.quantize(8, Image.Quantize.MEDIANCUT)
    by_hand = np.array(canvas.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).convert("RGB"))
    (quantized,) = QUANTIZERS.make("median-cut:colors=8:dither=floyd-steinberg").quantize([photographs[5]])
    np.testing.assert_array_equal(as_rgb(quantized), by_hand)
