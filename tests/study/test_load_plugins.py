"""Loading a study's plug-ins is a step of its own: it registers names, and reads no point."""

import pytest
from rabench.bench.study.study import find_study
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, UnknownName

CODEC = """\
from dataclasses import dataclass
from typing import ClassVar

import rabench


@dataclass(frozen=True)
class Plain(rabench.Codec):
    name: ClassVar[str] = "{name}"

    def version(self):
        return "1"

    def encode(self, image):
        return rabench.as_rgb(image).tobytes()

    def decode(self, data):
        raise ValueError("no size")
"""
MATRIX = """\
dataset = "no-such-data-set"
classifiers = ["small:weights=small-photos"]
codecs = ["plain"]

[plugins]
files = ["plain.py"]
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "plain.py").write_text(CODEC.format(name="plain"))
    (tmp_path / "matrix.toml").write_text(MATRIX)
    return find_study(str(tmp_path))


def test_the_plug_ins_of_a_study_are_known_even_where_its_points_are_wrong(study):
    with pytest.raises(UnknownName):
        CODECS.make("plain")
    study.load_plugins()
    assert CODECS.make("plain").version().startswith("1, plain.py ")
    with pytest.raises(BadSetting, match="no data set is named 'no-such-data-set'"):
        study.load(measuring=True)


def test_the_plug_ins_of_what_was_added_are_known_too(study):
    (study.folder / "added.py").write_text(CODEC.format(name="added"))
    study.added.write_text('[plugins]\nfiles = ["added.py"]\n')
    study.load_plugins()
    assert CODECS.make("added").version().startswith("1, added.py ")


def test_a_plug_in_file_that_is_missing_is_told_with_its_line(study):
    (study.folder / "plain.py").unlink()
    with pytest.raises(BadSetting, match=r"matrix.toml, line 6: plug-in file .*plain.py: No such file"):
        study.load_plugins()
