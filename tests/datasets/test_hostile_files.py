"""Image files, archives and shards that are damaged or that lie: each is read, or refused with a reason."""

import io
import struct
import tarfile
import tracemalloc
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pytest
from fuzzing import damaged, some
from hypothesis import given
from hypothesis import strategies as st
from image_files import encoded, write_shard
from rabench.core.errors import RabenchError, Unavailable
from rabench.core.stored_images import Undecodable, decode_stored
from rabench.datasets import DATASETS, official
from rabench.datasets.base import BadImage, forget_opened
from rabench.datasets.cifar import CIFAR10
from rabench.datasets.tiny_imagenet import TinyReader, ZipFiles

PIXELS = np.random.default_rng(0).integers(0, 256, (9, 11, 3), np.uint8)
FILES = {
    "png": encoded(PIXELS),
    "palette": encoded(PIXELS, mode="P"),
    "grey": encoded(PIXELS, mode="LA"),
    "jpeg": encoded(PIXELS, "JPEG"),
    "gif": encoded(PIXELS, "GIF"),
    "bmp": encoded(PIXELS, "BMP"),
    "tiff": encoded(PIXELS, "TIFF", compression="tiff_lzw"),
    "webp": encoded(PIXELS, "WEBP", lossless=True),
    "ppm": encoded(PIXELS, "PPM"),
    "jp2": encoded(PIXELS, "JPEG2000"),
}


@some(100)
@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_damaged_image_is_read_or_has_a_reason(kind, data):
    try:
        decoded = decode_stored(data.draw(damaged(FILES[kind], header=60)))
    except Undecodable as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert decoded.pixels.ndim == 3 and decoded.pixels.dtype == np.uint8 and decoded.pixels.flags.writeable


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


@pytest.mark.parametrize("color", [2, 3])
def test_a_header_of_a_huge_image_is_refused_within_little_memory(color):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100_000, 100_000, 8, color, 0, 0, 0))
    palette = chunk(b"PLTE", bytes(6)) if color == 3 else b""
    bomb = b"\x89PNG\r\n\x1a\n" + header + palette + chunk(b"IDAT", zlib.compress(bytes(1 << 20))) + chunk(b"IEND", b"")
    tracemalloc.start()
    with pytest.raises(Undecodable, match="DecompressionBombError"):
        decode_stored(bomb)
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


def tar_of(**files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("_", "."))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


SHARD = tar_of(a_png=FILES["png"], a_cls=b"1", b_png=FILES["png"], b_json=b'{"label": 2}', ü_jpg=FILES["jpeg"])


def opened(spec):
    """Everything of a data set."""
    forget_opened()
    try:
        dataset = DATASETS.make(spec)
        block = dataset.load(0, 9)
        assert all(isinstance(i, BadImage) or i.shape[2] == 3 for i in block.images)
        _ = dataset.stamp(), dataset.notes(), dataset.image_name(0)
        return len(dataset.classes)
    except RabenchError as error:
        assert "\n" not in str(error)
        return None


@some(60)
@given(damaged(SHARD, header=512))
def test_a_damaged_shard_is_read_or_refused(home, content):
    (home / "a.tar").write_bytes(content)
    opened(f'webdataset:path="{home / "a.tar"}"')


@pytest.mark.parametrize("label", [b"9" * 5000, b"1000000", b"-1", b"\xff", b"1e9"])
def test_a_class_that_is_none_is_refused(tmp_path, label):
    (tmp_path / "a.tar").write_bytes(tar_of(a_png=FILES["png"], a_cls=label))
    assert opened(f'webdataset:path="{tmp_path / "a.tar"}"') is None


