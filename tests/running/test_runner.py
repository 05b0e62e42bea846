"""The runner: what is measured, when it is measured again, and what is turned away."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from given_studies import PHOTOS_AS_PNG, given_study, measure, point, rows_of, times_of, written_study
from image_files import noise_folder
from PIL import Image
from plugins_for_tests import Brightness
from rabench.bench.running import session
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.codecs.png import PNG
from rabench.core.errors import Refused, Unavailable


@pytest.fixture
def study(tmp_path):
    return partial(given_study, tmp_path)


@pytest.mark.slow
def test_a_study_is_measured_once_and_only_what_is_missing_later(study):
    small = study(point(), point(PNG()))
    assert measure(small).measured == 6  # two codecs, three blocks
    before = times_of(small)
    assert measure(small).measured == 0
    large = study(point(), point(PNG()), point(CODECS.make("webp-lossless")))
    outcome = measure(large)
    assert (outcome.measured, outcome.finished) == (3, 6)
    assert before.items() <= times_of(large).items()


def test_a_limit_cuts_only_the_last_block_and_the_report_follows_it(study):
    noise = study(point())
    assert measure(noise, limit=1500).measured == 2
    assert rows_of(noise).images.tolist() == [1500]
    assert measure(noise).measured == 2  # the first block is there
    assert rows_of(noise).images.tolist() == [2500]
    assert measure(noise, limit=1500).measured == 0
    assert rows_of(noise).images.tolist() == [1500]


def test_the_same_images_packed_otherwise_are_the_same_records(study, tmp_path):
    """The content counts, not the name or the place."""
    pngs = noise_folder(tmp_path / "pngs", 20)
    bitmaps = noise_folder(tmp_path / "bitmaps", 20, form="bmp")
    assert measure(study(point(dataset=pngs))).measured == 1
    outcome = measure(study(point(dataset=pngs), point(dataset=bitmaps)))
    assert (outcome.measured, outcome.finished) == (0, 2)


def test_images_that_changed_or_came_are_measured_again(study, tmp_path):
    changing = study(point(dataset=noise_folder(tmp_path / "images", 5, classes="")))
    measure(changing)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / "00002.png")
    assert measure(changing).measured == 1
    assert len(times_of(changing)) == 2
    assert rows_of(changing).images.tolist() == [5]
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / "added.png")
    assert measure(changing).measured == 1
    assert rows_of(changing).images.tolist() == [6]


def test_a_record_of_another_version_does_not_count(study, monkeypatch):
    noise = study(point())
    measure(noise)
    monkeypatch.setattr(Brightness, "version", lambda self: "2")
    assert measure(noise).measured == 3
    assert len(times_of(noise)) == 6
    assert rows_of(noise).images.tolist() == [2500]


def test_what_cannot_be_measured_here_is_left_out_with_its_reason(study, monkeypatch):
    def missing(self):
        raise Unavailable("png: no ink; buy some")

    two = study(point(), point(PNG()))
    monkeypatch.setattr(PNG, "version", missing)
    outcome = measure(two)
    assert [reason for _, reason in outcome.impossible] == ["png: no ink; buy some"]
    assert outcome.measured == 3 and not outcome.complete


def test_weights_for_other_classes_are_refused_naming_both(study):
    mismatched = study(point(classifier=CLASSIFIERS.make("small:weights=small-photos")))
    with pytest.raises(Refused) as caught:
        measure(mismatched)
    assert "8 classes (astronaut, chelsea, coffee, ...) of photos" in str(caught.value)
    assert "but noise has 3 classes (a, b, c)" in str(caught.value)


def test_a_second_run_on_the_same_study_is_turned_away(study):
    noise = study(point())
    with session.prepared(noise), pytest.raises(Unavailable, match="is being measured by another 'rabench run'"):
        measure(noise)
    assert measure(noise).measured == 3


def test_another_studys_matrix_is_not_overwritten(tmp_path):
    photos, taken = written_study(tmp_path / "photos", PHOTOS_AS_PNG), tmp_path / "taken"
    taken.mkdir()
    (taken / "matrix.toml").write_text("# written by hand\n")
    with pytest.raises(Refused, match=r"holds another study's matrix\.toml; name another `out`"):
        measure(replace(photos, folder=taken), 5)
    assert (taken / "matrix.toml").read_text() == "# written by hand\n"
    (taken / "matrix.toml").unlink()
    assert measure(replace(photos, folder=taken), 5).measured == 2
    assert measure(replace(photos, folder=taken), 5).measured == 0  # its own copy it may renew
