"""Data sets, their downloads from a server of the test's own, and what is said when something is amiss."""

import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from rabench.core.errors import BadSetting, Unavailable
from rabench.datasets import DATASETS, cifar, download, stl10, tiny_imagenet
from rabench.datasets.base import BadImage, blocks
from rabench.datasets.download import Archive, fetch

RNG = np.random.default_rng(0)


class Server(http.server.SimpleHTTPRequestHandler):
    """Serves a folder with ranges; ``cut`` ends a reply early, ``ranges`` off answers with the whole file."""

    cut: int | None = None
    ranges = True
    asked: list[str | None]

    def do_GET(self):
        self.asked.append(self.headers.get("Range"))
        try:
            content = Path(self.translate_path(self.path)).read_bytes()
        except OSError:
            return self.send_error(404)
        begin = 0
        if self.ranges and self.headers.get("Range"):
            begin = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            if begin >= len(content):
                return self.send_error(416)
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        self.wfile.write(content[begin : begin + self.cut] if self.cut else content[begin:])

    def log_message(self, *_):
        pass


@pytest.fixture
def site(tmp_path):
    """(folder served, its address, the handler's knobs)"""
    folder = tmp_path / "site"
    folder.mkdir()
    knobs = type("Knobs", (Server,), {"asked": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(knobs, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}", knobs
        server.shutdown()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("RABENCH_DATA", str(tmp_path / "home"))
    return tmp_path / "home"


def archive_of(site, name, content):
    folder, address, _ = site
    (folder / name).write_bytes(content)
    return Archive(f"{address}/{name}", hashlib.md5(content).hexdigest())


CONTENT = RNG.bytes(3_000_000)


def test_a_file_is_fetched_once_and_checked(site, tmp_path):
    archive = archive_of(site, "a.bin", CONTENT)
    assert fetch(archive, tmp_path / "new").read_bytes() == CONTENT
    assert fetch(archive, tmp_path / "new").read_bytes() == CONTENT
    assert site[2].asked == [None]
    assert sorted(f.name for f in (tmp_path / "new").iterdir()) == ["a.bin"]


def test_an_interrupted_download_goes_on_where_it_stopped(site, tmp_path):
    archive = archive_of(site, "a.bin", CONTENT)
    site[2].cut = 1_300_000
    with pytest.raises(Unavailable, match=r"run again to go on from there"):
        fetch(archive, tmp_path)
    held = (tmp_path / "a.bin.part").stat().st_size
    assert 0 < held < len(CONTENT)
    site[2].cut = None
    assert fetch(archive, tmp_path).read_bytes() == CONTENT
    assert site[2].asked == [None, f"bytes={held}-"]
    assert not (tmp_path / "a.bin.part").exists()


def test_a_site_without_ranges_is_read_from_the_beginning(site, tmp_path):
    archive = archive_of(site, "a.bin", CONTENT)
    (tmp_path / "a.bin.part").write_bytes(b"begun")
    site[2].ranges = False
    assert fetch(archive, tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum_is_deleted_and_said_so(site, tmp_path):
    archive = archive_of(site, "a.bin", CONTENT[:1000])
    with pytest.raises(
        Unavailable, match=r"wrong checksum and was deleted; try again, or download it yourself and put it at"
    ):
        fetch(Archive(archive.url, hashlib.md5(CONTENT).hexdigest()), tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_offline_the_error_says_which_file_to_put_where(home):
    nowhere = Archive("http://127.0.0.1:9/cifar-10-binary.tar.gz", "0" * 32)
    with pytest.raises(Unavailable) as caught:
        fetch(nowhere, home / "cifar10")
    assert str(home / "cifar10" / "cifar-10-binary.tar.gz") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_truncated_file_put_there_by_hand_is_deleted_and_said_so(tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT[:-5])
    with pytest.raises(Unavailable, match=r"a\.bin had the wrong checksum and was deleted"):
        fetch(Archive("http://127.0.0.1:9/a.bin", hashlib.md5(CONTENT).hexdigest()), tmp_path)
    assert not (tmp_path / "a.bin").exists()


def test_a_missing_page_is_said(site, tmp_path):
    with pytest.raises(Unavailable, match="404"):
        fetch(Archive(f"{site[1]}/nothing.bin", "0" * 32), tmp_path / "new")


def packed(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def planes(images):
    """(N, H, W, 3) -> each image's red, green and blue planes, as bytes."""
    return [image.transpose(2, 0, 1).tobytes() for image in images]


@pytest.mark.parametrize("name, label_bytes", [("cifar10", 1), ("cifar100", 2)])
def test_cifar_archives_are_read_record_by_record(name, label_bytes, site, home, monkeypatch):
    cls = DATASETS[name]
    images, labels = RNG.integers(0, 256, (12, 32, 32, 3), np.uint8), list(range(12))
    records = [bytes([7] * (label_bytes - 1) + [label]) + p for label, p in zip(labels, planes(images), strict=True)]
    names = "\n".join(f"class{i}" for i in range(12)).encode()
    train = cls.files["train"]
    files = {f"{cls.folder}/{cls.names_file}": names, f"{cls.folder}/{cls.files['test'][0]}": b"".join(records)}
    share = 12 // len(train) if len(train) > 1 else 12
    for i, file in enumerate(train):
        files[f"{cls.folder}/{file}"] = b"".join(records[i * share : (i + 1) * share])
    monkeypatch.setattr(cls, "archive", archive_of(site, f"{name}.tar.gz", packed(files)))

    test = cls()
    assert len(test) == 12
    assert test.classes[3] == "class3"
    block = test.load(5, 20)
    np.testing.assert_array_equal(np.stack(block.images), images[5:])
    assert block.labels.tolist() == labels[5:]
    training = cls(split="train")
    np.testing.assert_array_equal(np.stack(training.load(0, 10).images), images[:10])
    assert test.where() is not None
    assert len(site[2].asked) == 1  # one archive for both splits


def test_stl10_is_read_column_by_column(site, home, monkeypatch):
    images = RNG.integers(0, 256, (5, 96, 96, 3), np.uint8)
    columns = b"".join(image.transpose(2, 1, 0).tobytes() for image in images)
    files = {"test_X.bin": columns, "test_y.bin": bytes([1, 2, 10, 3, 1]), "class_names.txt": b"a b c d e f g h i j"}
    archive = archive_of(site, "stl.tar.gz", packed({f"stl10_binary/{k}": v for k, v in files.items()}))
    monkeypatch.setattr(stl10.STL10, "archive", archive)
    block = DATASETS.make("stl10").load(0, 5)
    np.testing.assert_array_equal(np.stack(block.images), images)
    assert block.labels.tolist() == [0, 1, 9, 2, 0]


def test_an_archive_cannot_write_outside_its_folder(site, home, monkeypatch, tmp_path):
    files = {"../../escaped.txt": b"out", "cifar-10-batches-bin/batches.meta.txt": b"a"}
    monkeypatch.setattr(cifar.CIFAR10, "archive", archive_of(site, "evil.tar.gz", packed(files)))
    with pytest.raises(Unavailable, match="cannot be extracted"):
        len(DATASETS.make("cifar10"))
    assert not list(tmp_path.rglob("escaped.txt"))


def jpeg(image, mode="RGB"):
    buffer = io.BytesIO()
    Image.fromarray(image).convert(mode).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def tiny_files():
    """A Tiny-ImageNet of two classes in the official layout; one validation image is grey."""
    image = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    files = {
        "wnids.txt": b"n02\nn01\n",
        "val/val_annotations.txt": b"val_0.JPEG\tn02\t0\t0\t62\t57\nval_1.JPEG\tn01\t1\t2\t3\t4\n",
    }
    files |= {"val/images/val_0.JPEG": jpeg(image), "val/images/val_1.JPEG": jpeg(image, "L")}
    for wnid in ("n01", "n02"):
        files |= {f"train/{wnid}/images/{wnid}_{i}.JPEG": jpeg(image) for i in range(3)}
    return files


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_tiny_imagenet_is_read_from_the_zip_or_its_extracted_folder(kind, tiny_files, site, home, monkeypatch):
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in tiny_files.items():
                archive.writestr(f"tiny-imagenet-200/{name}", content)
        monkeypatch.setattr(
            tiny_imagenet.TinyImageNet, "archive", archive_of(site, "tiny-imagenet-200.zip", buffer.getvalue())
        )
    else:
        for name, content in tiny_files.items():
            target = home / "tiny-imagenet-200" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    test, training = DATASETS.make("tiny-imagenet-200"), DATASETS.make("tiny-imagenet-200:split=train")
    assert test.classes == ("n01", "n02")
    block = test.load(0, 2)
    assert block.labels.tolist() == [1, 0]
    assert [i.shape for i in block.images] == [(64, 64, 3)] * 2
    assert [s.format for s in block.sources] == ["JPEG", "JPEG"]
    assert block.sources[0].bytes == len(tiny_files["val/images/val_0.JPEG"])
    assert training.load(0, 99).labels.tolist() == [0, 0, 0, 1, 1, 1]


def parquet(path, files, labels, group=3, **columns):
    image = pa.array(
        [{"bytes": f, "path": None} for f in files], pa.struct({"bytes": pa.binary(), "path": pa.string()})
    )
    pq.write_table(
        pa.table({"image": image, "label": pa.array(labels, pa.int64()), **columns}), path, row_group_size=group
    )


def test_parquet_shards_are_one_data_set_and_a_part_is_read_without_the_rest(tmp_path, monkeypatch):
    images = RNG.integers(0, 256, (10, 8, 8, 3), np.uint8)
    files = [png(i) for i in images]
    parquet(tmp_path / "test-00000-of-00002.parquet", files[:7], range(7))
    parquet(tmp_path / "test-00001-of-00002.parquet", files[7:], range(7, 10))
    parquet(tmp_path / "train-00000-of-00001.parquet", files[:1], [0])
    dataset = DATASETS.make(f'parquet:path="{tmp_path}"')
    assert len(dataset) == 10
    for start, stop in [(0, 10), (2, 4), (5, 9), (9, 99), (3, 3)]:
        block = dataset.load(start, stop)
        assert block.labels.tolist() == list(range(10))[start:stop]
        for image, expected in zip(block.images, images[start:stop], strict=True):
            np.testing.assert_array_equal(image, expected)
    assert len(DATASETS.make(f'parquet:path="{tmp_path}":split=train')) == 1

    from rabench.datasets import parquet as module

    module._row_group.cache_clear()
    dataset.load(8, 9)
    assert module._row_group.cache_info().misses == 1  # one of four row groups


def test_a_bad_image_in_a_parquet_file_is_a_row_not_an_end(tmp_path):
    good = png(np.zeros((4, 4, 3), np.uint8))
    parquet(tmp_path / "a.parquet", [good, b"junk", None, good[:40], b""], [0, 1, 2, 0, 1])
    images = DATASETS.make(f'parquet:path="{tmp_path / "a.parquet"}"').load(0, 5).images
    assert [isinstance(i, BadImage) for i in images] == [False, True, True, True, True]


@pytest.mark.parametrize(
    "columns, settings, message",
    [
        ({}, ":image_column=img", "no column 'img' (did you mean 'image'?); it has image, label"),
        ({"name": ["a"]}, ":label_column=name", "labels must be integers, 'name' holds string"),
    ],
)
def test_a_wrong_column_is_named(tmp_path, columns, settings, message):
    parquet(tmp_path / "a.parquet", [b""], [0], **columns)
    with pytest.raises(BadSetting) as caught:
        len(DATASETS.make(f'parquet:path="{tmp_path}"{settings}'))
    assert message in str(caught.value)


def test_a_parquet_file_cut_short_is_said(tmp_path):
    parquet(tmp_path / "a.parquet", [b""] * 50, [0] * 50)
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-30])
    with pytest.raises(Unavailable, match="no Parquet file, or cut short"):
        len(DATASETS.make(f'parquet:path="{tmp_path}"'))


def test_a_folder_has_a_class_a_sub_folder_and_images_of_any_size(tmp_path):
    for name, size in [("cat/b.png", (5, 9)), ("cat/a.png", (3, 3)), ("ant/x.PNG", (1, 7)), ("notes.txt", None)]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(png(np.zeros((*size, 3), np.uint8)) if size else b"hello")
    dataset = DATASETS.make(f'folder:path="{tmp_path}"')
    assert dataset.classes == ("ant", "cat")
    block = dataset.load(0, 3)
    assert block.labels.tolist() == [0, 1, 1]
    assert [i.shape[:2] for i in block.images] == [(1, 7), (3, 3), (5, 9)]


def test_the_first_images_of_a_folder_are_of_all_its_classes(tmp_path):
    for name, count in (("a", 3), ("b", 1), ("c", 3)):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.new("RGB", (4, 4)).save(tmp_path / name / f"{i}.png")
    assert DATASETS.make(f'folder:path="{tmp_path}"').load(0, 7).labels.tolist() == [0, 1, 2, 0, 2, 0, 2]


def test_a_flat_folder_is_unlabelled_and_upright(tmp_path):
    image = Image.fromarray(np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3))
    exif = image.getexif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    image.save(tmp_path / "turned.jpg", exif=exif)
    image.convert("RGBA").save(tmp_path / "clear.png")
    dataset = DATASETS.make(f'folder:path="{tmp_path}"')
    assert dataset.classes == ()
    block = dataset.load(0, 2)
    assert block.labels.tolist() == [-1, -1]
    assert [i.shape for i in block.images] == [(2, 3, 3), (3, 2, 3)]


def test_an_empty_or_missing_folder_is_said(tmp_path):
    with pytest.raises(Unavailable, match="holds no images"):
        len(DATASETS.make(f'folder:path="{tmp_path}"'))
    with pytest.raises(Unavailable, match="is no folder"):
        len(DATASETS.make(f'folder:path="{tmp_path}/none"'))


def test_photos_test_patches_share_no_pixel_with_each_other_or_with_training():
    from rabench.datasets import photos

    test, training = photos.PatchReader("test"), photos.PatchReader("train")
    assert len(training) == 12_000
    for c, photograph in enumerate(test.photographs):
        used = np.zeros(photograph.shape[:2], int)
        for _, y, x in (corner for corner in test.corners if corner[0] == c):
            used[y : y + 32, x : x + 32] += 1
        assert used.max() == 1
        for _, y, x in (corner for corner in training.corners if corner[0] == c):
            assert not used[y : y + 32, x : x + 32].any()


def test_photos_are_what_the_documentation_says():
    dataset = DATASETS.make("photos")
    block = dataset.load(0, len(dataset))
    assert len(dataset) == 1150
    assert np.bincount(block.labels).max() == 250
    assert {
        s.format for s, label in zip(block.sources, block.labels, strict=True) if dataset.classes[label] == "rocket"
    } == {"JPEG"}
    assert min(float(i.std(axis=(0, 1)).max()) for i in block.images) >= 4


@pytest.mark.parametrize("text", ["photos", "photos:split=train"])
def test_halves_of_a_data_set_add_up_to_the_whole(text):
    dataset = DATASETS.make(text)
    whole, halves = dataset.load(90, 111), [dataset.load(90, 100), dataset.load(100, 111)]
    np.testing.assert_array_equal(np.stack(whole.images), np.stack(halves[0].images + halves[1].images))
    assert whole.labels.tolist() == [*halves[0].labels, *halves[1].labels]


def test_a_limit_cuts_only_the_last_block():
    dataset = DATASETS.make("photos")
    assert list(blocks(dataset, 1000)) == [(0, 1000), (1000, 1150)]
    assert list(blocks(dataset, 1000, 1100)) == [(0, 1000), (1000, 1100)]
    assert list(blocks(dataset, 1000, 7)) == [(0, 7)]
    assert list(blocks(dataset, 1000, 9999)) == [(0, 1000), (1000, 1150)]


def test_official_addresses_and_checksums_are_those_of_the_data_sets_pages():
    """c32a..., 03b5...: cs.toronto.edu/~kriz/cifar.html; 91f7..., 9052...: as torchvision and others check them."""
    assert cifar.CIFAR10.archive.md5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert cifar.CIFAR100.archive.md5 == "03b5dce01913d631647c71ecec9e9cb8"
    assert stl10.STL10.archive.md5 == "91f7769df0f17e558f3565bffb0c7dfb"
    assert tiny_imagenet.TinyImageNet.archive.md5 == "90528d7ca1a48142e341f4ef8d21d0de"


def test_the_platforms_cache_is_the_default_home(monkeypatch):
    monkeypatch.delenv("RABENCH_DATA")
    assert download.data_root().name == "rabench"


def test_tiny_imagenets_parquet_has_the_official_classes_and_grey_images_become_rgb(real_data, monkeypatch):
    monkeypatch.setenv("RABENCH_DATA", str(real_data))
    dataset = DATASETS.make("tiny-imagenet-200")
    assert (len(dataset), len(dataset.classes), dataset.classes[0]) == (10_000, 200, "n01443537")
    block = dataset.load(0, 1000)
    assert {i.shape for i in block.images} == {(64, 64, 3)}
    assert "4 of 8 shards are here" in DATASETS.make("tiny-imagenet-200:split=train").notes()[0]
