"""Losses with bounds, as the page's sliders have them: failures count, and the bounds are Tango's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rabench.bench.comparing.classes import affordable_settings_tables
from rabench.bench.comparing.losses import RISK, point_losses
from rabench.bench.reading.groups import read
from rabench.bench.statistics.intervals import tango
from rabench.bench.study.study import find_study
from scipy.stats import norm

PHOTOS = Path(__file__).parent.parent.parent / "results" / "photos"


@pytest.fixture(scope="module")
def group():
    return read(find_study(str(PHOTOS))).groups[0]


def test_losses_are_those_of_the_same_images(group):
    losses, rows = point_losses(group), group.rows
    assert losses[group.reference] is None
    z = norm.isf(RISK / len(group.plotted))
    for i, loss in enumerate(losses):
        if loss is None:
            continue
        assert loss.share == pytest.approx(rows.accuracy[group.reference] - rows.accuracy[i])
        assert loss.low <= loss.share <= loss.high and loss.images == 1150
        right, was = group.measured[i].right, group.measured[group.reference].right
        low, high = tango(int((right & ~was).sum()), int((was & ~right).sum()), 1150, z)
        assert (loss.low, loss.high) == pytest.approx((-high, -low))


def test_an_image_that_failed_is_lost(group):
    m = group.measured[-1]
    before = point_losses(group)[-1]
    right = np.flatnonzero(m.right)[:7]
    failed = m.columns["failed"].copy()
    failed[right] = 1
    changed = replace(m, columns=m.columns.having(failed=failed))
    after = point_losses(replace(group, measured=[*group.measured[:-1], changed]))[-1]
    assert before is not None and after is not None
    assert after.images == before.images and after.share == pytest.approx(before.share + 7 / 1150)


def test_a_page_names_the_classes_that_pay_at_settings_one_can_afford(group):
    classes, pairs = affordable_settings_tables(group)
    assert classes is not None and pairs is not None
    assert (classes.frame.loss.astype(float) <= 2.0).all() and len(classes.frame) <= len(group.plotted)
    assert set(pairs.frame) == {"class", "taken for", "before", "after", "p (Holm)"}
