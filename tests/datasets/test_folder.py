"""Images in a folder."""

from dataclasses import replace

import numpy as np
import pytest
from image_files import encoded, noise_folder
from PIL import Image
from rabench.core.errors import Refused, Unavailable
from rabench.datasets import DATASETS


def test_a_folder_has_a_class_a_sub_folder_and_images_of_any_size(tmp_path):
    for name, size in [("cat/b.png", (5, 9)), ("cat/a.png", (3, 3)), ("ant/x.PNG", (1, 7)), ("notes.txt", None)]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(np.zeros((*size, 3), np.uint8)) if size else b"hello")
    dataset = DATASETS.make(f'folder:path="{tmp_path}"')
    assert dataset.classes == ("ant", "cat")
    block = dataset.load(0, 3)
    assert block.labels.tolist() == [0, 1, 1]
    assert [i.shape[:2] for i in block.images] == [(1, 7), (3, 3), (5, 9)]


def test_the_first_images_of_a_folder_are_of_all_its_classes(tmp_path):
    for name, count in (("a", 3), ("b", 1), ("c", 3)):
        noise_folder(tmp_path / name, count, classes="")
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


def test_hidden_files_are_no_images(tmp_path):
    dataset = noise_folder(tmp_path)
    for name in ("a/._0.png", ".b.jpg"):
        (tmp_path / name).write_bytes(b"junk")
    assert len(dataset) == 4


def test_images_are_for_training_or_for_testing(tmp_path):
    dataset = noise_folder(tmp_path / "birds")
    with pytest.raises(Refused, match=r"for training or for testing, not for both; lay them out as .*/train/CLASS/"):
        len(replace(dataset, split="train"))
    noise_folder(tmp_path / "split" / "train")
    split = DATASETS.make(f'folder:path="{tmp_path / "split"}"')
    assert len(replace(split, split="train")) == 4
    with pytest.raises(Refused, match="has no part named test or val"):
        len(split)
    assert len(DATASETS.make(f'folder:path="{tmp_path / "split" / "train"}":split=train')) == 4


def test_an_empty_or_missing_folder_is_said(tmp_path):
    with pytest.raises(Unavailable, match="holds no images"):
        len(DATASETS.make(f'folder:path="{tmp_path}"'))
    with pytest.raises(Unavailable, match="is no folder"):
        len(DATASETS.make(f'folder:path="{tmp_path}/none"'))
