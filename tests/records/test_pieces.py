"""Tasks of a few seconds: pieces of records that survive a kill, join to the same record, and are checked by their hash."""

from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import rabench
from given_studies import photos_matrix
from rabench.bench.measuring.content import describe_block, digest
from rabench.bench.measuring.task import Changed
from rabench.bench.records.format import COLUMNS, STAGES, Identity, Rows
from rabench.bench.records.pieces import Pieces, content_hash
from rabench.bench.records.records import Records
from rabench.bench.running import batches
from rabench.bench.running.executors import in_process
from rabench.bench.running.pace import Pace
from rabench.bench.running.runner import Progress
from rabench.bench.running.session import run
from rabench.bench.study.study import find_study
from rabench.datasets import DATASETS

MATRIX = photos_matrix('quantizers = ["median-cut:colors=2"]\ncodecs = ["png", "jpeg:quality=50"]')


@pytest.fixture
def study(tmp_path):
    (tmp_path / "matrix.toml").write_text(MATRIX)
    return find_study(str(tmp_path))


def tables(study):
    return {r.identity.name: r.rows() for r in Records(study.records).read()[0]}


class Stop(Exception):
    """Stands for a kill."""


@pytest.mark.slow
def test_a_run_of_small_tasks_gives_the_records_of_one_of_large_ones(study, tmp_path, monkeypatch):
    run(study, in_process, 40)
    whole = tables(study)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "matrix.toml").write_text(MATRIX)
    other = find_study(str(tmp_path / "two"))
    monkeypatch.setattr(batches, "TASK_SECONDS", 0.02)
    run(other, in_process, 40)
    assert {name: table.drop(["log_probability", "confidence"]) for name, table in tables(other).items()} == {
        name: table.drop(["log_probability", "confidence"]) for name, table in whole.items()
    }
    for name, table in tables(other).items():
        np.testing.assert_allclose(table["log_probability"], whole[name]["log_probability"], atol=1e-5)
    assert not list((other.records / "pieces").glob("*"))


@pytest.mark.slow
def test_what_was_measured_before_a_kill_is_not_measured_again(study, monkeypatch):
    monkeypatch.setattr(batches, "TASK_SECONDS", 0.02)
    seen = []

    def stop_in_the_middle(progress):
        seen.append(progress.done)
        if progress.done > 40:
            raise Stop

    with pytest.raises(Stop):
        run(study, in_process, 40, Progress(report=stop_in_the_middle))
    kept = sum(b - a for spans in Pieces(study.records)._known().values() for a, b in spans)
    kept += sum(len(table) for table in tables(study).values())
    assert kept == seen[-1]
    progress = Progress()
    run(study, in_process, 40, progress)
    assert progress.done == 3 * 40 - kept
    assert sorted(map(len, tables(study).values())) == [40] * 3


@pytest.mark.slow
def test_pieces_that_are_not_of_the_blocks_images_are_refused_and_removed(study, monkeypatch):
    monkeypatch.setattr(batches, "TASK_SECONDS", 0.02)
    with pytest.raises(Stop):
        run(study, in_process, 40, Progress(report=_stop_after(30)))
    pieces = Pieces(study.records)
    name, (first, *_) = next((name, spans) for name, spans in pieces._known().items() if spans)
    path = pieces._path(name, *first)
    rows = pieces._read(name, *first)
    assert rows is not None
    pieces.write(Identity(("",) * 4, ("",) * 3, ("",) * 3, ""), 0, 1, replace(rows, digests=[b"x" * 32] * len(rows)))
    forged = next(pieces.folder.glob(f"{Identity(('',) * 4, ('',) * 3, ('',) * 3, '').name}*"))
    forged.replace(path)
    with pytest.raises(Changed, match="are not those this run began with"):
        run(study, in_process, 40)
    run(study, in_process, 40)
    assert sorted(map(len, tables(study).values())) == [40] * 3


def _stop_after(rows):
    def stop(progress):
        if progress.done > rows:
            raise Stop

    return stop


@pytest.mark.slow
def test_a_damaged_piece_is_measured_again(study, monkeypatch):
    monkeypatch.setattr(batches, "TASK_SECONDS", 0.02)
    with pytest.raises(Stop):
        run(study, in_process, 40, Progress(report=_stop_after(30)))
    next((study.records / "pieces").glob("*.parquet")).write_bytes(b"garbage")
    progress = Progress()
    run(study, in_process, 40, progress)
    assert sorted(map(len, tables(study).values())) == [40] * 3 and progress.done == progress.total
    assert rabench.report(study.folder).failed == 0


