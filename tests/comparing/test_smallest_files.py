"""What one image needs, against counting by hand: oracles of a few images, and the study of photographs."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from rabench.bench.comparing.smallest_files import ImageNeeds, image_needs, smallest_files_table
from rabench.bench.reading.curves import Curve
from rabench.bench.reading.groups import read
from rabench.bench.study.study import find_study

PHOTOS = Path(__file__).parent.parent.parent / "results" / "photos"
CURVE = Curve("none", "jpeg", (0, 1, 2))


def drawn(seed, images=6, settings=3):
    rng = np.random.default_rng(seed)
    bits = np.sort(rng.integers(10, 100, (images, settings)), axis=1).astype(float)
    agrees = rng.random((images, settings)) < np.linspace(0.4, 0.9, settings)
    return ImageNeeds(CURVE, (0, 1, 2), bits / 8, agrees, np.full(images, 8.0))


@pytest.mark.parametrize("seed", range(5))
def test_no_choice_of_settings_keeps_as_many_images_for_fewer_bits(seed):
    needs = drawn(seed)
    rates, kept = needs.oracle(needs.agrees)
    best = {}
    for settings in product(range(3), repeat=6):
        places = (np.arange(6), settings)
        count, bits = int(needs.agrees[places].sum()), 8 * needs.bytes[places].sum() / needs.pixels.sum()
        for fewer in range(count + 1):
            best[fewer] = min(bits, best.get(fewer, np.inf))
    assert rates == pytest.approx([best[round(6 * share)] for share in kept])
    assert len(rates) - 1 == int(needs.agrees.any(1).sum())


@pytest.mark.parametrize("seed", range(5))
def test_what_is_wasted_is_what_the_oracle_of_equal_agreement_spares(seed):
    needs = drawn(seed, images=200)
    fixed, agreements = needs.fixed()
    rates, _ = needs.oracle(needs.agrees)
    for setting in range(3):
        share, low, high = needs.wasted(setting, needs.agrees)
        assert share == pytest.approx(1 - rates[round(200 * agreements[setting])] / fixed[setting])
        assert low <= share <= high


def test_without_luck_an_image_must_be_seen_at_every_dearer_setting():
    agrees = np.array([[1, 0, 1], [1, 1, 1], [0, 1, 1], [1, 1, 0]], bool)
    bits = np.tile([1.0, 2.0, 4.0], (4, 1))
    needs = ImageNeeds(CURVE, (0, 1, 2), bits / 8, agrees, np.ones(4))
    assert needs.lasting.tolist() == [[False, False, True], [True] * 3, [False, True, True], [False] * 3]
    assert needs.oracle(needs.agrees)[0].tolist() == [1, 1, 1, 1, 1.25]
    assert needs.oracle(needs.lasting)[0].tolist() == [1, 1, 1.25, 2]
    assert np.isnan(ImageNeeds(CURVE, (0, 1, 2), bits / 8, agrees, np.ones(4)).wasted(1, agrees & False)[0])


def test_the_photographs_need_fewer_bits_than_any_one_setting_spends():
    (group,) = read(find_study(str(PHOTOS))).groups
    needs = image_needs(group)
    table = smallest_files_table(group, needs)
    assert table is not None and "webp:quality=20" in table.frame.setting.tolist()
    row = table.frame.set_index("setting").loc["webp:quality=20"]
    assert float(row["oracle bpp"]) < float(row["without luck bpp"]) < float(row["bpp"])
    assert {need.curve.name for need in needs} == set(table.frame.curve)


def test_the_interval_of_what_is_wasted_is_that_of_resampled_images():
    needs = drawn(7, images=800)
    share, low, high = needs.wasted(1, needs.agrees)
    rng, values = np.random.default_rng(0), []
    for _ in range(1000):
        rows = rng.integers(0, 800, 800)
        again = ImageNeeds(CURVE, (0, 1, 2), needs.bytes[rows], needs.agrees[rows], needs.pixels[rows])
        values.append(again.wasted(1, again.agrees)[0])
    assert (low, high) == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=0.15 * (high - low))
    assert low < share < high


def test_chance_in_how_many_images_agree_counts():
    agrees = np.stack([np.zeros(400, bool), np.arange(400) % 2 == 0], axis=1)
    needs = ImageNeeds(CURVE, (0, 1), np.tile([1.0, 10.0], (400, 1)) / 8, agrees, np.ones(400))
    share, low, high = needs.wasted(1, agrees)
    assert share == pytest.approx(1 - 5.5 / 10)  # each image of the half that agrees costs 9 more
    assert (high - low) / 2 == pytest.approx(1.96 * 0.9 * np.sqrt(0.25 / 400), rel=0.01)
