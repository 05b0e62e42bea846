"""A report of a limited run says so, and one without its images is written all the same."""

import shutil

import pytest
from given_studies import measured_fixture, measured_study, photos_matrix
from PIL import Image
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, session
from rabench.bench.study.study import find_study
from rabench.core.errors import BadSetting
from rabench.datasets import DATASETS

study = measured_fixture(photos_matrix('codecs = ["jpeg:quality=5,50"]'), limit=40)


@pytest.mark.slow
def test_a_smaller_limit_afterwards_is_said_with_every_report(study, tmp_path):
    shutil.copytree(study.folder, tmp_path / "copy")
    copy = find_study(str(tmp_path / "copy"))
    session.run(copy, executors.in_process, limit=10)
    (note,) = [n for n in report(copy).tables[0].notes if "limited to the first 10 of 1,150 images" in n]
    assert note.endswith("a run without a limit shows all that is measured.")


def test_a_limit_below_one_is_refused(study):
    with pytest.raises(BadSetting, match="`limit` must be 1 or more, got 0"):
        session.run(study, executors.in_process, limit=0)


@pytest.mark.slow
def test_a_report_needs_no_images(tmp_path):
    (tmp_path / "images").mkdir()
    for i, image in enumerate(DATASETS.make("photos").load(0, 3).images):
        Image.fromarray(image).save(tmp_path / "images" / f"{i}.png")
    matrix = photos_matrix('codecs = ["jpeg:quality=5,50"]').replace('"photos"', '"folder:path=images"')
    study = measured_study(tmp_path, matrix, None)
    shutil.rmtree(tmp_path / "images")
    assert len(report(study).summary) == 3
    assert "No pictures: folder" in (tmp_path / "report.html").read_text()
