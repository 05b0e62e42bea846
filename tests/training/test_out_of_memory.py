"""A batch that a GPU has no memory for goes in parts, and that is said."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rabench.classifiers import CLASSIFIERS
from rabench.classifiers import training as classifiers
from rabench.core.errors import Refused
from rabench.core.learning import GradientAccumulation, Images
from rabench.datasets import DATASETS
from rabench.quantizers.colorcnn import training
from rabench.quantizers.colorcnn.network import ColorCNN

CPU = torch.device("cpu")


class Small(torch.nn.Module):
    """A module for which there is memory for so many images."""

    def __init__(self, inner, room):
        super().__init__()
        self.inner, self.room, self.seen = inner, room, []

    def forward(self, x):
        if self.training and len(x) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.seen.append(len(x))
        return self.inner(x)


@pytest.fixture(scope="module")
def photos():
    block = DATASETS.make("photos:split=train").load(0, 64)
    return Images(np.stack(block.images), block.labels)


def test_gradients_of_parts_add_up_to_those_of_the_batch():
    def gradient(room):
        torch.manual_seed(0)
        model, said = Small(torch.nn.Linear(3, 2), room), []
        x, batch = torch.randn(10, 3), torch.arange(10)
        parts = GradientAccumulation(said.append)
        parts(batch, lambda part: (model(x[part]).square().sum() / len(batch)).backward(), model.zero_grad)
        return model.inner.weight.grad, said, model.seen

    whole, said, seen = gradient(10)
    assert not said and seen == [10]
    cut, said, seen = gradient(3)
    torch.testing.assert_close(cut, whole)
    assert seen[-4:] == [3, 3, 3, 1]
    assert said == [
        "out of GPU memory: batches of 10 go in 2 parts of 5 images from here on",
        "out of GPU memory: batches of 10 go in 4 parts of 3 images from here on",
    ]


def test_where_not_one_image_fits_it_is_told():
    with pytest.raises(Refused, match=r"not even one image at a time fits .*; take a narrower network, smaller"):
        GradientAccumulation()(torch.arange(4), lambda part: Small(torch.nn.Identity(), 0)(part))


def test_a_classifier_is_trained_in_parts(photos, tmp_path):
    said = []
    network = Small(CLASSIFIERS["small"].build(8, 4), 20)
    recipe = classifiers.Recipe(epochs=1, batch=32)
    args = (photos, photos, recipe, Path(tmp_path / "a.safetensors"), CPU)
    (history,) = classifiers.train(network, (training_mean(), training_mean()), *args, say=said.append)
    assert np.isfinite(history["loss"])
    assert said == ["out of GPU memory: batches of 32 go in 2 parts of 16 images from here on"]


def test_a_colorcnn_is_trained_in_parts(photos, tmp_path):
    said = []
    network = ColorCNN(2, 4)
    network.backbone = Small(network.backbone, 20)
    judge = training.FrozenClassifier(CLASSIFIERS["small"].build(8, 4), training_mean(), training_mean())
    recipe = replace(training.RECIPES["adamw"], epochs=1, batch=32)
    (history,) = training.train(network, judge, photos, photos, recipe, tmp_path / "a", CPU, say=said.append)
    assert np.isfinite(history["loss"])
    assert said == ["out of GPU memory: batches of 32 go in 2 parts of 16 images from here on"]


def training_mean():
    return (0.5, 0.5, 0.5)
