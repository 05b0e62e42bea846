"""Records that cannot be what their names say are put aside by the next run, which measures them again."""

import pytest
from given_studies import given_study, point
from plugins_for_tests import Noise
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, session
from rabench.bench.running.runner import Progress
from rabench.codecs import CODECS


@pytest.fixture
def study(tmp_path):
    study = given_study(tmp_path, *(point(CODECS.make(name), Noise(images=20)) for name in ("png", "jpeg")))
    session.run(study, executors.in_process)
    return study


def records(study):
    return {file.name: file.read_bytes() for file in sorted(study.records.glob("*.parquet"))}


def rerun(study):
    lines = []
    outcome = session.run(study, executors.in_process, progress=Progress(say=lines.append))
    return outcome.measured, [line for line in lines if "no whole records" in line]


@pytest.mark.slow
def test_garbage_under_a_records_name_is_measured_again(study):
    before, summary = records(study), report(study).summary
    victim = study.records / next(iter(before))
    victim.write_bytes(b"garbage")
    assert "rabench run puts it aside" in report(study).bad[0]
    measured, (line,) = rerun(study)
    assert measured == 1 and line.startswith("1 files among the records") and "damaged" in line
    assert (study.records / "damaged" / victim.name).read_bytes() == b"garbage"
    assert records(study).keys() == before.keys() and report(study).bad == []
    assert report(study).summary.drop(columns="complete").equals(summary.drop(columns="complete"))


@pytest.mark.slow
def test_a_record_under_anothers_name_is_measured_again(study):
    before = records(study)
    one, other, *_ = before
    (study.records / one).write_bytes(before[other])
    assert rerun(study)[0] == 1
    assert report(study).summary.images.tolist() == [20, 20, 20]


def test_whole_records_stay_where_they_are(study):
    before = records(study)
    assert rerun(study) == (0, [])
    assert records(study) == before and not (study.records / "damaged").exists()
