"""The networks of a study's [[training]] blocks: trained on stored images, measured, shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..choosing import budget as budgets
from ..running.plan import nothing_possible
from ..running.pool import Pool
from ..running.runner import TIMEOUT, Progress
from ..running.session import Outcome
from ..study.matrix import all_points
from ..study.points import Point
from ..study.study import Study


def run(
    study: Study,
    make_pool: Callable[[], Pool],
    limit: int | None = None,
    budget: str | float | None = None,
    progress: Progress | None = None,
    command: str = "rabench.run",
    timeout: float = TIMEOUT,
) -> Outcome:
    """Trains what a study lacks of the networks that it names, then measures what it lacks of its points.

    Takes and raises what ``run`` of choosing/budget.py does; a budget is for measuring. The points of a network that could
    not be trained are among those that cannot be measured, with the reason.
    """
    progress = progress or Progress()
    matrix = study.load(measuring=True)
    if not matrix.trained:
        return budgets.run(study, make_pool, limit, budget, progress, command, timeout)
    from .training_run import train_missing  # brings torch, which a study without networks to train does not need

    trained = train_missing(study, make_pool, progress.say, limit)
    lost = {t.point: trained.failed[t.network] for t in matrix.trained if t.network in trained.failed}
    gone = {t.point for t in matrix.trained if t.network in trained.measured}
    finished = len(gone)

    def measurable(point: Point) -> bool:
        return point not in lost and point not in gone

    if not any(map(measurable, all_points(matrix))):
        if not finished:
            raise nothing_possible(study.name, list(lost.items()))
        return Outcome(0, finished, 0, list(lost.items()))
    outcome = budgets.run(study, make_pool, limit, budget, progress, command, timeout, measurable)
    return replace(outcome, impossible=[*outcome.impossible, *lost.items()], finished=outcome.finished + finished)
