"""Log-loss decides with fewer images than accuracy: differences planted in the margins of a classifier."""

import numpy as np
import pytest
from rabench.bench.choosing.measuring import losses
from rabench.bench.statistics.intervals import Z95, mean_interval, tango

SIZES = np.unique(np.geomspace(20, 20_000, 60).astype(int))
STUDIES = 200


def planted(rng, images, harm, noise):
    """Rows of a classifier of two classes before and after its margins, the logits' differences, fell by ``harm``.

    noise: the standard deviation of what else coding does to a margin, for better or worse.
    """
    margins = rng.normal(2.0, 2.5, images)
    after = margins - harm + noise * rng.normal(size=images)

    def rows(z):
        return {
            "image": np.arange(images),
            "label": np.zeros(images, int),
            "prediction": (z < 0).astype(int),
            "log_probability": -np.logaddexp(0, -z),
            "failed": np.zeros(images, bool),
        }

    return rows(margins), rows(after)


def decided(lost, by):
    """Whether the 95 % interval of the mean loss lies above 0, as `rabench compare` has it."""
    if by == "accuracy":
        return -tango(int((lost < 0).sum()), int((lost > 0).sum()), len(lost), Z95)[1] > 0
    return mean_interval(lost)[0] > 0


def images_needed(harm, noise, by):
    """The number of images with which four of five studies decide."""
    studies = [losses(*planted(np.random.default_rng(seed), SIZES[-1], harm, noise), by) for seed in range(STUDIES)]
    low, high = 0, len(SIZES) - 1
    while low < high:
        middle = (low + high) // 2
        share = np.mean([decided(lost[: SIZES[middle]], by) for lost in studies])
        low, high = (low, middle) if share >= 0.8 else (middle + 1, high)
    return SIZES[low]


@pytest.mark.slow
@pytest.mark.parametrize(("harm", "noise"), [(0.1, 0.3), (0.1, 0.6), (0.2, 1.0)])
def test_a_planted_difference_takes_log_loss_at_most_half_of_the_images(harm, noise):
    by_accuracy, by_log_loss = (images_needed(harm, noise, by) for by in ("accuracy", "log-loss"))
    assert by_accuracy < SIZES[-1] and by_log_loss <= 0.5 * by_accuracy, (by_accuracy, by_log_loss)
