"""Points that differ in the seed of their weights alone are compared together, over seeds and images."""

import json

import numpy as np
import pytest
from given_studies import measured_study, written_study
from rabench import finetune, train_classifier, train_colorcnn
from rabench.bench.comparing.compare import compare
from rabench.bench.comparing.comparison import as_text
from rabench.bench.reading.seeds import without_seed
from rabench.bench.statistics.crossed import crossed

pytestmark = pytest.mark.slow

MATRIX = """
dataset = "photos"
classifiers = ["small:weights=a-seed0.safetensors", "small:weights=a-seed1.safetensors", "small:weights=small-photos"]
[[points]]
codecs = ["png", "jpeg:quality=5"]
"""


@pytest.fixture(scope="module")
def comparisons(tmp_path_factory):
    """Of two seeds of one network, and of a network by itself."""
    folder = tmp_path_factory.mktemp("seeds")
    for seed in (0, 1):
        train_classifier("small", "photos", folder / f"a-seed{seed}.safetensors", limit=300, epochs=2, seed=seed)
    study = measured_study(folder, MATRIX, 200)
    return compare(study, "png", ["jpeg:quality=5"])


@pytest.mark.long
def test_seeds_of_a_classifier_are_one_row_with_the_interval_over_both(comparisons):
    assert len(comparisons) == 3 and [len(c.seeds) for c in comparisons] == [0, 0, 1]
    row = comparisons[-1].seeds.iloc[0]
    assert (row.point, row.classifier, row.seeds, row.images) == ("jpeg:quality=5", "a-seed*", 2, 200)
    of_seeds = [c.points.difference_points.iloc[0] for c in comparisons if "a-seed" in c.title]
    assert row.difference_points == pytest.approx(np.mean(of_seeds))
    assert row.seed_deviation_points == pytest.approx(np.std(of_seeds, ddof=1))
    rows = np.zeros((2, 200))
    for seed, c in enumerate(c for c in comparisons if "a-seed" in c.title):
        rows[seed, c.points.gained_images.iloc[0]], rows[seed, c.points.lost_images.iloc[0]] = 1, -1
    mean = crossed(rows)
    assert row.difference_points_low == pytest.approx(100 * mean.low)
    assert row.difference_points_high == pytest.approx(100 * mean.high)


def test_every_format_has_them(comparisons):
    table = comparisons[-1].tables()[-1]
    assert table.title == "Over seeds, against none+png" and table.frame["classifier"].tolist() == ["a-seed*"]
    assert "a-seed" in as_text(comparisons, "markdown").split("Over seeds")[1]
    assert "\nseeds," in as_text(comparisons, "csv")
    assert json.loads(as_text(comparisons, "json"))[-1]["seeds"][0]["seeds"] == 2


COLORCNNS = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
quantizers = ["median-cut:colors=2", "colorcnn:colors=2:weights=drawn-seed0", "colorcnn:colors=2:weights=drawn-seed1"]
codecs = ["png"]
"""


@pytest.mark.long
def test_seeds_of_a_colorcnn_are_one_row_too(tmp_path):
    constants = {"colors": 2, "recipe": "adamw", "width": 4, "epochs": 1, "limit": 200}
    for seed in (0, 1):
        train_colorcnn("photos", "small:weights=small-photos", tmp_path / f"drawn-seed{seed}", seed=seed, **constants)
    (comparison,) = compare(measured_study(tmp_path, COLORCNNS, 200), "median-cut+png")
    (row,) = comparison.seeds.itertuples()
    assert (row.seeds, row.images, row.classifier) == (2, 200, "small-photos") and "drawn-seed*" in row.point
    points = comparison.points
    of_seeds = points.difference_points[points.curve.str.contains("colorcnn")]
    assert len(of_seeds) == 2 and row.difference_points == pytest.approx(of_seeds.mean())
    assert row.seed_deviation_points == pytest.approx(of_seeds.std())
    assert row.difference_points_low < row.difference_points < row.difference_points_high


@pytest.mark.parametrize(
    "name, known",
    [
        ("colorcnn-plus:weights=plus-seed12", "colorcnn-plus:weights=plus-seed*"),
        ("resnet20+none+png+20MB+seed0", "resnet20+none+png+20MB+seed*"),
        ("net_seed_3", "net_seed*"),
        ("aniseed7", "aniseed7"),
        ("reseed", "reseed"),
    ],
)
def test_a_seed_is_told_by_its_name(name, known):
    assert without_seed(name) == known


TUNED = """
dataset = "photos"
classifiers = ["small:weights=b-seed0.safetensors", "small:weights=b-seed1.safetensors"]
[[points]]
codecs = ["jpeg:quality=5"]
tuned = "tuned"
"""


@pytest.mark.long
def test_fine_tuned_seeds_are_held_against_the_network_that_each_was_tuned_from(tmp_path):
    for seed in (0, 1):
        train_classifier("small", "photos", tmp_path / f"b-seed{seed}.safetensors", limit=300, epochs=2, seed=seed)
    finetune(written_study(tmp_path, TUNED).folder, epochs=2, limit=300)
    comparisons = compare(measured_study(tmp_path, TUNED, 200), "jpeg", ["jpeg, fine-tuned"])
    (row,) = comparisons[-1].seeds.itertuples()
    assert (row.seeds, row.images, row.point) == (2, 200, "jpeg:quality=5, fine-tuned")
    of_seeds = [c.points.difference_points.iloc[0] for c in comparisons]
    assert row.difference_points == pytest.approx(np.mean(of_seeds)) and row.classifier.startswith("b-seed*")
    assert row.difference_points_low < row.difference_points < row.difference_points_high
    # Several tunings of each network are no independent draws
    several = TUNED + "tuned_seeds = [0, 1]\n"
    finetune(written_study(tmp_path, several).folder, epochs=1, limit=100)
    comparison = compare(measured_study(tmp_path, several, 60), "jpeg", ["jpeg, fine-tuned"])[-1]
    (row,) = comparison.seeds.itertuples()
    assert (row.seeds, row.images, row.point) == (2, 60, "jpeg:quality=5, fine-tuned seed*")
