"""Images in Parquet shards."""

from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from image_files import encoded, write_shard
from rabench.core.errors import BadSetting, Unavailable
from rabench.datasets import DATASETS
from rabench.datasets.base import BadImage


@pytest.fixture
def shards(tmp_path):
    """(folder, images): two shards of ten test images in row groups of three, and one for training."""
    images = np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), np.uint8)
    files = [encoded(image) for image in images]
    write_shard(tmp_path / "test-00000-of-00002.parquet", range(7), files[:7], row_group_size=3)
    write_shard(tmp_path / "test-00001-of-00002.parquet", range(7, 10), files[7:], row_group_size=3)
    write_shard(tmp_path / "train-00000-of-00001.parquet", [0], files[:1])
    return tmp_path, images


def test_shards_are_one_data_set(shards):
    folder, images = shards
    dataset = DATASETS.make(f'parquet:path="{folder}"')
    assert len(dataset) == 10
    for start, stop in [(0, 10), (2, 4), (5, 9), (9, 99), (3, 3)]:
        block = dataset.load(start, stop)
        assert block.labels.tolist() == list(range(10))[start:stop]
        for image, expected in zip(block.images, images[start:stop], strict=True):
            np.testing.assert_array_equal(image, expected)
    assert len(DATASETS.make(f'parquet:path="{folder}":split=train')) == 1


def test_a_part_is_read_without_the_rest(shards):
    folder, _ = shards
    dataset = DATASETS.make(f'parquet:path="{folder}"')
    assert len(dataset) == 10
    groups = []

    class Counting(pq.ParquetFile):
        def read_row_group(self, number, *arguments, **options):
            groups.append((self.metadata.num_rows, number))
            return super().read_row_group(number, *arguments, **options)

    with patch.object(pq, "ParquetFile", Counting):
        dataset.load(8, 9)
    assert groups == [(3, 0)]  # the only row group of the second shard, and none of the first


def test_parts_are_told_by_folders_too_and_never_mixed(tmp_path):
    write_shard(tmp_path / "default" / "train" / "0000.parquet", [0] * 5)
    write_shard(tmp_path / "default" / "test" / "0000.parquet", [1] * 2)
    assert len(DATASETS.make(f'parquet:path="{tmp_path}"')) == 2
    assert len(DATASETS.make(f'parquet:path="{tmp_path}":split=train')) == 5
    write_shard(tmp_path / "only" / "part-0.parquet", [0] * 3)
    assert len(DATASETS.make(f'parquet:path="{tmp_path}/only"')) == 3
    with pytest.raises(Unavailable, match="no shard for split=train, such as train-00000-of-00001"):
        len(DATASETS.make(f'parquet:path="{tmp_path}/only":split=train'))


def test_images_without_a_label_are_read(tmp_path):
    write_shard(tmp_path / "test.parquet", [2, None, 0])
    dataset = DATASETS.make(f'parquet:path="{tmp_path}"')
    assert dataset.classes == ("0", "1", "2")
    assert dataset.load(0, 3).labels.tolist() == [2, -1, 0]


def test_a_bad_image_is_a_row_not_an_end(tmp_path):
    good = encoded(np.zeros((4, 4, 3), np.uint8))
    write_shard(tmp_path / "a.parquet", [0, 1, 2, 0, 1], [good, b"junk", None, good[:40], b""])
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
    write_shard(tmp_path / "a.parquet", [0], columns=columns)
    with pytest.raises(BadSetting) as caught:
        len(DATASETS.make(f'parquet:path="{tmp_path}"{settings}'))
    assert message in str(caught.value)


def test_a_file_cut_short_is_said(tmp_path):
    write_shard(tmp_path / "a.parquet", [0] * 50)
    (tmp_path / "a.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-30])
    with pytest.raises(Unavailable, match="no Parquet file, or cut short"):
        len(DATASETS.make(f'parquet:path="{tmp_path}"'))


def test_a_damaged_row_group_is_one_clear_line(tmp_path):
    path = tmp_path / "test.parquet"
    write_shard(path, list(range(4000)), use_dictionary=False, compression="none")
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="row group 0 is damaged"):
        DATASETS.make(f'parquet:path="{path}"').load(0, 10)
