"""Codecs that an extra brings: what they lose, how rate turns into error, and what other bindings make of the same image."""

import io
import shutil
import subprocess
import tomllib
import zlib
from dataclasses import fields
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import rabench
from PIL import Image
from rabench.bench.study.plugin_files import load_plugins
from rabench.codecs import CODECS, pngsearch
from rabench.core.errors import Unavailable
from rabench.core.images import IndexedImage, as_rgb
from rabench.core.plugins import Span
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS

pytestmark = pytest.mark.slow
PHOTOS = [np.asarray(image) for image in DATASETS.make("photos").load(0, 40).images]
LOSSLESS = ("jpegxl-lossless", "jpegls-lossless", "qoi", "oxipng", "webp-lossless", "png", "png-search")
LOSSY = {
    "jpegxl": ("distance", (8.0, 4.0, 2.0, 1.0, 0.3)),
    "jpegls": ("near", (40, 20, 8, 3, 1)),
    "jpegxr": ("quality", (50, 65, 80, 90, 98)),
    "heic": ("quality", (5, 25, 45, 65, 85)),
    "jpeg-moz": ("quality", (10, 30, 50, 75, 95)),
}


def available(text):
    """The codec, where it can run here."""
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


@pytest.mark.long
@pytest.mark.parametrize("quantizer", ["none", "median-cut:colors=5"])
@pytest.mark.parametrize("name", LOSSLESS)
def test_what_says_lossless_is(name, quantizer):
    codec = available(name)
    assert codec.lossless
    for image in QUANTIZERS.make(quantizer).quantize(PHOTOS):
        np.testing.assert_array_equal(codec.decode(codec.encode(image)), as_rgb(image))


@pytest.mark.parametrize("name", LOSSY)
def test_more_bits_are_less_error(name):
    setting, values = LOSSY[name]
    available(name)
    bits, errors = [], []
    for value in values:
        codec = CODECS.make(f"{name}:{setting}={value}")
        files = [codec.encode(image) for image in PHOTOS]
        bits.append(sum(map(len, files)))
        decoded = [codec.decode(file).astype(float) for file in files]
        errors.append(sum(np.square(d - i).mean() for d, i in zip(decoded, PHOTOS, strict=True)))
    assert bits == sorted(bits) and errors == sorted(errors, reverse=True)


def test_jpeg_ls_is_what_another_binding_of_charls_writes():
    pytest.importorskip("pillow_jpls")
    for near in (0, 3, 20):
        codec = available(f"jpegls:near={near}" if near else "jpegls-lossless")
        for image in PHOTOS[:10]:
            theirs = saved(image, "JPEG-LS", near_lossless=near)
            ours = codec.encode(image)
            assert theirs[:2] + theirs[46:] == ours  # but for its SPIFF header of 44 bytes
            with Image.open(io.BytesIO(ours)) as read:
                assert (np.asarray(read) == codec.decode(ours)).all()


def test_jpeg_ls_is_off_by_near_at_the_most():
    codec = available("jpegls:near=7")
    worst = max(np.abs(codec.decode(codec.encode(i)).astype(int) - i).max() for i in PHOTOS)
    assert worst == 7


def test_qoi_is_what_pillow_writes():
    codec = available("qoi")
    for image in PHOTOS[:10]:
        assert codec.encode(image) == saved(image, "QOI", colorspace="sRGB")


def test_avif_is_about_what_another_binding_of_libavif_writes():
    """Other versions of libavif and AOM lie in the two wheels."""
    imagecodecs = pytest.importorskip("imagecodecs")
    for chroma in (420, 444):
        codec = available(f"avif:quality=60:chroma={chroma}")
        ours = sum(len(codec.encode(i)) for i in PHOTOS[:10])
        theirs = sum(
            len(imagecodecs.avif_encode(i, 60, speed=6, pixelformat=str(chroma), codec="aom", numthreads=1))
            for i in PHOTOS[:10]
        )
        assert ours == pytest.approx(theirs, rel=0.03)


def test_a_second_decoder_reads_jpeg_xl_alike():
    pytest.importorskip("pillow_jxl")
    for text in ("jpegxl:distance=2.0", "jpegxl-lossless"):
        codec = available(text)
        for image in PHOTOS[:10]:
            file = codec.encode(image)
            with Image.open(io.BytesIO(file)) as read:
                pixels = np.asarray(read.convert("RGB")).astype(int)
            assert np.abs(pixels - codec.decode(file)).max() <= (0 if codec.lossless else 1)


