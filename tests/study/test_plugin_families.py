"""A quantizer, a classifier and a data set from one file, in a study of their own, measured by spawned workers."""

import subprocess
import sys

import numpy as np
import pytest
import rabench
from rabench.bench.running import executors, runner
from rabench.bench.study.matrix import find_study
from rabench.bench.study.plugin_files import load_plugins
from rabench.core.errors import BadSetting

OWN = '''
from dataclasses import dataclass
import numpy as np
import rabench


@dataclass(frozen=True)
class Grid(rabench.Quantizer):
    """The nearest of levels**3 colors on a grid, all of them in the palette."""

    name = "grid"
    levels: int = rabench.setting(2, range(2, 7), quality_parameter=True)

    def version(self):
        return "1"

    def quantize(self, images):
        steps = np.rint(np.linspace(0, 255, self.levels)).astype(np.uint8)
        palette = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
        found = []
        for image in images:
            r, g, b = np.moveaxis(np.rint(image / 255 * (self.levels - 1)).astype(np.uint8), 2, 0)
            found.append(rabench.IndexedImage((r * self.levels + g) * self.levels + b, palette))
        return found


@dataclass(frozen=True)
class Brightness(rabench.Classifier):
    """Dark or light, by the mean."""

    name = "brightness"

    def version(self):
        return "1"

    @property
    def classes(self):
        return ("dark", "light")

    @property
    def size(self):
        return 0

    def logits_of_batch(self, images):
        light = images.mean((1, 2, 3)) / 255
        return np.stack([1 - light, light], 1).astype(np.float32)


class InMemory:
    classes = ("dark", "light")

    def __len__(self):
        return 40

    def read(self, start, stop):
        rng = np.random.default_rng(0)
        images = rng.integers(0, 128, (40, 16, 16, 3)).astype(np.uint8)
        images[1::2] += 127
        chosen = list(images[start:stop])
        return rabench.Block(chosen, np.arange(start, stop) % 2, [rabench.Source("raw")] * len(chosen))

    def stamp(self):
        return "1"


@dataclass(frozen=True)
class Squares(rabench.Dataset):
    """Dark and light noise in turn."""

    name = "squares"

    def open(self):
        return InMemory()
'''
MATRIX = """
dataset = "squares"
classifiers = ["brightness"]
plugins.files = ["own.py"]
[[points]]
quantizers = ["none", "grid:levels=2,4"]
codecs = ["png"]
"""


def study(folder, own=OWN):
    (folder / "own.py").write_text(own)
    (folder / "matrix.toml").write_text(MATRIX)
    return find_study(str(folder))


@pytest.mark.slow
def test_all_four_families_come_from_files_and_travel_to_spawned_workers(tmp_path):
    outcome = runner.run(study(tmp_path), lambda: executors.make(2, None))
    assert (outcome.measured, outcome.failed_rows) == (4, 0)  # the uncompressed images too
    rows = rabench.report(tmp_path).summary.set_index("quantizer")
    assert (rows.accuracy == 1).all() and (rows.images == 40).all()
    # a grid of 4 levels has 64 colors, dark noise at most 8 of them: what is not used is not charged
    assert 0 < rows.palette["grid:levels=4"] / 40 <= 3 * 27


def failures(folder, old, new):
    found = study(folder, OWN.replace(old, new))
    assert OWN.replace(old, new) != OWN
    runner.run(found, executors.in_process)
    return "".join(rabench.report(folder).failures)


def test_a_wrong_answer_of_each_is_a_row_that_says_what_was_given_and_where(tmp_path):
    said = failures(tmp_path, "return np.stack([1 - light, light], 1)", "return light")
    assert "classifier: ValueError: logits_of_batch gave (64,) for 64 images instead of (64, 2)" in said


def test_indices_of_another_type_are_told(tmp_path):
    said = failures(tmp_path, "rabench.IndexedImage((r", "rabench.IndexedImage(np.int64(1) * (r")
    assert "quantizer: ValueError: indices are (H, W) uint8, got (16, 16) int64 (own.py, line " in said


def test_classes_that_are_no_property_are_told(tmp_path):
    (tmp_path / "own.py").write_text(OWN.replace("    @property\n    def classes", "    def classes"))
    with pytest.raises(BadSetting, match=r"Brightness.classes is a property; write @property above it"):
        load_plugins(tmp_path / "own.py")


def test_a_source_without_a_length_is_told(tmp_path):
    with pytest.raises(
        BadSetting, match=r"own.py: squares: read\(0, 8\): image 0: a source is Source\(format, bytes\)"
    ):
        runner.run(study(tmp_path, OWN.replace('Source("raw")', 'Source("raw", None)')), executors.in_process)


@pytest.mark.parametrize(
    ("old", "new", "told"),
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
        ("return rabench.Block(", "return list((", "gave list instead of a rabench.Block"),
        ("* len(chosen))", "* 2)", "gave 8 images, 8 labels and 2 sources"),
    ],
)
def test_a_wrong_data_set_is_one_line(tmp_path, old, new, told):
    own = OWN.replace(old, new)
    if new.startswith("return list"):
        own = own.replace("* len(chosen))", "* len(chosen)))")
    assert own != OWN
    with pytest.raises(rabench.RabenchError) as caught:
        runner.run(study(tmp_path, own), executors.in_process)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_check_of_another_family_says_what_it_checks(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    command = [sys.executable, "-m", "rabench", "check", "grid", "--plugin", "own.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and "grid is a quantizer; check is for codecs" in done.stderr


def test_what_a_plug_in_needs_is_at_hand():
    for name in ("Codec", "Quantizer", "PaletteQuantizer", "Classifier", "Dataset", "Block", "Source", "IndexedImage"):
        assert name in dir(rabench) and getattr(rabench, name)
    assert rabench.Block([], np.zeros(0, np.int64), []).images == []


def test_an_edited_data_set_is_read_again(tmp_path):
    found = study(tmp_path)
    assert runner.run(found, executors.in_process).measured == 4
    assert runner.run(found, executors.in_process).measured == 0
    study(tmp_path, OWN.replace("default_rng(0)", "default_rng(1)"))
    assert runner.run(found, executors.in_process).measured == 4
