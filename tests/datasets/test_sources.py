"""What of stored images is left out is said: transparency, further frames, files that are no images, odd classes."""

import numpy as np
import pytest
from PIL import Image
from rabench.bench.measuring.content import describe_block
from rabench.bench.records.index import Index
from rabench.bench.records.sources import Sources
from rabench.datasets import DATASETS

RNG = np.random.default_rng(0)


def picture(mode="RGB"):
    return Image.fromarray(RNG.integers(0, 256, (8, 8, len(mode)), np.uint8), mode)


@pytest.fixture
def folder(tmp_path):
    for name in ("Ape", "ape", "bee", "empty"):
        (tmp_path / "images" / name).mkdir(parents=True)
    picture().save(tmp_path / "images" / "Ape" / "a.png")
    picture("RGBA").save(tmp_path / "images" / "ape" / "b.png")
    picture().save(tmp_path / "images" / "bee" / "c.gif", save_all=True, append_images=[picture(), picture()])
    (tmp_path / "images" / "bee" / "notes.txt").write_text("no image")
    return DATASETS.make(f'folder:path="{tmp_path / "images"}"')


def test_a_folder_says_what_it_leaves_out_and_which_classes_are_odd(folder):
    assert folder.notes() == [
        "1 files that are no images are left out (.txt)",
        "folders without images are no classes: empty",
        "classes that differ in case alone: Ape, ape",
    ]


def test_the_audit_counts_images_whose_transparency_or_frames_are_dropped(folder, tmp_path):
    index = Index(tmp_path)
    blocks = index.open(folder.label, folder.stamp(), len(folder), None, {"notes": [], "classes": 3})
    blocks["0-3"] = describe_block(folder, 0, 3)
    audit = Sources.of(index, folder.label).audit()
    assert "1 of these images: their transparency is dropped." in audit
    assert "1 of these images: the first of several frames is taken, and the native bytes count all of them." in audit


def test_images_have_the_names_of_their_files(folder, tmp_path):
    assert [folder.image_name(i) for i in range(3)] == ["Ape/a.png", "ape/b.png", "bee/c.gif"]
    assert DATASETS.make("photos").image_name(0) == ""


def test_a_parquet_files_images_have_the_names_it_keeps(real_data):
    images = DATASETS.make(f'parquet:path="{real_data / "tiny-imagenet-200"}"')
    assert images.image_name(3).endswith(".JPEG") and images.image_name(3) != images.image_name(4)
