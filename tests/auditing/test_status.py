"""Where a study stands after a run that was stopped: what is begun counts, once, and the pace is that of the run."""

import pytest
from given_studies import given_study, measure, point
from plugins_for_tests import Noise
from rabench.bench.auditing.status import RECENT, status
from rabench.bench.choosing.budget import run_within
from rabench.bench.records.pieces import Pieces
from rabench.bench.running import batches
from rabench.bench.running.executors import in_process
from rabench.bench.running.runner import Progress
from rabench.bench.study import provenance
from rabench.codecs import CODECS


class Stop(Exception):
    """Stands for a kill."""


@pytest.fixture
def stopped(tmp_path, monkeypatch):
    """A study of 400 images that was stopped with nothing but pieces."""
    study = given_study(tmp_path, point(CODECS.make("png"), Noise(images=400)))
    monkeypatch.setattr(batches, "TASK_SECONDS", 0.0)

    def stop(progress):
        if progress.done == 30:
            raise Stop

    with pytest.raises(Stop):
        measure(study, progress=Progress(report=stop))
    assert sum(stop - start for _, start, stop in Pieces(study.records).files()) == 30
    monkeypatch.undo()
    return study


def test_what_is_begun_of_a_block_counts(stopped):
    assert sum(p.done for p in status(stopped).points) == 30


def test_the_pace_is_that_since_the_run_began_to_write(stopped):
    assert status(stopped).recent > 10 * 30 / RECENT


def test_a_run_that_finished_no_block_is_noted(stopped):
    (entry,) = provenance.runs(stopped.folder)
    assert entry["records"] == 0 and entry["command"] == "rabench.run"


def test_no_image_counts_twice_where_parts_were_measured_beside_the_pieces(stopped):
    run_within(stopped, in_process, 1e6, Progress())
    assert {(p.done, p.images) for p in status(stopped).points} == {(400, 400)}
