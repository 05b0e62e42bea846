"""A batch that a GPU has no memory for goes in parts, and that is said."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from rabench.classifiers import CLASSIFIERS
from rabench.classifiers import training as classifiers
from rabench.core.errors import Refused
from rabench.core.learning import GradientAccumulation, Images
from rabench.core.progress import TrainingProgress
from rabench.quantizers.colorcnn import training
from rabench.quantizers.colorcnn.recipes import RECIPES
from small_networks import CPU, a_colorcnn

HALF = (0.5, 0.5, 0.5)
"""A mean and a standard deviation."""


class Cramped(torch.nn.Module):
    """A module for which there is memory for so many images."""

    def __init__(self, inner, room):
        super().__init__()
        self.inner, self.room, self.batches = inner, room, []

    def forward(self, x):
        if self.training and len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.batches.append(len(x))
        return self.inner(x)


@pytest.fixture
def photos(training_photos):
    return Images(training_photos.pixels[:64], training_photos.labels[:64])


def test_gradients_of_parts_add_up_to_those_of_the_batch():
    def gradient(room):
        torch.manual_seed(0)
        model, messages = Cramped(torch.nn.Linear(3, 2), room), []
        x, batch = torch.randn(10, 3), torch.arange(10)
        parts = GradientAccumulation(messages.append)
        parts(batch, lambda part: (model(x[part]).square().sum() / len(batch)).backward(), model.zero_grad)
        return model.inner.weight.grad, messages, model.batches

    whole, messages, batches = gradient(10)
    assert not messages and batches == [10]
    cut, messages, batches = gradient(3)
    torch.testing.assert_close(cut, whole)
    assert batches[-4:] == [3, 3, 3, 1]
    assert messages == [
        "out of GPU memory: batches of 10 go in 2 parts of 5 images from here on",
        "out of GPU memory: batches of 10 go in 4 parts of 3 images from here on",
    ]


def test_where_not_one_image_fits_it_is_told():
    with pytest.raises(Refused, match=r"not even one image at a time fits .*; take a narrower network, smaller"):
        GradientAccumulation()(torch.arange(4), lambda part: Cramped(torch.nn.Identity(), 0)(part))


def test_a_classifier_is_trained_in_parts(photos, tmp_path):
    messages = []
    network = Cramped(CLASSIFIERS["small"].build(8, 4), 20)
    recipe = classifiers.Recipe(epochs=1, batch=32)
    args = (photos, photos, recipe, tmp_path / "a.safetensors", CPU)
    (history,) = classifiers.train(network, (HALF, HALF), *args, progress=TrainingProgress(say=messages.append))
    assert np.isfinite(history["loss"])
    assert messages == ["out of GPU memory: batches of 32 go in 2 parts of 16 images from here on"]


def test_a_colorcnn_is_trained_in_parts(photos, tmp_path):
    messages = []
    network = a_colorcnn()
    network.backbone = Cramped(network.backbone, 20)
    judge = training.FrozenClassifier(CLASSIFIERS["small"].build(8, 4), HALF, HALF)
    recipe = replace(RECIPES["adamw"], epochs=1, batch=32)
    trained = training.Training(network, [judge], training.ColorRange(2, 2), recipe, CPU)
    progress = TrainingProgress(say=messages.append)
    (history,) = training.train(trained, photos, photos, tmp_path / "a", progress)
    assert np.isfinite(history["loss"])
    assert messages == ["out of GPU memory: batches of 32 go in 2 parts of 16 images from here on"]
