"""Which classes pay for a codec: planted ones are found, and others are not."""

import numpy as np
import pytest
from given_studies import given_study, measure, photos_matrix, point, written_study
from plugins_for_tests import Harmful, Noise
from rabench.bench.comparing.classes import class_losses, classes, confusions
from rabench.core.errors import BadSetting, Refused
from scipy.stats import norm

CLASSES = 20


def predictions(rng, images, harm, noise=0.5):
    """Labels, and which images are right before and after: classes differ in difficulty; ``harm`` is added to some."""
    labels = np.arange(images) % CLASSES
    difficulty = rng.normal(size=images) - np.linspace(-1, 1, CLASSES)[labels]
    before = difficulty < 0.5
    after = difficulty + noise * rng.normal(size=images) < 0.5 * np.sqrt(1 + noise**2) - harm[labels]
    return labels, before, after


@pytest.mark.slow
def test_a_class_that_was_planted_as_harmed_is_found_and_no_other():
    harm, found = np.zeros(CLASSES), 0
    harm[7] = 1.0
    for seed in range(20):
        losses = class_losses(*predictions(np.random.default_rng(seed), 2000, harm))
        found += losses.harmed == [7]
        assert losses.harmed[:1] in ([], [7])
    assert found >= 17


@pytest.mark.long
def test_where_no_class_is_harmed_more_none_is_named_in_95_percent():
    """All lose equally much, though classes differ in how many images change."""
    rng, named, studies = np.random.default_rng(0), 0, 120
    for _ in range(studies):
        labels = np.arange(2000) % CLASSES
        changed = rng.random(2000) < np.linspace(0.02, 0.2, CLASSES)[labels]
        sign = np.where(rng.random(2000) < 0.5, 1, -1) * changed
        before = np.where(sign == 0, rng.random(2000) < 0.5, sign == 1)
        after = np.where(sign == 0, before, sign == -1)
        named += bool(class_losses(labels, before, after).harmed)
    assert named <= 0.05 * studies + 2 * np.sqrt(0.05 * 0.95 * studies)


@pytest.mark.slow
def test_intervals_of_all_classes_hold_together():
    rng, held = np.random.default_rng(0), 0
    harm = np.linspace(0, 0.5, CLASSES)
    truth = np.zeros(CLASSES)
    shift = np.linspace(-1, 1, CLASSES)
    for c in range(CLASSES):
        before = norm.cdf(0.5 + shift[c])
        after = norm.cdf((0.5 * np.sqrt(1.25) - harm[c] + shift[c]) / np.sqrt(1.25))
        truth[c] = before - after
    for _ in range(60):
        losses = class_losses(*predictions(rng, 4000, harm))
        bounds = [losses.interval(c) for c in range(CLASSES)]
        held += all(low <= truth[c] <= high for c, (low, high) in enumerate(bounds))
    assert held >= 60 * 0.95 - 4


def test_counts_are_those_of_the_images():
    labels, before = np.array([0, 0, 0, 1, 1]), np.array([True, True, False, True, False])
    losses = class_losses(labels, before, np.array([False, True, True, True, False]))
    assert (losses.images.tolist(), losses.lost.tolist(), losses.gained.tolist()) == ([3, 2], [1, 0], [1, 0])
    assert losses.loss.tolist() == [0, 0] and losses.harmed == []


def test_one_class_alone_is_not_compared_and_no_change_harms_none():
    everywhere = np.ones(50, bool)
    assert class_losses(np.zeros(50, int), everywhere, ~everywhere).harmed == []
    assert class_losses(np.arange(50) % 5, everywhere, everywhere).harmed == []


def test_confusions_are_counted_before_and_after():
    labels = np.repeat([0, 1], 20)
    before, after = labels.copy(), labels.copy()
    before[:2] = 1
    after[:12] = 1
    after[20] = 2
    first, second = confusions(labels, before, after)
    assert first[:4] == (0, 1, 2, 12) and first[4] == pytest.approx(2 * 2.0**-10 * 2)
    assert second == (1, 2, 0, 1, 1.0)
    assert confusions(labels, before, before) == []


@pytest.mark.long
def test_tables_name_the_classes_of_a_study(tmp_path):
    study = written_study(tmp_path, photos_matrix('codecs = ["jpeg:quality=5,95"]'))
    measure(study)
    (table,), bad = classes(study)
    assert not bad and table.frame["point"].tolist() == ["jpeg:quality=5", "jpeg:quality=95"]
    assert table.frame["which"].tolist() == ["rocket 70.3, ihc 43.0, retina 38.0", "motorcycle_left 2.4"]
    by_class, pairs = classes(study, ["none+jpeg:quality=5"])[0]
    assert by_class.frame["class"].tolist()[0] == "rocket" and len(by_class.frame) == 8
    assert pairs.frame.iloc[0].tolist()[:4] == ["retina", "astronaut", "0", "77"]
    with pytest.raises(BadSetting, match="`point` 'webp' fits no curve"):
        classes(study, ["webp"])
    with pytest.raises(
        BadSetting, match=r"'jpeg:quality=6' fits no curve; .* and points \(did you mean 'jpeg:quality=5'"
    ):
        classes(study, ["jpeg:quality=6"])


def test_images_that_failed_count_as_lost(tmp_path):
    class Failing(Harmful):
        name = "failing"

        def encode(self, image):
            if image[0, 0, 2] % 3 == 0:
                raise ValueError("no")
            return super().encode(image)

    study = given_study(tmp_path, point(Failing(level=9), Noise(images=300)))
    measure(study)
    (table,), _ = classes(study, labels="agreement")
    assert float(table.frame["loss"][0]) == pytest.approx(100 * np.mean(np.arange(300) % 256 % 3 == 0), abs=0.01)


def test_a_study_without_classifiers_has_no_classes(tmp_path):
    study = written_study(tmp_path, 'dataset = "photos"\nclassifiers = []\n[[points]]\ncodecs = ["png"]\n')
    measure(study, 10)
    with pytest.raises(Refused, match="has no classifier, and no classes that could pay"):
        classes(study)
