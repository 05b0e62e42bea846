"""The runner: resumption, failures, workers that die, folders that cannot be written."""

import errno
import json
import os
import shutil
from concurrent.futures import BrokenExecutor
from dataclasses import replace
from functools import partial
from unittest.mock import patch

import numpy as np
import pyarrow.parquet as pq
import pytest
from given_studies import given_study, point
from plugins_for_tests import Brightness, Constant, Logged, Misbehaving, Noise
from rabench.bench.reporting.report import report
from rabench.bench.running import executors, plan, runner
from rabench.bench.running.runner import Progress
from rabench.bench.study import records as records_module
from rabench.bench.study.records import Index, Records
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.core.errors import Refused, Unavailable
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS


@pytest.fixture
def study(tmp_path):
    return partial(given_study, tmp_path)


def measure(study, workers=0, limit=None):
    progress = Progress()
    return runner.run(study, lambda: executors.make(workers, None), limit, progress)


def files(study):
    return {f.name: f.stat().st_mtime_ns for f in study.records.glob("*.parquet")}


def test_a_study_is_measured_once_and_only_what_is_missing_later(study):
    first = study(point(), point(CODECS.make("png")))
    assert measure(first).measured == 6  # two codecs, three blocks
    before = files(first)
    assert measure(first).measured == 0
    more = study(point(), point(CODECS.make("png")), point(CODECS.make("webp-lossless")))
    outcome = measure(more)
    assert (outcome.measured, outcome.finished) == (3, 6)
    assert {k: v for k, v in files(more).items() if k in before} == before


def test_a_lost_record_is_measured_again_and_is_the_same(study):
    made = study(point(), point(CODECS.make("png")))
    measure(made)
    summary = report(made).summary
    lost = next(made.records.glob("*.parquet"))
    rows = pq.read_table(lost)
    lost.unlink()
    assert measure(made).measured == 1
    assert pq.read_table(lost).equals(rows)
    assert report(made).summary.equals(summary)


@pytest.mark.slow
def test_workers_give_what_one_process_gives(study, tmp_path):
    made = study(point(), point(CODECS.make("png")), point(CODECS.make("jpeg:quality=3")))
    measure(made)
    alone = report(made).summary
    shutil.rmtree(made.folder)
    measure(made, workers=2)
    assert report(made).summary.equals(alone)


def test_a_limit_cuts_only_the_last_block_and_the_report_follows_it(study):
    made = study(point())
    assert measure(made, limit=1500).measured == 2
    assert report(made).summary.images.tolist() == [1500]
    assert measure(made).measured == 2  # the first block is there
    assert report(made).summary.images.tolist() == [2500]
    assert measure(made, limit=1500).measured == 0
    assert report(made).summary.images.tolist() == [1500]


def test_the_same_images_packed_otherwise_are_the_same_records(study, tmp_path):
    """The content counts, not the name or the place."""
    from PIL import Image

    block = Noise(images=20).load(0, 20)
    for form, folder in (("png", "a"), ("bmp", "b")):
        for i, image in enumerate(block.images):
            target = tmp_path / folder / "abc"[block.labels[i]] / f"{i:03}.{form}"
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(target)
    a, b = (DATASETS.make(f'folder:path="{tmp_path / f}"') for f in "ab")
    assert measure(study(point(dataset=a))).measured == 1
    outcome = measure(study(point(dataset=a), point(dataset=b)))
    assert (outcome.measured, outcome.finished) == (0, 2)


def test_images_that_changed_are_measured_again(study, tmp_path):
    from PIL import Image

    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(Noise(images=5).load(0, 5).images):
        Image.fromarray(image).save(folder / f"{i}.png")
    made = study(point(dataset=DATASETS.make(f'folder:path="{folder}"')))
    measure(made)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "2.png")
    from rabench.datasets import base

    base._opened.cache_clear()
    assert measure(made).measured == 1
    assert len(files(made)) == 2
    assert report(made).summary.images.tolist() == [5]


