"""Columns that are held in memory as far as there is room, and else lie in a file."""

import gc

import numpy as np
import pytest
from rabench.bench.reading.columns import Columns, Store

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
