"""The networks of a study's [[training]] blocks: trained side by side, or one after the other on a GPU, before it is measured."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import torch

from ...core.errors import RabenchError, Refused
from ...core.files import check_writable, sha256_of
from ...core.origins import describe_error
from ...core.quantities import counted
from ...datasets.base import BadImage, forget_opened
from ..records.index import Index
from ..records.records import Records
from ..running.executors import in_process
from ..running.plan import identity_of
from ..running.pool import Pool, WorkerDied, died, error_of
from ..study.folder import prepared
from ..study.matrix import Matrix
from ..study.points import Point
from ..study.study import Study
from ..study.trained import TrainedNetwork, TrainingSet
from .demands import DISK, demands, time_needed
from .encoded import TrainingImages
from .networks import CODED, Training, train_network

ALIKE = 10
"""The first images of a split by which it is told whether it is another split's."""
TRIES = 2
"""How often a set is coded whose workers die."""
LOST_SECONDS = 30.0
"""The seconds after which what flew with a worker that died counts as lost."""


@dataclass
class Trained:
    """What a training run has done."""

    there: int = 0
    """The networks that were trained before."""
    trained: int = 0
    """The networks that this run has trained."""
    failed: dict[TrainedNetwork, str] = field(default_factory=dict)
    """The networks that could not be trained, with the reason of each."""
    measured: set[TrainedNetwork] = field(default_factory=set)
    """The networks among ``there`` whose weights are gone, and that are measured."""


def train_missing(
    study: Study,
    make_pool: Callable[[], Pool],
    say: Callable[[str], None] = lambda _: None,
    limit: int | None = None,
) -> Trained:
    """Trains the networks of a study's [[training]] blocks that are not trained yet.

    A network that is trained, or that could not be, is left alone as long as nothing changes that decides over it; so is
    one whose weights are gone, but not what was measured of it. Killed at any moment, the next run goes on from the last
    epoch of each, or from a minute ago. say: receives a line for each thing that happens. limit: of the images that a
    network is measured on.
    """
    forget_opened()
    matrix, done = study.load(measuring=True), Trained()
    with prepared(study):
        pool = make_pool()
        try:
            images = TrainingImages(study.folder / CODED, pool, say)
            if missing := _missing(study, matrix, done, limit, images):
                _check_folders(missing)
                say(_announcement(missing, pool))
                _Run(pool, missing, images, done, say).run()
        except BaseException:
            pool.stop()
            raise
        pool.close()
    return done


@dataclass(frozen=True)
class Known:
    """What is known of a study before it trains."""

    index: Index
    names: set[str]
    """The names of its records."""
    images: TrainingImages
    """Its training images by their content."""


def _missing(study: Study, matrix: Matrix, done: Trained, limit: int | None, images: TrainingImages) -> list[Training]:
    """The trainings that a matrix names and that are still to do, in order; what became of the others goes to ``done``."""
    _check_splits(matrix)
    known = Known(Index(study.records), Records(study.records).names(), images)
    trainings = [Training(network, study.folder) for network in dict.fromkeys(t.network for t in matrix.trained)]
    return [t for t in trainings if not _settled(t, matrix, known, done, limit)]


def _check_folders(missing: Iterable[Training]) -> None:
    """Raises Unavailable where weights could not be written, before anything is coded for them."""
    for file in {t.network.folder: t.network.file for t in missing}.values():
        with suppress(OSError):  # what follows tells
            file.parent.mkdir(parents=True, exist_ok=True)
        check_writable(file)


def _check_splits(matrix: Matrix) -> None:
    """Raises Refused where networks would be tested on images that they were trained on."""
    for training, test in {(t.network.images.dataset, t.point.dataset): None for t in matrix.trained}:
        try:
            first, other = (dataset.load(0, ALIKE).images for dataset in (training, test))
        except RabenchError:  # what follows tells
            continue
        pairs = [(a, b) for a, b in zip(first, other, strict=False) if not isinstance(a, BadImage)]
        if pairs and all(not isinstance(b, BadImage) and np.array_equal(a, b) for a, b in pairs):
            raise Refused(
                f"{test.label}: its training split begins with its test images; an image is for training or for testing, "
                "not for both: name a data set that holds both splits"
            )


