"""Honesty of the chain: the bytes counted are the bytes decoded, the pixels decoded are the pixels classified."""

import io
import json
from dataclasses import dataclass, replace
from typing import ClassVar
from unittest.mock import patch

import numpy as np
import pytest
import torch
from PIL import Image
from plugins_for_tests import Brightness, Noise
from png_files import png_parts
from rabench.bench.measuring import content
from rabench.bench.measuring import task as tasks
from rabench.bench.measuring.task import Task
from rabench.classifiers import CLASSIFIERS, weights
from rabench.classifiers.base import Classifier
from rabench.codecs import CODECS
from rabench.codecs.base import StoredFileCodec
from rabench.codecs.raw import Raw
from rabench.core.errors import Refused, Unavailable
from rabench.core.images import IndexedImage, as_rgb
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS

PHOTOS, IMAGES = DATASETS.make("photos"), 100
SMALL = CLASSIFIERS.make("small:weights=small-photos")


def task(quantizer, codecs, classifiers=(SMALL,), stop=IMAGES, dataset=PHOTOS):
    block = content.describe_block(dataset, 0, stop)["sha256"]
    return Task(dataset, 0, stop, block, quantizer, tuple((c, k) for c in codecs for k in classifiers), ())


OF_PIXELS = sorted(n for n in CODECS.members if not issubclass(CODECS[n], StoredFileCodec))
"""Codecs that see pixels; for those that take stored files see test_stored_files.py."""
SLOW = {"avif", "heic", "jpegxl", "jpegxl-lossless", "oxipng", "png-search"}


@pytest.mark.parametrize("quantizer", ["none", "median-cut:colors=5"])
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in OF_PIXELS])
def test_what_is_written_is_decoded_and_what_is_decoded_is_classified(name, quantizer):
    """Spies between the stages see 100 images through each codec, of a slow one 20."""
    codec, quantize = CODECS[name](), QUANTIZERS.make(quantizer)
    try:
        codec.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    images = 20 if name == "png-search" else IMAGES
    written, read, decoded, classified, quantized = [], [], [], [], []
    encode_batch, decode_batch = type(codec).encode_batch, type(codec).decode_batch

    def encode(self, images):
        quantized.extend(as_rgb(i).copy() for i in images)
        files = encode_batch(self, images)
        written.extend(files)
        return files

    def decode(self, files):
        read.extend(files)
        pixels = decode_batch(self, files)
        decoded.extend(p.copy() for p in pixels)
        return pixels

    def prepare(self, image):
        classified.append(image.copy())
        return image

    spies = (patch.object(type(codec), "encode_batch", encode), patch.object(type(codec), "decode_batch", decode))
    with spies[0], spies[1], patch.object(Classifier, "prepare", prepare):
        (rows,) = tasks.run(task(quantize, [codec], stop=images))

    assert written == read
    assert not rows.errors
    assert rows.columns["bytes"].tolist() == [len(f) for f in written]
    # Images alike are classified once: as sets of pixels the two are the same.
    assert {p.tobytes() for p in decoded} == {p.tobytes() for p in classified}
    if codec.lossless:
        for before, after in zip(quantized, decoded, strict=True):
            np.testing.assert_array_equal(before, after)
    block = PHOTOS.load(0, images)
    errors = [int(((d.astype(int) - s) ** 2).sum()) for d, s in zip(decoded, block.images, strict=True)]
    assert rows.columns["squared_error"].tolist() == errors


JPEG_OPTIONS = {"format": "JPEG", "quality": 30, "subsampling": "4:2:0", "optimize": True}
PNG_OPTIONS = {"format": "PNG", "compress_level": 6}
POINTS = [
    ("none", "png", lambda im: im, PNG_OPTIONS),
    ("none", "jpeg:quality=30", lambda im: im, JPEG_OPTIONS),
    ("none", "webp:quality=20", lambda im: im, {"format": "WEBP", "quality": 20, "method": 4}),
    ("median-cut:colors=4", "png", lambda im: im.quantize(4, 0), {**PNG_OPTIONS, "bits": 2}),
    ("octree:colors=2", "png", lambda im: im.quantize(2, 2), {**PNG_OPTIONS, "bits": 1}),
]


