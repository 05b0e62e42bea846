"""Packs of records: nothing is lost, every command reads them, and damage is told."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rabench
from command_line import rabench as command
from given_studies import measured_study, photos_matrix, written_study
from large_studies import large_study
from plugin_texts import python_file
from rabench.bench.auditing.status import status
from rabench.bench.reading.groups import read
from rabench.bench.records import packs
from rabench.bench.records.format import STAGES, Identity, Rows, read_table
from rabench.bench.records.packs import Pack
from rabench.bench.records.records import Records
from rabench.bench.running.merging import merge
from rabench.bench.study.folder import pack_study
from rabench.bench.study.study import find_study
from rabench.core.errors import Refused, Unavailable

MATRIX = """
[[points]]
quantizers = ["none", "median-cut:colors=4"]
codecs = ["png", "jpeg:quality=10,50"]
"""
PHOTOS = photos_matrix('codecs = ["png"]')


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    study, points = large_study(tmp_path_factory.mktemp("packs") / "study", MATRIX, 2500, missing=1)
    return study, points


@pytest.fixture
def copied(whole, tmp_path):
    shutil.copytree(whole[0].folder, tmp_path / "study")
    return find_study(str(tmp_path / "study"))


def rows_of(study):
    return {r.identity.name: (r.about, r.rows()) for r in Records(study.records).read()[0]}


def test_packed_records_are_the_same_records(copied, whole):
    before, tables = rows_of(copied), read(copied).rows
    packed = pack_study(copied)
    points = len(whole[1])
    assert (packed.records, packed.packs, packed.files) == (2 * points, points, 2 * points)
    assert not list(copied.records.glob("*.parquet"))
    after = rows_of(copied)
    assert after.keys() == before.keys()
    for name, (about, table) in before.items():
        assert after[name][0] == about
        assert after[name][1].select(table.column_names).equals(table)
    assert read(copied).rows.equals(tables)
    assert Records(copied.records).names() == before.keys()
    assert pack_study(copied) == type(packed)(2 * points, points, 0)


def test_what_comes_later_joins_the_pack(copied):
    pack_study(copied)
    old = {p.name for p in (copied.records / "packs").iterdir()}
    record = Records(copied.records).read()[0][0]
    identity = Identity(record.identity.labels, record.identity.key, record.identity.versions, "f" * 64)
    columns = {n: record.rows()[n].to_numpy()[:7] for n in record.rows().column_names if n != "error"}
    rows = Rows(columns, {}, dict.fromkeys(STAGES, 0.5))
    Records(copied.records).write(identity, rows, {"start": 2000, "stop": 2007})
    assert pack_study(copied).files == 2  # the record and the pack that it joins
    assert len(old & {p.name for p in (copied.records / "packs").iterdir()}) == len(old) - 1
    found = Records(copied.records).record(identity.name)
    assert found is not None and found.images == 7 and found.about["seconds"]["encode"] == 0.5


def test_a_damaged_record_stays_out_of_a_pack_and_a_damaged_pack_is_put_aside(copied):
    victim = sorted(copied.records.glob("*.parquet"))[0]
    content = bytearray(victim.read_bytes())
    content[60] ^= 1  # in the first page
    victim.write_bytes(content)
    said = []
    pack_study(copied, said.append)
    assert len(said) == 1 and "not packed" in said[0] and victim.is_file()
    pack = sorted((copied.records / "packs").glob("*.parquet"))[0]
    pack.write_bytes(b"garbage")
    records = Records(copied.records)
    assert any(str(pack) in line for line in records.read()[1])
    assert records.put_damaged_aside() == [copied.records / "damaged" / pack.name]


def test_a_pack_that_reads_back_otherwise_is_not_kept(copied, whole, monkeypatch):
    def read_otherwise(path):
        table = read_table(path)
        return table.set_column(5, table.column_names[5], pa.array(table[5].to_numpy() + np.int32(1)))

    before, said = {p.name for p in copied.records.glob("*.parquet")}, []
    monkeypatch.setattr(packs, "read_table", read_otherwise)
    assert pack_study(copied, said.append).files == 0
    assert len(said) == len(whole[1]) and all("not those that were packed" in line for line in said)
    assert {p.name for p in copied.records.glob("*.parquet")} == before
    assert not list((copied.records / "packs").iterdir())


def test_a_footer_that_lies_about_its_rows_is_no_pack(copied, tmp_path):
    pack_study(copied)
    path = sorted((copied.records / "packs").glob("*.parquet"))[0]
    table = pq.read_table(path)
    with pq.ParquetWriter(tmp_path / "lie.parquet", table.schema) as writer:
        writer.write_table(table)
        footer = json.loads(pq.read_metadata(path).metadata[b"rabench-pack"])
        footer["records"][0]["stop"] += 5
        writer.add_key_value_metadata({"rabench-pack": json.dumps(footer)})
    with pytest.raises(ValueError, match="of which its footer tells"):
        Pack.open(tmp_path / "lie.parquet")


def test_parts_measured_apart_become_one_study(whole, tmp_path):
    study, halves = whole[0], []
    for number in range(2):
        shutil.copytree(study.folder, tmp_path / f"half{number}")
        halves.append(find_study(str(tmp_path / f"half{number}")))
        for i, path in enumerate(sorted(halves[-1].records.glob("*.parquet"))):
            if i % 2 == number:
                path.unlink()
    pack_study(halves[1])
    merged = merge(halves, tmp_path / "both")
    both = find_study(str(tmp_path / "both"))
    assert not merged.remarks and rows_of(both).keys() == rows_of(study).keys()
    assert read(both).rows.drop(columns="complete").equals(read(study).rows.drop(columns="complete"))
    assert merge(halves, tmp_path / "both").copied == 0
    with pytest.raises(Refused, match="cannot be merged into itself"):
        merge([both], tmp_path / "both")


@pytest.mark.long
def test_what_was_added_goes_along_and_its_plugin_file_is_found(tmp_path):
    study = measured_study(tmp_path / "one", PHOTOS, 8)
    plugin = python_file(tmp_path / "one", name="merged")
    rabench.add("merged:bits=4", study.folder, plugins=[plugin])
    merge([study], tmp_path / "deep" / "both")
    both = find_study(str(tmp_path / "deep" / "both"))
    assert command("report", str(both.folder), "--trust", cwd=None).returncode == 0
    assert read(both).rows.equals(read(study).rows)


@pytest.mark.slow
def test_points_that_the_merged_matrix_does_not_name_are_told(tmp_path):
    one = measured_study(tmp_path / "one", PHOTOS, 8)
    two = measured_study(tmp_path / "two", photos_matrix('codecs = ["png", "qoi", "webp-lossless"]'), 8)
    (remark,) = merge([one, two], tmp_path / "both").remarks
    assert remark.startswith("two: 2 of its points are not in ") and "qoi" in remark
    assert not merge([two, one], tmp_path / "other").remarks


def test_nothing_to_pack_or_to_tell_of_is_said(tmp_path):
    study = written_study(tmp_path / "study", PHOTOS)
    for command_on_it in (pack_study, status):
        with pytest.raises(Unavailable, match="holds no records of its matrix; measure it: rabench run"):
            command_on_it(study)
    with pytest.raises(Unavailable, match="holds no records"):
        merge([study], tmp_path / "both")
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["matrix.toml", "study"]


def test_images_that_differ_are_told_when_studies_are_merged(whole, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(whole[0].folder, tmp_path / name)
    path = tmp_path / "two" / "records" / "blocks.json"
    index = json.loads(path.read_text())
    next(iter(index["datasets"].values()))["blocks"]["0-1000"]["sha256"] = "0" * 64
    path.write_text(json.dumps(index))
    remarks = merge([find_study(str(tmp_path / n)) for n in ("one", "two")], tmp_path / "both").remarks
    assert len(remarks) == 1 and "images 0-1000" in remarks[0]


def test_the_status_counts_what_is_done_and_what_is_left(whole):
    study, points = whole
    standing = status(study)
    assert not standing.running and len(standing.points) == len(points)
    assert all((p.done, p.images, p.failed) == (2000, 2500, 0) for p in standing.points)
    assert standing.points[0].seconds_left == pytest.approx(500 * 0.5 / 1000)
    assert np.isfinite([p.seconds_left for p in standing.points]).all()
