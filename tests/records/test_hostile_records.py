"""Records, packs, pieces and catalogs that are damaged or that lie: each is read, or told in a line and left out."""

import json
import os

import numpy as np
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from fuzzing import changed, damaged, json_values, some
from hypothesis import example, given
from hypothesis import strategies as st
from rabench.bench.records.catalog import FILE
from rabench.bench.records.format import COLUMNS, MOST_TEXT, STAGES, Identity, Newer, Rows, read_table, write_table
from rabench.bench.records.packs import KEY, Pack, pack, write_pack
from rabench.bench.records.pieces import Pieces
from rabench.bench.records.records import NO_RECORD, Records

IDENTITY = Identity(("d", "none", "png", "none"), ("none", "png", "none"), ("1", "2", "3"), "ab")
FOOTER = {
    "format": 1,
    "identity": {"labels": ["d", "none", "png", "none"], "key": list("abc"), "versions": list("123"), "block": "ab"},
    "seconds": dict.fromkeys(STAGES, 1.0),
    "start": 0,
    "stop": 4,
}


def rows(count=4):
    columns = {name: np.ones(count, kind) for name, kind in COLUMNS.items()}
    return Rows(columns, {1: "no"}, dict.fromkeys(STAGES, 1.0), {2: "so"}, [b"d" * 32] * count)


def table_of(**columns):
    made = {**{name: np.ones(4, kind) for name, kind in COLUMNS.items()}, "error": pa.nulls(4, pa.string())}
    return pa.table({**made, **columns})


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """A folder with a record, which tests write over."""
    found = Records(tmp_path_factory.mktemp("records"))
    found.create()
    found.packs.mkdir()
    found.write(IDENTITY, rows(), {"start": 0, "stop": 4})
    return found


@pytest.fixture(scope="module")
def whole(records):
    return (records.failed / f"{IDENTITY.name}.parquet").read_bytes()


@pytest.fixture(scope="module")
def piece(tmp_path_factory):
    """A folder with a piece of a record, and that as bytes."""
    folder = tmp_path_factory.mktemp("pieces")
    Pieces(folder).write(IDENTITY, 0, 4, rows())
    return folder, next((folder / "pieces").glob("*.parquet")).read_bytes()


def read(records, content):
    """Every row of a folder that holds this file alone."""
    path = records.failed / f"{IDENTITY.name}.parquet"
    path.write_bytes(content)
    found, bad = Records(records.folder).read()
    assert len(found) + len(bad) == 1 and all(line.count("\n") == 0 for line in bad)
    for record in found:
        try:
            assert len(record.rows()) == record.images
        except (pa.ArrowException, OSError):
            continue


@some(40)
@given(st.data())
def test_a_damaged_record_is_read_or_told(records, whole, data):
    read(records, data.draw(damaged(whole)))


@some(40)
@given(st.binary(max_size=200))
def test_bytes_are_no_record(records, content):
    read(records, content)


def with_footer(path, footer, table, key="rabench"):
    write_table(table, path, {key: footer if isinstance(footer, str) else json.dumps(footer)})
    return path.read_bytes()


@pytest.mark.slow
@some(40)
@given(changed(FOOTER) | json_values(("identity", "labels", "key", "versions", "block", "seconds", "start", "stop")))
@example(FOOTER | {"seconds": dict.fromkeys(STAGES, 10**400)})
@example(FOOTER | {"seconds": {**dict.fromkeys(STAGES, 1.0), "more": "text"}})
@example(FOOTER | {"format": "newer"})
@example(FOOTER | {"identity": {**FOOTER["identity"], "block": "\ud800"}})
@example([])
def test_a_footer_that_lies_is_told(records, tmp_path_factory, footer):
    read(records, with_footer(records.folder / "lie", footer, table_of()))
    (records.folder / "lie").unlink()


def test_a_footer_nested_too_deeply_is_told(records):
    read(records, with_footer(records.folder / "lie", "[" * 100_000, table_of()))
    (records.folder / "lie").unlink()


@pytest.mark.parametrize("name", ["bytes", "pixels", "label", "prediction", "squared_error", "payload"])
def test_numbers_that_no_image_has_are_no_rows(tmp_path, name):
    write_table(table_of(**{name: np.full(4, -2, COLUMNS[name])}), tmp_path / "lie.parquet", {})
    with pytest.raises(pa.ArrowInvalid, match=f"column {name} holds numbers below"):
        read_table(tmp_path / "lie.parquet")
    pq.write_table(table_of(**{name: pa.nulls(4, pa.from_numpy_dtype(COLUMNS[name]))}), tmp_path / "lie.parquet")
    with pytest.raises(pa.ArrowInvalid, match=f"column {name} lacks values"):
        read_table(tmp_path / "lie.parquet")


