"""Images, codecs, classifiers and data sets that fail: one image's failure is one row, and the run goes on."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from given_studies import NONE, PHOTOS_AS_PNG, given_study, measure, point, rows_of, written_study
from image_files import noise_folder
from plugins_for_tests import Constant, Misbehaving, Noise
from rabench.bench.measuring import content
from rabench.bench.measuring import task as tasks
from rabench.bench.records.records import Records
from rabench.bench.reporting.report import report
from rabench.codecs import CODECS
from rabench.core.errors import Refused
from rabench.core.plugins import setting
from rabench.datasets.base import Block


@pytest.fixture
def study(tmp_path):
    return partial(given_study, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "how, reason",
    [
        ("encode", "encoder: RuntimeError: no more ink"),
        ("decode", "decoder: ValueError: cannot read my own writing"),
        ("size", "decoder: gave 7x8x3 for an image of 8x8x3"),
        ("dtype", "decoder: gave float64 instead of uint8 pixels"),
        ("byte_breakdown", "byte breakdown: ValueError: the parts sum to"),
    ],
)
def test_one_images_failure_is_one_row_and_the_run_goes_on(study, how, reason):
    misbehaving = study(point(Misbehaving(how=how), Noise(images=30)))
    outcome = measure(misbehaving)
    assert outcome.failed_rows == 1 and not outcome.complete
    reported = report(misbehaving)
    row = reported.summary.iloc[1]
    assert (row.images, row.failed) == (29, 1)
    assert reason in reported.failures[0]
    assert "1 rows failed" in (misbehaving.folder / "table.md").read_text()
    records, _ = Records(misbehaving.records).read()
    (error,) = [e for r in records for e in r.rows()["error"].to_pylist() if e]
    assert error.startswith(reason)


def test_failed_blocks_lie_apart_and_are_measured_again(study, monkeypatch):
    misbehaving = study(point(Misbehaving(how="encode")))
    measure(misbehaving)
    assert len(list((misbehaving.records / "failed").glob("*.parquet"))) == 1
    monkeypatch.setattr(Misbehaving, "concerns", lambda *_: False)  # mended
    outcome = measure(misbehaving)
    assert (outcome.measured, outcome.failed_rows) == (1, 0)
    assert not list((misbehaving.records / "failed").glob("*.parquet"))
    assert rows_of(misbehaving).failed.sum() == 0


@pytest.mark.slow
def test_a_corrupt_image_is_a_row_with_its_error_for_every_point(study):
    scratched = study(point(dataset=Noise(bad=1003)), point(CODECS.make("png"), dataset=Noise(bad=1003)))
    assert measure(scratched).failed_rows == 2
    reported = report(scratched)
    assert reported.summary.failed.tolist() == [1, 1]
    assert reported.failures[0] == "1 image could not be read and is left out of every figure: scratched"


@pytest.mark.slow
def test_a_block_with_a_junk_file_has_one_hash_and_is_measured_once(tmp_path):
    folder = tmp_path / "images"
    dataset = noise_folder(folder)
    (folder / "a" / "x.jpg").write_bytes(b"junk")
    hashes = {content.describe_block(dataset, 0, 5)["sha256"] for _ in range(3)}
    assert len(hashes) == 1
    study = written_study(tmp_path, PHOTOS_AS_PNG.replace('"photos"', '"folder:path=images"'))
    with pytest.raises(Refused, match="knows 8 classes"):
        measure(study)
    for file in folder.glob("*/*"):  # unlabelled, so that any classifier will do
        file.rename(folder / file.name)
    outcome = measure(study)
    assert (outcome.measured, outcome.failed_rows) == (2, 2)
    assert measure(study).measured == 0  # trying again would give the same
    reported = report(study)
    assert reported.summary.failed.tolist() == [1, 1]
    assert "no image that Pillow can read" in reported.failures[0]


@dataclass(frozen=True)
class Strange(Constant):
    """Fails of one image."""

    name: ClassVar[str] = "strange"
    how: str = setting("nan", ("nan", "prepare"))

    def prepare(self, image):
        if self.how == "prepare" and image[0, 0, 2] == 3:
            raise MemoryError("too wide")
        return image

    def logits_of_batch(self, images):
        logits = super().logits_of_batch(images)
        if self.how == "nan":
            logits[images[:, 0, 0, 2] == 3] = np.nan
        return logits


@pytest.mark.parametrize(
    "how, reason", [("nan", "classifier: logits that are no numbers"), ("prepare", "classifier: MemoryError: too wide")]
)
def test_a_classifiers_failure_on_one_image_is_one_row(how, reason):
    noise = Noise(images=10)
    block = content.describe_block(noise, 0, 10)["sha256"]
    pair = (CODECS.make("raw"), Strange(how=how))
    (rows,) = tasks.run(tasks.Task(noise, 0, 10, block, NONE, (pair,), ()))
    assert rows.errors == {3: reason}


@dataclass(frozen=True)
class Short(Noise):
    """Says it has more images than it gives."""

    name: ClassVar[str] = "short"

    def __len__(self):
        return 100

    def open(self):
        reader = super().open()
        read = reader.read
        reader.read = lambda start, stop: (
            read(start, min(stop, 60)) if start < 60 else Block([], np.empty(0, np.int64), [])
        )
        return reader


def test_a_data_set_that_ends_early_is_an_error_not_a_loop():
    with pytest.raises(Refused, match="ends before image 99 here"):
        content.describe_block(Short(), 0, 100)
