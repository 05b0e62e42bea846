"""Worker processes: they give what one process gives, and what one that dies or hangs costs."""

import os
import shutil
import time
from concurrent.futures import BrokenExecutor, Future
from pathlib import Path

import pytest
from given_studies import given_study, measure, point, rows_of
from plugins_for_tests import Hanging, Misbehaving
from rabench.bench.measuring import task as tasks
from rabench.bench.records.index import Index
from rabench.bench.records.records import Records
from rabench.bench.reporting.report import report
from rabench.bench.running import pool, runner, session
from rabench.bench.running.batches import task_of
from rabench.bench.running.plan import make_plan
from rabench.bench.running.runner import Progress
from rabench.codecs import CODECS
from rabench.core.errors import Refused


@pytest.mark.long
def test_workers_give_what_one_process_gives(tmp_path):
    study = given_study(tmp_path, point(), point(CODECS.make("png")), point(CODECS.make("jpeg:quality=3")))
    measure(study)
    alone = rows_of(study)
    shutil.rmtree(study.folder)
    measure(study, workers=2)
    assert rows_of(study).equals(alone)


@pytest.mark.long
def test_a_worker_that_dies_costs_its_codec_the_rest_of_a_block_and_nobody_else_anything(tmp_path):
    dying = Misbehaving(how="die", image=1007)
    good = [CODECS.make(t) for t in ("png", "jpeg:quality=30", "webp-lossless")]
    study = given_study(tmp_path, *(point(c) for c in [good[0], dying, *good[1:]]))
    outcome = measure(study, workers=2)
    assert 0 < outcome.failed_rows <= 1000  # what came back of the block before is kept
    rows = rows_of(study).set_index("codec")
    assert rows.failed[dying.label] == outcome.failed_rows
    assert rows.images[dying.label] == 2500 - outcome.failed_rows
    assert set(rows.images[[c.label for c in good]]) == {2500}


@pytest.mark.long
def test_a_worker_that_hangs_costs_its_block_and_the_run_goes_on(tmp_path):
    study = given_study(tmp_path, point(CODECS.make("png")), point(Hanging()))
    begin = time.monotonic()
    outcome = measure(study, limit=100, workers=2, timeout=8)
    assert outcome.failed_rows == 100
    assert time.monotonic() - begin < 100
    rows = report(study).summary.set_index("codec")
    assert rows.images[CODECS.make("png").label] == 100 and rows.failed[Hanging().label] == 100
    assert "gave nothing for 8 s" in report(study).failures[0]


class Broken(pool.InProcess):
    """Reads images, and takes no task, as a pool of processes does of which one has died in between."""

    def submit(self, fn, /, *arguments, **options):
        if fn is tasks.run:
            raise BrokenExecutor
        return super().submit(fn, *arguments, **options)


def test_a_broken_pool_is_replaced(tmp_path):
    executors_to_come = iter([Broken(), pool.InProcess()])
    replaceable = pool.Pool(lambda: next(executors_to_come), lambda: 1)
    assert session.run(given_study(tmp_path, point()), lambda: replaceable).measured == 3
    assert not list(executors_to_come)


def test_a_worker_that_ends_while_its_programs_are_looked_for_has_started_none(monkeypatch):
    def gone(self, pattern):
        raise FileNotFoundError(f"{self}/{pattern}")
        yield

    monkeypatch.setattr(Path, "glob", gone)
    assert pool._started_by(os.getpid()) == []


def test_what_came_back_is_written_before_an_error_ends_the_run(tmp_path):
    study = given_study(tmp_path, point(), point(CODECS.make("png")))
    records = Records(study.records)
    study.records.mkdir(parents=True)
    records.create()
    inside = pool.Pool(pool.InProcess, lambda: 1)
    plan = make_plan(study.load().points, records, Index(study.records), 20, inside, lambda _: None)
    made, (first, second) = runner.Runner(inside, records, Progress()), plan.missing
    good, bad = Future(), Future()
    good.set_result(tasks.run(task_of([first])))
    bad.set_exception(Refused("another version"))
    made.flying = {bad: (task_of([second]), [second]), good: (task_of([first]), [first])}
    with pytest.raises(Refused, match="another version"):
        made._keep_all([bad, good])
    assert records.names() == {first.identity.name}