def foretold(
    study: Study, limit: int | None, workers: int, say: Callable[[str], None] = lambda _: None
) -> tuple[list[str], set[Point]]:
    """What the next run of a study trains, as lines, and the points that can only be measured after that, or need not be.

    limit: of the images that networks are measured on. workers: how many train side by side. say: receives a line before
    images are read; nothing is written.
    """
    forget_opened()
    matrix, done, pool = study.load(measuring=True), Trained(), in_process()
    try:
        missing = _missing(study, matrix, done, limit, TrainingImages(study.folder / CODED, pool, say, kept=False))
    finally:
        pool.close()
    later = {t.point for t in matrix.trained if t.network in {m.network for m in missing}}
    lines = [f"not trained: {reason}" for reason in done.failed.values()]
    if missing:
        lines += [
            demands(missing, workers),
            time_needed(missing, study.folder, 1 if torch.cuda.is_available() else workers),
        ]
        lines += [f"{len(later)} points are of these networks, and are measured after that"]
    return lines, later | {t.point for t in matrix.trained if t.network in done.measured | done.failed.keys()}


def _announcement(missing: Sequence[Training], pool: Pool) -> str:
    slots = _slots(pool)
    return f"{demands(missing, slots)}; {f'{slots} at a time' if slots > 1 else 'one after the other'}"


def _slots(pool: Pool) -> int:
    return 1 if torch.cuda.is_available() else pool.slots


def _settled(training: Training, matrix: Matrix, known: Known, done: Trained, limit: int | None) -> bool:
    """Whether a network is trained, or could not be; notes which."""
    try:
        training.check()
        outcome = training.outcome()
    except RabenchError as error:  # such as a quantizer or codec that this machine has not
        done.failed[training.network] = f"{training.network.name}: {error}"
        return True
    if outcome is None or _has_other_images(training, outcome, known.images):
        return False
    if "error" in outcome:
        done.failed[training.network] = f"{outcome['error']}; remove {training.about} to try again"
        return True
    if not _has_weights(training.network, outcome):
        if not measured(training.network, outcome, matrix, known, limit):
            return False
        done.measured.add(training.network)
    done.there += 1
    return True


def _has_other_images(training: Training, outcome: dict[str, Any], known: TrainingImages) -> bool:
    """Whether the training images are not those of a training before, as far as that says, and as they can be read."""
    if not outcome.get("content"):  # of a version that did not note it
        return False
    images = training.network.images
    try:
        found = known.content(images.dataset, images.limit or None)
    except RabenchError as error:
        known.say(f"{training.network.name}: whether its training images are those of before is not known: {error}")
        return False
    if found == outcome["content"]:
        return False
    known.say(f"{training.network.name}: its training images are others than before; it is trained anew")
    return True


def _has_weights(network: TrainedNetwork, outcome: dict[str, Any]) -> bool:
    """Whether the weights of a training are where it left them."""
    return network.file.is_file() and sha256_of(network.file) == outcome.get("weights")


def measured(network: TrainedNetwork, outcome: dict[str, Any], matrix: Matrix, known: Known, limit: int | None) -> bool:
    """Whether a study holds records of a network at all of its points, so that its weights are not needed.

    outcome: what came of its training. limit: only the first images of each data set count; None for all.
    """
    index, names = known.index, known.names
    for point in (t.point for t in matrix.trained if t.network == network):
        noted, data = index.noted(point.labels), index.datasets.get(point.dataset.label)
        if noted is None or data is None or str(outcome.get("weights"))[:16] not in noted[1][2]:
            return False
        versions, wanted, place = noted[1], min(data["images"], limit or data["images"]), 0
        for whole, parts in index.layout(point.dataset.label):
            for span in filter(None, (whole, *parts)):
                if span.start == place < wanted and identity_of(point, versions, span).name in names:
                    place = span.stop
        if place < wanted:
            return False
    return True


