"""Studies for tests: of points that a test gives, or of a matrix file that it writes."""

from dataclasses import dataclass

from plugins_for_tests import Brightness, Noise
from rabench.bench.comparing.reading import read
from rabench.bench.running import executors, runner
from rabench.bench.running.runner import Progress
from rabench.bench.study.matrix import Matrix, Study, find_study
from rabench.bench.study.points import Point
from rabench.codecs import CODECS
from rabench.quantizers import QUANTIZERS

NONE, RAW = QUANTIZERS.make("none"), CODECS.make("raw")
PHOTOS = 'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
"""How a matrix begins: photographs, and the classifier that ships."""
PHOTOS_AS_PNG = PHOTOS + '[[points]]\ncodecs = ["png"]\n'


@dataclass(frozen=True)
class GivenStudy(Study):
    """A study whose matrix is given, not read."""

    points: tuple[Point, ...] = ()

    def load(self):
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


def measure(study, limit=None, workers=0, progress=None, **options):
    return runner.run(study, lambda: executors.make(workers, None), limit, progress or Progress(), **options)


def rows_of(study):
    """What a report sums up of it, a row a point, without the figures."""
    return read(study).rows


def times_of(study):
    """When each record was written, by its name."""
    return {f.name: f.stat().st_mtime_ns for f in study.records.glob("*.parquet")}
