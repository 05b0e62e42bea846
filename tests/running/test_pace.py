"""Time left: by what each kind of point takes, not by the mean of all."""

from types import SimpleNamespace

import pytest
from given_studies import given_study, point
from plugins_for_tests import Noise
from rabench.bench.running import batches, executors, runner, session
from rabench.bench.running.pace import Pace
from rabench.bench.running.runner import Progress
from rabench.codecs import CODECS
from rabench.quantizers import QUANTIZERS


def test_a_point_takes_what_it_took_else_what_its_kind_took_else_what_any_took():
    pace = Pace()
    pace.learn(("none", "jpeg:quality=10", "k"), 100, 1.0)
    pace.learn(("none", "avif:quality=10", "k"), 100, 99.0)
    assert pace.seconds(("none", "jpeg:quality=10", "k"), 50) == 0.5
    assert pace.seconds(("none", "avif:quality=90", "k"), 100) == 99.0
    assert pace.seconds(("none", "png", "k"), 100) == 50.0
    assert Pace().seconds(("none", "png", "k"), 100) == 0


@pytest.mark.slow
def test_the_time_left_is_that_of_the_kinds_that_are_left(tmp_path, monkeypatch):
    """A quick codec before a slow one, a hundred times as long: the quick one's pace says little of the rest."""
    quick, slow, images = CODECS.make("raw"), CODECS.make("png"), Noise(images=4000)
    octree = QUANTIZERS.make("octree:colors=4")
    study = given_study(tmp_path, point(quick, images), point(slow, images, quantizer=octree))
    measure, clock = runner.tasks.run, SimpleNamespace(now=0.0)

    def with_given_times(task):
        results = measure(task)
        for (codec, _), rows in zip(task.pairs, results, strict=True):
            seconds = 100.0 if codec == slow else 1.0
            clock.now += seconds
            rows.seconds.update(dict.fromkeys(rows.seconds, 0.0) | {"encode": seconds})
        return results

    monkeypatch.setattr(runner.tasks, "run", with_given_times)
    monkeypatch.setattr(batches, "FIRST_IMAGES", 1000)  # whole blocks
    monkeypatch.setattr(batches, "TASK_SECONDS", 1000.0)
    monkeypatch.setattr(runner, "monotonic", lambda: clock.now)
    left: dict[int, float] = {}
    session.run(study, executors.in_process, None, Progress(report=lambda p: left.update({p.done: p.seconds_left})))
    # Half of the rows are done: block by block, each through both codecs.
    quick_blocks_left, slow_blocks_left = 2, 2
    assert left[4000] == pytest.approx(quick_blocks_left * 1 + slow_blocks_left * 100, rel=0.05)
    assert left[8000] == 0
