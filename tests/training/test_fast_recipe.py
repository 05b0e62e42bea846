"""The fast recipe: images that grow with the epochs; older weights and checkpoints know nothing of it."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from command_line import rabench
from rabench.bench.training import classifier as training
from rabench.bench.training.classifier import Plan
from rabench.bench.training.requests import classifier_plan
from rabench.classifiers import CLASSIFIERS, weights
from rabench.classifiers.network import Network
from rabench.classifiers.recipe import FAST, RECIPES, Recipe
from rabench.core.errors import BadSetting
from rabench.core.progress import TrainingProgress
from rabench.datasets import DATASETS

PHOTOS = DATASETS.make("photos:split=train")


def test_images_grow_in_steps_of_four_pixels_to_their_full_side():
    sides = [FAST.side(32, epoch) for epoch in range(FAST.epochs)]
    assert sides[0] == 16 and sides[-FAST.epochs // 3 :] == [32] * (FAST.epochs // 3)
    assert all(0 <= b - a <= 4 and b % 4 == 0 for a, b in pairwise(sides))
    assert all(Recipe().side(side, epoch) == side for side in (31, 33, 34, 50, 225) for epoch in (0, 59))
    assert [FAST.side(33, epoch) for epoch in (0, FAST.epochs - 1)] == [16, 33]
    assert Recipe(epochs=1, first_side=0.5).side(32, 0) == 32  # the only epoch is the last one
    assert [Recipe(first_side=0.1).side(full, 0) for full in (6, 32, 224)] == [6, 16, 24]


def test_constants_at_their_usual_values_are_kept_as_before_they_existed():
    assert Recipe().settings().keys() == {
        *("epochs", "lr", "momentum", "weight_decay", "batch", "crop", "flip", "seed", "precision")
    }
    assert FAST.settings()["first_side"] == 0.5 and FAST.settings()["nesterov"] is True


@pytest.mark.parametrize(
    ("constants", "message"),
    [
        ({"first_side": 1.5}, r"`first_side` must be in 0\.1\.\.1, got 1\.5"),
        ({"epochs": 0}, r"`epochs` must be in 1\.\.100000, got 0"),
        ({"lr": float("nan")}, r"`lr` must be in 1e-09\.\.1e\+12, got nan"),
        ({"nesterov": True, "momentum": 0.0}, "`nesterov` needs `momentum` above 0"),
    ],
)
def test_a_constant_out_of_range_is_told(constants, message):
    with pytest.raises(BadSetting, match=message):
        Recipe(**constants)


def trainable():
    return [name for name in CLASSIFIERS.names() if issubclass(CLASSIFIERS[name], Network)]


@pytest.mark.parametrize("name", trainable())
def test_every_network_takes_the_smaller_images(name):
    cls = CLASSIFIERS[name]
    network = cls.build(10, 8 if cls.standard_width > 8 else cls.standard_width).eval()
    with torch.inference_mode():
        assert network(torch.zeros(2, 3, 32, 32)).shape == network(torch.zeros(2, 3, 16, 16)).shape == (2, 10)


@pytest.mark.slow
def test_a_killed_training_of_growing_images_ends_with_the_weights_of_one_that_nobody_killed(tmp_path):
    plan = Plan("small", PHOTOS, tmp_path / "a.safetensors", replace(FAST, epochs=3), "fast", width=4, limit=100)
    about = training.train_classifier(plan)
    assert about.training["command"] == (
        "rabench train classifier --network small --dataset photos:split=train --recipe fast --limit 100 --width 4 "
        "--epochs 3 --out a.safetensors"
    )

    def kill(history):
        if len(history) == 2:
            raise KeyboardInterrupt

    (tmp_path / "again").mkdir()
    other = replace(plan, out=tmp_path / "again" / "a.safetensors")
    with pytest.raises(KeyboardInterrupt):
        training.train_classifier(other, progress=TrainingProgress(on_epoch=kill))
    training.train_classifier(other)
    assert other.out.read_bytes() == plan.out.read_bytes()


@pytest.mark.long
def test_the_command_names_a_recipe_and_changes_a_part_of_it(tmp_path):
    plan = classifier_plan("small", "photos", "small.safetensors", {"recipe": "fast", "epochs": 2})
    assert plan.recipe == replace(RECIPES["fast"], epochs=2, precision=plan.recipe.precision)
    words = ("train", "classifier", "--network", "small", "--dataset", "photos", "--out", "a.safetensors")
    ended = rabench(*words, "--recipe", "quick", cwd=tmp_path)
    assert ended.returncode == 2 and "--recipe must be one of published, fast, got 'quick'" in ended.stderr
    ended = rabench(*words, "--first-side", "0", cwd=tmp_path)
    assert ended.returncode == 2 and "--first-side must be in 0.1..1, got 0.0" in ended.stderr
    options = ("--recipe", "fast", "--epochs", "1", "--limit", "60", "--width", "4", "--threads", "1")
    ended = rabench(*words, *options, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    recipe = weights.about(tmp_path / "a.safetensors").training["recipe"]
    assert recipe["first_side"] == 0.5 and recipe["epochs"] == 1
