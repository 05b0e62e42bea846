"""CIFAR, STL-10 and Tiny-ImageNet, from archives in their official layouts."""

import io
import tarfile
import zipfile

import numpy as np
import pytest
from image_files import encoded
from rabench.core.errors import Unavailable
from rabench.datasets import DATASETS, cifar, stl10, tiny_imagenet

RNG = np.random.default_rng(0)


def packed(files):
    """A .tar.gz of them."""
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
    monkeypatch.setattr(cls, "archive", site.archive(f"{name}.tar.gz", packed(files)))

    test = cls()
    assert len(test) == 12
    assert test.classes[3] == "class3"
    block = test.load(5, 20)
    np.testing.assert_array_equal(np.stack(block.images), images[5:])
    assert block.labels.tolist() == labels[5:]
    training = cls(split="train")
    np.testing.assert_array_equal(np.stack(training.load(0, 10).images), images[:10])
    assert test.where() is not None
    assert len(site.ranges_asked) == 1  # one archive for both splits


def test_stl10_is_read_column_by_column(site, home, monkeypatch):
    images = RNG.integers(0, 256, (5, 96, 96, 3), np.uint8)
    columns = b"".join(image.transpose(2, 1, 0).tobytes() for image in images)
    files = {"test_X.bin": columns, "test_y.bin": bytes([1, 2, 10, 3, 1]), "class_names.txt": b"a b c d e f g h i j"}
    archive = site.archive("stl.tar.gz", packed({f"stl10_binary/{k}": v for k, v in files.items()}))
    monkeypatch.setattr(stl10.STL10, "archive", archive)
    block = DATASETS.make("stl10").load(0, 5)
    np.testing.assert_array_equal(np.stack(block.images), images)
    assert block.labels.tolist() == [0, 1, 9, 2, 0]


def test_an_archive_cannot_write_outside_its_folder(site, home, monkeypatch, tmp_path):
    files = {"../../escaped.txt": b"out", "cifar-10-batches-bin/batches.meta.txt": b"a"}
    monkeypatch.setattr(cifar.CIFAR10, "archive", site.archive("evil.tar.gz", packed(files)))
    with pytest.raises(Unavailable, match="cannot be extracted"):
        len(DATASETS.make("cifar10"))
    assert not list(tmp_path.rglob("escaped.txt"))


@pytest.fixture
def tiny_files():
    """A Tiny-ImageNet of two classes in the official layout; one validation image is grey."""
    image = RNG.integers(0, 256, (64, 64, 3), np.uint8)
    color, grey = encoded(image, "JPEG"), encoded(image, "JPEG", "L")
    files = {
        "wnids.txt": b"n02\nn01\n",
        "val/val_annotations.txt": b"val_0.JPEG\tn02\t0\t0\t62\t57\nval_1.JPEG\tn01\t1\t2\t3\t4\n",
        "val/images/val_0.JPEG": color,
        "val/images/val_1.JPEG": grey,
    }
    return files | {f"train/{wnid}/images/{wnid}_{i}.JPEG": color for wnid in ("n01", "n02") for i in range(3)}


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_tiny_imagenet_is_read_from_the_zip_or_its_extracted_folder(kind, tiny_files, site, home, monkeypatch):
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in tiny_files.items():
                archive.writestr(f"tiny-imagenet-200/{name}", content)
        archive = site.archive("tiny-imagenet-200.zip", buffer.getvalue())
        monkeypatch.setattr(tiny_imagenet.TinyImageNet, "archive", archive)
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


def test_tiny_imagenets_parquet_has_the_official_classes_and_grey_images_become_rgb(real_data, monkeypatch):
    monkeypatch.setenv("RABENCH_DATA", str(real_data))
    dataset = DATASETS.make("tiny-imagenet-200")
    assert (len(dataset), len(dataset.classes), dataset.classes[0]) == (10_000, 200, "n01443537")
    block = dataset.load(0, 1000)
    assert {i.shape for i in block.images} == {(64, 64, 3)}
    assert "4 of 8 shards are here" in DATASETS.make("tiny-imagenet-200:split=train").notes()[0]


def test_official_addresses_and_checksums_are_those_of_the_data_sets_pages():
    """c32a..., 03b5...: cs.toronto.edu/~kriz/cifar.html; 91f7..., 9052...: as torchvision and others check them."""
    assert cifar.CIFAR10.archive.md5 == "c32a1d4ab5d03f1284b67883e8d87530"
    assert cifar.CIFAR100.archive.md5 == "03b5dce01913d631647c71ecec9e9cb8"
    assert stl10.STL10.archive.md5 == "91f7769df0f17e558f3565bffb0c7dfb"
    assert tiny_imagenet.TinyImageNet.archive.md5 == "90528d7ca1a48142e341f4ef8d21d0de"
