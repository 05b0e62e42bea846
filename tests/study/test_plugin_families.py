"""A quantizer, a classifier and a data set from one file, in a study of their own, measured by spawned workers."""

import numpy as np
import pytest
import rabench
from given_studies import measure, written_study
from plugin_texts import OTHER_FAMILIES, python_file
from rabench.bench.study.plugin_files import load_plugins
from rabench.core.errors import BadSetting
from rabench.core.images import as_rgb
from rabench.quantizers import QUANTIZERS

MATRIX = """
dataset = "squares"
classifiers = ["brightness"]
plugins.files = ["own.py"]
[[points]]
quantizers = ["none", "grid:levels=2,4"]
codecs = ["png"]
"""


def study(folder, old="", new=""):
    """The study with own.py, in which ``new`` stands for ``old``."""
    text = OTHER_FAMILIES.replace(old, new) if old else OTHER_FAMILIES
    assert not old or text != OTHER_FAMILIES
    python_file(folder, text, "own")
    return written_study(folder, MATRIX)


@pytest.mark.long
def test_all_four_families_come_from_files_and_travel_to_spawned_workers(tmp_path):
    outcome = measure(study(tmp_path), workers=2)
    assert (outcome.measured, outcome.failed_rows) == (4, 0)  # the uncompressed images too
    rows = rabench.report(tmp_path).summary.set_index("quantizer")
    assert (rows.accuracy == 1).all() and (rows.images == 40).all()
    # a grid of 4 levels has 64 colors, dark noise at most 8 of them and light noise 27: what is not used is not charged
    assert 0 < rows.palette["grid:levels=4"] / 40 <= 3 * (8 + 27) / 2


def failures(folder, old, new):
    measure(study(folder, old, new))
    return "".join(rabench.report(folder).failures)


def test_a_quantizer_from_a_file_is_a_quantizer_like_any_other(tmp_path):
    load_plugins(python_file(tmp_path, OTHER_FAMILIES, "own"))
    photograph = np.full((4, 4, 3), (90, 10, 200), np.uint8)
    (quantized,) = QUANTIZERS.make("grid:levels=2").quantize([photograph])
    assert (as_rgb(quantized) == (0, 0, 255)).all()
    assert len(quantized.palette) == 8 and len(quantized.trimmed().palette) == 1


def test_logits_of_another_shape_are_told(tmp_path):
    reasons = failures(tmp_path, "return np.stack([1 - light, light], 1)", "return light")
    assert "classifier: ValueError: logits_of_batch gave (64,) for 64 images instead of (64, 2)" in reasons


@pytest.mark.slow
def test_indices_of_another_type_are_told(tmp_path):
    reasons = failures(tmp_path, "rabench.IndexedImage((r", "rabench.IndexedImage(np.int64(1) * (r")
    assert "quantizer: ValueError: indices are (H, W) uint8, got (16, 16) int64 (own.py, line " in reasons


def test_classes_that_are_no_property_are_told(tmp_path):
    study(tmp_path, "    @property\n    def classes", "    def classes")
    with pytest.raises(BadSetting, match=r"Brightness.classes is a property; write @property above it"):
        load_plugins(tmp_path / "own.py")


def test_a_source_without_a_length_is_told(tmp_path):
    with pytest.raises(
        BadSetting, match=r"own.py: squares: read\(0, 8\): image 0: a source is Source\(format, bytes\)"
    ):
        measure(study(tmp_path, 'Source("raw")', 'Source("raw", None)'))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("def stamp", "def stampp", "own.py: InMemory, which open gives, lacks stamp"),
        (
            '    classes = ("dark", "light")\n\n    def __len__',
            "    def __len__",
            "InMemory, which open gives, lacks classes",
        ),
        ("% 2, [", "% 3, [", "labels are whole numbers from 0 to 1, or -1 for none, got array"),
        ("astype(np.uint8)\n        images", "astype(np.float32)\n        images", "image 0: an image is an array of"),
        (
            "        return InMemory()",
            "        return 1 / 0",
            "squares: open raises ZeroDivisionError: division by zero (own.py, line",
        ),
        ("rng = np", "1 / 0 or np", "read(0, 8) raises ZeroDivisionError: division by zero (own.py, line"),
        ("return rabench.Block(chosen,", "return list; (chosen,", "gave type instead of a rabench.Block"),
        ("* len(chosen))", "* 2)", "gave 8 images, 8 labels and 2 sources"),
    ],
)
def test_a_wrong_data_set_is_one_line(tmp_path, old, new, reason):
    with pytest.raises(rabench.RabenchError) as caught:
        measure(study(tmp_path, old, new))
    assert reason in str(caught.value) and "\n" not in str(caught.value)


def test_what_a_plug_in_needs_is_at_hand():
    for name in ("Codec", "Quantizer", "PaletteQuantizer", "Classifier", "Dataset", "Block", "Source", "IndexedImage"):
        assert name in dir(rabench) and getattr(rabench, name)
    assert rabench.Block([], np.zeros(0, np.int64), []).images == []


def test_an_edited_data_set_is_read_again(tmp_path):
    squares = study(tmp_path)
    assert measure(squares).measured == 4
    assert measure(squares).measured == 0
    study(tmp_path, "default_rng(0)", "default_rng(1)")
    assert measure(squares).measured == 4
