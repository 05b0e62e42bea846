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


@dataclass
class FixedFiles:
    """Images whose files are given for each point; all of them are measured on as many as were asked for."""

    files: dict[str, np.ndarray]
    measured: dict[str, int] = field(default_factory=dict)

    def __len__(self):
        return len(next(iter(self.files.values())))

    def rows(self, point):
        count = self.measured.get(point, 0)
        return {
            "failed": np.zeros(count, bool),
            "bytes": self.files[point][:count],
            "pixels": np.full(count, 64),
        }


def highest(files, limit, images=100):
    fixed = FixedFiles(files)
    search = CurveSearch(SimpleNamespace(), tuple(files), fixed, "original", "accuracy")  # type: ignore[arg-type]
    for wanted in search.highest_within(limit, False, 0.025, images):
        fixed.measured |= {p: max(n, fixed.measured.get(p, 0)) for p, n in wanted.items()}
    return search, fixed.measured


def test_a_setting_is_within_a_rate_where_its_upper_bound_is():
    """Files of 90 and 110 bytes, 100 on average: with 100 images the bound lies 2 bytes above."""
    files = {"a": np.tile([90, 110], 50), "b": np.tile([900, 1100], 50)}
    search, _ = highest(files, 817.0)
    mean, half = search.rate(0, False, 0.025)
    assert mean == 800 and 15 < half < 17
    assert search.rate(0, True, 0.025)[0] == 12.5
    assert search.within == 0 and highest(files, 800.1)[0].within is None


def test_the_next_dearer_setting_is_measured_on_more_images_until_it_is_known_to_be_out_or_in():
    spread = np.tile([50, 150], 500)
    files = {"a": spread // 2, "b": spread, "c": spread + 60, "d": 3 * spread}
    search, measured = highest(files, 8 * 105.0)  # 100 bytes an image: 100 images do not tell, 1,000 do
    assert search.within == 1 and search.dearer is None and measured["b"] > 100 and measured["d"] == 100
    search, measured = highest(files, 8 * 101.0)  # too near for all of them
    assert search.within == 0 and search.dearer == 1 and measured["b"] == 1000
