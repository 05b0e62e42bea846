"""Studies for tests: of points that a test gives, or of a matrix file that it writes; and what is measured of them."""

from dataclasses import dataclass

import pytest
from plugins_for_tests import Brightness, Noise
from rabench.bench.reading.groups import read
from rabench.bench.running import executors, session
from rabench.bench.running.runner import Progress
from rabench.bench.study.matrix import Matrix
from rabench.bench.study.points import Point
from rabench.bench.study.study import Study, find_study
from rabench.codecs import CODECS
from rabench.quantizers import QUANTIZERS

NONE, RAW = QUANTIZERS.make("none"), CODECS.make("raw")


def photos_matrix(*blocks, title="Photographs", more=""):
    """A matrix.toml of the embedded photographs and their classifier; a [[points]] block for each text. more: tables."""
    head = f'title = "{title}"\ndataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
    return head + more + "".join(f"[[points]]\n{block}\n" for block in blocks)


PHOTOS_AS_PNG = photos_matrix('codecs = ["png"]')


@dataclass(frozen=True)
class GivenStudy(Study):
    """A study whose matrix is given, not read."""

    points: tuple[Point, ...] = ()

    def load(self, measuring=False):
        return Matrix("given", self.points)


def given_study(folder, *points, out=None):
    """In ``folder``; its results go to ``out``, by default to a folder in there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matrix.toml").write_text("# given by a test\n")
    return GivenStudy("given", folder / "matrix.toml", out or folder / "out", points)


def point(codec=RAW, dataset=None, classifier=None, quantizer=NONE):
    return Point(dataset or Noise(), quantizer, codec, classifier or Brightness())


def written_study(folder, matrix):
    """The study in ``folder``, whose matrix file has this text; its results go there too."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "matrix.toml").write_text(matrix)
    return find_study(str(folder))


def measured_study(folder, matrix, limit):
    """A study in ``folder`` with this matrix.toml, measured on the first images of its data sets."""
    study = written_study(folder, matrix)
    measure(study, limit)
    return study


def measured_fixture(matrix, limit):
    """A fixture: the study of that matrix, measured once for all tests of a file."""

    @pytest.fixture(scope="module")
    def study(tmp_path_factory):
        return measured_study(tmp_path_factory.mktemp("measured"), matrix, limit)

    return study


def measure(study, limit=None, workers=0, progress=None, **options):
    return session.run(study, lambda: executors.make(workers, None), limit, progress or Progress(), **options)


def rows_of(study):
    """What a report sums up of it, a row a point, without the figures."""
    return read(study).rows


def times_of(study):
    """When each record was written, by its name."""
    return {f.name: f.stat().st_mtime_ns for f in study.records.glob("*.parquet")}
