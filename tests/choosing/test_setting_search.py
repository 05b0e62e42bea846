"""The search along a quality parameter, on studies whose truth is known."""

import numpy as np
import pytest
from rabench.bench.choosing.setting_search import SettingSearch
from rabench.bench.choosing.tolerance import Tolerance
from simulated_settings import SimulatedSettings, drawn_settings, searched


def chosen(search):
    """The setting that was chosen."""
    assert search.chosen is not None
    return search.chosen.setting


@pytest.mark.long
def test_the_setting_chosen_loses_too_much_no_more_often_than_said():
    wrong, spoken = 0, 0
    for seed in range(150):
        settings = drawn_settings(np.random.default_rng(seed), images=6000, tolerance=0.02, uneven=seed % 3 == 0)
        search = searched(settings, 0.02, risk=0.2)
        if search.chosen is not None:
            spoken += 1
            wrong += settings.loss[chosen(search)] > 0.02
    assert spoken > 120
    assert wrong <= 0.2 * 150


def test_the_best_setting_is_found_with_a_part_of_the_codings():
    rng, loss = np.random.default_rng(0), np.array([0, 0, 0.001, 0.002, 0.004, 0.03, 0.1, 0.2, 0.3, 0.4])
    settings = SimulatedSettings(rng, 0.7, loss, 4 * loss, images=20_000)
    search = searched(settings, 0.02)
    assert chosen(search) == 4
    assert settings.codings() < 0.2 * 10 * 20_000
    assert {t.setting: t.verdict for t in search.trials}[5] != "shown"


def test_where_the_loss_is_not_monotone_the_search_goes_past_the_bad_setting():
    rng, loss = np.random.default_rng(0), np.array([0, 0, 0, 0, 0.2, 0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6])
    search = searched(SimulatedSettings(rng, 0.7, loss, 4 * loss, images=20_000), 0.02)
    assert chosen(search) == 5
    assert search.inversions == [(4, 5)]
    assert {t.setting: t.risk for t in search.trials} == pytest.approx({3: 0.045, 4: 0.045, 5: 0.00125, 6: 0.00125})


def test_settings_that_begin_at_their_cheap_end_are_turned_round():
    rng, loss = np.random.default_rng(0), np.array([0, 0, 0.001, 0.1, 0.2])[::-1]
    settings = SimulatedSettings(rng, 0.7, loss, 4 * loss, images=20_000)
    settings.rates = settings.rates[::-1]
    assert chosen(searched(settings, 0.02)) == 2


def test_where_the_first_setting_is_not_shown_the_dearest_are_tried():
    """The pilot's images say nothing bad of a setting that is bad on all others."""
    loss = np.array([0, 0, 0, 0.2, 0.2])
    settings = SimulatedSettings(np.random.default_rng(0), 0.7, loss, 4 * loss, images=20_000)
    settings.lost[3][:500] = 0
    search = searched(settings, 0.02)
    assert [t.setting for t in search.trials] == [3, 0, 1, 2]
    assert chosen(search) == 2


def test_nothing_is_chosen_where_every_setting_loses_too_much():
    loss = np.full(5, 0.2)
    search = searched(SimulatedSettings(np.random.default_rng(0), 0.7, loss, 4 * loss, images=20_000), 0.02)
    assert search.chosen is None and [t.verdict for t in search.trials] == ["more"]


def test_one_setting_alone_is_tested():
    settings = SimulatedSettings(np.random.default_rng(0), 0.7, np.zeros(1), np.zeros(1), images=20_000)
    assert chosen(searched(settings, 0.02)) == 0


def test_a_search_that_is_cut_short_says_what_it_was_testing():
    loss = np.array([0, 0.01, 0.2])
    settings = SimulatedSettings(np.random.default_rng(0), 0.7, loss, 4 * loss, images=20_000)
    search = SettingSearch(settings, Tolerance(0.02, 19_500), 0.05, 500)
    for steps, wanted in enumerate(search.steps()):
        if steps == 4:
            break
        settings.measure(wanted)
    undecided = search.undecided
    assert undecided is not None and undecided.verdict == "open" and undecided.losses.size < 19_500


@pytest.mark.parametrize(("limit", "risk"), [(0.01, 0.05), (0.002, 0.01), (0.05, 0.2)])
def test_fewer_images_than_the_fewest_show_nothing(limit, risk):
    fewest = Tolerance(limit, 1).fewest(risk)
    for images, shown in ((fewest, True), (fewest - 2, False)):
        tolerance = Tolerance(limit, images)
        assert tolerance.shown(tolerance.sample(np.zeros(images)), risk) == shown


def test_the_test_of_fewer_looks_is_kept_for_all_images():
    """Losses that it would show, and that the test which holds whenever one looks would not."""
    numbers = np.repeat([-1.0, 0.0, 1.0], [20, 1455, 25])
    on_the_way, at_the_end = Tolerance(0.015, 3000), Tolerance(0.015, 1500)
    assert at_the_end.shown(at_the_end.sample(numbers), 0.05)
    assert not on_the_way.shown(on_the_way.sample(numbers), 0.05)
    assert on_the_way.interval(on_the_way.sample(numbers), 0.05)[1] > 0.015


def test_the_interval_lies_below_the_limit_where_a_setting_is_shown():
    rng, tolerance = np.random.default_rng(0), Tolerance(0.02, 3000)
    for _ in range(100):
        losses = tolerance.sample(rng.choice([-1.0, 0.0, 1.0], p=[0.02, 0.95, 0.03], size=3000))
        assert (tolerance.interval(losses, 0.05)[1] < 0.02) == tolerance.shown(losses, 0.05)


def test_what_would_decide_decides():
    tolerance = Tolerance(0.02, 3000)
    losses = tolerance.sample(np.repeat([-1.0, 0.0, 1.0], [60, 2840, 100]))
    images = tolerance.to_decide(losses, 0.05)
    assert 3000 < images < 30_000
    more = Tolerance(0.02, round(images))
    shares = losses.counts / losses.size
    assert more.shown(
        more.sample(np.repeat(losses.values, np.round(shares * images).astype(int) + np.array([1, 1, 0]))), 0.05
    )