@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"label": 1e999}', b"[1]", b"\xff"])
def test_a_description_that_is_none_gives_no_class(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(tar_of(a_png=FILES["png"], a_json=content))
    assert opened(f'webdataset:path="{tmp_path / "a.tar"}"') == 0


@pytest.fixture(scope="module")
def shard(home):
    write_shard(home / "whole.parquet", [0, 1, 2], [FILES["png"], FILES["jpeg"], b"no image"])
    return (home / "whole.parquet").read_bytes()


@some(60)
@given(st.data())
def test_a_damaged_parquet_file_is_read_or_refused(home, shard, data):
    (home / "a.parquet").write_bytes(data.draw(damaged(shard)))
    opened(f'parquet:path="{home / "a.parquet"}"')


@pytest.mark.parametrize(
    "about", ['{"info": 3}', '{"info": {"features": {"label": {"names": 3}}}}', "[" * 100_000, "NaN"]
)
def test_names_of_classes_that_are_none_are_numbers(tmp_path, about):
    import pyarrow.parquet as pq

    write_shard(tmp_path / "a.parquet", [0, 1], [FILES["png"]] * 2)
    table = pq.read_table(tmp_path / "a.parquet").replace_schema_metadata({"huggingface": about})
    pq.write_table(table, tmp_path / "a.parquet")
    assert opened(f'parquet:path="{tmp_path / "a.parquet"}"') == 2


def test_a_label_beyond_all_classes_is_refused(tmp_path):
    write_shard(tmp_path / "a.parquet", [0, 2**62], [FILES["png"]] * 2)
    assert opened(f'parquet:path="{tmp_path / "a.parquet"}"') is None


@pytest.mark.parametrize(
    "image", [pa.array([1, 2]), pa.array([["a"], []]), pa.array([{"bytes": 3}] * 2), pa.array(["a", "b"])]
)
def test_a_column_that_holds_no_images_is_refused(tmp_path, image):
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": image, "label": [0, 1]}), tmp_path / "a.parquet")
    assert opened(f'parquet:path="{tmp_path / "a.parquet"}"') is None


def zip_of(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"tiny/{name}", content)
    return buffer.getvalue()


ZIP = zip_of(
    {
        "wnids.txt": "n1\nn2",
        "val/val_annotations.txt": "a.JPEG\tn1\t0\nb.JPEG\tn2\t0",
        "val/images/a.JPEG": FILES["jpeg"],
    }
)


@some(60)
@given(damaged(ZIP))
def test_a_damaged_zip_is_read_or_refused(home, content):
    (home / "a.zip").write_bytes(content)
    read_zip(home / "a.zip")


def read_zip(path):
    try:
        reader = TinyReader(ZipFiles(path), "test")
        reader.read(0, 9)
        reader.stamp()
    except Unavailable as error:
        assert "\n" not in str(error)
        return False
    return True


@pytest.mark.parametrize("files", [{}, {"wnids.txt": b"\xff"}, {"wnids.txt": bytes(1 << 27)}])
def test_a_zip_that_lies_is_refused(tmp_path, files):
    (tmp_path / "a.zip").write_bytes(zip_of(files))
    assert not read_zip(tmp_path / "a.zip")


def member(name, **more):
    made = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(made, key, value)
    return made


TRAPS = {
    "upwards": member("../outside", size=1),
    "absolute": member("/tmp/rabench-outside", size=1),
    "link": member("cifar-10-batches-bin/link", type=tarfile.SYMTYPE, linkname="../../outside"),
    "hard link": member("cifar-10-batches-bin/link", type=tarfile.LNKTYPE, linkname="../../secret"),
    "device": member("cifar-10-batches-bin/null", type=tarfile.CHRTYPE, devmajor=1, devminor=3),
    "bomb": member("cifar-10-batches-bin/zeros", size=1 << 22),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_an_archive_writes_nothing_outside_and_not_without_end(tmp_path, monkeypatch, trap):
    monkeypatch.setenv("RABENCH_DATA", str(tmp_path))
    monkeypatch.setattr(official, "MOST_EXTRACTED", 1 << 20)
    (tmp_path / "secret").write_text("secret")
    home = CIFAR10().home()
    home.mkdir(parents=True)
    with tarfile.open(home / "a.tar.gz", "w:gz") as archive:
        archive.addfile(TRAPS[trap], io.BytesIO(bytes(TRAPS[trap].size)))
    monkeypatch.setattr(official, "fetch", lambda archive, home: home / "a.tar.gz")
    with pytest.raises(Unavailable):
        CIFAR10().extracted()
    assert sorted(p.name for p in tmp_path.rglob("*")) == sorted([home.name, "a.tar.gz", "secret"])
