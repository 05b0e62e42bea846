"""`rabench choose`: the cheapest setting of each codec that loses no more than is tolerated, or the best within a rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

import numpy as np

from ...core.errors import BadSetting, RabenchError, Refused, nearest
from ...core.quantities import counted
from ..reading.curves import Curve, curves
from ..records.format import PART
from ..records.index import Index
from ..running.pool import Pool
from ..running.runner import TIMEOUT, Progress, Runner
from ..running.session import session
from ..study.matrix import with_references
from ..study.points import Point
from ..study.study import Study
from .curve_search import CurveSearch, Steps
from .measuring import ShuffledImages
from .question import Question
from .race import Race
from .setting_search import SEQUENCE, Trial

PILOT = 500
"""The most images of a pilot, which sets the order of the tests; else a twentieth of all."""


def pilot_images(images: int) -> int:
    """The number of images of the pilot, of so many: whole parts of blocks."""
    return max(PART, min(PILOT, images // 20 // PART * PART))


@dataclass
class Choice:
    """The answer for one data set and classifier."""

    title: str
    question: Question
    by: str
    """accuracy, agreement or log-loss."""
    images: ShuffledImages
    reference: Point
    searches: list[CurveSearch]
    impossible: list[tuple[Point, str]]
    """The points that cannot be measured here, with the reasons."""
    pilot: int
    """The images that set the order of the tests."""
    race: Race = field(default_factory=lambda: Race([]))
    """Where a rate is asked for: which curve loses least within it."""
    out_of_time: bool = False

    @property
    def best(self) -> CurveSearch | None:
        """The curve to take: the one whose chosen setting takes the fewest bits, or that loses least within the rate."""
        if self.question.lose_at_most is None:
            return self.race.running[0] if self.race.running else None
        found = [(s, s.search.chosen) for s in self.searches if s.search is not None]
        chosen = [(s, trial.setting) for s, trial in found if trial is not None]
        common = min((len(s.rows(setting)["image"]) for s, setting in chosen), default=0)
        return min(chosen, key=lambda pair: pair[0].bits(pair[1], common), default=(None, None))[0]


def choose(
    study: Study,
    question: Question,
    make_pool: Callable[[], Pool],
    budget: float = float("inf"),
    progress: Progress | None = None,
    command: str = "rabench.choose",
    timeout: float = TIMEOUT,
) -> list[Choice]:
    """Answers a question for each data set and classifier of a study.

    What is there is taken, what is missing is measured, as ordinary records of parts of blocks. budget: the seconds after
    which no more is measured. Interrupted, it keeps what is measured, and the same call goes on. Raises RabenchError for
    what the user can set right, such as more confidence than the images allow, before anything is measured.
    """
    progress, matrix = progress or Progress(), study.load(measuring=True)
    with session(study, make_pool, progress, command, timeout) as (runner, index):
        until = monotonic() + budget
        try:
            choices = list(_choices(with_references(matrix), question, runner, index))
            if not choices:
                raise Refused(f"{study.name} has no classifier to lose anything by; name one in its matrix")
            for choice in choices:
                progress.say(f"{choice.title}: {len(choice.images):,} images, {counted(len(choice.searches), 'curve')}")
                _answer(choice, runner, index, until)
        finally:
            index.save()
        for choice in choices:
            runner.measure_overheads(choice.images.versions, index)
    return choices


def _choices(points: Sequence[Point], question: Question, runner: Runner, index: Index) -> Iterator[Choice]:
    """A choice for each data set and classifier, to be answered."""
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        if point.classifier.predicts and point.metric is None:
            groups.setdefault((point.dataset.label, point.frozen.label), []).append(point)
    opened: dict[str, ShuffledImages] = {}
    named: set[str] = set()
    for members in groups.values():
        dataset = members[0].dataset
        images = opened.get(dataset.label) or opened.setdefault(dataset.label, ShuffledImages(dataset, runner, index))
        reference = next(p for p in members if p.is_reference)
        images.check(reference)
        possible, impossible = _possible(members, images)
        lines = [c for c in curves(possible, np.zeros(len(possible))) if not possible[c.rows[0]].is_reference]
        lines = [c for c in lines if _asked(c, possible[c.rows[0]], question.codecs, named)]
        by = _measure(question, images)
        searches = [CurveSearch(c, _ordered(possible, c), images, reference, by) for c in lines]
        pilot = pilot_images(len(images))
        title = f"{dataset.title}, {members[0].frozen.title}"
        if searches:
            choice = Choice(title, question, by, images, reference, searches, impossible, pilot)
            _check_images(choice)
            yield choice
    if unknown := set(question.codecs) - named:
        names = sorted({p.codec.name for p in points if not p.is_reference})
        raise BadSetting(
            f"`codecs`: the study has no {', '.join(sorted(unknown))}{nearest(min(unknown), names)}; it has {', '.join(names)}"
        )


def _possible(points: Iterable[Point], images: ShuffledImages) -> tuple[list[Point], list[tuple[Point, str]]]:
    """The points that can be measured here; the others with the reasons."""
    possible: list[Point] = []
    impossible: list[tuple[Point, str]] = []
    for point in points:
        try:
            images.check(point)
        except RabenchError as error:
            impossible.append((point, str(error)))
        else:
            possible.append(point)
    return possible, impossible


def _asked(curve: Curve, point: Point, codecs: Sequence[str], named: set[str]) -> bool:
    """Whether a curve is asked about; notes in ``named`` by which names."""
    names = {point.codec.name, curve.codec, curve.name, curve.label} & set(codecs)
    named |= names
    return not codecs or bool(names)


def _ordered(points: Sequence[Point], curve: Curve) -> tuple[Point, ...]:
    """The points of a curve, in the order of its quality parameter."""
    members = [points[i] for i in curve.rows]
    plugins = [m.codec if len({p.codec for p in members}) > 1 else m.quantizer for m in members]
    parameter = plugins[0].quality_parameter()
    values = [getattr(p, parameter) if parameter else 0 for p in plugins]
    if all(isinstance(v, int | float) for v in values):
        members = [members[i] for i in np.argsort(values, kind="stable")]
    return tuple(members)


def _measure(question: Question, images: ShuffledImages) -> str:
    """accuracy, agreement or log-loss: what the question means for a data set."""
    if question.labels == "agreement" or not images.dataset.classes:
        if question.by == "log-loss":
            raise Refused(f"{images.dataset.title}: its images have no labels, and log-loss is that of the labels")
        if question.labels == "dataset":
            raise Refused(f'{images.dataset.title}: its images have no labels; use `labels="agreement"`')
        return "agreement"
    return question.by


def _check_images(choice: Choice) -> None:
    """Raises Refused where there are too few images to show that anything loses no more than is tolerated."""
    question, count, images = choice.question, len(choice.searches), len(choice.images)
    if question.lose_at_most is None:
        return
    tolerance = question.tolerance(max(1, images - choice.pilot))
    needed = tolerance.fewest(SEQUENCE * question.risk / count)
    if needed > images - choice.pilot:
        fewer = ", fewer `codecs`" if count > 1 else ""
        raise Refused(
            f"{choice.title}: {images:,} images cannot show a loss of at most {counted(question.lose_at_most, 'point')} "
            f"with {question.confidence:g} % confidence for {counted(count, 'curve')}, not even for a codec that "
            f"loses nothing: that takes {needed + choice.pilot:,}; give more images, a larger `lose_at_most`, less "
            f"`confidence`{fewer}"
        )


def _answer(choice: Choice, runner: Runner, index: Index, until: float) -> None:
    """Measures until the question is answered, or the time is spent."""
    question, count = choice.question, len(choice.searches)
    going = partial(_measured_together, choice, runner, index, until)
    if question.lose_at_most is not None:
        tolerance = question.tolerance(len(choice.images) - choice.pilot)

        def told(search: CurveSearch) -> Callable[[Trial], None]:
            return lambda trial: runner.progress.say(f"{search.points[trial.setting].title}: {_news(choice, trial)}")

        going([s.tolerated(tolerance, question.risk / count, choice.pilot, told(s)) for s in choice.searches])
        return
    per_pixel = question.bpp_at_most is not None
    limit = question.bpp_at_most if question.bpp_at_most is not None else question.bits_at_most
    assert limit is not None
    going([s.highest_within(limit, per_pixel, question.risk / 2 / count, choice.pilot) for s in choice.searches])
    choice.race = Race([s for s in choice.searches if s.within is not None])
    going([choice.race.steps(question.tolerance(len(choice.images)), question.risk / 2, choice.pilot)])


def _measured_together(choice: Choice, runner: Runner, index: Index, until: float, searches: Sequence[Steps]) -> None:
    """Goes through the steps of several searches side by side, and measures what all want next together."""
    images, reference = choice.images, choice.reference
    wants = [(steps, wanted) for steps in searches if (wanted := next(steps, None)) is not None]
    while wants:
        needed: dict[Point, int] = {}
        for _, wanted in wants:
            for point, count in wanted.items():
                for each in (reference, point):
                    needed[each] = min(len(images), max(needed.get(each, 0), count))
        if missing := images.missing(needed):
            index.save()
            runner.run(missing, until)
            images.note(missing)
        _check_labels(choice)
        there = {point for point, count in needed.items() if len(images.rows(point)["image"]) >= count}
        ready = [(steps, wanted) for steps, wanted in wants if there >= {reference, *wanted}]
        choice.out_of_time |= len(ready) < len(wants)
        wants = [(steps, wanted) for steps, _ in ready if (wanted := next(steps, None)) is not None]


def _check_labels(choice: Choice) -> None:
    """Raises Refused where some images have labels and others none."""
    labels = choice.images.rows(choice.reference)["label"]
    if choice.by != "agreement" and (labels < 0).any():
        raise Refused(
            f"{choice.title}: {(labels < 0).sum():,} of {len(labels):,} images have no label, so that a loss of "
            f'{choice.by} says nothing of them; use `labels="agreement"`'
        )


def _news(choice: Choice, trial: Trial) -> str:
    loss, images = choice.question.scale * trial.losses.mean, f"{trial.losses.size:,} images"
    words = {"shown": "loses no more than is tolerated", "more": "loses more", "open": "not decided"}
    return f"{words[trial.verdict]} ({loss:.2g} on {images})"
