"""Codecs that an extra brings: what they lose, how rate turns into error, and what other bindings make of the same image."""

import io

import numpy as np
import pytest
from PIL import Image
from rabench.codecs import CODECS
from rabench.core.errors import Unavailable
from rabench.core.images import as_rgb
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS

PHOTOS = DATASETS.make("photos").load(0, 40).images
LOSSLESS = ("jpegxl-lossless", "jpegls-lossless", "qoi", "oxipng", "webp-lossless", "png")
LOSSY = {
    "jpegxl": ("distance", (8.0, 4.0, 2.0, 1.0, 0.3)),
    "jpegls": ("near", (40, 20, 8, 3, 1)),
    "jpegxr": ("quality", (50, 65, 80, 90, 98)),
    "heic": ("quality", (5, 25, 45, 65, 85)),
    "jpeg-moz": ("quality", (10, 30, 50, 75, 95)),
}


def here(text):
    codec = CODECS.make(text)
    try:
        codec.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    return codec


def saved(image, form, **options):
    file = io.BytesIO()
    Image.fromarray(image).save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("quantizer", ["none", "median-cut:colors=5"])
@pytest.mark.parametrize("name", LOSSLESS)
def test_what_says_lossless_is(name, quantizer):
    codec = here(name)
    assert codec.lossless
    for image in QUANTIZERS.make(quantizer).quantize(PHOTOS):
        np.testing.assert_array_equal(codec.decode(codec.encode(image)), as_rgb(image))


@pytest.mark.parametrize("name", LOSSY)
def test_more_bits_are_less_error(name):
    dial, values = LOSSY[name]
    here(name)
    bits, errors = [], []
    for value in values:
        codec = CODECS.make(f"{name}:{dial}={value}")
        files = [codec.encode(image) for image in PHOTOS]
        bits.append(sum(map(len, files)))
        decoded = [codec.decode(file).astype(float) for file in files]
        errors.append(sum(np.square(d - i).mean() for d, i in zip(decoded, PHOTOS, strict=True)))
    assert bits == sorted(bits) and errors == sorted(errors, reverse=True)


def test_jpeg_ls_is_what_another_binding_of_charls_writes():
    pytest.importorskip("pillow_jpls")
    for near in (0, 3, 20):
        codec = here(f"jpegls:near={near}" if near else "jpegls-lossless")
        for image in PHOTOS[:10]:
            theirs = saved(image, "JPEG-LS", near_lossless=near)
            ours = codec.encode(image)
            assert theirs[:2] + theirs[46:] == ours  # but for its SPIFF header of 44 bytes
            with Image.open(io.BytesIO(ours)) as read:
                assert (np.asarray(read) == codec.decode(ours)).all()


def test_jpeg_ls_is_off_by_near_at_the_most():
    codec = here("jpegls:near=7")
    worst = max(np.abs(codec.decode(codec.encode(i)).astype(int) - i).max() for i in PHOTOS)
    assert worst == 7


def test_qoi_is_what_pillow_writes():
    codec = here("qoi")
    for image in PHOTOS[:10]:
        assert codec.encode(image) == saved(image, "QOI", colorspace="sRGB")


def test_avif_is_about_what_another_binding_of_libavif_writes():
    """Other versions of libavif and AOM lie in the two wheels."""
    imagecodecs = pytest.importorskip("imagecodecs")
    for chroma in (420, 444):
        codec = here(f"avif:quality=60:chroma={chroma}")
        ours = sum(len(codec.encode(i)) for i in PHOTOS[:10])
        theirs = sum(
            len(imagecodecs.avif_encode(i, 60, speed=6, pixelformat=str(chroma), codec="aom", numthreads=1))
            for i in PHOTOS[:10]
        )
        assert ours == pytest.approx(theirs, rel=0.03)


def test_a_second_decoder_reads_jpeg_xl_alike():
    pytest.importorskip("pillow_jxl")
    for text in ("jpegxl:distance=2.0", "jpegxl-lossless"):
        codec = here(text)
        for image in PHOTOS[:10]:
            file = codec.encode(image)
            with Image.open(io.BytesIO(file)) as read:
                found = np.asarray(read.convert("RGB")).astype(int)
            assert np.abs(found - codec.decode(file)).max() <= (0 if codec.lossless else 1)


def test_oxipng_is_smaller_than_png_and_pillow_reads_it():
    plain, best = here("png"), here("oxipng")
    for colors in (2, 4, 16):
        images = QUANTIZERS.make(f"median-cut:colors={colors}").quantize(PHOTOS)
        files = best.encode_batch(images)
        assert sum(map(len, files)) < sum(map(len, plain.encode_batch(images)))
        with Image.open(io.BytesIO(files[0])) as read:
            assert read.mode in ("P", "1", "L")  # still indexed


@pytest.mark.parametrize("name", ["jpegxr", "qoi", "jpegls-lossless", "jpegxl", "heic"])
def test_a_file_cut_short_is_no_image(name):
    codec = here(name)
    file = codec.encode(PHOTOS[0])
    for length in (0, 3, len(file) // 2, len(file) - 1):
        with pytest.raises(Exception):  # noqa: B017 - whatever the library raises
            codec.decode(file[:length])


def test_the_parts_of_heic_are_the_boxes_that_libheif_writes():
    codec = here("heic")
    image = np.tile(PHOTOS[0], (2, 2, 1))
    parts = codec.anatomy(codec.encode(image))
    assert parts.tables > 60 and parts.payload > parts.tables and parts.container > 100
