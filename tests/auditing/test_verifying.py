"""Stored rows measured again: what is as recorded, and an altered row that is found and named."""

import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from given_studies import measured_study, photos_matrix, written_study
from PIL import Image
from rabench.bench.auditing.verifying import verify
from rabench.bench.records.format import write_table
from rabench.bench.records.records import Records
from rabench.bench.running.executors import in_process
from rabench.bench.study.folder import pack_study
from rabench.bench.study.study import find_study
from rabench.core.errors import Unavailable

pytestmark = pytest.mark.slow

MATRIX = photos_matrix('quantizers = ["median-cut:colors=2,4"]\ncodecs = ["png", "webp-lossless"]')


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    return measured_study(tmp_path_factory.mktemp("verify") / "study", MATRIX, 60).folder


@pytest.fixture
def study(measured, tmp_path):
    shutil.copytree(measured, tmp_path / "study")
    return find_study(str(tmp_path / "study"))


def verified(study, rows=None, seed=0):
    pool = in_process()
    try:
        return verify(study, pool, rows, seed)
    finally:
        pool.stop()


def altered(study, column, codec, row, value, versions=None):
    """Rewrites one cell of one record, its footer kept; or with other versions, its name and the index alike."""
    records, _ = Records(study.records).read()
    record = next(r for r in records if r.identity.labels[2].startswith(codec))
    table, metadata = record.rows(), pq.read_metadata(record.path).metadata[b"rabench"].decode()
    values = table[column].to_numpy().copy()
    values[row] = value(values[row])
    place = table.column_names.index(column)
    write_table(
        table.set_column(place, column, pa.array(values, table[column].type)), record.path, {"rabench": metadata}
    )
    return record


def test_rows_are_as_recorded_packed_or_not(study):
    assert (found := verified(study)).rows == found.of == 5 * 60
    assert not found.differences and not found.left_out and found.share == 0
    pack_study(study)
    assert not verified(study, 40).differences


@pytest.mark.parametrize(
    ("column", "value"),
    [("bytes", lambda n: n + 1), ("prediction", lambda n: (n + 1) % 8), ("squared_error", lambda n: n + 3)],
)
def test_one_altered_row_is_found_and_named(study, column, value):
    record = altered(study, column, "webp-lossless", 17, value)
    (difference,) = verified(study).differences
    assert difference.image == 17 and difference.point.labels == record.identity.labels
    assert re.search(rf"{column} \d+ -> \d+", difference.what) and difference.versions == ""


@pytest.mark.long
def test_a_sample_says_what_it_would_have_found(study):
    found = verified(study, 60)
    assert found.rows == 60 and found.share == pytest.approx(1 - 0.05 ** (1 / 60))
    altered(study, "bytes", "webp-lossless", 17, lambda n: n + 1)
    hits = sum(len(verified(study, 60, seed).differences) for seed in range(12))
    assert 0 < hits < 12  # one row of 300, 60 drawn: one time in five


def test_another_version_is_named_where_rows_differ(study):
    path = study.records / "blocks.json"
    index = json.loads(path.read_text())
    records, _ = Records(study.records).read()
    record = next(r for r in records if r.identity.labels[2].startswith("webp-lossless"))
    other = replace(record.identity, versions=(record.identity.versions[0], "libwebp 0.1", record.identity.versions[2]))
    table = record.rows()
    changed = table.set_column(
        table.column_names.index("bytes"), "bytes", pa.array(table["bytes"].to_numpy() + np.int32(1), pa.int32())
    )
    about = {"format": 1, "identity": {**vars(other)}, **record.about}
    write_table(changed, study.records / f"{other.name}.parquet", {"rabench": json.dumps(about)})
    index["versions"][" + ".join(other.labels)]["versions"] = other.versions
    path.write_text(json.dumps(index))
    differences = verified(study).differences
    assert len(differences) == 60 and "codec: libwebp 0.1 -> " in differences[0].versions


def test_nothing_is_written(study):
    before = {p: p.stat().st_mtime_ns for p in study.folder.rglob("*")}
    assert not verified(study, 20).differences
    assert {p: p.stat().st_mtime_ns for p in study.folder.rglob("*")} == before


def test_images_that_changed_are_told(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(3):
            picture = Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8))
            picture.save(tmp_path / "images" / name / f"{number}.png")
    matrix = 'dataset = "folder:path=images"\nclassifiers = []\n[[points]]\ncodecs = ["png"]\n'
    study = measured_study(tmp_path, matrix, None)
    assert verified(study).rows == verified(study).of == 12
    Image.new("RGB", (8, 8)).save(tmp_path / "images" / "b" / "1.png")
    found = verified(study)
    assert found.rows == 0 and any(what.startswith("images 0..5 of ") for what in found.left_out)
    assert verified(study, 11).differences


def test_what_cannot_be_verified_is_refused(tmp_path):
    with pytest.raises(Unavailable, match="holds no records"):
        verified(written_study(tmp_path, MATRIX))
