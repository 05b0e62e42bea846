"""WebDataset shards and ImageNet's official files, made as their authors make them."""

import io
import tarfile

import numpy as np
import pytest
from image_files import encoded
from rabench.bench.study.paths import beside
from rabench.core.errors import BadSetting, Refused, Unavailable
from rabench.datasets import DATASETS
from rabench.datasets.base import BadImage

RNG = np.random.default_rng(0)


def image(value=None):
    pixels = RNG.integers(0, 256, (12, 10, 3), np.uint8)
    return pixels if value is None else np.full_like(pixels, value)


def tar(path, files):
    """An uncompressed tar of files by their names."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def levels(images):
    """The level of each grey image."""
    return [int(np.asarray(i)[0, 0, 0]) for i in images]


def shards(folder, count=2, each=3):
    """Shards of PNG images with a .cls file each; image n of all is grey of level n and class n % 4."""
    for s in range(count):
        files = {}
        for n in range(s * each, (s + 1) * each):
            files[f"{n:06}.png"] = encoded(image(n))
            files[f"{n:06}.cls"] = str(n % 4).encode()
        tar(folder / f"shard-{s:03}.tar", files)


def test_samples_of_all_shards_are_read_in_order_with_their_classes(tmp_path):
    shards(tmp_path)
    dataset = DATASETS.make(f'webdataset:path="{tmp_path}/shard-{{000..001}}.tar"')
    block = dataset.load(0, 9)
    assert levels(block.images) == [0, 1, 2, 3, 4, 5]
    assert block.labels.tolist() == [0, 1, 2, 3, 0, 1]
    assert dataset.classes == ("0", "1", "2", "3") and dataset.image_name(4) == "000004.png"
    assert levels(dataset.load(2, 4).images) == [2, 3]
    assert block.sources[0].format == "PNG" and block.sources[0].file == encoded(image(0))


def test_labels_may_stand_in_json_or_be_missing(tmp_path):
    files = {
        "a.jpg": encoded(image(), "JPEG"),
        "a.json": b'{"label": 7}',
        "b.jpg": encoded(image(), "JPEG"),
        "b.json": b"{}",
    }
    dataset = DATASETS.make(f'webdataset:path="{tar(tmp_path / "one.tar", files)}"')
    assert dataset.load(0, 2).labels.tolist() == [7, -1]


def test_a_path_of_shards_begins_at_the_matrix(tmp_path):
    shards(tmp_path)
    dataset = beside(DATASETS.make("webdataset:path=shard-{000..001}.tar"), tmp_path)
    assert dataset.path == f"{tmp_path}/shard-{{000..001}}.tar"


def test_missing_shards_are_noted_and_none_at_all_is_an_error(tmp_path):
    shards(tmp_path)
    dataset = DATASETS.make(f'webdataset:path="{tmp_path}/shard-{{000..003}}.tar"')
    assert len(dataset) == 6 and dataset.notes() == ["2 of 4 shards are not here, such as shard-002.tar"]
    with pytest.raises(Unavailable, match="no shard at 'x-"):
        len(DATASETS.make("webdataset:path=x-{0..3}.tar"))
    with pytest.raises(BadSetting, match="runs backwards"):
        len(DATASETS.make("webdataset:path=x-{3..0}.tar"))


def test_a_tar_that_is_cut_short_loses_one_image(tmp_path):
    shards(tmp_path, count=1)
    path = tmp_path / "shard-000.tar"
    content = path.read_bytes()
    last = content.rindex(b"000002.png") + 512 + 40  # in the middle of the last image
    path.write_bytes(content[:last])
    block = DATASETS.make(f'webdataset:path="{path}"').load(0, 3)
    assert [isinstance(i, BadImage) for i in block.images] == [False, False, True]
    assert block.images[2].reason.startswith("000002.png: ")


def test_a_broken_image_is_one_row_and_a_broken_header_an_error_with_its_place(tmp_path):
    files = {f"{n}.png": encoded(image(n)) for n in range(3)} | {"1.png": b"broken"}
    path = tar(tmp_path / "one.tar", files)
    block = DATASETS.make(f'webdataset:path="{path}"').load(0, 3)
    assert [isinstance(i, BadImage) for i in block.images] == [False, True, False]
    content = bytearray(path.read_bytes())
    content[1024:1536] = b"\xff" * 512  # the second header
    other = tmp_path / "two.tar"
    other.write_bytes(content)
    with pytest.raises(Unavailable, match=r"two\.tar is damaged after 1 files, at byte") as caught:
        len(DATASETS.make(f'webdataset:path="{other}"'))
    assert "\n" not in str(caught.value)


def test_a_class_that_is_no_number_is_refused_with_the_sample(tmp_path):
    path = tar(tmp_path / "one.tar", {"a.png": encoded(image()), "a.cls": b"cat"})
    with pytest.raises(Refused, match="the class of a is 'cat'"):
        len(DATASETS.make(f'webdataset:path="{path}"'))


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """An ImageNet of three classes, and the development kit in its official layout; gives its home."""
    from scipy.io import savemat

    monkeypatch.setenv("RABENCH_DATA", str(tmp_path))
    home = tmp_path / "imagenet"
    kit = home / "ILSVRC2012_devkit_t12" / "data"
    kit.mkdir(parents=True)
    # ILSVRC2012_ID in another order than the WordNet ids, and an inner node, as in the official file
    rows = [(1, "n03", 0), (2, "n01", 0), (3, "n02", 0), (4, "n00", 2)]
    synsets = np.array(rows, dtype=[("ILSVRC2012_ID", "i4"), ("WNID", "O"), ("num_children", "i4")])
    savemat(kit / "meta.mat", {"synsets": synsets})
    (kit / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n3\n2\n")
    return home


def validation():
    return {f"ILSVRC2012_val_{n:08}.JPEG": encoded(image(), "JPEG") for n in (1, 2, 3, 4)}


@pytest.mark.parametrize("kind", ["tar", "folder", "devkit as .tar.gz"])
def test_the_official_images_get_their_classes_from_the_devkit(imagenet, kind):
    files = validation()
    if kind == "folder":
        (imagenet / "val").mkdir()
        for name, content in files.items():
            (imagenet / "val" / name).write_bytes(content)
    else:
        tar(imagenet / "ILSVRC2012_img_val.tar", dict(reversed(files.items())))
    if kind == "devkit as .tar.gz":
        with tarfile.open(imagenet / "ILSVRC2012_devkit_t12.tar.gz", "w:gz") as archive:
            archive.add(imagenet / "ILSVRC2012_devkit_t12", "ILSVRC2012_devkit_t12")
        import shutil

        shutil.rmtree(imagenet / "ILSVRC2012_devkit_t12")
    dataset = DATASETS.make("imagenet")
    assert dataset.classes == ("n01", "n02", "n03")
    block = dataset.load(0, 9)
    assert block.labels.tolist() == [0, 2, 1, 0]
    assert [s.file for s in block.sources] == list(files.values())
    assert dataset.image_name(1) == "ILSVRC2012_val_00000002.JPEG"


def test_class_folders_need_no_devkit(imagenet):
    for wnid in ("n02", "n01"):
        folder = imagenet / "val" / wnid
        folder.mkdir(parents=True)
        (folder / "a.JPEG").write_bytes(encoded(image(), "JPEG"))
    dataset = DATASETS.make("imagenet")
    assert dataset.classes == ("n01", "n02") and dataset.load(0, 2).labels.tolist() == [0, 1]


def test_what_is_missing_is_said_with_where_to_get_it(imagenet):
    with pytest.raises(Unavailable, match=r"holds none of: val/ .* https://image-net\.org"):
        len(DATASETS.make("imagenet"))
    tar(imagenet / "ILSVRC2012_img_val.tar", validation())
    (imagenet / "ILSVRC2012_devkit_t12" / "data" / "ILSVRC2012_validation_ground_truth.txt").unlink()
    with pytest.raises(Unavailable, match=r"put ILSVRC2012_devkit_t12\.tar\.gz into"):
        len(DATASETS.make("imagenet"))
