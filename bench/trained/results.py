"""The results of trained networks, the seeds of each together."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..reading.curves import Measured
from ..reading.groups import Reading
from ..reading.seeds import common_images, scores_of
from ..statistics.crossed import SeedMean, crossed, crossed_difference
from ..study.trained import TrainedNetwork, TrainedPoint, TrainingSet, megabytes

_FILE = re.compile(r":(file|weights)=(\"[^\"]*\"|[^:+@,]*)")
"""The setting of a file in a plug-in's name."""


@dataclass(frozen=True)
class SeededResult:
    """A network trained on one training set, all its seeds, on test images that are stored in one way."""

    network: str
    """The network's name, with that of its block where it has one."""
    images: TrainingSet
    budget: int
    """The most bytes that the training set's files may have; 0 for no limit."""
    test: str
    """How test images are stored: ``none+raw``."""
    same: bool
    """Whether they are stored as the training images are."""
    measured: tuple[Measured, ...]
    """A point a seed."""
    abouts: tuple[dict[str, Any], ...]
    """What is known of each seed's training."""
    short: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)
    """The short names of all training sets and ways to store test images of the study."""

    @property
    def trained_on(self) -> str:
        """The whole name of the training set."""
        return set_name(self.images, self.budget)

    @property
    def trained_on_title(self) -> str:
        """The training set as tables and figures call it."""
        return self.short.get(self.trained_on, self.trained_on)

    @property
    def test_title(self) -> str:
        """How test images are stored, as tables and figures call it."""
        return test_title(self.test, self.short)

    @property
    def dataset(self) -> str:
        """The test images' data set."""
        return self.measured[0].point.dataset.title

    @property
    def seeds(self) -> int:
        """The number of seeds measured."""
        return len(self.measured)

    @property
    def training(self) -> tuple[object, ...]:
        """What the networks have in common with others that were trained alike on other images: recipe, length, limit."""
        conditions = self.abouts[0].get("conditions")
        known = conditions if isinstance(conditions, dict) else {}
        recipe = known.get("recipe")
        return (
            recipe | {"seed": None} if isinstance(recipe, dict) else None,
            *(known.get(name) for name in ("examples", "limit", "side")),
        )

    def mean(self) -> SeedMean:
        """The accuracy over seeds and images, as a share, with its interval."""
        mean = crossed(scores_of(self.measured, common_images(self.measured)))
        return replace(mean, low=max(mean.low, 0.0), high=min(mean.high, 1.0)) if mean.seeds > 1 else mean

    def known(self, name: str) -> float:
        """The mean over seeds of a figure of the trainings, such as ``bytes`` or ``images``; NaN where none says it."""
        values = [float(a[name]) for a in self.abouts if isinstance(a.get(name), int | float)]
        return float(np.mean(values)) if values else np.nan


def results_of(reading: Reading, folder: Path) -> list[SeededResult]:
    """The results of a study's trained networks, in the matrix's order. folder: the study's."""
    together: dict[tuple[Any, ...], list[_Tested]] = {}
    for tested in _as_asked(reading, folder):
        t, n = tested.trained, tested.trained.network
        key = (t.point.dataset, n.title, n.images, n.budget, t.point.name, t.same)
        together.setdefault(key, []).append(tested)
    sets = [set_name(images, budget) for _, _, images, budget, *_ in together]
    short = short_names([*sets, *(test for *_, test, _ in together)])
    return [
        SeededResult(
            *(network, images, budget, test, same),
            measured=tuple(t.measured for t in seeds),
            abouts=tuple(t.about for t in seeds),
            short=short,
        )
        for (_, network, images, budget, test, same), seeds in together.items()
    ]


def untrained(reading: Reading, folder: Path) -> list[str]:
    """A line on the networks that are not trained, or not measured, as the matrix asks for now; none where all are."""
    shown = {tested.trained for tested in _as_asked(reading, folder)}
    networks = {t.network for t in reading.matrix.trained}
    lacking = {t.network for t in reading.matrix.trained if t not in shown}
    if not lacking:
        return []
    return [
        f"{len(lacking)} of {len(networks)} networks of [[training]] are not trained and measured as the matrix says now, "
        f"such as {min(n.name for n in lacking)}: rabench run"
    ]


class _Tested(NamedTuple):
    """A trained network on test images that are stored in one way."""

    trained: TrainedPoint
    measured: Measured
    about: dict[str, Any]
    """What is known of its training."""


def _as_asked(reading: Reading, folder: Path) -> Iterator[_Tested]:
    """What was measured of the networks that the matrix asks for now. folder: the study's."""
    measured = {m.point: m for m in reading.trained}
    for t in reading.matrix.trained:
        about = t.network.about(folder)
        if t.point in measured and _of_this_training(measured[t.point], t.network, about):
            yield _Tested(t, measured[t.point], about or {})


def _of_this_training(m: Measured, network: TrainedNetwork, about: dict[str, Any] | None) -> bool:
    """Whether a point was measured with the weights that came of the training that the matrix asks for now.

    Where nothing is known of a training, as with records that were copied alone, what was measured counts.
    """
    if about is None:
        return True
    return network.is_of(about) and str(about.get("weights"))[:16] in m.records[0].identity.versions[2]


def difference(test: SeededResult, anchor: SeededResult) -> SeedMean:
    """The accuracy of one minus that of another, on the images that both were measured on.

    Where both are the same networks on other test images, seeds are paired, too.
    """
    common = common_images((*test.measured, *anchor.measured))
    scores, others = scores_of(test.measured, common), scores_of(anchor.measured, common)
    networks = [[m.point.classifier for m in t.measured] for t in (test, anchor)]
    return crossed(scores - others) if networks[0] == networks[1] else crossed_difference(scores, others)


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Each name without its files, and without ``none+``; whole where another would be called the same."""
    short = {name: _FILE.sub("", name).removeprefix("none+") for name in names}
    often = Counter(short.values())
    return {name: own if often[own] == 1 else name for name, own in short.items()}


def test_title(test: str, short: Mapping[str, str]) -> str:
    """A way to store test images as tables and figures call it: ``originals`` for uncompressed ones."""
    return "originals" if test == "none+raw" else short.get(test, test)


def set_name(images: TrainingSet, budget: int) -> str:
    """A training set as tables name it, with its budget where it has one: ``none+png, 4MB``."""
    return f"{images.name}{f', {megabytes(budget)}' if budget else ''}"