def test_oxipng_is_smaller_than_png_and_pillow_reads_it():
    plain, best = available("png"), available("oxipng")
    for colors in (2, 4, 16):
        images = QUANTIZERS.make(f"median-cut:colors={colors}").quantize(PHOTOS)
        files = best.encode_batch(images)
        assert sum(map(len, files)) < sum(map(len, plain.encode_batch(images)))
        with Image.open(io.BytesIO(files[0])) as read:
            assert read.mode in ("P", "1", "L")  # still indexed


@pytest.mark.long
@pytest.mark.parametrize("colors", [2, 4, 16, 64])
def test_a_searched_png_is_smaller_than_one_of_oxipng_and_each_search_has_its_part(colors):
    oxipng = available("oxipng:level=6")
    images = QUANTIZERS.make(f"octree:colors={colors}").quantize(PHOTOS[:12])
    sizes = {
        text: sum(map(len, available(text).encode_batch(images)))
        for text in (
            "png",
            "png-search:order=given:filters=none",
            "png-search:order=given",
            "png-search:filters=none",
            "png-search",
        )
    }
    assert sizes["png-search"] < sum(map(len, oxipng.encode_batch(images)))
    # libdeflate's level 10 guides what zopfli ends: a byte or two either way
    fixed, *searched = (1.005 * size for size in list(sizes.values())[1:])
    assert sizes["png-search"] <= min(searched) and max(searched) <= 1.005 * fixed
    assert sizes["png-search"] < sizes["png-search:order=given:filters=none"] < sizes["png"]


def test_every_order_of_four_colors_is_tried_and_of_more_those_that_begin_the_search():
    def orders(colors):  # private, since of the orders that are tried a file shows the best alone
        indices = np.arange(64, dtype=np.uint8).reshape(8, 8) % colors
        return list(pngsearch._orders(IndexedImage(indices, PHOTOS[0][0, :colors].copy())))

    assert sorted(orders(4)) == sorted(permutations(range(4)))
    assert len(orders(5)) == 4 and all(sorted(order) == list(range(5)) for order in orders(5))


