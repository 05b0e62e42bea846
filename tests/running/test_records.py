"""Records: lost, damaged, copied from elsewhere, or of weights that moved; and which of them a report reads."""

import json
import os
import shutil
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from given_studies import PHOTOS_AS_PNG, given_study, measure, point, rows_of, written_study
from image_files import encoded, write_shard
from plugins_for_tests import Noise
from rabench.bench.reading.groups import read
from rabench.bench.records.index import Index
from rabench.classifiers import weights
from rabench.codecs import CODECS
from rabench.core.networks import read_weights
from rabench.datasets import DATASETS


@pytest.fixture
def noise(tmp_path):
    """Random images as they are, measured: three records."""
    study = given_study(tmp_path, point())
    measure(study)
    return study


@pytest.fixture
def photos(tmp_path):
    """(folder, study by the name of its weights); the folder holds weights named a."""
    shutil.copy(weights.find("small-photos"), tmp_path / "a.safetensors")

    def study(name):
        return written_study(tmp_path / "study", PHOTOS_AS_PNG.replace("small-photos", f"../{name}.safetensors"))

    return tmp_path, study


def test_a_lost_record_is_measured_again_and_is_the_same(noise):
    rows_before = rows_of(noise)
    lost = next(noise.records.glob("*.parquet"))
    rows = pq.read_table(lost)
    lost.unlink()
    assert measure(noise).measured == 1
    assert pq.read_table(lost).equals(rows)
    assert rows_of(noise).equals(rows_before)


def test_a_record_that_is_none_is_named_and_the_rest_reported(noise):
    broken = next(noise.records.glob("*.parquet"))
    broken.write_bytes(broken.read_bytes()[:50])
    reading = read(noise)
    assert len(reading.bad) == 1 and broken.name in reading.bad[0]
    assert not reading.rows.complete.all()


def test_a_record_with_one_wrong_byte_is_named_not_believed(noise):
    """Without checksums most such bytes would pass as other numbers."""
    damaged = sorted(noise.records.glob("*.parquet"))[:2]
    for record, position in zip(damaged, (200, 2000), strict=True):
        content = bytearray(record.read_bytes())
        content[position] ^= 0x55
        record.write_bytes(content)
    bad = read(noise).bad
    assert len(bad) == 2
    assert all(record.name in line for record, line in zip(damaged, sorted(bad), strict=True))


def test_the_index_is_only_a_shortcut(noise):
    index = noise.records / "blocks.json"
    index.unlink()
    assert measure(noise).measured == 0
    index.write_text("{ no json")
    assert measure(noise).measured == 0
    assert json.loads(index.read_text())


def test_two_machines_records_merge_by_copying_files(noise, tmp_path):
    png = point(CODECS.make("png"))
    elsewhere = replace(noise, folder=tmp_path / "elsewhere", points=(png,))
    measure(elsewhere)
    for record in noise.records.glob("*.parquet"):
        shutil.copy(record, elsewhere.records)
    assert measure(replace(elsewhere, points=(point(), png))).measured == 0


def test_weights_may_be_renamed_and_the_report_still_finds_their_records(photos):
    folder, study = photos
    measure(study("a"), 20)
    (folder / "a.safetensors").rename(folder / "b.safetensors")
    renamed = study("b")
    assert measure(renamed, 20).measured == 0
    assert rows_of(renamed).images.tolist() == [20, 20]
    assert "weights=b" in rows_of(renamed).classifier[0]


def test_records_copied_to_a_machine_that_never_ran_are_reported(photos):
    _, study = photos
    small = study("a")
    measure(small, 20)
    index = Index(small.records)
    index.versions.clear()
    index.save()
    assert rows_of(small).images.tolist() == [20, 20]


def test_a_report_never_mixes_two_networks_of_one_name(photos):
    folder, study = photos
    small = study("a")
    measure(small, 20)
    about, state = weights.about(folder / "a.safetensors"), read_weights(folder / "a.safetensors")
    state["17.bias"] += 1
    weights.write(folder / "a.safetensors", state, about)
    measure(small, 20)
    newest = max(small.records.glob("*.parquet"), key=lambda p: p.stat().st_mtime_ns)
    newest.unlink()  # as if the second run had been stopped
    for old in small.records.glob("*.parquet"):
        os.utime(old)
    assert len(rows_of(small)) == 1  # the new network's only record, not the old network's beside it


@pytest.mark.slow
def test_agreement_pairs_images_by_content_not_by_their_old_place(tmp_path):
    """A block measured as images 0.. of one data set is images 1000.. of another."""
    files = [encoded(image, "BMP") for image in Noise(images=1300, side=4).load(0, 1300).images]
    for name, images in (("whole", files), ("part", files[1000:])):
        write_shard(tmp_path / f"{name}.parquet", [None] * len(images), images)
    whole, part = (DATASETS.make(f'parquet:path="{tmp_path}/{name}.parquet"') for name in ("whole", "part"))
    png = CODECS.make("png")
    assert measure(given_study(tmp_path, point(png, part))).measured == 2
    study = given_study(tmp_path, point(png, whole))
    assert measure(study).measured == 2  # the first thousand; the rest is known by content
    rows = rows_of(study)
    assert rows.compared.tolist() == rows.agreeing.tolist() == [1300, 1300]
