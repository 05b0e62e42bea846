"""Studies that came from elsewhere: nothing of them runs unasked, no path leads out, and their records can be read."""

import os
import shutil

import pytest
import rabench
from command_line import rabench as command
from given_studies import written_study
from plugin_texts import python_file
from rabench.bench.reading.groups import read
from rabench.bench.study.paths import NOWHERE
from rabench.bench.study.study import find_study
from rabench.core.errors import Refused
from rabench.datasets.folder import Folder

pytestmark = pytest.mark.slow

CODEC = '''
import zlib
from dataclasses import dataclass
from pathlib import Path
import numpy as np
import rabench

with Path(__file__).with_name("r" + "an").open("a") as file:
    file.write("x")

@dataclass(frozen=True)
class Deflate{number}(rabench.Codec):
    """zlib of pixels."""
    name = "deflate{number}"
    level: int = rabench.setting(6, range(10), quality_parameter=True)
    def version(self):
        return "1"
    def encode(self, image):
        pixels = rabench.as_rgb(image)
        return np.array(pixels.shape[:2], np.uint32).tobytes() + zlib.compress(pixels.tobytes(), self.level)
    def decode(self, data):
        height, width = np.frombuffer(data[:8], np.uint32)
        return np.frombuffer(zlib.decompress(data[8:]), np.uint8).reshape(height, width, 3).copy()
'''
MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
plugins.files = ["mine.py"]
[[points]]
quantizers = ["none", "median-cut:colors=4"]
codecs = ["png", "deflate{number}:level=1,9"]
"""
PROGRAM = """
[programs.shout]
encode = ["{python}", "shout.py", "{input.png}", "{output}"]
decode = ["{python}", "shout.py", "{input}", "{output.png}"]
version = ["{python}", "shout.py", "--version"]
"""


def study_of(folder, number):
    folder.mkdir()
    python_file(folder, CODEC.format(number=number), "mine")
    return written_study(folder, MATRIX.format(number=number)).folder


@pytest.fixture(autouse=True)
def config(tmp_path, monkeypatch):
    """A list of trusted studies of each test's own."""
    monkeypatch.setenv("RABENCH_CONFIG", str(tmp_path / "config"))


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A study that was measured here."""
    folder = study_of(tmp_path_factory.mktemp("trust") / "here", 1)
    rabench.run(folder, limit=8)
    return folder


def path_of(dataset):
    assert isinstance(dataset, Folder)
    return dataset.path


def fresh(*arguments):
    """A command in a process that has not seen the plug-in; gives exit status, output and errors."""
    done = command(*map(str, arguments), cwd=None, RABENCH_CONFIG=os.environ["RABENCH_CONFIG"])
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def stranger(here, tmp_path):
    """The same study as it comes from somebody else."""
    shutil.copytree(here, tmp_path / "stranger")
    (tmp_path / "stranger" / "ran").unlink()
    return tmp_path / "stranger"


@pytest.mark.long
def test_a_study_measured_here_runs_its_plugins_even_edited(tmp_path):
    here = study_of(tmp_path / "edited", 2)
    rabench.run(here, limit=8)
    before = (here / "ran").stat().st_size
    with (here / "mine.py").open("a") as file:
        file.write("# edited\n")
    status, _, errors = fresh("report", here)
    assert status == 3 and "is another now" in errors  # edited, so that the rows shown are of the old one
    assert (here / "ran").stat().st_size > before


@pytest.mark.long
@pytest.mark.parametrize(
    "words",
    [("report",), ("compare", "--anchor", "png"), ("points", "--at-least", "50"), ("classes",), ("status",), ("pack",)],
)
def test_what_only_reads_runs_nothing_of_a_stranger(stranger, words):
    status, _, errors = fresh(words[0], stranger, *words[1:])
    assert status in (0, 3) and "Traceback" not in errors
    assert not (stranger / "ran").exists()


@pytest.mark.long
def test_the_records_of_a_plugin_that_did_not_run_are_shown(stranger, here, monkeypatch):
    rows = read(find_study(str(here))).rows.set_index(["quantizer", "codec"])
    reading = fresh_reading(stranger)
    found = reading.set_index(["quantizer", "codec"])
    assert set(found.index) == set(rows.index)
    for name, row in rows.iterrows():
        assert found.loc[name, "bytes"] == row.bytes and found.loc[name, "correct"] == row.correct


def test_status_counts_the_records_of_a_plugin_that_did_not_run(stranger):
    status, out, _ = fresh("status", stranger, "--format", "csv")
    done = {row.split(",")[0]: row.split(",")[1:4] for row in out.splitlines() if "deflate1" in row}
    names = [f"{quantizer}deflate1:level={level}" for level in (1, 9) for quantizer in ("", "median-cut:colors=4+")]
    assert status == 0 and done == {name: ["8", "8", "0"] for name in names}
    assert "came from elsewhere and is not trusted: " in fresh("status", stranger)[1]


def fresh_reading(folder):
    import pandas as pd

    status, _, errors = fresh("report", folder)
    assert status == 3 and "came from elsewhere and is not trusted" in errors
    return pd.read_csv(folder / "summary.csv")


@pytest.mark.long
def test_measuring_needs_a_word_and_the_word_is_for_this_content(stranger):
    status, _, errors = fresh("run", stranger)
    assert status == 2 and "mine.py" in errors and "--trust" in errors
    assert not (stranger / "ran").exists()
    assert fresh("run", stranger, "--trust", "--limit", "8")[0] == 0 and (stranger / "ran").exists()
    assert fresh("report", stranger)[0] == 0
    (stranger / "ran").unlink()
    with (stranger / "mine.py").open("a") as file:
        file.write("# edited\n")
    assert fresh("report", stranger)[0] == 3 and not (stranger / "ran").exists()
    with pytest.raises(Refused, match=r"came from elsewhere|measured elsewhere"):
        find_study(str(stranger)).load(measuring=True)


@pytest.mark.long
def test_programs_need_a_word_too(stranger):
    with (stranger / "matrix.toml").open("a") as file:
        file.write(PROGRAM)
    (stranger / "shout.py").write_text("from pathlib import Path\nPath(__file__).with_name('ran').write_text('x')\n")
    assert fresh("report", stranger)[0] == 3
    assert fresh("run", stranger)[0] == 2
    assert not (stranger / "ran").exists()


def test_paths_of_a_stranger_do_not_lead_out(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    study = tmp_path / "study"
    study.mkdir()
    (study / "inside").mkdir()
    (study / "matrix.toml").write_text(
        'base = ".."\nclassifiers = ["small:weights=small-photos"]\n'
        '[[points]]\ndataset = "folder:path=outside"\ncodecs = ["png"]\n'
        f'[[points]]\ndataset = "folder:path={outside.as_posix()}"\ncodecs = ["png"]\n'
        '[[points]]\ndataset = "folder:path=study/inside"\ncodecs = ["png"]\n'
    )
    (study / "run.json").write_text("{}")
    places = [path_of(p.dataset) for p in find_study(str(study)).load().points]
    assert not any(place.startswith(str(outside)) for place in places)
    assert places[-1] == str(study / "inside")
    rabench.trust(study)
    places = [path_of(p.dataset) for p in find_study(str(study)).load().points]
    assert str(outside) in places


def test_the_readers_home_is_outside_of_a_strangers_study(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "pictures").mkdir(parents=True)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "matrix.toml").write_text(
        "classifiers = ['small:weights=small-photos']\n[[points]]\ndataset = 'folder:path=~/pictures'\ncodecs = ['png']\n"
    )
    (tmp_path / "study" / "run.json").write_text("{}")
    assert path_of(find_study(str(tmp_path / "study")).load().points[0].dataset) == str(NOWHERE / "pictures")
    rabench.trust(tmp_path / "study")
    assert path_of(find_study(str(tmp_path / "study")).load().points[0].dataset) == "~/pictures"


def test_a_link_that_leads_out_is_not_followed(tmp_path):
    (tmp_path / "secret").mkdir()
    study = tmp_path / "study"
    study.mkdir()
    (study / "images").symlink_to(tmp_path / "secret")
    (study / "matrix.toml").write_text(
        'dataset = "folder:path=images"\nclassifiers = ["small:weights=small-photos"]\n[[points]]\ncodecs = ["png"]\n'
    )
    (study / "run.json").write_text("{}")
    assert "not-trusted" in path_of(find_study(str(study)).load().points[0].dataset)


@pytest.mark.long
def test_a_merged_study_is_not_made_here(stranger, tmp_path):
    assert fresh("merge", stranger, "--into", tmp_path / "both")[0] == 0
    assert fresh("report", tmp_path / "both")[0] == 3 and fresh("pack", tmp_path / "both")[0] == 0
    status, _, errors = fresh("run", tmp_path / "both")
    assert status == 2 and "--trust" in errors and not (stranger / "ran").exists()


@pytest.mark.long
def test_results_elsewhere_do_not_make_a_stranger_trusted(stranger, tmp_path):
    assert fresh("report", stranger, "--out", tmp_path / "nowhere")[0] == 2  # no records
    assert fresh("run", stranger, "--out", tmp_path / "new")[0] == 2
    assert not (stranger / "ran").exists()


def test_a_stranger_whose_records_are_all_packed_was_measured_elsewhere(stranger):
    (stranger / "records" / "packs").mkdir()
    for path in (stranger / "records").glob("*.parquet"):
        path.replace(path.parent / "packs" / path.name)
    (stranger / "run.json").unlink()
    assert fresh("run", stranger)[0] == 2 and not (stranger / "ran").exists()


def test_what_lies_beside_the_reader_is_not_what_a_stranger_names(tmp_path, monkeypatch):
    (tmp_path / "reader" / "pictures").mkdir(parents=True)
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "matrix.toml").write_text(
        'dataset = "folder:path=pictures"\nclassifiers = ["small:weights=small-photos"]\n[[points]]\ncodecs = ["png"]\n'
    )
    monkeypatch.chdir(tmp_path / "reader")
    point = find_study(str(tmp_path / "study")).load().points[0]
    assert path_of(point.dataset) == str(NOWHERE / "pictures")
    assert "sha256" in point.classifier.version()  # what ships is found
