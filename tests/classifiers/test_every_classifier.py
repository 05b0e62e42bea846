"""What every classifier must hold to; a new network is tested by being in the table."""

import pickle

import numpy as np
import pytest
import torch
from onnx_files import onnx_classifier
from rabench.classifiers import CLASSIFIERS, weights
from rabench.classifiers.network import Network
from rabench.classifiers.weights import About
from rabench.core.errors import BadSetting, RabenchError, Refused, Unavailable
from rabench.datasets.base import Dataset

RNG = np.random.default_rng(0)

MEAN, STD = Dataset.normalization


@pytest.fixture(params=sorted(CLASSIFIERS.members))
def classifier(request, tmp_path):
    """Each network with fresh weights for five classes and 16x16 pixels."""
    cls = CLASSIFIERS[request.param]
    if issubclass(cls, Network):
        torch.manual_seed(0)
        network = cls.build(5, 8)
        about = About(request.param, 8, "toys:split=train", tuple("abcde"), MEAN, STD, 16)
        weights.write(tmp_path / "w.safetensors", network.state_dict(), about)
        return cls(weights=str(tmp_path / "w.safetensors"))
    return onnx_classifier(tmp_path)


def test_logits_are_float32_one_row_an_image_one_column_a_class(classifier):
    images = list(RNG.integers(0, 256, (3, 16, 16, 3), np.uint8))
    found = classifier.logits(images)
    assert found.shape == (3, len(classifier.classes)) and found.dtype == np.float32
    assert np.isfinite(found).all()
    assert len(classifier.classes) == 5


def test_an_image_gives_the_same_logits_to_the_last_bit_wherever_it_stands(classifier):
    """Every call has exactly the batch size, so that neighbours and place change nothing."""
    images = list(RNG.integers(0, 256, (classifier.batch + 9, 16, 16, 3), np.uint8))
    together = classifier.logits(images)
    for position in (0, 1, 7, classifier.batch - 1, classifier.batch, len(images) - 1):
        np.testing.assert_array_equal(classifier.logits([images[position]])[0], together[position])
    np.testing.assert_array_equal(classifier.logits(images[::-1])[::-1], together)


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


def test_onnx_sees_the_pixels_its_settings_describe(tmp_path):
    classifier = onnx_classifier(tmp_path)
    image = np.full((16, 16, 3), (255, 0, 51), np.uint8)
    plain = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":mean="0,0,0":std="1,1,1"')
    np.testing.assert_allclose(
        plain.logits([image])[0], np.array([1, 0, 0.2]) @ (np.arange(15).reshape(3, 5) - 7), rtol=1e-5
    )
    swapped = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":mean="0,0,0":std="1,1,1":channels=bgr')
    np.testing.assert_allclose(swapped.logits([image[..., ::-1]]), plain.logits([image]))
    scaled = (np.array([1, 0, 0.2]) - MEAN) / STD
    np.testing.assert_allclose(classifier.logits([image])[0], scaled @ (np.arange(15).reshape(3, 5) - 7), rtol=1e-4)


def test_onnx_takes_the_batch_its_file_fixes_and_any_size_where_it_is_open(tmp_path):
    assert onnx_classifier(tmp_path, batch=4).batch == 4
    open_sized = onnx_classifier(tmp_path, side=0)
    assert open_sized.size == 0
    images = [RNG.integers(0, 256, (*s, 3), np.uint8) for s in [(8, 8), (9, 30), (8, 8)]]
    assert open_sized.logits(images).shape == (3, 5)


@pytest.mark.parametrize("setting", ['mean="1,2"', 'std="1,0,1"', 'mean="a,b,c"'])
def test_a_wrong_normalization_is_refused(setting):
    with pytest.raises(BadSetting, match=r"onnx: (mean|std)"):
        CLASSIFIERS.make(f"onnx:path=x.onnx:{setting}")


def test_onnx_classes_may_be_named_by_a_file(tmp_path):
    onnx_classifier(tmp_path)
    (tmp_path / "names.txt").write_text("v\nw\nx\ny\nz\n")
    named = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":classes_file="{tmp_path}/names.txt"')
    assert named.classes == ("v", "w", "x", "y", "z")
    (tmp_path / "names.txt").write_text("v\nw\n")
    with pytest.raises(Refused, match="names 2 classes"):
        assert named.classes


def test_naming_a_classifier_imports_no_torch():
    import subprocess
    import sys

    code = (
        "import sys; from rabench.bench.commands.listing import tables\n"
        "print([t.title for t in tables(None)]); sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "classifiers" in done.stdout
