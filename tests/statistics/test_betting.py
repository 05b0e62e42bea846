"""Tests and intervals that hold whenever one looks."""

import numpy as np
import pytest
from rabench.bench.statistics.betting import Sample, evidence_above, evidence_below, lower_bound, upper_bound


def drawn(rng, mean, discordant, n):
    """Losses of n images: -1, 0 or 1."""
    shares = [(discordant - mean) / 2, 1 - discordant, (discordant + mean) / 2]
    return rng.choice([-1.0, 0.0, 1.0], p=shares, size=n)


def looks(n):
    return np.unique(np.geomspace(20, n, 40).astype(int))


@pytest.mark.slow
def test_who_looks_forty_times_is_wrong_at_most_as_often_as_said():
    rng, wrong = np.random.default_rng(0), 0
    for _ in range(400):
        losses = drawn(rng, 0.02, 0.06, 5000)  # exactly at the limit
        wrong += any(evidence_below(Sample.of(losses[:n], -1, 1), 0.02) >= np.log(20) for n in looks(5000))
    assert wrong <= 0.05 * 400 + 2 * np.sqrt(0.05 * 0.95 * 400)
    assert wrong > 0  # not by never saying anything


def test_a_loss_below_the_limit_is_shown_and_one_above_is_refuted():
    rng = np.random.default_rng(1)
    good, bad = (Sample.of(drawn(rng, mean, 0.06, 5000), -1, 1) for mean in (0.0, 0.05))
    assert evidence_below(good, 0.02) > np.log(20) > evidence_above(good, 0.02)
    assert evidence_above(bad, 0.02) > np.log(20) > evidence_below(bad, 0.02)


def test_bounds_hold_the_mean_and_close_in_on_it():
    rng = np.random.default_rng(2)
    widths = []
    for n in (100, 1000, 10_000):
        sample = Sample.of(drawn(rng, 0.01, 0.1, n), -1, 1)
        low, high = lower_bound(sample, 0.025), upper_bound(sample, 0.025)
        assert low < 0.01 < high and low < sample.mean < high
        assert evidence_below(sample, high) == pytest.approx(np.log(40), abs=0.01)
        widths.append(high - low)
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def test_the_order_of_the_images_does_not_matter_and_scale_does_not_either():
    numbers = np.array([-0.5, 0.1, 2.0, 0.0, -3.0])
    one, other = (Sample.of(np.array(list(order)), -5, 5) for order in (numbers, numbers[::-1]))
    assert evidence_below(one, 1.0) == evidence_below(other, 1.0)
    assert upper_bound(Sample.of(10 * numbers, -50, 50), 0.1) == pytest.approx(10 * upper_bound(one, 0.1), abs=1e-6)


def test_without_images_nothing_is_known():
    empty = Sample.of(np.zeros(0), -1, 1)
    assert (lower_bound(empty, 0.05), upper_bound(empty, 0.05)) == (-1, 1)
    assert evidence_below(empty, 0.5) == pytest.approx(0)


def test_a_number_out_of_bounds_is_refused():
    with pytest.raises(ValueError, match=r"numbers from -2.0 to 0.0 are not all in -1..1"):
        Sample.of(np.array([-2.0, 0.0]), -1, 1)
