"""The networks of a study's [[training]] blocks: trained side by side, or one after the other on a GPU, before it is measured."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Future, wait
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import torch

from ...core.errors import RabenchError, Refused, Unavailable
from ...core.files import sha256_of
from ..choosing import budget as budgets
from ..records.index import Index
from ..records.records import Records
from ..running.plan import identity_of, nothing_possible
from ..running.pool import Pool
from ..running.runner import TIMEOUT, Progress
from ..running.session import Outcome
from ..study.folder import prepared
from ..study.matrix import Matrix, all_points
from ..study.points import Point
from ..study.study import Study
from ..study.trained import TrainedNetwork, TrainingSet
from .networks import Training, train_network

DISK = 2_000_000_000
"""The bytes of coded training images from which on those that are needed last are removed, to be coded again then."""
TRIES = 2
"""How often a training is begun whose worker dies."""


@dataclass
class Trained:
    """What a training run has done."""

    there: int = 0
    """The networks that were trained before."""
    trained: int = 0
    """The networks that this run has trained."""
    failed: dict[TrainedNetwork, str] = field(default_factory=dict)
    """The networks that could not be trained, with the reason of each."""


def train_missing(study: Study, make_pool: Callable[[], Pool], say: Callable[[str], None] = lambda _: None) -> Trained:
    """Trains the networks of a study's [[training]] blocks that are not trained yet.

    A network that is trained, or that could not be, is left alone as long as nothing changes that decides over it; so is
    one whose weights are gone, but not what was measured of it. Killed at any moment, the next run goes on from the last
    epoch of each, or from a minute ago. say: receives a line for each thing that happens.
    """
    matrix = study.load(measuring=True)
    done = Trained()
    missing = [t for t in trainings_of(study, matrix) if not _settled(t, matrix, study, done)]
    if not missing:
        return done
    with prepared(study):
        pool = make_pool()
        try:
            say(_announcement(missing, pool))
            _Run(pool, missing, done, say).run()
        except BaseException:
            pool.stop()
            raise
        pool.close()
    return done


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
    trained = train_missing(study, make_pool, progress.say)
    lost = {t.point: trained.failed[t.network] for t in matrix.trained if t.network in trained.failed}
    gone = {t.point for t in matrix.trained if t.point not in lost and not t.network.file.is_file()}
    finished = len(gone)

    def measurable(point: Point) -> bool:
        return point not in lost and point not in gone

    if not any(map(measurable, all_points(matrix))):
        if not finished:
            raise nothing_possible(study.name, list(lost.items()))
        return Outcome(0, finished, 0, list(lost.items()))
    outcome = budgets.run(study, make_pool, limit, budget, progress, command, timeout, measurable)
    return replace(outcome, impossible=[*outcome.impossible, *lost.items()], finished=outcome.finished + finished)


def trainings_of(study: Study, matrix: Matrix) -> list[Training]:
    """A training for each network that a matrix names, in order."""
    return [Training(network, study.folder) for network in dict.fromkeys(t.network for t in matrix.trained)]


def unsettled(study: Study) -> list[Training]:
    """The trainings of a study that its next run begins."""
    matrix = study.load(measuring=True)
    return [t for t in trainings_of(study, matrix) if not _settled(t, matrix, study, Trained())]


def demands(missing: Sequence[Training], slots: int) -> str:
    """What some trainings need at the most: networks, images to learn from, memory, disk."""
    sets = dict.fromkeys(t.network.images for t in missing)
    largest = max((_raw_bytes(t) for t in missing), default=0)
    disk = min(sum(_raw_bytes(t) for t in {t.network.images: t for t in missing}.values()), DISK + largest)
    return (
        f"{len(missing)} networks to train on {len(sets)} training sets; at most {_mega(slots * largest)} of memory for "
        f"images, and about {_mega(disk)} of disk for coded ones"
    )


def _announcement(missing: Sequence[Training], pool: Pool) -> str:
    slots = _slots(pool)
    return f"{demands(missing, slots)}; {f'{slots} at a time' if slots > 1 else 'one after the other'}"


def _slots(pool: Pool) -> int:
    return 1 if torch.cuda.is_available() else pool.slots


def _mega(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"


def _raw_bytes(training: Training) -> int:
    """The bytes of a training set's pixels as the network sees them; 0 where the data set cannot be read."""
    images = training.network.images
    try:
        count, side = min(len(images.dataset), images.limit or len(images.dataset)), training.network.side
        block = images.dataset.load(0, 1).images[0]
        return count * 3 * (side or getattr(block, "shape", (0,))[0]) ** 2
    except RabenchError:
        return 0


