"""The schedules of ColorCNN's recipes, the numbers of colors that are drawn, and judges of several normalizations."""

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
from rabench.core.learning import Images
from rabench.quantizers.colorcnn.plus import COLOR_NUMBERS, ColorCNNPlus, place_of
from rabench.quantizers.colorcnn.recipes import ADAMW, PLUS, PUBLISHED, Recipe
from rabench.quantizers.colorcnn.training import ColorRange, Training, train
from small_networks import CPU, photos_judge


def test_the_pull_towards_clustering_falls_by_a_quarter_with_each_halving():
    weights = [replace(PLUS, imitation=8.0).imitation_of(colors) for colors in (2, 4, 8, 16, 32, 64, 256)]
    assert weights == pytest.approx([0, 0, 2, 4, 6, 8, 8])


def test_sharpness_grows_by_equal_ratios_over_the_epochs_that_draw():
    recipe = Recipe(epochs=12, class_epochs=4, first_sharpness=0.5, sharpness=8.0)
    sharpness = [recipe.sharpness_after(epochs) for epochs in (0, 4, 6, 8, 12)]
    assert sharpness == pytest.approx([0.5, 0.5, 1, 2, 8])
    assert [r.sharpness_after(r.epochs / 2) for r in (PUBLISHED, ADAMW)] == pytest.approx([1, math.sqrt(10)])


def test_half_of_the_epochs_learn_the_classes_unless_a_number_is_given():
    assert [replace(PLUS, epochs=n).classes_first for n in (1, 2, 7)] == [0, 1, 3]
    assert replace(PLUS, class_epochs=5).classes_first == 5 and PUBLISHED.classes_first == 0


def test_few_colors_are_drawn_most_often_and_every_number_sometimes():
    generator, draws = torch.Generator().manual_seed(0), 4000
    counts = Counter(ColorRange(2, 6).draw(generator) for _ in range(draws))
    expected = {n: 1 / (n * math.log2(n) ** 2) for n in range(2, 7)}
    for n, weight in expected.items():
        assert counts[n] / draws == pytest.approx(weight / sum(expected.values()), abs=0.03)  # four deviations
    assert ColorRange(5, 5).draw(generator) == 5
    assert ColorRange(3, 20).judged() == [3, 4, 8, 16, 20]


def test_a_judge_with_a_normalization_of_its_own_sees_the_same_pixels(training_photos):
    first, other = photos_judge(), replace(photos_judge(), mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    trained = Training(ColorCNNPlus(8, 4, 2), [first, other], ColorRange(2, 4), PLUS, CPU)
    pixels = torch.from_numpy(training_photos.pixels[:5]).permute(0, 3, 1, 2)
    with torch.inference_mode():
        for number, judge in enumerate((first, other)):
            expected = judge.network(judge.normalized(pixels))
            torch.testing.assert_close(trained.seen(first.normalized(pixels), number), expected, rtol=1e-4, atol=1e-4)


def a_training(colors):
    torch.manual_seed(0)
    recipe = Recipe(epochs=1, batch=16, optimizer="adamw", lr=1e-2, map_noise=1.0)
    return Training(ColorCNNPlus(8, 4, 2), [photos_judge()], colors, recipe, CPU)


@pytest.mark.slow
def test_statistics_are_measured_before_held_out_images_are_judged(training_photos, tmp_path):
    images = Images(training_photos.pixels[:48], training_photos.labels[:48])
    trained = a_training(ColorRange(2, 8))
    train(trained, images, images, tmp_path / "a.safetensors")
    means = trained.network.state_dict()["body.detail.1.means"]
    judged = [means[place_of(n)] for n in (2, 4, 8)]
    assert all(mean.any() for mean in judged)  # a new network's are 0
    assert not torch.equal(judged[0], judged[1]) and not torch.equal(judged[1], judged[2])
    trained.calibrate(images, everything=True)
    assert not torch.equal(means[place_of(3)], means[place_of(2)])


def test_the_strength_is_the_one_with_most_images_right_and_clustering_where_none_is_better(
    training_photos, monkeypatch
):
    images = Images(training_photos.pixels[:8], training_photos.labels[:8])
    trained, best = a_training(ColorRange(3, 8)), {3: 0.5, 4: 1.0, 6: 0.0, 8: 0.25}
    strengths = trained.network.state_dict()["strengths"]

    def accuracies(_images, colors, _sharpness):
        strength = float(strengths[place_of(colors)])
        return (0.4 if colors == 6 else 0.9 - abs(strength - best[colors]), 0.0)

    monkeypatch.setattr(trained, "accuracies", accuracies)
    trained.choose_strengths(images)
    found = dict(zip(COLOR_NUMBERS, strengths.tolist(), strict=True))
    assert {n: found[n] for n in best} == best
    assert found[2] == 0.5 and found[64] == 0.25  # those of the nearest number that was measured


@pytest.mark.parametrize("guided", [False, True])
def test_a_network_with_guidance_learns_to_draw_its_guess_and_not_the_label(training_photos, guided):
    torch.manual_seed(0)
    network = ColorCNNPlus(8, 4, 2, guided=guided)
    trained = Training(network, [photos_judge()], ColorRange(2, 2), replace(PLUS, map_noise=0.0), CPU)
    x = torch.from_numpy(training_photos.pixels[:6]).permute(0, 3, 1, 2)

    def loss(label, guess):
        with torch.no_grad():
            network.body.encoder.classes.bias.copy_(100.0 * (torch.arange(8) == guess))
            network.eval()
            generator = torch.Generator().manual_seed(0)
            return float(trained._loss(x, torch.full((6,), label), 1.0, generator, generator)[0])

    assert (loss(0, 2) == loss(5, 2)) == guided
    assert (loss(0, 2) != loss(0, 5)) == guided
