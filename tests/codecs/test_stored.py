"""Codecs that take an image's stored file: what they take comes back bit by bit, what they cannot take is told apart."""

import io

import numpy as np
import pytest
from PIL import Image
from rabench.codecs import CODECS
from rabench.codecs.base import StoredFileCodec
from rabench.core.errors import Unavailable
from rabench.core.stored_images import decode_stored
from rabench.datasets import DATASETS

NAMES = sorted(name for name in CODECS.members if issubclass(CODECS[name], StoredFileCodec))


@pytest.fixture(params=NAMES)
def codec(request):
    codec = CODECS[request.param]()
    try:
        codec.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    return codec


def picture(mode="RGB", size=(60, 44)):
    pixels = np.asarray(Image.linear_gradient("L").resize(size))
    return Image.fromarray(np.stack([pixels, pixels[::-1], pixels[:, ::-1]], axis=2)).convert(mode)


def stored(image, form="JPEG", **options):
    """A file and its pixels, as a data set gives them."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue(), decode_stored(buffer.getvalue()).pixels


def rotated():
    exif = Image.Exif()
    exif[0x0112] = 6
    return stored(picture(), exif=exif, quality=80)


@pytest.mark.parametrize(
    "make",
    [
        lambda: stored(picture(), quality=75),
        lambda: stored(picture("L"), quality=75),
        lambda: stored(picture(), quality=90, progressive=True, comment="a comment"),
        rotated,
    ],
    ids=["plain", "grey", "progressive", "rotated by EXIF"],
)
def test_a_jpeg_is_taken_and_keeps_its_pixels(codec, make):
    file, pixels = make()
    data = codec.encode_stored(file, pixels)
    assert codec.taken(data)
    np.testing.assert_array_equal(codec.decode(data), pixels)
    assert sum(codec.byte_breakdown(data)) == len(data)
    if codec.name == "stored":
        assert data == file
    if codec.name == "jpegxl-recompress":
        assert codec.restored(data) == file


@pytest.mark.parametrize("mode", ["CMYK", "RGBA"])
def test_what_is_no_jpeg_of_three_colors_is_coded_from_its_pixels(codec, mode):
    file, pixels = stored(picture(mode), "JPEG" if mode == "CMYK" else "PNG")
    data = codec.encode_stored(file, pixels)
    np.testing.assert_array_equal(codec.decode(data), pixels)
    if codec.name != "stored" and mode == "RGBA":
        assert not codec.taken(data)


def test_an_image_that_is_no_file_is_coded_losslessly(codec):
    pixels = np.asarray(picture())
    np.testing.assert_array_equal(codec.decode(codec.encode(pixels)), pixels)


def test_dropping_metadata_saves_its_bytes_but_keeps_an_image_upright():
    codec = CODECS.make("jpeg-recompress:metadata=drop")
    try:
        codec.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    file, pixels = stored(picture(), comment="x" * 500)
    assert (
        len(codec.encode_stored(file, pixels)) < len(CODECS.make("jpeg-recompress").encode_stored(file, pixels)) - 400
    )
    file, pixels = rotated()
    np.testing.assert_array_equal(codec.decode(codec.encode_stored(file, pixels)), pixels)


@pytest.mark.long
def test_200_imagenet_files_come_back_bit_by_bit(imagenet_sample):
    codec = CODECS.make("jpegxl-recompress")
    try:
        codec.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    dataset = DATASETS.make(f'parquet:path="{imagenet_sample}"')
    before = after = 0
    not_taken = []
    for start in range(0, len(dataset), 50):
        block = dataset.load(start, start + 10)
        for position, (image, source) in enumerate(zip(block.images, block.sources, strict=True), start):
            data = codec.encode_stored(source.file, image)
            if not codec.taken(data):
                not_taken.append(position)
                continue
            assert codec.restored(data) == source.file
            before, after = before + len(source.file), after + len(data)
    assert not_taken == []
    assert after < 0.9 * before
