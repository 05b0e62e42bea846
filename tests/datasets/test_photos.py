"""The photographs that need no download, and what every data set's blocks are."""

import numpy as np
import pytest
from rabench.datasets import DATASETS, photos
from rabench.datasets.base import blocks


@pytest.mark.slow
def test_photos_test_patches_share_no_pixel_with_each_other_or_with_training():
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
    rockets = np.flatnonzero(block.labels == dataset.classes.index("rocket"))
    assert {block.sources[i].format for i in rockets} == {"JPEG"}
    assert min(float(i.std(axis=(0, 1)).max()) for i in block.images) >= 4


@pytest.mark.slow
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
