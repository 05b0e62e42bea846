"""Studies whose points a test gives, without a matrix file."""

from plugins_for_tests import Brightness, Noise
from rabench.bench.study.matrix import Matrix, Study
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
