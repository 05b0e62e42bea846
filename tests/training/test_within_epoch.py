"""A training killed within an epoch goes on from its last minute, and ends as if nobody had killed it."""

import json

import numpy as np
import pytest
import torch
from rabench.classifiers import CLASSIFIERS
from rabench.classifiers import training as classifiers
from rabench.core import checkpoints
from rabench.core.learning import Images
from rabench.core.progress import TrainingProgress
from rabench.quantizers.colorcnn import recipes, training
from rabench.quantizers.colorcnn.plus import ColorCNNPlus
from safetensors import safe_open
from small_networks import CPU, a_colorcnn, photos_judge

HALF = (0.5, 0.5, 0.5)


@pytest.fixture
def photos(training_photos):
    return Images(training_photos.pixels[:96], training_photos.labels[:96])


def killed_at(epoch, step):
    """Progress that kills a training at a step; steps are told of at every twentieth."""

    def on_step(now, at, *_):
        if (now, at) == (epoch, step):
            raise KeyboardInterrupt

    return TrainingProgress(on_step=on_step)


def a_classifier(images, path, progress):
    """AlexNet, whose dropout draws from torch's own generator."""
    torch.manual_seed(0)
    network = CLASSIFIERS["alexnet"].build(8, 4)
    recipe = classifiers.Recipe(epochs=2, batch=2, lr=0.01)
    history = classifiers.train(network, (HALF, HALF), images, images, recipe, path, CPU, progress)
    return network, history


def a_trained_colorcnn(images, path, progress):
    network, recipe = a_colorcnn(), recipes.Recipe(epochs=2, batch=2, optimizer="adamw", lr=1e-3, map_noise=0.3)
    trained = training.Training(network, [photos_judge()], training.ColorRange(2, 2), recipe, CPU)
    return network, training.train(trained, images, images, path, progress)


def a_trained_plus(images, path, progress):
    torch.manual_seed(0)
    network = ColorCNNPlus(8, 4, 2)
    recipe = recipes.Recipe(epochs=2, batch=2, optimizer="adamw", lr=1e-3, map_noise=2.0, class_epochs=1)
    trained = training.Training(network, [photos_judge()], training.ColorRange(2, 5), recipe, CPU)
    return network, training.train(trained, images, images, path, progress)


@pytest.mark.long
@pytest.mark.parametrize("make", [a_classifier, a_trained_colorcnn, a_trained_plus])
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_training_killed_within_an_epoch_ends_the_same(make, epoch, photos, tmp_path, monkeypatch):
    expected, whole = make(photos, tmp_path / "whole.safetensors", None)
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    path = tmp_path / "killed.safetensors"
    with pytest.raises(KeyboardInterrupt):
        make(photos, path, killed_at(epoch, 41))
    with safe_open(path, "numpy") as file:
        assert json.loads(file.metadata()["position"]) == [epoch, 21]
    steps = []
    network, history = make(photos, path, TrainingProgress(on_step=lambda now, at, *_: steps.append((now, at))))
    assert steps[0] == (epoch, 41)
    assert history == whole
    for a, b in zip(expected.state_dict().values(), network.state_dict().values(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_a_checkpoint_is_due_every_minute(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    network = CLASSIFIERS["small"].build(8, 4)
    state = checkpoints.Checkpoint(tmp_path / "a", {}, network, torch.optim.SGD(network.parameters(), lr=0.1))
    assert not state.due()
    now[0] = 59.0
    assert not state.due()
    now[0] = 60.0
    assert state.due()
    state.save()
    assert not state.due()


@pytest.mark.slow
def test_a_checkpoint_from_before_places_were_kept_is_read(photos, tmp_path):
    """Such a file is one without a position: it was written after a whole epoch."""
    path = tmp_path / "old.safetensors"
    with pytest.raises(KeyboardInterrupt):
        make = TrainingProgress(on_epoch=lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        a_trained_colorcnn(photos, path, make)
    with safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert "position" not in metadata
    recipe = json.loads(metadata["recipe"])
    assert not {"first_sharpness", "temperature", "class_epochs", "imitation"} & set(recipe)
    _, history = a_trained_colorcnn(photos, path, None)
    assert len(history) == 2


@pytest.mark.slow
def test_epochs_that_learn_the_classes_say_how_many_the_network_tells(photos, tmp_path):
    network, (classes, drawing) = a_trained_plus(photos, tmp_path / "plus.safetensors", None)
    assert set(classes) >= {"held_out_class_accuracy"} and "held_out_accuracy" not in classes
    assert set(drawing) >= {"held_out_accuracy", "held_out_soft_accuracy", "by_colors"}
    assert [n for n, _, _ in drawing["by_colors"]] == [2, 4, 5]
    x = photos_judge().normalized(torch.from_numpy(photos.pixels).permute(0, 3, 1, 2))
    with torch.inference_mode():
        guessed = network.eval().guess(x, 2).argmax(1).numpy()  # what tells the classes has not changed since
    assert np.mean(guessed == photos.labels) == pytest.approx(classes["held_out_class_accuracy"], abs=0.01)
