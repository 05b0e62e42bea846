"""Carries out a plan: tasks to the pool, rows to disk, whatever happens to workers."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import numpy as np
from filelock import FileLock, Timeout

from ...core.errors import Refused, Unavailable
from ...core.files import remove_partial, write_text
from ...core.version import __version__
from ...datasets.base import forget_opened
from ..study import provenance
from ..study.matrix import EMBEDDED, FILE, Study, with_references
from ..study.points import Point
from ..study.records import COLUMNS, STAGES, Index, Records, Rows
from . import task as tasks
from .executors import Pool
from .plan import Missing, make_plan, make_tasks, task_of
from .task import Task

TIMEOUT = 1800.0
"""Seconds; a task is at most eight codecs on 1,000 images."""


@dataclass
class Progress:
    """What a run tells while it goes on; the CLI draws it."""

    total: int = 0
    done: int = 0
    failed: int = 0
    report: Callable[[Progress], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None


Batch = tuple[Task, list[Missing]]


class Runner:
    """Feeds a pool with tasks, keeps what comes back, and survives workers that die."""

    def __init__(self, pool: Pool, records: Records, progress: Progress, timeout: float = TIMEOUT) -> None:
        self.pool, self.records, self.progress, self.timeout = pool, records, progress, timeout
        self.kept = 0
        self.flying: dict[Future[list[Rows]], Batch] = {}

    def run(self, missing: list[Missing]) -> None:
        waiting = make_tasks(missing)
        self.progress.total = sum(m.stop - m.start for m in missing)
        try:
            while True:
                # Two tasks a slot keep every worker busy; more would only hold memory.
                while len(self.flying) < 2 * self.pool.slots and (batch := next(waiting, None)):
                    self._submit(batch)
                if not self.flying:
                    return
                done, _ = wait(self.flying, self.timeout, FIRST_COMPLETED)
                self._collect(done)
        except BaseException:
            self.pool.stop()
            raise

    def _submit(self, batch: Batch) -> None:
        try:
            self.flying[self.pool.submit(tasks.run, batch[0])] = batch
        except BrokenExecutor:
            self.pool.restart()
            self.flying[self.pool.submit(tasks.run, batch[0])] = batch

    def _collect(self, done: set[Future[list[Rows]]]) -> None:
        crashed: list[Batch] = []
        for future in done:
            batch = self.flying.pop(future)
            if _died(future.exception()):
                crashed.append(batch)
            else:
                self._keep(batch, future.result())
        if crashed or not done:
            # Whoever flew with the culprit died with it: each alone shows who it was.
            crashed += self.flying.values()
            self.flying.clear()
            self.pool.restart(kill=True)
            for batch in crashed:
                self._alone(batch)

    def _alone(self, batch: Batch) -> None:
        task, members = batch
        future = self.pool.submit(tasks.run, task)
        try:
            error, what = future.exception(self.timeout), "died"
        except TimeoutError as slow:
            error, what = slow, f"gave nothing for {self.timeout:g} s"
        if not (_died(error) or (error is not None and what != "died")):
            return self._keep(batch, future.result())
        self.pool.restart(kill=True)
        codecs = dict.fromkeys(m.point.codec for m in members)
        if len(codecs) > 1:
            for codec in codecs:
                few = [m for m in members if m.point.codec == codec]
                self._alone((task_of(few), few))
            return None
        reason = f"the worker process {what} in {members[0].point}; its whole block is lost with it"
        return self._keep(batch, [_lost(task, reason) for _ in members])

    def _keep(self, batch: Batch, found: list[Rows]) -> None:
        task, members = batch
        about = {"rabench": __version__, "start": task.start, "stop": task.stop}
        for m, rows in zip(members, found, strict=True):
            self.records.write(m.identity, rows, about)
            self.kept += 1
            self.progress.done += len(rows)
            self.progress.failed += len(rows.errors)
        self.progress.report(self.progress)


def _died(error: BaseException | None) -> bool:
    """Whether the worker died, as opposed to the task raising."""
    return isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker"


def _lost(task: Task, reason: str) -> Rows:
    n = task.images
    columns = {name: np.zeros(n, kind) for name, kind in COLUMNS.items()}
    columns["image"] = np.arange(task.start, task.stop, dtype=np.int32)
    columns["label"][:] = columns["prediction"][:] = -1
    columns["log_probability"][:] = np.nan
    return Rows(columns, dict.fromkeys(range(n), reason), dict.fromkeys(STAGES, 0.0))


@dataclass(frozen=True)
class Outcome:
    """What became of a run."""

    measured: int
    """Records measured now."""
    finished: int
    """Records that were there before."""
    failed_rows: int
    impossible: list[tuple[Point, str]]

    @property
    def complete(self) -> bool:
        return not self.failed_rows and not self.impossible


def run(
    study: Study,
    make_pool: Callable[[], Pool],
    limit: int | None = None,
    progress: Progress | None = None,
    command: str = "rabench.run",
    timeout: float = TIMEOUT,
    only: Callable[[Point], bool] = lambda _: True,
) -> Outcome:
    """Measures what is missing of a study. Raises RabenchError for what the user can set right.

    only: the points to look at. timeout: seconds without any task coming back after which workers count as hung.
    """
    progress, begun = progress or Progress(), monotonic()
    matrix = study.load()
    forget_opened()
    with prepared(study) as records:
        pool, index = make_pool(), Index(study.records)
        runner = Runner(pool, records, progress, timeout)
        try:
            try:
                points = tuple(filter(only, with_references(matrix)))
                plan = make_plan(points, records, index, limit, pool, progress.say)
            finally:
                index.save()
            if not plan.spans:
                raise Refused(f"{study.name}: no point can be measured here: {plan.impossible[0][1]}")
            runner.run(plan.missing)
        except BaseException as error:
            if isinstance(error, tasks.Changed):
                for label in list(index.datasets):
                    index.forget(label)
                index.save()
            pool.stop()
            raise
        finally:
            if runner.kept:
                seconds = monotonic() - begun
                provenance.add(study.folder, command, runner.kept, seconds, pool.slots)
        pool.close()
    return Outcome(runner.kept, plan.finished, progress.failed, plan.impossible)


COPIED = "# The study {} that comes with rabench, copied here; this copy is yours to edit.\n"
BASE = "base = {}  # paths are beside this\n"


class prepared:  # noqa: N801 (used as a function)
    """The study's folder, made ready and locked: ``with prepared(study) as records: ...``"""

    def __init__(self, study: Study) -> None:
        self.study = study

    def __enter__(self) -> Records:
        folder, records = self.study.folder, Records(self.study.records)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(folder / ".lock")
            self.lock.acquire(timeout=0)
            records.create()
            remove_partial(folder)
            self._copy_matrix(folder / FILE)
        except Timeout:
            raise Unavailable(
                f"{folder} is being measured by another 'rabench run'; wait for it, or give --out"
            ) from None
        except OSError as error:
            raise Unavailable(f"{folder} cannot be written ({error.strerror}); give --out a folder that can") from None
        return records

    def __exit__(self, *_: object) -> None:
        self.lock.release()

    def _copy_matrix(self, target: Path) -> None:
        if target.exists() and target.samefile(self.study.matrix):
            return
        head = COPIED.format(self.study.name)
        if target.exists() and not target.read_text(encoding="utf-8").startswith(head):
            self.lock.release()
            raise Refused(f"{target.parent} holds another study's {FILE}; give another --out")
        text = self.study.matrix.read_text(encoding="utf-8-sig")
        if self.study.matrix.parent != EMBEDDED and "base" not in tomllib.loads(text):
            head += BASE.format(json.dumps(str(self.study.matrix.parent.absolute())))
        write_text(target, head + text)
