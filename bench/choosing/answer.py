"""The answers of `rabench choose` as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.quantities import counted
from ...core.tables import Kind, Table
from ..reading.baseline import baseline
from ..records.sources import Sources
from .choose import Choice
from .curve_search import CurveSearch
from .setting_search import Trial

SORTED = 0.3
"""The part of the way from a random order to a sorted one from which on images count as sorted."""
COUNT = 1_000_000
"""The images whose bytes are told."""


def table(choice: Choice) -> Table:
    """The curves side by side, the best first."""
    tolerated = choice.question.lose_at_most is not None
    setting, last = ("cheapest", "search ended at") if tolerated else ("setting within", "against the best")
    numbers = ("bpp", "GB a million", "loss", "images", "encode ms", "decode ms")
    names = dict.fromkeys(("take", "curve", setting), Kind.NAME)
    kinds = {**names, **dict.fromkeys(numbers, Kind.NUMBER), last: Kind.TEXT}
    best = choice.best
    rows = [
        ["*" if search is best else "", search.curve.name, *_figures(choice, search), _last_column(choice, search)]
        for search in sorted(choice.searches, key=lambda s: _place(choice, s))
    ]
    return Table(_title(choice), pd.DataFrame(rows, columns=list(kinds)), kinds, tuple(_notes(choice)))


def _chosen_setting(choice: Choice, search: CurveSearch) -> int | None:
    """The setting that the answer names for a curve; None where it names none."""
    if choice.question.lose_at_most is None:
        return search.within
    chosen = search.search.chosen if search.search is not None else None
    return chosen.setting if chosen is not None else None


def _loss_of_setting(choice: Choice, search: CurveSearch, setting: int) -> tuple[float, float, float, int]:
    """The mean loss of a setting that was tested, its interval as scaled for people, and the number of images."""
    question = choice.question
    if question.lose_at_most is not None and search.search is not None:
        trial = next(t for t in search.search.trials if t.setting == setting)
        return _loss(choice, trial)
    tolerance = question.tolerance(len(choice.images))
    trial = Trial(setting, "open", tolerance.sample(search.losses(setting)), question.risk / 2)
    return _loss(choice, trial)


def _loss(choice: Choice, trial: Trial) -> tuple[float, float, float, int]:
    question = choice.question
    pilot = choice.pilot if question.lose_at_most is not None else 0
    low, high = question.tolerance(len(choice.images) - pilot).interval(trial.losses, trial.risk)
    return question.scale * trial.losses.mean, question.scale * low, question.scale * high, trial.losses.size


def _text(choice: Choice, figures: tuple[float, float, float, int]) -> str:
    digits = 3 if choice.by == "log-loss" else 2
    mean, low, high = (f"{value:.{digits}f}" for value in figures[:3])
    return f"{mean} [{low}, {high}]"


def _place(choice: Choice, search: CurveSearch) -> float:
    setting = _chosen_setting(choice, search)
    if setting is None:
        return np.inf
    if choice.question.lose_at_most is not None:
        return search.bits(setting)
    return _loss_of_setting(choice, search, setting)[0]


def _rate(choice: Choice, search: CurveSearch, setting: int) -> str:
    """The rate of a setting in the unit that the question has."""
    per_pixel = choice.question.bpp_at_most is not None
    mean, half = search.rate(setting, per_pixel, choice.question.risk / 2)
    unit, factor = ("bpp", 1.0) if per_pixel else ("bytes an image", 8.0)
    digits = 3 if per_pixel else 0
    return f"{mean / factor:,.{digits}f} {unit} [{(mean - half) / factor:,.{digits}f}, {(mean + half) / factor:,.{digits}f}]"


def _figures(choice: Choice, search: CurveSearch) -> list[str]:
    setting = _chosen_setting(choice, search)
    if setting is None:
        return ["-"] * 7
    point = search.points[setting]
    encode = sum(search.images.seconds(point, stage) for stage in ("quantize", "encode"))
    times = [f"{1000 * seconds:.2f}" for seconds in (encode, search.images.seconds(point, "decode"))]
    figures = _loss_of_setting(choice, search, setting)
    bpp, _ = search.rate(setting, True, choice.question.risk)
    size = f"{search.bits(setting) / 8 * COUNT / 1e9:.3g}"
    return [search.name(setting), f"{bpp:.3f}", size, _text(choice, figures), f"{figures[3]:,}", *times]


def _last_column(choice: Choice, search: CurveSearch) -> str:
    """The result of the setting at which the search along a curve ended; within a rate, why another curve is better."""
    if choice.question.lose_at_most is None:
        if search.within is None:
            cheapest = min(range(len(search)), key=search.bits)
            return f"no setting is within the rate; the cheapest is {search.name(cheapest)}, {_rate(choice, search, cheapest)}"
        better = choice.race.left_out.get(search.curve.name)
        if better is not None:
            return f"loses more than {better}"
        told = [] if search is choice.best else ["not told apart from the best"]
        if search.dearer is not None:
            told.append(f"open whether {search.name(search.dearer)} is within: {_rate(choice, search, search.dearer)}")
        return "; ".join(told)
    if search.search is None or (not (trials := search.search.trials) and search.search.undecided is None):
        return "not tested in time"
    last = search.search.undecided or search.search.next_cheaper or trials[-1]
    if last is search.search.chosen:
        untested = search.search.after(last)
        return "there is none" if untested is None else f"{search.name(untested)}: not tested"
    name = search.name(last.setting)
    if not last.losses.size:
        return f"{name}: not tested in time"
    if last.verdict == "more":
        return f"{name} loses more: {_text(choice, _loss(choice, last))}"
    tolerance = choice.question.tolerance(len(choice.images) - choice.pilot)
    loss = _loss(choice, last)
    figures, needed = _text(choice, loss), tolerance.to_decide(last.losses, last.risk)
    beyond = loss[1] >= choice.question.scale * tolerance.limit or needed <= tolerance.images
    if last is not search.search.undecided and last.losses.mean > tolerance.limit and beyond:
        return f"{name} is likely to lose more: {figures}"
    return f"{name} is open: {figures}" + (
        f"; about {_round(needed)} tested images would decide" if needed < 1e9 else ""
    )


def _round(count: float) -> str:
    """Two figures that count, and commas: 23,000."""
    return f"{int(float(f'{count:.2g}')):,}"


def _title(choice: Choice) -> str:
    question, unit = choice.question, "nat" if choice.by == "log-loss" else "point"
    if question.lose_at_most is not None:
        return f"{choice.title}: the cheapest that lose at most {counted(question.lose_at_most, unit)} of {choice.by}"
    if question.bpp_at_most is not None:
        return f"{choice.title}: the least {unit}s of {choice.by} lost within {question.bpp_at_most:g} bpp"
    assert question.bits_at_most is not None
    return (
        f"{choice.title}: the least {unit}s of {choice.by} lost within {question.bits_at_most / 8:,.0f} bytes an image"
    )


def _notes(choice: Choice) -> list[str]:
    question, count = choice.question, len(choice.searches)
    several = f", all {count} curves together" if count > 1 else ""
    sure = f"with {question.confidence:g} % confidence{several}"
    less = (
        "the setting's log-loss minus the originals'"
        if choice.by == "log-loss"
        else f"the originals' {choice.by} minus the setting's"
    )
    notes = [
        f"loss: {less} on the same images, and between which bounds it lies on "
        f"future images like these, {sure}. images: those that it was tested on, of {len(choice.images):,}. *: take this one."
    ]
    if choice.best is None:
        notes.append(
            "No setting is shown to lose so little." if question.lose_at_most else "No setting is within the rate."
        )
    if choice.out_of_time:
        notes.append("The budget is spent before all is decided; the same command goes on from here.")
    if sorted_by_class(choice.images.rows(choice.reference)["label"]):
        notes.append(
            "The images lie sorted by class, and are measured in parts of neighbours, which are no images drawn at random: "
            "the confidence is less than said. Mix the data set."
        )
    for search in choice.searches:
        notes += _curve_notes(choice, search)
    notes += _images_notes(choice)
    return notes + [f"{point}: left out; {reason}" for point, reason in choice.impossible]


def _images_notes(choice: Choice) -> list[str]:
    """What a reader must know of the images: what the classifier makes of the originals, and how these were stored."""
    rows = choice.images.rows(choice.reference)
    labelled = ~rows["failed"] & (rows["label"] >= 0)
    notes = []
    if labelled.any():
        right = int((rows["prediction"] == rows["label"])[labelled].sum())
        notes += baseline(choice.reference, right, int(labelled.sum()))
    sources = Sources.of(choice.images.index, choice.images.dataset.label)
    notes += sources.audit()
    if sources.native_bytes is not None:
        size = sources.native_bytes / sum(sources.sizes.values()) * COUNT / 1e9
        notes.append(f"As they are stored now, a million of them take {size:.3g} GB.")
    return notes


def sorted_by_class(labels: NDArray[np.int64]) -> bool:
    """Whether neighbours have the same label much more often than in a random order."""
    if len(labels) < 2 or (labels < 0).any():
        return False
    by_chance = float(np.square(np.bincount(labels) / len(labels)).sum())
    return float(np.mean(labels[1:] == labels[:-1])) > by_chance + SORTED * (1 - by_chance)


def _curve_notes(choice: Choice, search: CurveSearch) -> list[str]:
    notes = []
    for dear, cheap in search.search.inversions if search.search is not None else []:
        names = search.name(dear), search.name(cheap)
        notes.append(
            f"{search.curve.label}: its loss is not monotone: {names[0]} loses more than the cheaper {names[1]}."
        )
    tried = {t.setting for t in search.search.trials} if search.search is not None else {search.within}
    for setting in sorted(s for s in tried if s is not None):
        if failures := search.failures(setting):
            notes.append(f"{search.points[setting].title} failed on {failures:,} images, which count as lost.")
    return notes
