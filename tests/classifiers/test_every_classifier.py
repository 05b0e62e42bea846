"""What every classifier must hold to; a new network is tested by being in the table."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from onnx_files import onnx_classifier
from rabench.classifiers import CLASSIFIERS, weights
from rabench.classifiers.network import Network
from rabench.classifiers.weights import About
from rabench.core.errors import RabenchError, Refused, Unavailable
from rabench.datasets.base import Dataset

RNG = np.random.default_rng(0)


@pytest.fixture(params=sorted(CLASSIFIERS.members))
def classifier(request, tmp_path):
    """Each network with fresh weights for five classes and 16x16 pixels."""
    cls = CLASSIFIERS[request.param]
    if issubclass(cls, Network):
        torch.manual_seed(0)
        network = cls.build(5, 8)
        about = About(request.param, 8, "toys:split=train", tuple("abcde"), *Dataset.normalization, 16)
        weights.write(tmp_path / "w.safetensors", network.state_dict(), about)
        return cls(weights=str(tmp_path / "w.safetensors"))
    return onnx_classifier(tmp_path)


def test_logits_are_float32_one_row_an_image_one_column_a_class(classifier):
    images = list(RNG.integers(0, 256, (3, 16, 16, 3), np.uint8))
    logits = classifier.logits(images)
    assert logits.shape == (3, len(classifier.classes)) and logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert len(classifier.classes) == 5


@pytest.mark.slow
def test_an_image_gives_the_same_logits_to_the_last_bit_wherever_it_stands(classifier):
    """Every call has exactly the batch size, so that neighbours and place change nothing."""
    images = list(RNG.integers(0, 256, (classifier.batch + 9, 16, 16, 3), np.uint8))
    together = classifier.logits(images)
    for position in (0, 7, classifier.batch - 1, classifier.batch):
        np.testing.assert_array_equal(classifier.logits([images[position]])[0], together[position])
    np.testing.assert_array_equal(classifier.logits(images[::-1])[::-1], together)


@pytest.mark.slow
def test_images_of_any_size_are_resized_and_cropped_by_the_classifier(classifier):
    images = [RNG.integers(0, 256, (*s, 3), np.uint8) for s in [(16, 16), (1, 1), (31, 17), (16, 16), (5, 200)]]
    together = classifier.logits(images)
    for image, row in zip(images, together, strict=True):
        assert classifier.prepare(image).shape == (16, 16, 3)
        np.testing.assert_array_equal(classifier.logits([image])[0], row)
    assert classifier.prepare(images[0]) is images[0]


def test_no_images_give_no_rows(classifier):
    assert classifier.logits([]).shape == (0, 5)


def test_a_classifier_is_a_value_and_its_version_names_its_weights(classifier, tmp_path):
    assert pickle.loads(pickle.dumps(classifier)) == classifier
    assert CLASSIFIERS.make(classifier.spec) == classifier
    assert "sha256" in classifier.version()
    assert str(tmp_path) not in classifier.label + classifier.key


def test_the_version_follows_the_content_not_the_place(classifier, tmp_path):
    old = classifier.version()
    path = next(tmp_path.glob("*.*"))
    moved = tmp_path / "elsewhere" / path.name
    moved.parent.mkdir()
    moved.write_bytes(path.read_bytes())
    setting = "path" if classifier.name == "onnx" else "weights"
    assert CLASSIFIERS.make(f'{classifier.name}:{setting}="{moved}"').version() == old


def test_missing_or_broken_weights_are_one_clear_line(classifier, tmp_path):
    setting = "path" if classifier.name == "onnx" else "weights"
    cls = type(classifier)
    with pytest.raises(Unavailable, match=r"no (weights|file) at"):
        cls(**{setting: str(tmp_path / "none")}).version()
    broken = tmp_path / "broken.bin"
    broken.write_bytes(b"PK\x03\x04 not weights at all")
    with pytest.raises(RabenchError) as caught:
        cls(**{setting: str(broken)}).logits([np.zeros((16, 16, 3), np.uint8)])
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused():
    with pytest.raises(Refused, match="small-photos holds weights of small, not of alexnet; name it as small:weights="):
        CLASSIFIERS.make("alexnet:weights=small-photos").version()


def test_a_misspelt_name_of_shipped_weights_is_answered_with_the_right_one():
    with pytest.raises(Unavailable, match="did you mean 'small-photos'"):
        CLASSIFIERS.make("small:weights=small-photo").version()


@pytest.mark.slow
def test_naming_a_classifier_imports_no_torch():
    code = (
        "import sys; from rabench.bench.commands.listing import tables\n"
        "print([t.title for t in tables(None)]); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "classifiers" in done.stdout