def _settled(training: Training, matrix: Matrix, study: Study, done: Trained) -> bool:
    """Whether a network is trained, or could not be; notes which."""
    try:
        outcome = training.outcome()
    except RabenchError as error:  # a quantizer or codec that this machine has not
        done.failed[training.network] = str(error)
        return True
    if outcome is None:
        return False
    if "error" in outcome:
        done.failed[training.network] = f"{outcome['error']}; remove {training.about} to try again"
        return True
    file = training.network.file
    there = file.is_file() and sha256_of(file) == outcome["weights"]
    if not there and not measured(training.network, matrix, study):
        return False
    done.there += 1
    return True


def measured(network: TrainedNetwork, matrix: Matrix, study: Study) -> bool:
    """Whether the study holds records of all images at all points of a network, so that its weights are not needed."""
    index, names = Index(study.records), Records(study.records).names()
    for point in (t.point for t in matrix.trained if t.network == network):
        noted = index.noted(point.labels)
        if noted is None or point.dataset.label not in index.datasets:
            return False
        for span in index.measured(point.dataset.label):
            if identity_of(point, noted[1], span).name not in names:
                return False
    return True


class _Run:
    """Trainings on their way through a pool."""

    def __init__(self, pool: Pool, missing: Iterable[Training], done: Trained, say: Callable[[str], None]) -> None:
        self.pool, self.done, self.say = pool, done, say
        self.waiting = deque(missing)
        self.flying: dict[Future[dict[str, Any]], Training] = {}
        self.tries: Counter[TrainedNetwork] = Counter()
        self.coded: dict[TrainingSet, list[Any]] = {}
        """The files of each training set that is coded, the one that was used last at the end."""
        self.begun, self.all = monotonic(), len(self.waiting)

    def run(self) -> None:
        """Trains until nothing waits."""
        while self.waiting or self.flying:
            while self.waiting and len(self.flying) < _slots(self.pool):
                self._begin(self.waiting.popleft())
            if self.flying:
                ended, _ = wait(self.flying, return_when=FIRST_COMPLETED)
                for future in ended:
                    self._collect(future)

    def _begin(self, training: Training) -> None:
        try:
            files = self._files(training)
        except (Refused, Unavailable) as error:
            self._fail(training, str(error))
            return
        self.tries[training.network] += 1
        try:
            self.flying[self.pool.submit(train_network, training, files)] = training
        except BrokenExecutor:
            self.pool.restart()
            self.flying[self.pool.submit(train_network, training, files)] = training

    def _files(self, training: Training) -> list[Any]:
        """The coded images of a training; those of other sets make room for them."""
        images = training.network.images
        if not (files := self.coded.pop(images, [])) or not all(f.exists() for f in files):
            self._make_room()
            files = training.coded.make(images.limit or None, self.pool)
            self.say(f"{images.name}: {len(files):,} blocks of training images are coded")
        self.coded[images] = files
        return files

    def _make_room(self) -> None:
        """Removes coded images, those that were used longest ago first; trainings that run have read theirs or are kept."""
        in_use = {t.network.images for t in self.flying.values()}
        sizes = {s: sum(f.stat().st_size for f in files if f.exists()) for s, files in self.coded.items()}
        for images in [s for s in self.coded if s not in in_use]:
            if sum(sizes.values()) <= DISK:
                return
            for file in self.coded.pop(images):
                file.unlink(missing_ok=True)
            sizes.pop(images)

    def _collect(self, future: Future[dict[str, Any]]) -> None:
        training = self.flying.pop(future)
        error = CancelledError() if future.cancelled() else future.exception()
        if isinstance(error, BrokenExecutor) or type(error).__name__ == "KilledWorker":
            self._again(training)
        elif isinstance(error, RabenchError):
            self._fail(training, str(error))
        elif error is not None:
            raise error
        elif "error" in (outcome := future.result()):
            self._fail(training, outcome["error"])
        else:
            self.done.trained += 1
            self._tell(training, outcome)

    def _again(self, training: Training) -> None:
        """Begins a training again whose worker died, and those that died with it."""
        self.pool.restart(kill=True)
        for lost in (training, *self.flying.values()):
            if self.tries[lost.network] < TRIES:
                self.waiting.appendleft(lost)
            else:
                self._fail(
                    lost, f"{lost.network.name}: its worker process died {TRIES} times, perhaps for want of memory"
                )
        self.flying.clear()

    def _fail(self, training: Training, reason: str) -> None:
        self.done.failed[training.network] = reason
        self.say(f"not trained: {reason}")

    def _tell(self, training: Training, outcome: dict[str, Any]) -> None:
        ended = self.done.trained + len(self.done.failed)
        left = (monotonic() - self.begun) / max(1, self.done.trained) * (len(self.waiting) + len(self.flying))
        self.say(
            f"{training.network.name}: {outcome['images']:,} images, {outcome['bytes'] / 1e6:.4g} MB, "
            f"{outcome['epochs']} epochs, {outcome['seconds']:,.0f} s; {ended} of {self.all}, about {left / 60:.0f} min left"
        )
