"""Columns that are held in memory as far as there is room, and else lie in a file."""

import gc

import numpy as np
import pytest
from rabench.bench.reading.columns import Columns, Store, images_of_all, images_of_any, rows_of_both

N = 100_000


def arrays(seed):
    generator = np.random.default_rng(seed)
    return {"bytes": generator.integers(0, 1000, N).astype(np.int32), "value": generator.random(N)}


def test_columns_come_back_from_the_file_as_they_were():
    store = Store(held=1_000_000)
    wanted = [arrays(seed) for seed in range(8)]
    columns = [Columns(dict(each), store) for each in wanted]
    assert store.bytes <= 1_000_000 < store.end  # 9.6 MB in all
    for _ in range(2):
        for kept, each in zip(columns, wanted, strict=True):
            for name, array in each.items():
                assert kept[name].dtype == array.dtype
                np.testing.assert_array_equal(kept[name], array)
    assert store.bytes <= 1_000_000


@pytest.mark.slow
def test_a_dropped_column_gives_its_place_to_the_next():
    store = Store(held=500_000)
    for seed in range(20):
        Columns(arrays(seed), store)
        gc.collect()
    assert store.bytes == 0 and store.end <= 3 * 12 * N


def test_columns_are_not_written_to_and_others_beside_them_share_them():
    store = Store()
    columns = Columns(arrays(0), store)
    with pytest.raises(ValueError, match="read-only"):
        columns["bytes"][0] = 1
    other = columns.having(label=np.zeros(N))
    assert set(other) == {"bytes", "value", "label"} and set(columns) == {"bytes", "value"}
    assert other["bytes"] is columns["bytes"]
    same = Columns(arrays(0), store).sharing(columns, ("bytes",))
    assert same["bytes"] is columns["bytes"] and same["value"] is not columns["value"]


def test_rows_of_both_are_those_of_shared_images_that_count():
    """Against sets, for equal, ordered and shuffled columns of images."""
    rng = np.random.default_rng(3)
    for first, second in (
        (np.arange(50), np.arange(50)),
        (np.arange(0, 60, 2), np.arange(0, 60, 3)),
        (rng.permutation(60)[:40], rng.permutation(60)[:45]),
        (np.arange(5), np.arange(10, 15)),
        (np.arange(0), np.arange(3)),
    ):
        one, other = rng.random(len(first)) < 0.7, rng.random(len(second)) < 0.7
        a, b = rows_of_both(first, second, one, other)
        assert (first[a] == second[b]).all() and one[a].all() and other[b].all()
        assert sorted(first[a].tolist()) == sorted(set(first[one].tolist()) & set(second[other].tolist()))
        shared = images_of_all([first, second], [one, other])
        assert shared.tolist() == sorted(first[a].tolist())
        assert images_of_any([first, second, first]).tolist() == sorted({*first.tolist(), *second.tolist()})