def test_tasks_take_ten_seconds_and_where_nobody_knows_the_pace_a_few_images():
    members = [
        SimpleNamespace(identity=SimpleNamespace(key=("none", codec, "guess"))) for codec in ("slow:level=1", "fast")
    ]
    pace = Pace()
    images = partial(batches._extent, members, pace, seconds=10.0)  # type: ignore[arg-type]
    assert images(left=1000) == (batches.FIRST_IMAGES, False)
    pace.learn(("none", "slow:level=9", "guess"), 10, 10.0)  # one second an image, of its kind
    assert images(left=1000) == (batches.FIRST_IMAGES, False)
    pace.learn(("none", "fast", "guess"), 1000, 1.0)
    assert images(left=1000) == (4, True) and images(left=6) == (6, True)  # half, as its own pace is not known
    pace.learn(("none", "slow:level=1", "guess"), 10, 10.0)
    assert images(left=1000) == (9, True) and images(left=12) == (12, True)
    for _ in range(2):
        pace.learn(("none", "slow:level=1", "guess"), 1, 60.0)
    assert images(left=1000) == (1, False)


def test_the_hash_of_pieces_is_that_of_the_block():
    photos = DATASETS.make("photos")
    block = photos.load(0, 20)
    digests = [digest(image) for image in block.images]
    assert content_hash(digests, block.labels.tolist()) == describe_block(photos, 0, 20)["sha256"]


def test_rows_join_with_their_errors_and_remarks(tmp_path):
    pieces, identity = Pieces(tmp_path), Identity(("",) * 4, ("",) * 3, ("",) * 3, "")
    for start in (0, 3):
        columns = {name: np.full(3, start, kind) for name, kind in COLUMNS.items()}
        rows = Rows(columns, {1: "encoder: no"}, dict.fromkeys(STAGES, 0.5), {2: "a remark"}, [b"d" * 32] * 3)
        pieces.write(identity, start, start + 3, rows)
    assert pieces.whole(identity.name, 0, 7) is None
    joined = Pieces(tmp_path).whole(identity.name, 0, 6)
    assert joined is not None and joined.errors == {1: "encoder: no", 4: "encoder: no"}
    assert joined.remarks == {2: "a remark", 5: "a remark"} and joined.seconds["encode"] == 1.0
    assert joined.columns["bytes"].tolist() == [0, 0, 0, 3, 3, 3]


def test_pieces_of_two_machines_may_overlap(tmp_path):
    pieces, identity = Pieces(tmp_path), Identity(("",) * 4, ("",) * 3, ("",) * 3, "")
    for start, stop in ((0, 4), (2, 3), (3, 8)):
        columns = {name: np.arange(start, stop).astype(kind) for name, kind in COLUMNS.items()}
        rows = Rows(columns, {stop - start - 1: "no"}, dict.fromkeys(STAGES, 1.0), {}, [b"d" * 32] * (stop - start))
        pieces.write(identity, start, stop, rows)
    joined = Pieces(tmp_path).whole(identity.name, 0, 8)
    assert joined is not None and joined.columns["bytes"].tolist() == list(range(8))
    assert joined.errors == {3: "no", 7: "no"} and joined.seconds["load"] == 1.8
    part = Pieces(tmp_path).whole(identity.name, 2, 5)
    assert part is not None and part.columns["bytes"].tolist() == [2, 3, 4] and part.errors == {1: "no"}
    assert part.seconds["load"] == pytest.approx(2 / 4 + 1 / 5)
    assert pieces.gaps(identity.name, 0, 10) == [(8, 10)] and pieces.images(identity.name, 0, 10) == 8


def test_a_gap_behind_some_images_is_none_of_theirs(tmp_path):
    pieces, identity = Pieces(tmp_path), Identity(("",) * 4, ("",) * 3, ("",) * 3, "")
    for start, stop in ((0, 4), (6, 8)):
        columns = {name: np.arange(start, stop).astype(kind) for name, kind in COLUMNS.items()}
        pieces.write(
            identity, start, stop, Rows(columns, {}, dict.fromkeys(STAGES, 1.0), {}, [b"d" * 32] * (stop - start))
        )
    assert pieces.gaps(identity.name, 0, 4) == [] and pieces.gaps(identity.name, 0, 5) == [(4, 5)]
    assert pieces.gaps(identity.name, 3, 9) == [(4, 6), (8, 9)] and pieces.whole(identity.name, 1, 4) is not None


@pytest.mark.slow
def test_pieces_count_in_status_and_are_merged(study, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "TASK_SECONDS", 0.02)
    with pytest.raises(Stop):
        run(study, in_process, 40, Progress(report=_stop_after(30)))
    pieces = list(Pieces(study.records).files())
    assert pieces
    done = sum(p.done for p in rabench.status(study.folder).points)
    assert done > 30 or done == sum(stop - start for _, start, stop in pieces)
    rabench.merge([study.folder], tmp_path / "whole")
    assert sum(p.done for p in rabench.status(tmp_path / "whole").points) == done


@pytest.mark.slow
def test_pieces_of_a_record_that_is_there_are_removed(study):
    run(study, in_process, 40)
    (record, *_) = Records(study.records).read()[0]
    rows = Rows(
        {n: np.zeros(3, kind) for n, kind in COLUMNS.items()}, {}, dict.fromkeys(STAGES, 0.0), {}, [bytes(32)] * 3
    )
    Pieces(study.records).write(record.identity, 0, 3, rows)
    run(study, in_process, 40)
    assert not Pieces(study.records)
