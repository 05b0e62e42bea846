"""How long a run would take, before it begins: from what a study's records took, else from a few images of each kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..measuring import task as tasks
from ..measuring.content import describe_block
from ..records.index import Index
from ..records.records import Records
from ..study.matrix import all_points
from ..study.points import Point
from ..study.study import Study
from .batches import task_of
from .executors import in_process
from .pace import Pace, kind_of
from .plan import Missing, Plan, Say, make_plan


def estimate(plan: Plan, records: Records) -> float | None:
    """The seconds that the missing records will take one worker, by what a study's records took; None without records."""
    pace = Pace.of(records.read()[0])
    return total_seconds(plan.missing, pace) if pace else None


def total_seconds(missing: Iterable[Missing], pace: Pace) -> float:
    """The seconds that missing records will take one worker at a pace."""
    return sum(pace.seconds(m.identity.key, m.stop - m.start) for m in missing)


def probe(plan: Plan, images: int = 16) -> float:
    """The seconds that the missing records will take one worker, by measuring a few images of each kind of point.

    images: how many of each kind. Their rows are thrown away.
    """
    pace = Pace()
    kinds: set[str] = set()
    for m in plan.missing:
        if (kind := kind_of(m.identity.key)) in kinds:
            continue
        kinds.add(kind)
        part = replace(m, stop=min(m.stop, m.start + images))
        block = describe_block(m.point.dataset, part.start, part.stop)["sha256"]
        task = task_of([replace(part, content=block)])
        tasks.run(task)  # a network's first call is slow
        rows = tasks.run(task)[0]
        pace.learn(m.identity.key, len(rows), sum(rows.seconds.values()))
    return total_seconds(plan.missing, pace)


@dataclass(frozen=True)
class Preview:
    """What a run would measure, and how long it would take."""

    states: dict[Point, str]
    """For each point that can be measured ``done``, or ``missing: `` and the number of its records."""
    impossible: list[tuple[Point, str]]
    """The points that cannot be measured here, with the reason."""
    points: int
    """The number of all points, the references among them."""
    finished: int
    """The number of records that are there already."""
    records: int
    """The number of records in the end: those that are there and those that are missing."""
    seconds: float
    """The seconds that the missing records take one worker."""
    basis: str
    """The words that say what the seconds are estimated from."""


def preview(study: Study, limit: int | None, say: Say, only: Callable[[Point], bool] = lambda _: True) -> Preview:
    """What a run of a study would measure, and how long it would take.

    limit: only the first images of each data set. say: receives a line before images are read. only: says of each point
    whether the run is about it. A study without records
    is estimated by measuring a few images; nothing is written.
    """
    pool, records = in_process(), Records(study.records)
    points = tuple(filter(only, all_points(study.load(measuring=True))))
    plan = make_plan(points, records, Index(study.records), limit, pool, say)
    missing = Counter(m.point for m in plan.missing)
    states = {p: f"missing: {missing[p]}" if p in missing else "done" for p in points if p in plan.possible}
    seconds, basis = estimate(plan, records), "from the records of this study"
    if seconds is None:
        seconds, basis = probe(plan), "from a probe of 16 images"
    pool.close()
    total = plan.finished + len(plan.missing)
    return Preview(states, plan.impossible, len(points), plan.finished, total, seconds, basis)
