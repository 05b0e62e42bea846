"""What every fidelity metric must hold to, and each against another implementation or its definition."""

import numpy as np
import pytest
from PIL import Image
from rabench.codecs import CODECS
from rabench.core.errors import Unavailable
from rabench.metrics import METRICS


def available(name):
    metric = METRICS[name]()
    try:
        metric.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    return metric


@pytest.fixture(params=sorted(METRICS.members))
def metric(request):
    return available(request.param)


def picture(side=192):
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (side // 8, side // 8, 3), np.uint8)
    return np.array(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def coded(image, quality):
    codec = CODECS.make(f"jpeg:quality={quality}")
    return codec.decode(codec.encode(image))


def test_more_bits_are_nearer_and_the_original_is_nearest(metric):
    image = picture()
    values = [metric.value(coded(image, quality), image) for quality in (5, 20, 50, 90)]
    assert values == sorted(values) and len(set(values)) == 4
    assert metric.value(image.copy(), image) > values[-1]


def test_an_image_too_small_for_the_metric_has_no_value(metric):
    tiny = np.zeros((4, 4, 3), np.uint8)
    assert np.isnan(metric.value(tiny, tiny)) != (metric.name == "psnr")


def test_a_metric_leaves_images_as_they_are(metric):
    image, other = picture(), coded(picture(), 30)
    before = image.copy(), other.copy()
    metric.value(other, image)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(other, before[1])


def test_psnr_is_that_of_scikit_image():
    from skimage.metrics import peak_signal_noise_ratio

    image, other = picture(), coded(picture(), 30)
    assert available("psnr").value(other, image) == pytest.approx(peak_signal_noise_ratio(image, other), abs=1e-9)


def test_ssim_is_that_of_another_library():
    pytorch_msssim = pytest.importorskip("pytorch_msssim", reason="the extra fidelity is not installed")
    import torch

    image, other = picture(), coded(picture(), 30)
    x, y = (torch.from_numpy(i).permute(2, 0, 1)[None].float() for i in (image, other))
    # scikit-image filters beyond the border by reflection, pytorch-msssim does not look there
    assert available("ssim").value(other, image) == pytest.approx(
        float(pytorch_msssim.ssim(x, y, data_range=255)), abs=0.005
    )


def test_ssimulacra2_of_jpeg_lies_where_its_author_puts_it():
    """Sneyers: 90 is visually lossless, 70 high, 50 medium quality; JPEG of quality 90 in 4:4:4 is around 85 to 90."""
    metric, image = available("ssimulacra2"), picture()
    codec = CODECS.make("jpeg:quality=90:chroma=444")
    assert 70 < metric.value(codec.decode(codec.encode(image)), image) < 95
    assert metric.value(image, image) == pytest.approx(100)
