"""Runs that end after a given time: equally many images of every point, and nothing measured twice by what comes after."""

import time
from types import SimpleNamespace

import pytest
import rabench
from command_line import rabench as command
from given_studies import PHOTOS_AS_PNG, given_study, measure, point, written_study
from plugins_for_tests import Hanging, Noise
from rabench.bench.auditing.status import status
from rabench.bench.choosing import budget
from rabench.bench.records.format import PART
from rabench.bench.records.pieces import Pieces
from rabench.bench.records.records import Records
from rabench.bench.running import executors, runner
from rabench.bench.running.runner import Progress
from rabench.bench.running.session import run as whole_run
from rabench.codecs import CODECS
from rabench.core.errors import RabenchError

IMAGES = 1450


@pytest.fixture
def study(tmp_path):
    codecs = ("png", "jpeg:quality=10", "jpeg:quality=50", "jpeg:quality=90", "webp:quality=50")
    return given_study(tmp_path, *(point(CODECS.make(c), Noise(images=IMAGES)) for c in codecs))


@pytest.fixture
def given_times(monkeypatch):
    """An image of jpeg takes 0.05 seconds, of webp 0.2, of all else 0.005; the clock stands still besides."""
    clock, measure = SimpleNamespace(now=0.0), runner.tasks.run

    def with_given_times(task):
        results = measure(task)
        for (codec, _), rows in zip(task.pairs, results, strict=True):
            seconds = {"jpeg": 0.05, "webp": 0.2}.get(codec.name, 0.005) * task.images
            clock.now += seconds
            rows.seconds.update(dict.fromkeys(rows.seconds, 0.0) | {"encode": seconds})
        return results

    monkeypatch.setattr(runner.tasks, "run", with_given_times)
    monkeypatch.setattr(runner, "monotonic", lambda: clock.now)
    monkeypatch.setattr(budget, "monotonic", lambda: clock.now)
    return clock


def images_of_points(study):
    return {p.point.codec.short: p.done for p in status(study).points}


@pytest.mark.long
def test_every_point_has_equally_many_images_however_long_it_takes(study, given_times):
    outcome = budget.run_within(study, executors.in_process, 180.0, Progress())
    done = images_of_points(study)
    assert set(done) == {"raw", "png", "jpeg:quality=10", "jpeg:quality=50", "jpeg:quality=90", "webp:quality=50"}
    assert max(done.values()) - min(done.values()) <= PART and min(done.values()) >= 180 // 0.36 - PART
    assert 180 <= given_times.now < 180 + 2 * 13  # two tasks may be under way
    assert outcome.measured == len(Records(study.records).names())
    again = measure(study)
    assert set(images_of_points(study).values()) == {IMAGES} and again.complete


@pytest.mark.long
def test_enough_time_measures_all_and_ends(study, given_times):
    budget.run_within(study, executors.in_process, 1e6, Progress())
    assert set(images_of_points(study).values()) == {IMAGES} and given_times.now < 1e6
    assert measure(study).measured == 0


@pytest.mark.long
def test_what_an_interrupted_run_has_measured_is_not_measured_again(study, given_times):
    def stop(progress):
        if progress.done > 2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        whole_run(study, executors.in_process, progress=Progress(report=stop))
    pieces, kept = Pieces(study.records), 0
    for name in {file.name.split(".")[0] for file, _, _ in pieces.files()}:
        kept += sum(PART for start in range(0, IMAGES, PART) if not pieces.gaps(name, start, start + PART))
    assert kept >= 2 * PART
    kept += sum(record.images for record in Records(study.records).read()[0])
    progress = Progress()
    budget.run_within(study, executors.in_process, 1e6, progress)
    assert progress.done == 6 * IMAGES - kept
    assert set(images_of_points(study).values()) == {IMAGES} and measure(study).measured == 0
    assert not list((study.records / "pieces").glob("*"))


@pytest.mark.slow
def test_bad_budgets_are_told_in_a_line(tmp_path):
    study = written_study(tmp_path, PHOTOS_AS_PNG)
    with pytest.raises(RabenchError, match="`budget` is a number above 0 and its unit"):
        rabench.run(study.folder, budget="soon")
    with pytest.raises(RabenchError, match="leave `limit` out"):
        rabench.run(study.folder, budget="2h", limit=10)
    done = command("run", str(study.folder), "--budget", "soon", cwd=tmp_path)
    assert done.returncode == 2 and "--budget is a number above 0" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.long
def test_a_budget_that_is_over_before_a_table_has_a_row_says_so(tmp_path):
    study = written_study(tmp_path, PHOTOS_AS_PNG)
    done = command("run", str(study.folder), "--budget", "0.01s", "--workers", "0", cwd=tmp_path)
    assert done.returncode == 2
    assert "--budget 0.01s is over before any table has a row; the same command goes on" in done.stderr


@pytest.mark.slow
def test_a_codec_that_hangs_does_not_keep_a_run_beyond_its_budget(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "LATE", 3.0)
    study = given_study(tmp_path, point(Hanging(), Noise(images=150)))
    begun = time.monotonic()
    budget.run_within(study, lambda: executors.processes(1), 10.0, Progress(), timeout=300.0)
    assert time.monotonic() - begun < 120  # 10 + 3, and the start of workers on a busy machine
