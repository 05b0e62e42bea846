"""The runner: tasks go to the pool, rows go to disk, whatever happens to the workers."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from ...codecs.base import Codec
from ...core.version import __version__
from ..measuring import task as tasks
from ..measuring.task import Task
from ..records.format import COLUMNS, STAGES, UNREADABLE, Rows
from ..records.index import Index
from ..records.pieces import Pieces, content_hash
from ..records.records import Records
from ..study.points import Point
from . import batches
from .batches import Batch, make_groups, make_tasks, part_of_block
from .overhead import measure_overheads
from .pace import Key, Pace
from .plan import Missing
from .pool import Pool, died, error_of

LOST = bytes(32)
"""What stands for the digest of an image that was lost with its worker."""
NOT_THE_CODEC = (UNREADABLE, "classifier: ", "metric: ")
"""How the reasons of rows begin whose file was made and decoded, or never came so far."""
OVERTIME = 1.2
"""How much longer a task may take than it was made for, before it gives what it has and leaves the rest."""
LATE = 60.0
"""The seconds after the end of a budget for which tasks under way are waited for."""
OVERHEAD_TIMEOUT = 60.0
"""The seconds that a codec may take for one flat image."""
TIMEOUT = 1800.0
"""The seconds without any task coming back after which workers count as hung; a task takes some ten."""


@dataclass
class Progress:
    """How far a run has come; it is told through two functions that the caller may give."""

    total: int = 0
    """The rows that the run measures: one for each image and point."""
    done: int = 0
    """The rows that are measured and written."""
    failed: int = 0
    """The rows among them whose image failed at some stage."""
    seconds_left: float = 0.0
    """The seconds that the other rows will take, by what rows of their kind took."""
    report: Callable[[Progress], None] = lambda _: None
    """The function that is called with this object whenever a task has come back."""
    say: Callable[[str], None] = lambda _: None
    """The function that is called with each line for the user, such as that images are being read."""


class Runner:
    """Feeds a pool with tasks, writes the records that come back, and survives workers that die or hang."""

    def __init__(self, pool: Pool, records: Records, progress: Progress, timeout: float = TIMEOUT) -> None:
        """Makes a runner; nothing is measured before ``run``.

        pool: where tasks run. records: what receives the rows. progress: what is kept up to date. timeout: the seconds
        without any task coming back after which workers count as hung.
        """
        self.pool, self.records, self.progress, self.timeout = pool, records, progress, timeout
        self.pieces = Pieces(records.folder)
        self.closed: set[str] = set()
        """The names of records that this run has written, or given up as a worker died with them, or hung."""
        self.holes: set[str] = set()
        """The names of records that a piece was missing of in the end."""
        self.kept = 0
        """The number of records written."""
        self.failing: set[Codec] = set()
        """The codecs that rows failed with."""
        self.pace = Pace()
        self.images: Counter[Key] = Counter()
        """The number of images to measure, by point."""
        self.waiting: Counter[Key] = Counter()
        """The number of images that are not measured yet, by point."""
        self.unscheduled: Counter[Key] = Counter()
        """The number of images that no task was made for yet, by point."""
        self.begun, self.until = monotonic(), float("inf")
        self.flying: dict[Future[list[Rows]], Batch] = {}
        """The tasks that the pool has and has not given back."""
        self.rests: deque[Batch] = deque()
        """What tasks have left that took longer than they were to."""

    def run(self, missing: list[Missing], until: float = float("inf")) -> None:
        """Measures missing records and writes them; where it is interrupted, the pool is stopped at once.

        until: the time of ``time.monotonic()`` after which no more tasks begin.
        """
        self.begun, self.until, images = monotonic(), until, Counter[Key]()
        missing = [m for m in missing if not self._carried(m)]
        for m in missing:
            images[m.identity.key] += m.stop - m.start - self.pieces.images(m.identity.name, m.start, m.stop)
        self.images, self.waiting = images, Counter(images)
        self.progress.total += images.total()
        if missing and not self.pace:
            self.pace = Pace.of(self.records.read()[0])
        # Some were killed between the last piece and the record
        unfinished = [m for m in missing if not self._complete(m)]
        self.unscheduled = Counter(images)
        to_come = self._tasks(unfinished)
        try:
            while True:
                # Two tasks a slot keep every worker busy; more would only hold memory.
                while len(self.flying) < 2 * self.pool.slots and monotonic() < until:
                    batch = self.rests.popleft() if self.rests else next(to_come, None)
                    if batch is None:
                        break
                    self._submit(batch)
                if not self.flying:
                    if monotonic() >= until or not (unfinished := self._with_holes(unfinished)):
                        return
                    to_come = self._tasks(unfinished)
                    continue
                done, _ = wait(self.flying, self._patience(), FIRST_COMPLETED)
                if not done and monotonic() >= until:  # a codec hangs, and there is no time to find out which
                    self.pool.restart(kill=True)
                    self.flying.clear()
                    return
                self._collect(done)
        except BaseException:
            self.pool.stop()
            raise

    def _patience(self) -> float:
        """The seconds to wait for any task: at the end of a budget no longer than the last tasks may take."""
        return min(self.timeout, max(0.0, self.until - monotonic()) + LATE)

    def _tasks(self, members: list[Missing]) -> Iterator[Batch | None]:
        groups, idle = make_groups(members), lambda: not self.flying
        return make_tasks(groups, self.pace, self.pieces, self.closed, self._task_seconds, idle)

    def _with_holes(self, members: list[Missing]) -> list[Missing]:
        """The records that are not whole though all was measured: a piece of them could not be read.

        A record is given once, so that a disk that damages every piece cannot keep a run going for ever.
        """
        found = [m for m in members if m.identity.name not in self.closed | self.holes]
        self.holes |= {m.identity.name for m in found}
        for m in found:
            self.progress.total += m.stop - m.start - self.pieces.images(m.identity.name, m.start, m.stop)
        return found

    def measure_overheads(self, points: Mapping[Point, tuple[str, str, str]], index: Index) -> None:
        """Notes the bytes that the codecs of points take for a flat image; those that failed here are left out.

        points: with the versions of their plug-ins.
        """
        healthy = [(point, versions) for point, versions in points.items() if point.codec not in self.failing]
        if measure_overheads(healthy, index, self.pool, min(self.timeout, OVERHEAD_TIMEOUT)):
            index.save()

    def _submit(self, batch: Batch) -> None:
        batch = self._without_closed(batch)
        if not batch[1]:
            return
        task = self._ending(batch[0])
        for m in batch[1]:
            self.unscheduled[m.identity.key] -= task.images
        self.flying[self.pool.submit_anew(tasks.run, task)] = batch

    def _ending(self, task: Task) -> Task:
        """The task, to end by itself where its images take longer than it was made for."""
        return replace(task, seconds=OVERTIME * max(self._task_seconds(), batches.TASK_SECONDS / 2))

    def _collect(self, done: set[Future[list[Rows]]]) -> None:
        """Writes what has come back; where a worker died, or nothing came back in time, measures each batch alone."""
        crashed = self._keep_all(done)
        if crashed or not done:
            # Whoever flew with the culprit died with it: each alone shows who it was.
            crashed += self._keep_all({future for future in self.flying if future.done()})
            crashed += self.flying.values()
            self.flying.clear()
            self.pool.restart(kill=True)
            for batch in crashed:
                self._alone(batch)

    def _keep_all(self, done: set[Future[list[Rows]]]) -> list[Batch]:
        """Writes what came back; gives the batches whose worker died. Raises, after all is written, what a task raised."""
        crashed: list[Batch] = []
        failed: BaseException | None = None
        for future in [f for f in self.flying if f in done]:  # in the order of their tasks
            batch = self.flying.pop(future)
            error = error_of(future)
            if died(error):
                crashed.append(batch)
            elif error is not None:
                failed = error
            else:
                self._keep(batch, future.result())
        if failed is not None:
            raise failed
        return crashed

    def _alone(self, batch: Batch) -> None:
        """Measures a batch by itself after a crash; where that crashes again, its codecs one by one."""
        batch = self._without_closed(batch)
        task, members = batch
        if not members:
            return None
        future = self.pool.submit(tasks.run, self._ending(task))
        try:
            error, hung = future.exception(self.timeout), False
        except TimeoutError:
            error, hung = None, True
        if not hung and not died(error):
            return self._keep(batch, future.result())
        self.pool.restart(kill=True)
        codecs = dict.fromkeys(m.point.codec for m in members)
        if len(codecs) > 1:
            for codec in codecs:
                self._alone(part_of_block([m for m in members if m.point.codec == codec], task.start, task.stop))
            return None
        fate = f"gave nothing for {self.timeout:g} s" if hung else "died"
        reason = f"the worker process {fate} in {members[0].point}; the rest of its block is lost with it"
        return self._give_up(members, reason)

    def _without_closed(self, batch: Batch) -> Batch:
        """The batch without records that were closed after the batch was made."""
        task, members = batch
        left = [m for m in members if m.identity.name not in self.closed]
        if len(left) == len(members):
            return batch
        return part_of_block(left, task.start, task.stop) if left else (task, [])

    def _give_up(self, members: list[Missing], reason: str) -> None:
        """Writes rows that failed for all that is still missing of some records: another try would end as this one did."""
        for m in members:
            self.closed.add(m.identity.name)
            for start, stop in self.pieces.gaps(m.identity.name, m.start, m.stop):
                lost = _lost(start, stop, reason)
                if (start, stop) == (m.start, m.stop):
                    self._write(m, lost)
                else:
                    self.pieces.write(m.identity, start, stop, lost)
                    self._complete(m)
                self._count(m, lost)
        self._tell()

    def _keep(self, batch: Batch, results: list[Rows]) -> None:
        """Writes the records of a batch, and tells the progress; what a task did not come to is for another one."""
        task, members = batch
        stop = task.start + len(results[0])
        if stop < task.stop:
            self.rests.append(part_of_block(members, stop, task.stop))
            for m in members:
                self.unscheduled[m.identity.key] += task.stop - stop
        for m, rows in zip(members, results, strict=True):
            if m.identity.name in self.closed:  # this task was under way when another one died
                continue
            if (task.start, stop) == (m.start, m.stop):
                self._write(m, rows)
            else:
                self.pieces.write(m.identity, task.start, stop, rows)
                self._complete(m)
            self.pace.learn(m.identity.key, len(rows), sum(rows.seconds.values()))
            self._count(m, rows)
        self._tell()

    def _count(self, m: Missing, rows: Rows) -> None:
        self.waiting[m.identity.key] -= len(rows)
        self.progress.done += len(rows)
        self.progress.failed += len(rows.errors)
        if any(not reason.startswith(NOT_THE_CODEC) for reason in rows.errors.values()):
            self.failing.add(m.point.codec)

    def _tell(self) -> None:
        self.progress.seconds_left = self._seconds_left()
        self.progress.report(self.progress)

    def _carried(self, m: Missing) -> bool:
        """Writes the record of a part from pieces of its whole block, where they hold it; says whether they do."""
        rows = self.pieces.whole(m.block, m.start, m.stop) if m.block else None
        if rows is None or content_hash(rows.digests, rows.columns["label"].tolist()) != m.content:
            return False
        self._write(m, rows)
        return True

    def _complete(self, m: Missing) -> bool:
        """Writes a record once pieces hold all of it; says whether they do.

        Raises Changed where they are not of the images that it is named by.
        """
        rows = self.pieces.whole(m.identity.name, m.start, m.stop)
        if rows is None:
            return False
        if content_hash(rows.digests, rows.columns["label"].tolist()) != m.content and not _some_lost(rows):
            self.pieces.remove(m.identity.name)
            raise tasks.changed(m.point.dataset, m.start, m.stop)
        self._write(m, rows)
        self.pieces.remove(m.identity.name)
        return True

    def _write(self, m: Missing, rows: Rows) -> None:
        self.records.write(m.identity, rows, {"rabench": __version__, "start": m.start, "stop": m.stop})
        self.closed.add(m.identity.name)
        self.kept += 1

    def _task_seconds(self) -> float:
        """How long the next task is to take: shorter in the end, so that no worker waits long for another."""
        seconds = min(batches.TASK_SECONDS, self.until - monotonic())
        if (slots := self.pool.slots) > 1:
            left = sum(self.pace.seconds(key, images) for key, images in self.unscheduled.items())
            seconds = min(seconds, left / (2 * slots))
        return max(min(batches.SHORTEST_SECONDS, batches.TASK_SECONDS), seconds)

    def _seconds_left(self) -> float:
        """The seconds for what is still to measure, at the pace of its own kind, scaled by how long the run took so far."""
        left = sum(self.pace.seconds(key, images) for key, images in self.waiting.items())
        spent = sum(self.pace.seconds(key, images - self.waiting[key]) for key, images in self.images.items())
        seconds = left * (monotonic() - self.begun) / spent if spent else 0.0
        return min(seconds, max(0.0, self.until - monotonic()))


def _lost(start: int, stop: int, reason: str) -> Rows:
    """The rows of images start..stop-1 that never came back: each image failed, with the same reason."""
    n = stop - start
    columns = {name: np.zeros(n, kind) for name, kind in COLUMNS.items()}
    columns["image"] = np.arange(start, stop, dtype=np.int32)
    columns["label"][:] = columns["prediction"][:] = -1
    columns["log_probability"][:] = np.nan
    return Rows(columns, dict.fromkeys(range(n), reason), dict.fromkeys(STAGES, 0.0), digests=[LOST] * n)


def _some_lost(rows: Rows) -> bool:
    """Whether a worker died with some of the images, so that nobody knows their digests; such a record is measured again."""
    return LOST in rows.digests
