"""Where the time of a study goes: some of its images measured with a stopwatch at every stage, and nothing of it kept."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, perf_counter, process_time
from typing import Any

import pandas as pd

from ...core.errors import BadSetting
from ...core.tables import Kind, Table
from ...datasets.base import forget_opened
from ..measuring import task as tasks
from ..records.format import Rows
from ..records.index import Index
from ..records.records import Records
from ..running.plan import make_plan, nothing_possible
from ..running.pool import Pool
from ..running.runner import Progress, Runner
from ..study.matrix import all_points
from ..study.study import Study

IMAGES = 50
"""The images of each data set that are measured."""
CHAIN, WAITING = "between the stages", "waiting"
"""What a task does besides its stages, and what no task did."""
REMEDIES = {
    "load": "smaller or fewer images; data that lies on this machine",
    "quantize": "a faster quantizer; points of one quantizer share its images already",
    "encode": "a faster setting of the codec, such as speed or effort",
    "decode": "a faster setting of the codec, or another build of it",
    "classify": "a GPU, a smaller network or its precision=bf16 (a point of its own); fewer classifiers",
    CHAIN: "fewer, larger images; it hashes pixels and sums up squared errors",
    WAITING: "no other programs on these cores; more --images, as workers that start count less then; fewer workers",
}
"""What would cut a cost."""


@dataclass(frozen=True)
class Observed:
    """What a task gave, and what it took."""

    rows: list[Rows]
    spent: dict[tuple[str, str], float]
    wall: float
    cpu: float
    read: int
    written: int


def observe(task: tasks.Task) -> Observed:
    """Runs a task, as a worker does, with a stopwatch."""
    before, wall, cpu = _bytes_moved(), perf_counter(), process_time()
    rows, spent = tasks.timed(task)
    wall, cpu, after = perf_counter() - wall, process_time() - cpu, _bytes_moved()
    return Observed(rows, spent, wall, cpu, after[0] - before[0], after[1] - before[1])


def _bytes_moved() -> tuple[int, int]:
    """The bytes that this process has read and written, files of the cache among them; zeros where no Linux runs."""
    path = Path("/proc/self/io")
    if not path.is_file():
        return 0, 0
    told = dict(line.split(": ") for line in path.read_text().splitlines())
    return int(told["rchar"]), int(told["wchar"])


@dataclass
class Profile:
    """Where the time of a study goes."""

    title: str
    workers: int
    images: int
    """The images of points that were measured."""
    seconds: float = 0.0
    """The seconds that all took, from the first task to the last."""
    spent: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    """The seconds of each stage and plug-in, over all workers; those between stages and of waiting, too."""
    cpu: float = 0.0
    """The seconds that workers used a core."""
    read: int = 0
    written: int = 0

    def take(self, observed: Observed) -> None:
        """Adds what a task took."""
        for cost, seconds in observed.spent.items():
            self.spent[cost] += seconds
        self.spent[CHAIN, ""] += observed.wall - sum(observed.spent.values())
        self.cpu += observed.cpu
        self.read, self.written = self.read + observed.read, self.written + observed.written

    @property
    def stages(self) -> dict[str, float]:
        """The seconds of each stage, over all workers."""
        return {stage: sum(s for (name, _), s in self.spent.items() if name == stage) for stage in REMEDIES}

    @property
    def largest(self) -> list[tuple[str, str, float]]:
        """The three largest costs: the stage, the plug-in's name and the seconds."""
        costs = defaultdict[tuple[str, str], float](float)
        for (stage, label), seconds in self.spent.items():
            costs[stage, label.split(":")[0]] += seconds
        largest = sorted(costs, key=costs.__getitem__, reverse=True)[:3]
        return [(stage, name, costs[stage, name]) for stage, name in largest]

    @property
    def table(self) -> Table:
        """A row a stage."""
        whole = self.workers * self.seconds
        kinds = {"stage": Kind.NAME, **dict.fromkeys(("s", "of the workers' time %", "ms an image"), Kind.NUMBER)}
        rows = [
            [stage, f"{seconds:.1f}", f"{100 * seconds / whole:.1f}", f"{1000 * seconds / self.images:.3f}"]
            for stage, seconds in self.stages.items()
        ]
        notes = [
            f"{self.images:,} images of points in {self.seconds:.1f} s on {self.workers} workers, which used a core for "
            f"{100 * self.cpu / whole:.0f} % of it; {self.read / 1e6:,.1f} MB read, {self.written / 1e6:,.1f} MB written "
            "by tasks.",
            *(
                f"{place}. {f'{stage} {name}'.strip()}: {100 * seconds / whole:.0f} %. What would cut it: {REMEDIES[stage]}."
                for place, (stage, name, seconds) in enumerate(self.largest, 1)
            ),
        ]
        return Table(self.title, pd.DataFrame(rows, columns=list(kinds)), kinds, tuple(notes))


class Watched(Pool):
    """A pool whose tasks are observed."""

    def __init__(self, pool: Pool, profile: Profile) -> None:
        self.pool, self.profile, self.name = pool, profile, pool.name

    @property
    def slots(self) -> int:
        return self.pool.slots

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        if function is not tasks.run:
            return self.pool.submit(function, *arguments)
        seen: Future[list[Rows]] = Future()

        def told(done: Future[Observed]) -> None:
            if done.cancelled():
                seen.cancel()
            elif (error := done.exception()) is not None:
                seen.set_exception(error)
            else:
                self.profile.take(done.result())
                seen.set_result(done.result().rows)

        self.pool.submit(observe, *arguments).add_done_callback(told)
        return seen

    def restart(self, kill: bool = False) -> None:
        self.pool.restart(kill)

    def stop(self) -> None:
        self.pool.stop()


def profile(study: Study, pool: Pool, images: int = IMAGES, progress: Progress | None = None) -> Profile:
    """Measures the first images of a study's data sets at all of its points, and says where the time went; keeps nothing.

    pool: what runs it; the caller ends it. images: of each data set. progress: is kept up to date. Raises RabenchError where
    no point can be measured here.
    """
    if images < 1:
        raise BadSetting(f"`images` must be 1 or more, got {images}")
    forget_opened()
    matrix, progress = study.load(measuring=True), progress or Progress()
    with tempfile.TemporaryDirectory(prefix="rabench-profile-") as folder:
        records = Records(Path(folder))
        records.create()
        plan = make_plan(all_points(matrix), records, Index(records.folder), images, pool, progress.say)
        if not plan.spans:
            raise nothing_possible(study.name, plan.impossible)
        found = Profile(f"{matrix.title}: where the time goes", pool.slots, 0)
        runner = Runner(Watched(pool, found), records, progress)
        [f.result() for f in [pool.submit(os.getpid) for _ in range(2 * pool.slots)]]  # workers have started
        begun = monotonic()
        runner.run(plan.missing)
        found.seconds, found.images = monotonic() - begun, progress.done
    found.spent[WAITING, ""] = max(0.0, found.workers * found.seconds - sum(found.spent.values()))
    return found
