"""Runs that end after a given time: all points on the same images drawn at random, as many as there is time for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from ...core.errors import RabenchError, Refused
from ...datasets.base import Dataset, forget_opened
from ..records.format import PART
from ..records.index import Index
from ..running.pool import Pool
from ..running.runner import TIMEOUT, Progress, Runner
from ..running.session import Outcome, session
from ..study.matrix import all_points
from ..study.points import Point
from ..study.study import Study
from .measuring import ShuffledImages


def run_within(
    study: Study,
    make_pool: Callable[[], Pool],
    seconds: float,
    progress: Progress,
    command: str = "rabench.run",
    timeout: float = TIMEOUT,
) -> Outcome:
    """Measures for so long, all points of a study on equally many images but for the last PART, so that their intervals are alike.

    The images are drawn at random, PART at a time; the next run goes on with the same order, and one without a budget with
    the images that are left. The last tasks may take some seconds more. Takes what ``run`` takes, and raises what it raises.
    """
    forget_opened()
    until, matrix = monotonic() + seconds, study.load(measuring=True)
    with session(study, make_pool, progress, command, timeout) as (runner, index):
        impossible: list[tuple[Point, str]] = []
        try:
            drawn = _images_of_points(all_points(matrix), runner, index, impossible)
            if not drawn:
                raise Refused(f"{study.name}: no point can be measured here: {impossible[0][1]}")
            _measure(drawn, runner, index, until)
        finally:
            index.save()
        points = {p: versions for images in drawn.values() for p, versions in images.versions.items()}
        runner.measure_overheads(points, index)
    return Outcome(runner.kept, 0, progress.failed, impossible, max(map(len, drawn.values())))


def _images_of_points(
    points: Iterable[Point], runner: Runner, index: Index, impossible: list[tuple[Point, str]]
) -> dict[Dataset, ShuffledImages]:
    """The data sets of all points that can be measured here; the others go to ``impossible``, with their reason."""
    drawn: dict[Dataset, ShuffledImages] = {}
    for point in points:
        try:
            if point.dataset not in drawn:
                drawn[point.dataset] = ShuffledImages(point.dataset, runner, index)
            drawn[point.dataset].check(point)
        except RabenchError as error:
            impossible.append((point, str(error)))
    return {dataset: images for dataset, images in drawn.items() if images.versions}


def _measure(drawn: dict[Dataset, ShuffledImages], runner: Runner, index: Index, until: float) -> None:
    """Takes twice as many images each time, until the time is spent or all are measured."""
    count, most = PART, max(map(len, drawn.values()))
    while monotonic() < until:
        missing = [m for images in drawn.values() for m in images.missing(dict.fromkeys(images.versions, count))]
        index.save()
        runner.run(missing, until)
        for images in drawn.values():
            images.note(missing)
        if count >= most:
            return
        count *= 2
