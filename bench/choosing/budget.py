"""Runs of a study, whole or within a given time: then all points on the same random images, as many as there is time for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from ...core.errors import BadSetting, RabenchError
from ...core.quantities import seconds as seconds_of
from ...datasets.base import Dataset, forget_opened
from ..records.format import PART
from ..records.index import Index
from ..running.plan import nothing_possible
from ..running.pool import Pool
from ..running.runner import TIMEOUT, Progress, Runner
from ..running.session import Outcome, session
from ..running.session import run as whole_run
from ..study.matrix import all_points
from ..study.points import Point
from ..study.study import Study
from .measuring import ShuffledImages


def run(
    study: Study,
    make_pool: Callable[[], Pool],
    limit: int | None = None,
    budget: str | float | None = None,
    progress: Progress | None = None,
    command: str = "rabench.run",
    timeout: float = TIMEOUT,
    only: Callable[[Point], bool] = lambda _: True,
) -> Outcome:
    """Measures what a study lacks: all, or as much as there is time for.

    budget: such as "2h", or seconds; None for all. Else takes what the ``run`` of a session takes, and raises what that
    raises; BadSetting for both a limit and a budget, too.
    """
    if budget is None:
        return whole_run(study, make_pool, limit, progress, command, timeout, only)
    if limit is not None:
        raise BadSetting("`budget` decides how many images are measured; leave `limit` out")
    return run_within(study, make_pool, seconds_of(budget), progress or Progress(), command, timeout, only)


def run_within(
    study: Study,
    make_pool: Callable[[], Pool],
    seconds: float,
    progress: Progress,
    command: str = "rabench.run",
    timeout: float = TIMEOUT,
    only: Callable[[Point], bool] = lambda _: True,
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
            drawn = _images_of_points(filter(only, all_points(matrix)), runner, index, impossible)
            if not drawn:
                raise nothing_possible(study.name, impossible)
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
        missing = [(images, images.missing(dict.fromkeys(images.versions, count))) for images in drawn.values()]
        index.save()
        runner.run([m for _, own in missing for m in own], until)
        if count >= most:
            return
        for images, own in missing:
            images.note(own)
        count *= 2
