"""How records are cut into tasks: what is under way is not given out twice, and tasks are short in the end."""

import pytest
from given_studies import point
from plugins_for_tests import Constant, Noise
from rabench.bench.records.format import Identity
from rabench.bench.records.pieces import Pieces
from rabench.bench.records.records import Records
from rabench.bench.running import batches
from rabench.bench.running.pace import Pace
from rabench.bench.running.plan import Missing
from rabench.bench.running.pool import InProcess, Pool
from rabench.bench.running.runner import Progress, Runner
from rabench.codecs import CODECS
from rabench.quantizers import QUANTIZERS

IMAGES = Noise(images=1000)


def missing(codec, quantizer="none"):
    """The record of a point on 1,000 images; its name is that of codec and quantizer."""
    p = point(CODECS.make(codec), IMAGES, Constant(), QUANTIZERS.make(quantizer))
    return Missing(p, Identity(p.labels, p.key, ("", "", ""), "x"), 0, 1000, "x", 64_000)


def test_an_image_that_times_a_kind_is_not_given_out_again_while_it_is_under_way(tmp_path):
    """png is timed in two groups, as its kind is the same with each number of colors; one of them comes back first."""
    groups = [
        [missing("png", "octree:colors=2")],
        [missing("png", "octree:colors=4"), missing("raw", "octree:colors=4")],
    ]
    pace = Pace()
    tasks = batches.make_tasks(groups, pace, Pieces(tmp_path), set(), lambda: 10.0, lambda: False)
    timing = [batch for _ in range(3) if (batch := next(tasks)) is not None]
    assert len(timing) == 3
    assert all((task.start, task.stop) == (0, 1) for task, _ in timing)
    assert next(tasks) is None  # all others wait
    for _, members in timing[:1] + timing[2:]:
        for m in members:
            pace.learn(m.identity.key, 1, 0.001)
    second, first = timing[1][1][0].identity.name, timing[0][1][0].identity.name
    starts = {m.identity.name: task.start for task, members in filter(None, tasks) for m in members}
    assert starts[first] == starts[second] == 1


@pytest.fixture
def runner(tmp_path):
    """A runner on four slots that knows of 1,000 images which take a second each."""
    made = Runner(Pool(InProcess, lambda: 4), Records(tmp_path), Progress())
    m = missing("png")
    made.pace.learn(m.identity.key, 1, 1.0)
    made.unscheduled[m.identity.key] = 1000
    return made, m.identity.key


def test_tasks_take_ten_seconds_and_half_of_what_is_left_for_each_worker_in_the_end(runner):
    made, key = runner
    assert made._task_seconds() == batches.TASK_SECONDS
    made.unscheduled[key] = 40
    assert made._task_seconds() == pytest.approx(40 / (2 * 4))
    made.unscheduled[key] = 2
    assert made._task_seconds() == batches.SHORTEST_SECONDS


def test_no_task_is_planned_beyond_the_end_of_a_budget(runner, monkeypatch):
    made, _ = runner
    monkeypatch.setattr("rabench.bench.running.runner.monotonic", lambda: 100.0)
    made.until = 103.0
    assert made._task_seconds() == pytest.approx(3.0)
    made.until = 90.0
    assert made._task_seconds() == batches.SHORTEST_SECONDS
