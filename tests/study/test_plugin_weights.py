"""Files of weights that a plug-in file reads: a part of its version, so that changed ones are measured anew."""

import hashlib

import numpy as np
import pytest
from given_studies import measure, photos_matrix, rows_of, written_study
from plugin_texts import WEIGHTED, python_file
from rabench.bench.reading.groups import read
from rabench.bench.study.plugin_files import load_plugins
from rabench.codecs import CODECS
from rabench.datasets import DATASETS
from safetensors.numpy import save_file

LOADS = {
    "when the file is run": ("STEP = np.load(HERE / 'weights.npy')[0]", "STEP"),
    "at the first image, and keeps it": (
        "@lru_cache\ndef step():\n    return np.load(Path(__file__).with_name('weights.npy'))[0]",
        "step()",
    ),
    "under a name made of parts": ("KIND = 'weights'\nSTEP = np.load(f'{HERE}/{KIND}.npy')[0]", "STEP"),
    "in a folder": ("", "np.load(HERE / 'trained' / 'weights.npy')[0]"),
    "in native code": ("from safetensors.numpy import load_file", "load_file(HERE / 'weights.safetensors')['step'][0]"),
    "at a Location, and keeps it": ("@lru_cache\ndef step(path):\n    return np.load(path)[0]", "step(self.weights)"),
}
"""What a plug-in file does to read a number -> the code before its class, and the number there."""


def write_step(folder, step):
    """The number in each of the files that LOADS read."""
    (folder / "trained").mkdir(exist_ok=True)
    for name in ("weights.npy", "trained/weights.npy"):
        np.save(folder / name, np.array([step], np.uint8))
    save_file({"step": np.array([step], np.uint8)}, folder / "weights.safetensors")


def weighted_file(folder, load, version="'1'"):
    """A plug-in file with a codec that reads its number as LOADS says, or as ``load`` itself does."""
    before, step = LOADS.get(load, ("", load))
    return python_file(folder, WEIGHTED.format(before=before, step=step, version=version), "weighted")


def study_of(folder, load):
    weighted_file(folder, load)
    codec = "weighted:weights=weights.npy" if "Location" in load else "weighted"
    return written_study(folder, photos_matrix(f'codecs = ["{codec}"]', more='[plugins]\nfiles = ["weighted.py"]\n'))


def bytes_coded(study):
    """By the point after the uncompressed images."""
    return rows_of(study).bytes.tolist()[1]


@pytest.mark.long
@pytest.mark.parametrize("load", LOADS)
def test_changed_weights_are_measured_anew(tmp_path, load):
    study = study_of(tmp_path, load)

    def measured():
        return measure(study, limit=4).measured

    write_step(tmp_path, 8)
    assert (measured(), measured()) == (2, 0)  # the uncompressed images come with the first
    bytes_before = bytes_coded(study)
    write_step(tmp_path, 64)
    (line,) = read(study).bad
    assert "weighted.py, or a program or file that it names, is another now" in line
    assert (measured(), measured()) == (1, 0)
    assert bytes_coded(study) < bytes_before and not read(study).bad


@pytest.mark.long
def test_changed_weights_reach_spawned_workers(tmp_path):
    study, sizes = study_of(tmp_path, "at the first image, and keeps it"), []
    for step in (8, 64):
        write_step(tmp_path, step)
        assert measure(study, limit=4, workers=2).measured
        sizes.append(bytes_coded(study))
    assert sizes[1] < sizes[0]


def test_a_version_that_tells_its_weights_says_no_more(tmp_path):
    version = "__import__('hashlib').sha256(Path(self.weights).read_bytes()).hexdigest()[:16]"
    write_step(tmp_path, 8)
    load_plugins(weighted_file(tmp_path, "np.load(self.weights)[0]", version))
    codec = CODECS.make(f"weighted:weights={tmp_path / 'weights.npy'}")
    before = codec.version()
    digest = hashlib.sha256((tmp_path / "weights.npy").read_bytes()).hexdigest()
    assert before == f"{digest[:16]}, weighted.py {codec.origin.sha256[:16]}"
    write_step(tmp_path, 64)
    assert codec.version() != before


def test_where_data_files_lie_is_no_part_of_a_version(tmp_path):
    """A worker on another machine has the code with the plug-in, and its data files perhaps elsewhere."""
    versions = []
    for name in ("here", "there"):
        (folder := tmp_path / name).mkdir()
        write_step(folder, 8)
        load_plugins(weighted_file(folder, "at the first image, and keeps it"))
        versions.append(CODECS.make("weighted").version())
    assert versions[0] == versions[1] and ", weights.npy " in versions[0]
    codec = CODECS.make("weighted")
    (folder / "weights.npy").rename(folder / "elsewhere.npy")
    assert codec.version() == versions[0]
    write_step(folder, 64)
    assert codec.version() != versions[0]  # a worker that has others is refused


GREYS = """
from dataclasses import dataclass
from pathlib import Path
import numpy as np
import rabench

class Greys:
    classes = ("dark", "light")
    def __len__(self): return 2
    def stamp(self): return "1"
    def read(self, start, stop):
        images = np.load(Path(__file__).parent / "greys.npy")[start:stop]
        return rabench.Block(list(images), np.arange(start, stop), [rabench.Source("raw")] * (stop - start))

@dataclass(frozen=True)
class MyGreys(rabench.Dataset):
    name = "greys"
    def open(self): return Greys()
"""


def test_a_data_set_in_a_file_is_read_again_where_a_file_that_it_names_has_changed(tmp_path):
    stamps = []
    for level in (10, 20):
        np.save(tmp_path / "greys.npy", np.full((2, 8, 8, 3), level, np.uint8))
        load_plugins(python_file(tmp_path, GREYS, "greys"))
        stamps.append(DATASETS.make("greys").stamp())
    assert stamps[0] != stamps[1]