def test_texts_that_would_fill_the_memory_are_no_rows(tmp_path):
    many = 200_000
    columns = {name: np.ones(many, kind) for name, kind in COLUMNS.items()}
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(many, np.int32)), pa.array(["x" * 10 * MOST_TEXT]))
    table = pa.table({**columns, "error": text})
    with pq.ParquetWriter(tmp_path / "bomb.parquet", table.schema, store_schema=False) as writer:
        writer.write_table(table)
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    with pytest.raises(pa.ArrowInvalid, match=r"its texts take [0-9,]{13,} bytes"):
        read_table(tmp_path / "bomb.parquet")


@some(30)
@given(st.data())
def test_a_damaged_piece_is_measured_again(piece, data):
    folder, whole = piece
    (folder / "pieces" / f"{IDENTITY.name}.0-4.parquet").write_bytes(data.draw(damaged(whole)))
    found = Pieces(folder).whole(IDENTITY.name, 0, 4)
    assert found is None or len(found) == 4


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A pack of two records, as bytes."""
    folder = Records(tmp_path_factory.mktemp("packed"))
    folder.create()
    for block in ("a", "b"):
        folder.write(Identity(IDENTITY.labels, IDENTITY.key, IDENTITY.versions, block), rows(), {"start": 0, "stop": 4})
    found, _ = folder.read()
    folder.packs.mkdir()
    return write_pack(folder.packs, found)


@some(30)
@given(st.data())
def test_a_damaged_pack_is_read_or_told(packed, data):
    path = packed.with_name("damaged")
    path.write_bytes(data.draw(damaged(packed.read_bytes())))
    try:
        for record in Pack.open(path).records:
            assert len(record.rows()) <= record.images
    except (Newer, *NO_RECORD):
        return


@pytest.mark.slow
@some(30)
@given(st.data())
def test_a_packs_footer_that_lies_is_told(packed, data):
    footer = json.loads(pq.read_metadata(packed).metadata[KEY])
    path = packed.with_name("lie.parquet")
    with_footer(path, data.draw(changed(footer)), read_table(packed), KEY.decode())
    try:
        opened = [Pack.open(path)]
    except (Newer, *NO_RECORD):
        return
    pack([], opened, packed.parent)
    path.unlink(missing_ok=True)


@some(30)
@given(
    st.lists(
        st.tuples(st.none() | st.text(max_size=9), st.integers(-9, 9), st.integers(-9, 9), st.binary() | st.none())
    )
)
def test_a_catalog_that_lies_is_of_no_effect(records, whole, entries):
    path = records.failed / f"{IDENTITY.name}.parquet"
    path.write_bytes(whole)
    own = (f"failed/{path.name}", path.stat().st_size, path.stat().st_mtime_ns)
    table = [*entries, *((*own, footer) for _, _, _, footer in entries[:1])]
    names, sizes, times, footers = zip(*table, strict=True) if table else ((), (), (), ())
    columns = {
        "name": pa.array(names, pa.string()),
        "size": sizes,
        "time": times,
        "footer": pa.array(footers, pa.binary()),
    }
    feather.write_feather(pa.table(columns), str(records.folder / FILE))
    found, bad = Records(records.folder).read()
    assert len(found) + len(bad) == 1
    (records.folder / FILE).unlink()


@some(30)
@given(st.binary(max_size=99))
def test_bytes_are_no_catalog(records, whole, content):
    (records.failed / f"{IDENTITY.name}.parquet").write_bytes(whole)
    (records.folder / FILE).write_bytes(b"ARROW1\0\0" + content)
    assert len(Records(records.folder).read()[0]) == 1
    (records.folder / FILE).unlink()


def test_pipes_and_folders_are_no_records(tmp_path):
    records = Records(tmp_path)
    records.create()
    records.packs.mkdir()
    for folder in (records.folder, records.failed, records.packs):
        os.mkfifo(folder / "a.parquet")
        (folder / "b.parquet").mkdir()
    os.mkfifo(records.folder / FILE)
    found, bad = records.read()
    assert found == [] and len(bad) == 6


def test_texts_that_are_no_utf_8_are_no_rows(tmp_path):
    wrong = pa.Array.from_buffers(pa.string(), 4, pa.array([b"\xff"] * 4, pa.binary()).buffers())
    write_table(table_of(error=wrong), tmp_path / "lie.parquet", {})
    with pytest.raises(pa.ArrowInvalid):
        read_table(tmp_path / "lie.parquet")
