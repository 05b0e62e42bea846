"""Runs of a study from beginning to end: the folder is locked, what is missing is planned and measured, and the run noted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

from ...core.errors import BadSetting, Unavailable
from ...datasets.base import forget_opened
from ..measuring.task import Changed
from ..records.index import Index
from ..records.records import Records
from ..study import provenance, trust
from ..study.folder import prepared
from ..study.matrix import Matrix, all_points
from ..study.points import Point
from ..study.study import Study
from .plan import make_plan, nothing_possible
from .pool import Pool
from .runner import TIMEOUT, Progress, Runner

KEPT = "what was finished is kept"


@dataclass(frozen=True)
class Outcome:
    """What a run has measured, and what it could not."""

    measured: int
    """The number of records that this run measured, those with failures among them."""
    finished: int
    """The number of records that were there before and were left as they are."""
    failed_rows: int
    """The number of rows whose image failed; the next run tries them again, except images that cannot be read."""
    impossible: list[tuple[Point, str]]
    """The points that cannot be measured on this machine, with the reason of each."""
    images: int = 0
    """The number of images of the largest data set, whatever the limit."""

    @property
    def complete(self) -> bool:
        """Whether every point was measured, and no image failed."""
        return not self.failed_rows and not self.impossible


def _loaded(study: Study, limit: int | None) -> Matrix:
    """The study's matrix; data sets that were open are opened anew."""
    if limit is not None and limit < 1:
        raise BadSetting(f"`limit` must be 1 or more, got {limit}")
    forget_opened()
    return study.load(measuring=True)


def _put_damaged_aside(records: Records, progress: Progress) -> None:
    if damaged := records.put_damaged_aside():
        progress.say(
            f"{len(damaged)} files among the records are no whole records; they lie in {damaged[0].parent} now"
        )


def run(
    study: Study,
    make_pool: Callable[[], Pool],
    limit: int | None = None,
    progress: Progress | None = None,
    command: str = "rabench.run",
    timeout: float = TIMEOUT,
    only: Callable[[Point], bool] = lambda _: True,
) -> Outcome:
    """Measures the records that a study lacks, and notes the run in its run.json.

    study: what to measure, and the folder that receives the records. make_pool: gives the pool to run on, once the
    folder is locked. limit: only the first images of each data set; None for all. progress: is kept up to date and told
    what happens. command: the text that run.json keeps for this run. timeout: the seconds without any task coming back
    after which workers count as hung. only: says of each point whether this run is about it.

    Interrupted, it keeps the records that are written; the next run goes on from there. A worker that dies or hangs costs
    the rest of the block that did it, whose rows count as failed. Raises RabenchError for what the user can set right: a mistake
    in the matrix, a folder that another run has locked, no point that can be measured, images that changed meanwhile.
    """
    progress = progress or Progress()
    matrix = _loaded(study, limit)
    with session(study, make_pool, progress, command, timeout) as (runner, index):
        try:
            points = tuple(filter(only, all_points(matrix)))
            plan = make_plan(points, runner.records, index, limit, runner.pool, progress.say)
        finally:
            index.save()
        if not plan.spans:
            raise nothing_possible(study.name, plan.impossible)
        runner.run(plan.missing)
        runner.pieces.forget(set(plan.in_parts))
        runner.measure_overheads(plan.possible, index)
    return Outcome(runner.kept, plan.finished, progress.failed, plan.impossible, max(map(len, plan.spans)))


@contextmanager
def session(
    study: Study, make_pool: Callable[[], Pool], progress: Progress, command: str, timeout: float = TIMEOUT
) -> Iterator[tuple[Runner, Index]]:
    """A runner for a study whose folder is locked meanwhile, and the study's index: ``with session(...) as (runner, index):``

    What was measured is noted in the study's run.json, however the session ends; an error stops the pool at once. Takes
    what ``run`` takes.
    """
    begun, begun_here = monotonic(), not study.measured
    with prepared(study) as records:
        if begun_here:
            trust.made_here(study.folders)
        _put_damaged_aside(records, progress)
        pool, index = make_pool(), Index(study.records)
        runner = Runner(pool, records, progress, timeout)
        runner.pieces.forget(records.names())
        try:
            yield runner, index
        except BaseException as error:
            if isinstance(error, Changed):
                _forget_blocks(index)
            pool.stop()
            if isinstance(error, CancelledError):
                raise Unavailable(f"{pool.name} is gone; {KEPT}: start it, and run the same again") from None
            if isinstance(error, OSError) and not study.records.is_dir():
                raise Unavailable(
                    f"{study.records} is gone; {KEPT} there: bring it back, and run the same again"
                ) from None
            raise
        finally:
            if (runner.kept or progress.done) and study.records.is_dir():
                seconds = monotonic() - begun
                provenance.add(study.folder, command, runner.kept, seconds, pool.slots)
        pool.close()


def _forget_blocks(index: Index) -> None:
    """Makes the next run read all images again, as some are not those that the index knows."""
    for label in list(index.datasets):
        index.forget(label)
    index.save()