@pytest.mark.parametrize("quantizer, codec, by_pillow, options", POINTS, ids=[f"{q}+{c}" for q, c, *_ in POINTS])
@pytest.mark.slow
def test_accuracy_and_rate_recomputed_by_independent_lines_agree_exactly(quantizer, codec, by_pillow, options):
    """Pillow, torch and the weights file alone; images with fewer colors than asked for are left to another test."""
    from safetensors import safe_open

    with safe_open(weights.find("small-photos"), "pt") as file:
        about, w = json.loads(file.metadata()["rabench"]), {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
    mean, std = (torch.tensor(about[k]).view(1, 3, 1, 1) for k in ("mean", "std"))

    def network(x):
        x = (x / 255 - mean) / std
        for conv, norm, pool in ((0, 1, 1), (4, 5, 1), (8, 9, 1), (12, 13, 0)):
            x = torch.nn.functional.conv2d(x, w[f"{conv}.weight"].float(), padding=1)
            stats = (w[f"{norm}.{s}"].float() for s in ("running_mean", "running_var", "weight", "bias"))
            x = torch.relu(torch.nn.functional.batch_norm(x, *stats))
            x = torch.nn.functional.max_pool2d(x, 2) if pool else x
        return x.mean((2, 3)) @ w["17.weight"].float().T + w["17.bias"].float()

    block = PHOTOS.load(0, IMAGES)
    sizes, predicted = [], []
    for image in block.images:
        buffer = io.BytesIO()
        by_pillow(Image.fromarray(image)).save(buffer, **options)
        sizes.append(len(buffer.getvalue()))
        pixels = np.array(Image.open(buffer).convert("RGB"))
        predicted.append(int(network(torch.from_numpy(pixels).float().permute(2, 0, 1)[None]).argmax()))

    (rows,) = tasks.run(task(QUANTIZERS.make(quantizer), [CODECS.make(codec)]))
    assert rows.columns["bytes"].tolist() == sizes
    assert rows.columns["prediction"].tolist() == predicted


def test_halves_of_a_block_add_up_to_the_whole():
    block = task(QUANTIZERS.make("none"), [CODECS.make("jpeg:quality=20")])
    (all_rows,) = tasks.run(block)
    for start, stop in ((0, 77), (77, IMAGES)):
        sha256 = content.describe_block(PHOTOS, start, stop)["sha256"]
        (rows,) = tasks.run(replace(block, start=start, stop=stop, block=sha256))
        for name, column in rows.columns.items():
            np.testing.assert_array_equal(column, all_rows.columns[name][start:stop], err_msg=name)


@pytest.mark.slow
def test_what_else_is_measured_does_not_change_a_row():
    """The last bits of a network's output may depend on its batch: every call has exactly one size."""
    quantizer = QUANTIZERS.make("octree:colors=3")
    codecs = [CODECS.make(t) for t in ("png", "raw", "jpeg:quality=5", "webp-lossless", "webp:quality=3")]
    together = dict(zip(codecs, tasks.run(task(quantizer, codecs)), strict=True))
    for codec in codecs:
        (alone,) = tasks.run(task(quantizer, [codec]))
        for name, column in alone.columns.items():
            np.testing.assert_array_equal(column, together[codec].columns[name], err_msg=f"{codec.spec} {name}")


def test_images_alike_are_classified_once():
    calls = []
    original = type(SMALL).logits_of_batch

    def counted(self, images):
        calls.append(len(images))
        return original(self, images)

    with patch.object(type(SMALL), "logits_of_batch", counted):
        tasks.run(task(QUANTIZERS.make("none"), [CODECS.make(t) for t in ("png", "raw", "webp-lossless")]))
    assert sum(calls) == -(-IMAGES // SMALL.batch) * SMALL.batch
    assert set(calls) == {SMALL.batch}


@dataclass(frozen=True)
class Views(Raw):
    """Hands on a view, as codecs that give BGR do."""

    name: ClassVar[str] = "views"

    def decode(self, data):
        return super().decode(data)[..., ::-1][..., ::-1]


def test_a_decoder_may_hand_on_a_view():
    (rows,) = tasks.run(task(QUANTIZERS.make("none"), [Views()], [Brightness()], 10, Noise(images=10)))
    assert not rows.errors and rows.columns["squared_error"].sum() == 0


def test_images_that_are_not_those_expected_are_refused():
    wrong = replace(task(QUANTIZERS.make("none"), [CODECS.make("raw")], stop=5), block="0" * 64)
    with pytest.raises(Refused, match="let nothing change the data set"):
        tasks.run(wrong)


def test_a_worker_with_another_version_is_refused():
    codec = CODECS.make("raw")
    other = replace(task(QUANTIZERS.make("none"), [codec], stop=5), versions=((codec.spec, "PPM of another make"),))
    with pytest.raises(Refused, match="a worker has PPM, this machine PPM of another make"):
        tasks.run(other)


def test_an_indexed_image_takes_only_the_colors_it_uses():
    image = IndexedImage(np.array([[0, 3], [3, 0]], np.uint8), np.arange(15, dtype=np.uint8).reshape(5, 3))
    trimmed = image.trimmed()
    assert trimmed.palette.tolist() == [[0, 1, 2], [9, 10, 11]]
    np.testing.assert_array_equal(trimmed.rgb, image.rgb)
    with pytest.raises(ValueError, match="index 3 has no color"):
        IndexedImage(image.indices, image.palette[:3])


@pytest.mark.parametrize("colors, bits", [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)])
def test_indexed_png_uses_as_few_bits_a_pixel_as_its_colors_need(colors, bits):
    indices = (np.arange(64 * 64) % colors).astype(np.uint8).reshape(64, 64)
    palette = np.arange(colors * 3).astype(np.uint8).reshape(-1, 3)
    file = CODECS.make("png").encode(IndexedImage(indices, palette))
    assert tuple(file[24:26]) == (bits, 3)  # depth and color type of IHDR (PNG specification, 11.2.1)
    assert CODECS.make("png").byte_breakdown(file).palette == 3 * colors


def test_the_byte_breakdown_of_a_jpeg_is_what_measurements_say():
    """Pillow's default JPEG has 625 bytes beside its scan at 32x32: 443 of tables, the rest container."""
    image = np.zeros((32, 32, 3), np.uint8)
    codec = CODECS.make("jpeg:optimize=no")
    parts = codec.byte_breakdown(codec.encode(image))
    assert parts.container + parts.tables >= 600
    assert parts.tables == 2 * (2 + 2 + 65) + 2 * (2 + 2 + 1 + 16 + 12) + 2 * (2 + 2 + 1 + 16 + 162)


@pytest.mark.long
@pytest.mark.parametrize("quantizer", ["none", "octree:colors=7"])
@pytest.mark.parametrize("name", sorted(CODECS.members))
def test_the_parts_of_1000_real_files_sum_to_their_lengths(name, quantizer):
    """Of slow codecs 100."""
    codec = CODECS[name]()
    try:
        codec.version()
    except Unavailable as reason:
        pytest.skip(str(reason))
    images = QUANTIZERS.make(quantizer).quantize(
        PHOTOS.load(0, 100 if name in ("oxipng", "png-search") else 1000).images
    )
    for file in codec.encode_batch(images):
        parts = codec.byte_breakdown(file)
        assert sum(parts) == len(file) and min(parts) >= 0 and parts.payload > 0
        if name in ("png", "oxipng", "png-search"):
            assert (parts.payload, parts.palette) == png_parts(file)
