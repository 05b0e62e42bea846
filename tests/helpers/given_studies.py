"""Studies for tests: from points, without a matrix file, or from a matrix file and measured."""

import pytest
from plugins_for_tests import Brightness, Noise
from rabench.bench.running import executors, runner
from rabench.bench.study.matrix import Matrix, Study, find_study
from rabench.bench.study.points import Point
from rabench.codecs import CODECS
from rabench.quantizers import QUANTIZERS

NONE, RAW = QUANTIZERS.make("none"), CODECS.make("raw")


class GivenStudy(Study):
    """A study whose matrix is given, not read."""

    points: tuple = ()

    def load(self):
        return Matrix("given", self.points)


def given_study(folder, *points, out=None):
    """In ``folder``; its results go to ``out``, by default to a folder in there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matrix.toml").write_text("# given by a test\n")
    study = GivenStudy("given", folder / "matrix.toml", out or folder / "out")
    object.__setattr__(study, "points", points)
    return study


def point(codec=RAW, dataset=None, classifier=None, quantizer=NONE):
    return Point(dataset or Noise(), quantizer, codec, classifier or Brightness())


def measured_study(folder, matrix, limit):
    """A study in ``folder`` with this matrix.toml, measured on the first images of its data sets."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matrix.toml").write_text(matrix)
    study = find_study(str(folder))
    runner.run(study, executors.in_process, limit)
    return study


def photos_matrix(*blocks, title="Photographs"):
    """A matrix.toml of the embedded photographs and their classifier; a [[points]] block for each text."""
    head = f'title = "{title}"\ndataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
    return head + "".join(f"[[points]]\n{block}\n" for block in blocks)


def measured_fixture(matrix, limit):
    """A fixture: the study of that matrix, measured once for all tests of a file."""

    @pytest.fixture(scope="module")
    def study(tmp_path_factory):
        return measured_study(tmp_path_factory.mktemp("measured"), matrix, limit)

    return study
