"""Codecs that take stored files in a whole study: what they count, what they do not take, and which records are theirs."""

import numpy as np
import pytest
from given_studies import measured_study, rows_of, times_of
from image_files import encoded, noise_folder
from PIL import Image
from rabench.bench.reading.groups import read, together
from rabench.bench.reporting.notes import group_notes

MATRIX = """
dataset = "folder:path=images"
classifiers = []
[[points]]
codecs = ["stored", "jpeg-recompress"]
"""


@pytest.fixture
def folder(tmp_path):
    """Four random images: three JPEG files and a PNG file."""
    pytest.importorskip("mozjpeg_lossless_optimization", reason="the extra codecs is not installed")
    images = tmp_path / "images"
    noise_folder(images, 3, side=16, form="jpg", classes="")
    (images / "last.png").write_bytes(encoded(np.full((16, 16, 3), 9, np.uint8)))
    return tmp_path


def test_the_bytes_are_those_of_the_files_and_what_is_not_taken_is_named(folder):
    study = measured_study(folder, MATRIX, None)
    files = [f.stat().st_size for f in sorted((folder / "images").iterdir())]
    rows = rows_of(study).set_index("codec")
    assert rows.bytes["stored"] == sum(files)
    assert (rows.squared_error == 0).all()
    reading = read(study)
    notes = " ".join(group_notes(reading.groups[0], reading.matrix))
    assert "jpeg-recompress: 1 of 4 images are no file that it takes" in notes and "last.png" in notes


def test_another_file_of_the_same_pixels_is_measured_anew(folder):
    study = measured_study(folder, MATRIX, None)
    before, rows = times_of(study), rows_of(study)
    pixels = np.asarray(Image.open(folder / "images" / "last.png"))
    (folder / "images" / "last.png").write_bytes(encoded(pixels, compress_level=0))
    study = measured_study(folder, MATRIX, None)
    after = times_of(study)
    # raw, the reference, sees pixels alone
    assert len(after) - len(before) == 2 and before.items() <= after.items()
    assert rows_of(study).bytes[1] > rows.bytes[1]


def test_a_quantizer_or_a_size_before_a_stored_file_is_impossible_with_the_reason(folder):
    more = '[[points]]\nsizes = ["full", "fit=8"]\nquantizers = ["none", "octree:colors=2"]\ncodecs = ["stored"]\n'
    study = measured_study(folder, MATRIX + more, None)
    from rabench.bench.running.preview import preview

    reasons = {str(point): reason for point, reason in preview(study, None, lambda _: None).impossible}
    assert len(reasons) == 3
    assert any("takes the stored file, and after octree:colors=2 there is none" in r for r in reasons.values())
    assert any("has no other size than full, got fit=8" in r for r in reasons.values())


def test_images_of_stored_files_are_those_of_other_studies(folder):
    one = measured_study(folder, MATRIX, None)
    (folder / "other").mkdir()
    matrix = MATRIX.replace("path=images", "path=../images").replace('"stored", ', '"png", ')
    two = measured_study(folder / "other", matrix, None)
    studies = [("one", read(one)), ("two", read(two))]
    (group,) = together(studies, lambda group: group)
    assert {tuple(m.columns["image"]) for m in group.measured} == {(0, 1, 2, 3)}
