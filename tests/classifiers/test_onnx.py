"""Networks as ONNX files: what their settings say, what the file fixes, weights beside it, and mistakes."""

import numpy as np
import pytest
from given_studies import measured_study
from image_files import noise_folder
from onnx_files import MATRIX, onnx_classifier
from rabench.bench.reading.groups import read
from rabench.bench.reporting.failures import failures
from rabench.classifiers import CLASSIFIERS
from rabench.core.errors import BadSetting, Refused, Unavailable
from rabench.datasets.base import Dataset


def test_the_network_sees_the_pixels_its_settings_describe(tmp_path):
    classifier = onnx_classifier(tmp_path)
    image, color = np.full((16, 16, 3), (255, 0, 51), np.uint8), np.array([1, 0, 0.2])
    plain = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":mean="0,0,0":std="1,1,1"')
    np.testing.assert_allclose(plain.logits([image])[0], color @ MATRIX, rtol=1e-5)
    swapped = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":mean="0,0,0":std="1,1,1":channels=bgr')
    np.testing.assert_allclose(swapped.logits([image[..., ::-1]]), plain.logits([image]))
    mean, std = Dataset.normalization
    scaled = (color - mean) / std
    np.testing.assert_allclose(classifier.logits([image])[0], scaled @ MATRIX, rtol=1e-4)


def test_the_batch_is_what_the_file_fixes_and_the_size_any_where_it_is_open(tmp_path):
    assert onnx_classifier(tmp_path, batch=4).batch == 4
    open_sized = onnx_classifier(tmp_path, side=0)
    assert open_sized.size == 0
    images = [np.full((*size, 3), 7, np.uint8) for size in [(8, 8), (9, 30), (8, 8)]]
    assert open_sized.logits(images).shape == (3, 5)


@pytest.mark.parametrize("setting", ['mean="1,2"', 'std="1,0,1"', 'mean="a,b,c"'])
def test_a_wrong_normalization_is_refused(setting):
    with pytest.raises(BadSetting, match=r"onnx: (mean|std)"):
        CLASSIFIERS.make(f"onnx:path=x.onnx:{setting}")


def test_classes_may_be_named_by_a_file(tmp_path):
    onnx_classifier(tmp_path)
    (tmp_path / "names.txt").write_text("v\nw\nx\ny\nz\n")
    named = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":classes_file="{tmp_path}/names.txt"')
    assert named.classes == ("v", "w", "x", "y", "z")
    (tmp_path / "names.txt").write_text("v\nw\n")
    with pytest.raises(Refused, match="names 2 classes"):
        assert named.classes


def test_weights_kept_beside_the_file_are_part_of_the_version(tmp_path):
    versions = []
    for number in (1, 2):
        classifier = onnx_classifier(tmp_path / f"{number}", weights="w.data")
        with pytest.raises(Unavailable, match=r"keeps weights in w\.data, which is not beside it"):
            classifier.version()
        (tmp_path / f"{number}" / "w.data").write_bytes((MATRIX + number).tobytes())
        versions.append(classifier.version())
    assert (tmp_path / "1" / "net.onnx").read_bytes() == (tmp_path / "2" / "net.onnx").read_bytes()
    assert versions[0] != versions[1]


def test_an_input_of_another_layout_is_refused_in_a_line(tmp_path):
    onnx_classifier(tmp_path)
    classifier = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":layout=nhwc')
    with pytest.raises(Refused, match="see the settings input and layout") as caught:
        _ = classifier.classes
    assert "\n" not in str(caught.value)


def test_a_missing_file_of_classes_is_said_in_a_line(tmp_path):
    onnx_classifier(tmp_path)
    classifier = CLASSIFIERS.make(f'onnx:path="{tmp_path}/net.onnx":classes_file=none.txt')
    with pytest.raises(Unavailable, match=r"no file at 'none\.txt'") as caught:
        classifier.version()
    assert "\n" not in str(caught.value)


def test_a_network_that_gives_nan_fails_its_rows_and_is_told_of_once(tmp_path):
    onnx_classifier(tmp_path, weights="w.data")
    (tmp_path / "w.data").write_bytes(np.full_like(MATRIX, np.nan).tobytes())
    noise_folder(tmp_path / "images", 5, side=16, classes="abcde")
    matrix = (
        'dataset = "folder:path=images"\nclassifiers = ["onnx:path=net.onnx"]\n[[points]]\n'
        'codecs = ["png", "jpeg:quality=20,50"]\n'
    )
    study = measured_study(tmp_path, matrix, None)
    reading = read(study)
    assert reading.rows.failed.tolist() == [5] * 4
    (line,) = failures(reading)
    assert line.startswith("20 rows of 4 points failed, such as: ") and "classifier: logits that are no numbers" in line