def test_a_searched_png_of_a_photograph_is_smaller_than_pillows_and_of_few_colors_indexed():
    plain, best = available("png"), available("png-search")
    wall = np.vstack([np.hstack(PHOTOS[i : i + 4]) for i in (0, 4)])
    assert len(best.encode(wall)) < len(plain.encode(wall))
    with Image.open(io.BytesIO(best.encode(wall // 128 * 128))) as read:
        assert read.mode == "P"
        assert (np.asarray(read.convert("RGB")) == wall // 128 * 128).all()


@pytest.mark.parametrize("filter_", range(5))
@pytest.mark.parametrize("bytes_a_pixel", [1, 3])
def test_pillow_undoes_every_filter_of_a_searched_png(filter_, bytes_a_pixel):
    """By private names, since a file shows no filter but those that paid."""
    pixels = PHOTOS[0] if bytes_a_pixel == 3 else PHOTOS[0][..., 0]
    rows = pngsearch._each_filter(pixels.reshape(32, -1), bytes_a_pixel)[filter_]
    palette = None if bytes_a_pixel == 3 else np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    file = pngsearch._file(32, 32, 8, palette, zlib.compress(rows.tobytes()))
    assert (available("png").decode(file) == (pixels if bytes_a_pixel == 3 else pixels[..., None])).all()


def test_jpeg_xl_lossless_is_what_another_binding_of_libjxl_writes():
    pylibjxl = pytest.importorskip("pylibjxl")
    number = pylibjxl.encoder_version()  # 11002 is 0.11.2
    theirs = f"libjxl {number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"
    if not available("jpegxl-lossless").version().endswith(theirs):
        pytest.skip(f"pylibjxl has {theirs}, rabench {available('jpegxl-lossless').version()}")
    for effort in (3, 7, 9):
        codec = available(f"jpegxl-lossless:effort={effort}")
        for image in PHOTOS[:10]:
            assert codec.encode(image) == pylibjxl.encode(image, effort=effort, lossless=True)


def test_jpeg_xl_is_about_as_large_as_another_binding_of_libjxl_writes_it():
    """Other versions of libjxl lie in the two wheels."""
    pytest.importorskip("pillow_jxl")
    for distance, quality in ((1.0, 90), (3.7, 60)):  # libjxl's own mapping: distance = 0.1 + 0.09 * (100 - quality)
        codec = available(f"jpegxl:distance={distance}")
        ours = sum(len(codec.encode(i)) for i in PHOTOS)
        theirs = sum(len(saved(i, "JXL", quality=quality, num_threads=1, use_container=False)) for i in PHOTOS)
        assert ours == pytest.approx(theirs, rel=0.05)


EXAMPLES = Path(rabench.__file__).parent / "examples" / "programs.toml"


@pytest.mark.parametrize("name", list(tomllib.loads(EXAMPLES.read_text())["programs"]))
def test_a_declared_example_trades_bytes_for_error_on_photographs(name):
    load_plugins(EXAMPLES)
    available(name)
    cls = CODECS[name]
    among = next(f for f in fields(cls) if f.name == cls.quality_parameter()).metadata["among"]
    low, high = (among.low, among.high) if isinstance(among, Span) else (among[0], among[-1])
    sizes, errors = [], []
    for value in (low, type(low)((low + high) / 2), high):
        codec = cls(**{cls.quality_parameter(): value})
        files = codec.encode_batch(PHOTOS[:4])
        sizes.append(sum(map(len, files)))
        decoded = codec.decode_batch(files)
        errors.append(sum(np.square(d.astype(float) - i).mean() for d, i in zip(decoded, PHOTOS, strict=False)))
    assert sorted(sizes) in (sizes, sizes[::-1]) and len(set(sizes)) == 3
    assert (sizes[0] < sizes[2]) == (errors[0] > errors[2])


def by_program(tmp_path, image, source, target, *command):
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not on the PATH")
    Image.fromarray(image).save(tmp_path / source)
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    return (tmp_path / target).read_bytes()


@pytest.mark.parametrize("psnr", [25, 35, 45])
def test_jpeg_2000_is_what_openjpegs_own_program_writes(psnr, tmp_path):
    codec = available(f"jpeg2000:psnr={psnr}")
    for image in PHOTOS[:8]:
        theirs = by_program(tmp_path, image, "x.ppm", "x.j2k", *f"opj_compress -i x.ppm -o x.j2k -q {psnr} -I".split())
        ours = codec.encode(image)
        assert len(ours) == len(theirs)  # a comment names the version
        assert (codec.decode(ours) == codec.decode(theirs)).all()


def test_mozjpegs_optimization_changes_no_pixel():
    for quality in (10, 50, 95):
        plain, best = available(f"jpeg:quality={quality}"), available(f"jpeg-moz:quality={quality}")
        for image in PHOTOS[:10]:
            pixels = plain.decode(plain.encode(image))
            assert (best.decode(best.encode(image)) == pixels).all()


def coded_image(codec, file):
    """Returns what lies behind the directory of a JPEG XR file; it begins with a signature (ITU-T T.832, 8.3)."""
    begin = file.index(b"WMPHOTO\0")
    return file[begin : begin + codec.byte_breakdown(file).payload]


@pytest.mark.parametrize("quality", [50, 65, 80, 95])
def test_jpeg_xr_is_what_jxrlibs_own_program_writes(quality, tmp_path):
    codec = available(f"jpegxr:quality={quality}")
    command = f"JxrEncApp -i x.bmp -o x.jxr -c 0 -d 3 -l 0 -f -q {quality / 100}"  # as imagecodecs sets it
    for image in PHOTOS[:8]:
        theirs, ours = by_program(tmp_path, image, "x.bmp", "x.jxr", *command.split()), codec.encode(image)
        assert coded_image(codec, theirs) == coded_image(codec, ours)  # directories differ


@pytest.mark.parametrize("chroma", [420, 444])
@pytest.mark.parametrize("quality", [20, 50, 80])
def test_heic_codes_pixels_in_as_many_bytes_as_libheifs_own_program(quality, chroma, tmp_path):
    codec = available(f"heic:quality={quality}:chroma={chroma}")
    options = [f"chroma={chroma}", "preset=slow", "tune=ssim", "x265:pools=none", "x265:frame-threads=1"]
    command = ["heif-enc", "-q", str(quality), *(word for o in options for word in ("-p", o)), "x.png", "-o", "x.heic"]
    ours = sum(codec.byte_breakdown(codec.encode(i)).payload for i in PHOTOS[:8])
    theirs = sum(codec.byte_breakdown(by_program(tmp_path, i, "x.png", "x.heic", *command)).payload for i in PHOTOS[:8])
    assert ours == pytest.approx(theirs, rel=0.02)  # other versions of libheif and x265


@pytest.mark.parametrize("name", ["jpegxr", "qoi", "jpegls-lossless", "jpegxl", "heic"])
def test_a_file_cut_short_is_no_image(name):
    codec = available(name)
    file = codec.encode(PHOTOS[0])
    for length in (0, 3, len(file) // 2, len(file) - 1):
        with pytest.raises(Exception):  # noqa: B017 - whatever the library raises
            codec.decode(file[:length])


def test_the_parts_of_heic_are_the_boxes_that_libheif_writes():
    codec = available("heic")
    image = np.tile(PHOTOS[0], (2, 2, 1))
    parts = codec.byte_breakdown(codec.encode(image))
    assert parts.tables > 60 and parts.payload > parts.tables and parts.container > 100