@pytest.mark.parametrize(
    "how, reason",
    [
        ("encode", "encoder: RuntimeError: no more ink"),
        ("decode", "decoder: ValueError: cannot read my own writing"),
        ("size", "decoder: gave 7x8x3 for an image of 8x8x3"),
        ("dtype", "decoder: gave float64 instead of uint8 pixels"),
        ("anatomy", "anatomy: ValueError: the parts sum to"),
    ],
)
def test_one_images_failure_is_one_row_and_the_run_goes_on(study, how, reason):
    made = study(point(Misbehaving(how=how)))
    outcome = measure(made)
    assert outcome.failed_rows == 1 and not outcome.complete
    written = report(made)
    row = written.summary.iloc[1]
    assert (row.images, row.failed) == (2499, 1)
    assert reason in written.failures[0]
    assert "1 rows failed" in (made.folder / "table.md").read_text()
    kept = records_module.Records(made.records).read()[0]
    (error,) = [e for r in kept for e in r.rows()["error"].to_pylist() if e]
    assert error.startswith(reason)


def test_failed_blocks_lie_apart_and_are_measured_again(study, monkeypatch):
    made = study(point(Misbehaving(how="encode")))
    measure(made)
    assert len(list((made.records / "failed").glob("*.parquet"))) == 1
    monkeypatch.setattr(Misbehaving, "_is_it", lambda *_: False)  # mended
    outcome = measure(made)
    assert (outcome.measured, outcome.failed_rows) == (1, 0)
    assert not list((made.records / "failed").glob("*.parquet"))
    assert report(made).summary.failed.sum() == 0


def test_a_corrupt_image_is_a_row_with_its_error_for_every_point(study):
    made = study(point(dataset=Noise(bad=1003)), point(CODECS.make("png"), dataset=Noise(bad=1003)))
    assert measure(made).failed_rows == 2
    written = report(made)
    assert written.summary.failed.tolist() == [1, 1]
    assert written.failures[0] == "1 image could not be read and is left out of every figure: scratched"


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_codec_one_block_and_nobody_else_anything(study):
    dying = Misbehaving(how="die", image=1007)
    good = [CODECS.make(t) for t in ("png", "jpeg:quality=30", "webp-lossless")]
    made = study(*(point(c) for c in [good[0], dying, *good[1:]]))
    outcome = measure(made, workers=2)
    assert outcome.failed_rows == 1000
    rows = report(made).summary.set_index("codec")
    assert rows.failed[dying.label] == 1000
    assert rows.images[dying.label] == 1500
    assert set(rows.images[[c.label for c in good]]) == {2500}


def test_a_second_run_on_the_same_study_is_turned_away(study):
    made = study(point())
    with runner.prepared(made), pytest.raises(Unavailable, match="is being measured by another 'rabench run'"):
        measure(made)
    assert measure(made).measured == 3


