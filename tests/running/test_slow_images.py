"""Images that take far longer than those before them: a task ends by itself, and another one measures the rest."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from given_studies import given_study, measure, point
from plugins_for_tests import Noise
from rabench.bench.measuring import task as tasks
from rabench.bench.measuring import time_limit
from rabench.bench.records.records import Records
from rabench.bench.running import batches, runner
from rabench.codecs.base import Codec
from rabench.codecs.raw import Raw
from rabench.core.images import as_rgb
from rabench.datasets.base import Block

IMAGES, SMALL, SMALL_SIDE, LARGE_SIDE, PIXEL_SECONDS = 400, 150, 8, 64, 0.0005
SMALL_SECONDS, LARGE_SECONDS = PIXEL_SECONDS * SMALL_SIDE**2, PIXEL_SECONDS * LARGE_SIDE**2
CLOCK = SimpleNamespace(now=0.0)


@dataclass(frozen=True)
class Grown(Noise):
    """Noise whose first images are small, and the others 64 times as large."""

    name: ClassVar[str] = "grown"

    def open(self):
        return _GrownReader(super().open())


class _GrownReader:
    classes = ("a", "b", "c")

    def __init__(self, noise):
        self.noise = noise
        self.stamp = noise.stamp

    def __len__(self):
        return len(self.noise)

    def read(self, start, stop):
        block, scale = self.noise.read(start, stop), LARGE_SIDE // SMALL_SIDE
        images = [np.tile(im, (scale, scale, 1)) if i >= SMALL else im for i, im in enumerate(block.images, start)]
        return Block(images, block.labels, block.sources)


@dataclass(frozen=True)
class Slow(Codec):
    """raw, which moves a clock on for each pixel: by 0.03 seconds for a small image, by 2 for a large one."""

    name: ClassVar[str] = "slow"

    def version(self):
        return "1"

    def encode(self, image):
        pixels = as_rgb(image)
        CLOCK.now += PIXEL_SECONDS * pixels.shape[0] * pixels.shape[1]
        return Raw().encode(image)

    def decode(self, data):
        return Raw().decode(data)


@pytest.fixture
def seconds_of_tasks(monkeypatch):
    """The seconds of that clock, and the rows, of each task that runs."""
    found, run = [], tasks.run

    def timed(task):
        begun = CLOCK.now
        results = run(task)
        seconds = CLOCK.now - begun
        for rows in results:
            rows.seconds["encode"] = seconds
        found.append((seconds, sum(map(len, results))))
        return results

    monkeypatch.setattr(runner.tasks, "run", timed)
    monkeypatch.setattr(time_limit, "perf_counter", lambda: CLOCK.now)
    monkeypatch.setattr(runner, "monotonic", lambda: CLOCK.now)
    return found


def test_a_task_ends_by_itself_where_its_images_take_longer_than_those_before(tmp_path, seconds_of_tasks):
    study = given_study(tmp_path, point(Slow(), Grown(images=IMAGES)))
    assert measure(study).complete
    longest = max(seconds for seconds, _ in seconds_of_tasks)
    assert LARGE_SECONDS < longest <= batches.TASK_SECONDS * runner.OVERTIME + LARGE_SECONDS
    (record,) = [r for r in Records(study.records).read()[0] if "slow" in r.identity.key[1]]
    assert record.rows()["image"].to_pylist() == list(range(IMAGES))
    assert sum(rows for _, rows in seconds_of_tasks) == 2 * IMAGES  # of slow and of raw, none measured twice
    slow = (IMAGES - SMALL) * LARGE_SECONDS
    assert len(seconds_of_tasks) < 2 * slow / batches.TASK_SECONDS


def test_a_task_in_time_gives_all_its_rows_and_one_out_of_time_one_row_at_least(tmp_path):
    p = point(Raw(), Noise(images=500))
    whole = tasks.Task(p.dataset, 0, 500, "", p.quantizer, ((p.codec, p.judge),), ())
    (all_rows,) = tasks.run(whole)
    (timely,) = tasks.run(replace(whole, seconds=1e6))
    (first,) = tasks.run(replace(whole, seconds=0.0))
    assert len(all_rows) == len(timely) == 500 and len(first) == 500 // time_limit.FIRST_SHARE
    for name, values in first.columns.items():
        assert values.tolist() == all_rows.columns[name][: len(first)].tolist()
    assert first.digests == all_rows.digests[: len(first)]
