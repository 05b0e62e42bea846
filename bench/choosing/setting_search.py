"""The search along a quality parameter: the cheapest setting of a codec that is shown to lose no more than is tolerated.

The first images set the order in which settings are tested (a pilot); the others test them. As the order does not hang on
the images that test, the risk of taking any setting that loses too much stays below the one asked for, however the loss
depends on the parameter:

- From the setting where the pilot says to begin, one is tested after the other, each cheaper than the one before, and
  none after the first that is not shown (a fixed sequence: only the first bad one of it can be taken by mistake).
- Where one of the next cheaper settings looks better than the one that was not shown (an inversion), the sequence goes
  on there, once, at a part of the risk that was kept for it. As the images that test choose between these settings, each
  has its share of that part.
- Where the very first is not shown, the sequence begins again at the highest rate, at another part that was kept for it.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from math import log
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..statistics.betting import Sample
from .tolerance import EARLY, Tolerance

SEQUENCE, PAST_INVERSION, FROM_HIGHEST_RATE = 0.9, 0.05, 0.05
"""How the risk is split between the sequence, its second part after an inversion, and the one from the highest rate."""
COARSE = 5
"""The settings that the pilot looks at first, spread over the quality parameter."""
AFFORDABLE = 1 / 3
"""The part of all images that may be needed to show a setting for the sequence to begin there."""
GROWTH = 1.1
"""How many times as many images a setting is measured on, when it is undecided so far."""
LOOKED_PAST = 2
"""The cheaper settings that are looked at for an inversion, after one that is not shown."""
HARM, SPREAD = 0.25, 0.15
"""The loss that the pilot expects before it looks, by the mean of the losses without their signs, and its deviation."""

Wanted = dict[int, int]
"""The number of first images that each setting is to be measured on, by the setting."""


class Settings(Protocol):
    """The settings of one codec, numbered along its quality parameter, with the losses and rates measured so far.

    Each is measured on the first so many of the same images, which are in a random order.
    """

    def __len__(self) -> int: ...

    def losses(self, setting: int) -> NDArray[np.float64]:
        """The loss of each image measured so far under a setting, (N,)."""
        ...

    def bits(self, setting: int) -> float:
        """The mean bits an image under a setting; NaN where nothing is measured."""
        ...


@dataclass(frozen=True)
class Trial:
    """The result of the test of one setting."""

    setting: int
    verdict: str
    """``shown`` to lose less than the limit, shown to lose ``more``, or ``open``."""
    losses: Sample
    risk: float
    """The risk that it was tested with."""


class SettingSearch:
    """A search along a quality parameter: ``for wanted in search.steps(): measure(wanted)``.

    Its results can be read at any time, after an interruption too.
    """

    def __init__(self, settings: Settings, tolerance: Tolerance, risk: float, pilot: int) -> None:
        """tolerance: its ``images`` are those that come after the pilot. risk: of taking a setting that loses more than the
        limit. pilot: the number of images that set the order of the tests."""
        self.settings, self.tolerance, self.risk, self.pilot = settings, tolerance, risk, pilot
        self.trials: list[Trial] = []
        """The results of the tests, in their order; the pilot tests nothing."""
        self.inversions: list[tuple[int, int]] = []
        """Pairs of a setting and a cheaper one that loses less."""
        self.order = list(range(len(settings)))
        """The settings from the highest rate to the lowest."""
        self.testing: tuple[int, float] | None = None
        """The setting that is being tested, and its risk."""

    @property
    def chosen(self) -> Trial | None:
        """The cheapest setting that is shown to lose less than the limit, so far."""
        shown = [t for t in self.trials if t.verdict == "shown"]
        return min(shown, key=lambda t: self.settings.bits(t.setting), default=None)

    @property
    def undecided(self) -> Trial | None:
        """The setting whose test the time has cut short, as far as it was measured."""
        if self.testing is None:
            return None
        setting, risk = self.testing
        return Trial(setting, "open", self.tolerance.sample(self.settings.losses(setting)[self.pilot :]), risk)

    @property
    def next_cheaper(self) -> Trial | None:
        """The dearest setting below the chosen one that was tested and not shown; None without a chosen one, or such."""
        if (chosen := self.chosen) is None:
            return None
        place = self.order.index(chosen.setting)
        below = [t for t in self.trials if t.verdict != "shown" and self.order.index(t.setting) > place]
        return min(below, key=lambda t: self.order.index(t.setting), default=None)

    def after(self, trial: Trial) -> int | None:
        """The setting after that of a trial, in the order from dear to cheap; None after the last."""
        place = self.order.index(trial.setting) + 1
        return self.order[place] if place < len(self.order) else None

    def steps(self) -> Generator[Wanted, None, None]:
        """Yields what is to be measured next, and goes on when it is."""
        start = yield from self._start()
        shown = yield from self._sequence(start)
        if not shown and start:
            for place in range(start):
                if not (yield from self._shown(place, FROM_HIGHEST_RATE * self.risk)):
                    break

    def _sequence(self, start: int) -> Generator[Wanted, None, bool]:
        """Tests settings from a place in the order on; gives whether the first was shown."""
        place, risk = start, SEQUENCE * self.risk
        while place < len(self.order):
            if (yield from self._shown(place, risk)):
                place += 1
                continue
            if place == start:
                return False
            better = None
            if risk == SEQUENCE * self.risk:
                better = yield from self._better_after(place)
            if better is None:
                return True
            self.inversions.append((self.order[place], self.order[better]))
            place, risk = better, PAST_INVERSION / LOOKED_PAST * self.risk
        return True

    def _start(self) -> Generator[Wanted, None, int]:
        """The place in the order where the tests begin: the cheapest setting that the pilot says is easily shown."""
        last = len(self.order) - 1
        yield self._pilots({0, last})
        if self.settings.bits(0) < self.settings.bits(last):
            self.order.reverse()
        coarse = sorted({round(i * last / (COARSE - 1)) for i in range(COARSE)})
        yield self._pilots(set(coarse))
        easy = [place for place in coarse if self._easy(place)]
        if not easy:
            return 0
        low = easy[-1]
        high = next((place for place in coarse if place > low), last + 1)
        while high - low > 1:
            middle = (low + high) // 2
            yield self._pilots({middle})
            low, high = (middle, high) if self._easy(middle) else (low, middle)
        return low

    def _pilots(self, places: set[int]) -> Wanted:
        return {self.order[place]: self.pilot for place in sorted(places)}

    def _easy(self, place: int) -> bool:
        """Whether the pilot says that a setting can be shown with a part of the images."""
        losses = self.tolerance.sample(self.settings.losses(self.order[place])[: self.pilot])
        n, unit = losses.size, self.tolerance.bound / max(1, losses.size)
        size = float(np.abs(losses.values) @ losses.counts) / n + unit
        variance = max(losses.deviation, unit) ** 2 + unit * self.tolerance.bound
        prior, weight = HARM * size, n / variance * (SPREAD * size) ** 2
        expected = (prior + weight * losses.mean) / (1 + weight)
        if expected >= self.tolerance.limit:
            return False
        evidence = log(1 / (EARLY * SEQUENCE * self.risk)) + 1.5  # what the bettors of small stakes cost
        needed = 2 * variance * evidence / (self.tolerance.limit - expected) ** 2
        return needed <= AFFORDABLE * self.tolerance.images

    def _shown(self, place: int, risk: float) -> Generator[Wanted, None, bool]:
        """Tests the setting at a place of the order on more and more images, until it is decided or given up."""
        setting, total = self.order[place], self.pilot + self.tolerance.images
        wanted = min(total, 2 * self.pilot)
        self.testing = (setting, risk)
        while True:
            yield {setting: wanted}
            measured = self.settings.losses(setting)
            losses = self.tolerance.sample(measured[self.pilot :])
            verdict = self._verdict(losses, risk)
            if verdict is not None:
                self.testing = None
                self.trials.append(Trial(setting, verdict, losses, risk))
                return verdict == "shown"
            wanted = min(total, max(wanted, round(GROWTH * len(measured))))

    def _verdict(self, losses: Sample, risk: float) -> str | None:
        if self.tolerance.shown(losses, risk):
            return "shown"
        if self.tolerance.refuted(losses, self.risk):
            return "more"
        return "open" if self.tolerance.hopeless(losses, risk) else None

    def _better_after(self, place: int) -> Generator[Wanted, None, int | None]:
        """The place of a cheaper setting, near by, that loses less than the one at ``place``; None without one."""
        nearby = range(place + 1, min(len(self.order), place + 1 + LOOKED_PAST))
        if nearby:
            yield self._pilots(set(nearby))
        here = self.settings.losses(self.order[place])
        for other in nearby:
            there = self.settings.losses(self.order[other])
            n = min(len(here), len(there))
            less = here[:n] - there[:n]
            if less.mean() > 2 * less.std() / np.sqrt(n) and less.any():
                return other
        return None
