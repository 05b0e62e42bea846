"""What the decoder does with images that are not plain RGB files of 8 bits, and that it says so."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms
from rabench.core import stored_images
from rabench.datasets.base import BadImage
from rabench.datasets.decoding import decode

COLORS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [200, 100, 50]], [[9, 9, 9], [0, 0, 0]]], np.uint8)


def file(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def pixels_of(stored):
    """The pixels of a file, and its source; fails for one that gives none."""
    pixels, source = decode(stored)
    assert not isinstance(pixels, BadImage), pixels.reason
    return pixels, source


def test_a_plain_file_has_no_remark_and_is_kept():
    stored = file(Image.fromarray(COLORS))
    pixels, source = pixels_of(stored)
    np.testing.assert_array_equal(pixels, COLORS)
    assert (source.format, source.bytes, source.remarks, source.file) == ("PNG", len(stored), (), stored)
    assert pixels.flags.writeable


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_its_exif_says(orientation):
    """The eight orientations of the EXIF specification (2.3, 4.6.4): where row 0 and column 0 of the file are shown."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels, source = pixels_of(file(Image.fromarray(COLORS), exif=exif))
    shown = {
        1: COLORS, 2: COLORS[:, ::-1], 3: COLORS[::-1, ::-1], 4: COLORS[::-1],
        5: COLORS.transpose(1, 0, 2), 6: COLORS[::-1].transpose(1, 0, 2),
        7: COLORS[::-1, ::-1].transpose(1, 0, 2), 8: COLORS[:, ::-1].transpose(1, 0, 2),
    }  # fmt: skip
    np.testing.assert_array_equal(pixels, shown[orientation])
    assert source.remarks == (() if orientation == 1 else (stored_images.ROTATED,))


def test_grey_becomes_three_equal_channels():
    pixels, source = pixels_of(file(Image.fromarray(COLORS).convert("L")))
    assert (pixels == pixels[..., :1]).all() and source.remarks == ()


def test_transparency_is_dropped_and_the_color_below_it_stays():
    image = Image.fromarray(np.dstack([COLORS, np.zeros((3, 2), np.uint8)]), "RGBA")
    pixels, source = pixels_of(file(image))
    np.testing.assert_array_equal(pixels, COLORS)
    assert source.remarks == (stored_images.TRANSPARENT,)


def test_sixteen_bits_are_cut_to_the_upper_eight():
    deep = (np.arange(6, dtype=np.uint16).reshape(3, 2) * 9000) + 255
    pixels, source = pixels_of(file(Image.fromarray(deep)))
    np.testing.assert_array_equal(pixels[..., 0], deep >> 8)
    assert source.remarks == (stored_images.DEEP,)


def test_color_of_sixteen_bits_is_cut_too():
    tifffile = pytest.importorskip("tifffile", reason="comes with scikit-image")
    deep = COLORS.astype(np.uint16) * 257 // 2
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, deep, photometric="rgb")
    pixels, source = pixels_of(buffer.getvalue())
    np.testing.assert_array_equal(pixels, deep >> 8)
    assert source.remarks == (stored_images.DEEP,)


def test_cmyk_is_converted_and_said():
    pixels, source = pixels_of(file(Image.fromarray(COLORS).convert("CMYK"), "TIFF"))
    np.testing.assert_array_equal(pixels, COLORS)
    assert source.remarks == (stored_images.OTHER_MODEL.format(mode="CMYK"),)


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.fromarray(COLORS).convert("P"), Image.new("P", (2, 3))]
    stored = file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    pixels, source = pixels_of(stored)
    assert pixels.shape == (3, 2, 3) and stored_images.ANIMATED in source.remarks


def test_a_profile_that_is_not_srgb_is_said_and_not_applied():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert decode(file(Image.fromarray(COLORS), icc_profile=srgb))[1].remarks == ()
    xyz = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    pixels, source = pixels_of(file(Image.fromarray(COLORS), icc_profile=xyz))
    np.testing.assert_array_equal(pixels, COLORS)
    assert source.remarks == (stored_images.PROFILED,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "missing or empty"), (b"GIF87 no more", "no image that Pillow can read"), (None, "missing or empty")],
)
def test_what_is_no_image_is_a_bad_image_with_its_name(content, reason):
    image, _ = decode(content, "a.gif")
    assert isinstance(image, BadImage) and image.reason.startswith("a.gif: ") and reason in image.reason


def test_floats_are_refused_with_what_is_allowed():
    image, _ = decode(file(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"))
    assert isinstance(image, BadImage) and image.reason == "F pixels; 8 or 16 bits a channel are allowed"