def test_a_full_disk_loses_nothing_and_leaves_nothing_half_written(study):
    made = study(point(), point(CODECS.make("png")))
    written, original = [], records_module.write_table

    def full(table, path, metadata):
        if len(written) == 3:
            path.write_bytes(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        return original(table, path, metadata)

    with patch.object(records_module, "write_table", full), pytest.raises(OSError, match="No space left"):
        measure(made)
    assert len(files(made)) == 3
    assert not [f for f in made.records.rglob("*") if f.name.startswith(".partial")]
    assert measure(made).measured == 3


def test_leftovers_of_a_killed_run_are_removed(study):
    made = study(point())
    made.records.mkdir(parents=True)
    (made.records / ".partial-123-abc.parquet").write_bytes(b"half")
    measure(made)
    assert not list(made.records.glob(".partial*"))


def test_a_record_that_is_none_is_named_and_the_rest_reported(study):
    made = study(point())
    measure(made)
    broken = next(made.records.glob("*.parquet"))
    broken.write_bytes(broken.read_bytes()[:50])
    written = report(made)
    assert len(written.bad) == 1 and broken.name in written.bad[0]
    assert not written.summary.complete.all()


def test_what_cannot_be_measured_here_is_left_out_with_its_reason(study, monkeypatch):
    from rabench.codecs.png import PNG

    def missing(self):
        raise Unavailable("png: no ink; buy some")

    made = study(point(), point(PNG()))
    monkeypatch.setattr(PNG, "version", missing)
    outcome = measure(made)
    assert [reason for _, reason in outcome.impossible] == ["png: no ink; buy some"]
    assert outcome.measured == 3 and not outcome.complete


def test_weights_for_other_classes_are_refused_naming_both(study):
    made = study(point(classifier=CLASSIFIERS.make("small:weights=small-photos")))
    with pytest.raises(Refused) as caught:
        measure(made)
    assert "8 classes (astronaut, chelsea, coffee, ...) of photos" in str(caught.value)
    assert "but noise has 3 classes (a, b, c)" in str(caught.value)


def test_a_record_of_another_version_does_not_count(study, monkeypatch):
    made = study(point())
    measure(made)
    monkeypatch.setattr(Brightness, "version", lambda self: "2")
    assert measure(made).measured == 3
    assert len(files(made)) == 6
    assert report(made).summary.images.tolist() == [2500]


def test_the_index_is_only_a_shortcut(study):
    made = study(point())
    measure(made)
    (made.records / "blocks.json").unlink()
    assert measure(made).measured == 0
    (made.records / "blocks.json").write_text("{ no json")
    assert measure(made).measured == 0
    assert json.loads((made.records / "blocks.json").read_text())


def test_two_machines_records_merge_by_copying_files(study, tmp_path):
    a = study(point())
    measure(a)
    b = study(point(CODECS.make("png")))
    b = replace(b, folder=tmp_path / "other")
    object.__setattr__(b, "points", (point(CODECS.make("png")),))
    measure(b)
    for record in a.records.glob("*.parquet"):
        shutil.copy(record, b.records)
    object.__setattr__(b, "points", (point(), point(CODECS.make("png"))))
    assert measure(b).measured == 0


def test_a_quantizer_runs_once_for_all_codecs_of_a_task():
    points = [point(CODECS.make(t), quantizer=QUANTIZERS.make("median-cut:colors=3")) for t in ("png", "raw", "jpeg")]
    missing = [
        plan.Missing(p, records_module.Identity(p.labels, p.key, ("", "", ""), "x"), start, start + 1000)
        for p in points
        for start in (0, 1000)
    ]
    made = list(plan.make_tasks(missing))
    assert len(made) == 2
    assert [len(t.pairs) for t, _ in made] == [3, 3]
    large = [replace(m, pixels=1000 * 512 * 512) for m in missing]  # a codec of these takes minutes
    assert [len(t.pairs) for t, _ in plan.make_tasks(large)] == [1] * 6
    assert plan._pixels({"512x512": 998, "3x2": 1, "unreadable": 1}) == 998 * 512 * 512 + 6


def test_a_dry_run_estimates_from_records_or_from_a_probe(study, tmp_path):
    made = study(point(), point(CODECS.make("png")))
    pool = executors.in_process()
    records = Records(made.records)
    found = plan.make_plan(made.points, records, Index(made.records), None, pool, lambda _: None)
    assert len(found.missing) == 6
    assert plan.estimate(found, records) is None
    assert plan.probe(found) > 0
    measure(made)
    assert plan.estimate(found, records) > 0
    pool.close()


def test_a_kill_costs_no_finished_task(study, tmp_path, monkeypatch):
    """Each batch encoded leaves a line: after an interruption only unfinished blocks are encoded again."""
    monkeypatch.setenv("RABENCH_TEST_LOG", str(tmp_path / "log"))
    made = study(*(point(Logged(step=s), classifier=Constant()) for s in range(3)))
    original, kept = Records.write, []

    def interrupted(self, *arguments):
        if len(kept) == 4:
            raise KeyboardInterrupt
        kept.append(arguments)
        return original(self, *arguments)

    with patch.object(Records, "write", interrupted), pytest.raises(KeyboardInterrupt):
        measure(made)
    assert measure(made).measured == 3 * 3 + 3 - 4  # with the reference
    images = {}
    for line in (tmp_path / "log").read_text().splitlines():
        step, count, content = line.split()
        images[step, content] = images.get((step, content), 0) + int(count)
    whole = sum(int(line.split()[1]) for line in (tmp_path / "log").read_text().splitlines())
    assert whole <= 3 * 2500 + 3 * 1000  # at most the block that was under way, through its codecs


def test_a_broken_pool_is_replaced():
    pool = executors.in_process()
    calls = []

    class Breaks(executors.InProcess):
        def submit(self, fn, /, *args, **kwargs):
            calls.append(fn)
            if len(calls) == 1:
                raise BrokenExecutor
            return super().submit(fn, *args, **kwargs)

    pool._executor = Breaks()
    made = runner.Runner(pool, Records.__new__(Records), Progress())
    with patch.object(runner.tasks, "run", lambda task: []):
        made._submit((None, []))
    assert len(made.flying) == 1
    pool.close()