class _Run:
    """Trainings on their way through a pool."""

    def __init__(
        self,
        pool: Pool,
        missing: Iterable[Training],
        images: TrainingImages,
        done: Trained,
        say: Callable[[str], None],
    ) -> None:
        self.pool, self.images, self.done, self.say = pool, images, done, say
        self.waiting = deque(missing)
        self.flying: dict[Future[dict[str, Any]], Training] = {}
        self.tries: Counter[TrainedNetwork] = Counter()
        """How often the workers died that coded a network's images."""
        self.coded: dict[TrainingSet, list[Path]] = {}
        """The files of each training set that this run has coded."""
        self.begun, self.all, self.ended = monotonic(), len(self.waiting), 0

    def run(self) -> None:
        """Trains until nothing waits."""
        while self.waiting or self.flying:
            while self.waiting and len(self.flying) < _slots(self.pool):
                self._begin(self.waiting.popleft())
            if self.flying:
                ended, _ = wait(self.flying, return_when=FIRST_COMPLETED)
                self._collect(ended)

    def _begin(self, training: Training) -> None:
        try:
            images = training.network.images
            training = replace(training, content=self.images.content(images.dataset, images.limit or None))
            files = self._files(training)
        except WorkerDied as error:
            self.tries[training.network] += 1
            if self.tries[training.network] < TRIES:
                self.waiting.appendleft(training)
            else:
                self._fail(training, str(error))
            self._collect(set(self.flying))  # they have died with it, or ended before
            self.pool.restart(kill=True)
        except RabenchError as error:
            self._fail(training, f"{training.network.name}: {error}")
        else:
            self.flying[self.pool.submit_anew(train_network, training, files)] = training

    def _files(self, training: Training) -> list[Path]:
        """The coded images of a training; those of other sets make room for them."""
        images = training.network.images
        if not (files := self.coded.get(images, [])) or not all(f.exists() for f in files):
            self._make_room(training.coded.folder)
            files = training.coded.make(images.limit or None, self.images)
            self.say(f"{images.name}: {counted(len(files), 'block')} of training images coded")
        self.coded[images] = files
        return files

    def _make_room(self, folder: Path) -> None:
        """Removes coded images until they take no more than DISK: those that nothing waits for first, then those that are
        needed last. What is being trained on stays."""
        needed = {t.network.images: -place for place, t in enumerate(reversed(self.waiting))}
        in_use = {f for t in self.flying.values() for f in self.coded.get(t.network.images, [])}
        ranks = {f: needed.get(images, 1) for images, files in self.coded.items() for f in files}
        sizes = {f: f.stat().st_size for f in folder.glob("*.parquet")} if folder.is_dir() else {}
        for file in sorted(sizes, key=lambda f: -ranks.get(f, 1)):
            if sum(sizes.values()) <= DISK:
                return
            if file not in in_use:
                file.unlink(missing_ok=True)
                sizes[file] = 0

    def _collect(self, ended: Collection[Future[dict[str, Any]]]) -> None:
        """Takes what came back; where a worker died, each training that was lost with it is tried again, alone."""
        lost = [training for future in ended if (training := self._settle(future)) is not None]
        broken = any(isinstance(error_of(future), BrokenExecutor) for future in ended if future.done())
        if broken:  # all that fly are lost, but for those that ended before
            wait(self.flying, LOST_SECONDS)
            lost += [t for future in list(self.flying) if (t := self._settle(future)) is not None]
            self.pool.restart(kill=True)
        for training in lost:
            self._alone(training)

    def _settle(self, future: Future[dict[str, Any]]) -> Training | None:
        """Takes what came of a training; gives it back where its worker died."""
        training = self.flying.pop(future)
        error = error_of(future) if future.done() else BrokenExecutor()
        if died(error):
            return training
        if isinstance(error, OSError):  # such as a full disk, which ends the run
            raise error
        if isinstance(error, Exception):
            reason = str(error) if isinstance(error, RabenchError) else describe_error(error)
            self._fail(
                training, reason if reason.startswith(training.network.name) else f"{training.network.name}: {reason}"
            )
        elif "error" in (outcome := future.result()):  # raises what is no Exception
            self._fail(training, outcome["error"])
        else:
            self._tell(training, outcome)
        return None

    def _alone(self, training: Training) -> None:
        """Trains a network by itself whose worker died; where that dies again, it is given up."""
        future = self.pool.submit_anew(train_network, training, self._files(training))
        self.flying[future] = training
        wait([future])
        if self._settle(future) is not None:
            self.pool.restart(kill=True)
            self._fail(training, f"{training.network.name}: its worker process died twice, perhaps for want of memory")

    def _fail(self, training: Training, reason: str) -> None:
        self.ended += 1
        self.done.failed[training.network] = reason
        self.say(f"not trained: {reason}")

    def _tell(self, training: Training, outcome: dict[str, Any]) -> None:
        self.ended += 1
        self.done.trained += 1
        left = (monotonic() - self.begun) / self.ended * (len(self.waiting) + len(self.flying))
        took = f"{outcome['seconds']:,.0f} s" if "seconds" in outcome else "resumed"
        self.say(
            f"{training.network.name}: {outcome['images']:,} images, {outcome['bytes'] / 1e6:.4g} MB, "
            f"{counted(outcome['epochs'], 'epoch')}, {took}; {self.ended} of {self.all}, about {left / 60:.0f} min left"
        )
