"""The most accurate of several curves within a rate, and the settings that are within it."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from rabench.bench.choosing.curve_search import CurveSearch
from rabench.bench.choosing.race import Race
from rabench.bench.choosing.tolerance import Tolerance


@dataclass(eq=False)
class FixedLosses:
    """A curve at one setting, whose losses are given for all images."""

    name: str
    all_losses: np.ndarray
    within: int | None = 0
    measured: int = 0
    curve: SimpleNamespace = field(init=False)

    def __post_init__(self):
        self.curve, self.points = SimpleNamespace(name=self.name), [self.name]

    def losses(self, _setting):
        return self.all_losses[: self.measured]


def run(*curves, images):
    race = Race(list(curves))
    for wanted in race.steps(Tolerance(0.0, images), 0.05, 200):
        for curve in curves:
            curve.measured = max(curve.measured, wanted.get(curve.name, 0))
    return race


def lost(every, images):
    """One image in so many is lost."""
    return (np.arange(images) % every == 0).astype(float)


def test_a_curve_that_loses_more_is_left_out_early_and_the_best_is_kept():
    good, bad = FixedLosses("good", lost(50, 5000)), FixedLosses("bad", lost(5, 5000))
    race = run(bad, good, images=5000)
    assert [c.name for c in race.running] == ["good"] and race.left_out == {"bad": "good"}
    assert bad.measured < 1000


def test_a_difference_that_may_be_chance_leaves_none_out():
    first, second = FixedLosses("first", lost(50, 1000)), FixedLosses("second", lost(43, 1000))
    race = run(second, first, images=1000)
    assert [c.name for c in race.running] == ["first", "second"] and race.left_out == {}
    assert first.measured == second.measured == 1000


def test_a_setting_is_within_a_rate_where_its_upper_bound_is():
    """Files of 90 and 110 bytes, 100 on average: with 100 images the bound lies 2 bytes above."""
    rows = {
        "failed": np.zeros(100, bool),
        "bytes": np.tile([90, 110], 50),
        "pixels": np.full(100, 64),
    }
    images = SimpleNamespace(rows=lambda _point: rows)
    search = CurveSearch(SimpleNamespace(), ("a", "b"), images, "original", "accuracy")  # type: ignore[arg-type]
    mean, half = search.rate(0, False, 0.025)
    assert mean == 800 and 15 < half < 17
    assert search.rate(0, True, 0.025)[0] == 12.5
    for limit, within in ((800.1, None), (817.0, 0)):
        search.within = None
        list(search.highest_within(limit, False, 0.025, 100))
        assert search.within == within
