"""Records as files: what is taken for one, what is not, and footers that are kept together."""

import json
import os
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from given_studies import measured_study, photos_matrix
from rabench.bench.records import catalog, format
from rabench.bench.records.format import COLUMNS, Newer, read_table, write_table
from rabench.bench.records.records import Records


@pytest.fixture
def records(tmp_path):
    return Records(measured_study(tmp_path, photos_matrix('codecs = ["png", "qoi"]'), 8).records)


def rewritten(record, **changes):
    """The file of a record whose footer says something else."""
    about = json.loads(pq.read_metadata(record.path).metadata[b"rabench"])
    write_table(record.rows(), record.path, {"rabench": json.dumps({**about, **changes})})
    return record.path


@pytest.mark.parametrize(
    "changes",
    [
        {"start": "0"},
        {"stop": 0},
        {"start": -5},
        {"stop": 1 << 40},
        {"seconds": {}},
        {"seconds": "none"},
        {"identity": {"labels": ["a"], "key": ["b"], "versions": ["c"], "block": "d"}},
        {"identity": {"labels": [1] * 4, "key": ["b"] * 3, "versions": ["c"] * 3, "block": "d"}},
        {"identity": None},
    ],
)
@pytest.mark.slow
def test_a_footer_that_nobody_writes_who_keeps_to_the_format_is_told(records, changes):
    path = rewritten(records.read()[0][0], **changes)
    good, bad = Records(records.folder).read()
    assert len(good) == 2 and len(bad) == 1 and bad[0].startswith(f"{path}: no whole record")


def test_a_newer_format_is_told_and_stays(records):
    path = rewritten(records.read()[0][0], format=99)
    fresh = Records(records.folder)
    assert any("of a newer rabench (format 99" in line for line in fresh.read()[1])
    assert fresh.put_damaged_aside() == [] and path.is_file()
    with pytest.raises(Newer):
        fresh.record(path.stem)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("bytes", pa.array(["a"] * 8), "column bytes is of string, not int32"),
        ("prediction", pa.array([0.5] * 8), "column prediction is of double, not int32"),
        ("error", pa.array([1] * 8), "column error is of int64, not string"),
    ],
)
@pytest.mark.slow
def test_columns_of_another_type_are_no_rows(records, column, values, message):
    record = records.read()[0][0]
    table = record.rows()
    footer = pq.read_metadata(record.path).metadata[b"rabench"].decode()
    place = table.column_names.index(column)
    # written plainly: the format's own encodings are of its own types
    with pq.ParquetWriter(record.path, (other := table.set_column(place, column, values)).schema) as writer:
        writer.write_table(other)
        writer.add_key_value_metadata({"rabench": footer})
    with pytest.raises(pa.ArrowInvalid, match=message):
        record.rows()


def test_missing_columns_and_too_many_rows_are_no_rows(tmp_path):
    columns = {name: np.zeros(8, kind) for name, kind in COLUMNS.items()}
    table = pa.table({**columns, "error": pa.nulls(8, pa.string())})
    write_table(table, tmp_path / "whole.parquet", {})
    assert len(read_table(tmp_path / "whole.parquet")) == 8
    with patch.object(format, "MOST_ROWS", 7), pytest.raises(pa.ArrowInvalid, match="it has 8 rows; the most is 7"):
        read_table(tmp_path / "whole.parquet")
    write_table(table.drop(["payload"]), tmp_path / "less.parquet", {})
    with pytest.raises(pa.ArrowInvalid, match="it lacks the columns payload"):
        read_table(tmp_path / "less.parquet")


def test_footers_are_read_once_and_again_where_a_file_has_changed(records, monkeypatch):
    monkeypatch.setattr(catalog, "ENOUGH", 1)
    before = {r.identity.name: r for r in records.read()[0]}
    assert (records.folder / catalog.FILE).is_file()
    opened = []
    read = pq.read_metadata
    monkeypatch.setattr(catalog.pq, "read_metadata", lambda path: opened.append(path) or read(path))
    assert {r.identity.name: r for r in Records(records.folder).read()[0]} == before and opened == []
    path = rewritten(next(iter(before.values())), seconds=dict.fromkeys(format.STAGES, 7.0))
    os.utime(path, ns=(1, 1))
    opened.clear()
    changed = Records(records.folder).read()[0]
    assert opened == [path] and sum(r.about["seconds"]["load"] == 7 for r in changed) == 1
    (records.folder / catalog.FILE).write_bytes(b"garbage")
    assert len(Records(records.folder).read()[0]) == 3
