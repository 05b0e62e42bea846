"""Smaller picture or lower quality: the table of sizes at equal bits, and its figure."""

import numpy as np
import pytest
from given_studies import measured_fixture, measured_study
from rabench.bench.comparing.bootstrap import ResampledCurves
from rabench.bench.comparing.sizes import sized_codecs, sizes_table
from rabench.bench.reading.groups import read
from rabench.bench.reporting.report import report

pytestmark = pytest.mark.slow

study = measured_fixture(
    """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
sizes = ["full", "short=24", "short=12"]
codecs = ["webp:quality=5,40,90", "png"]
""",
    200,
)


SEES_THE_SIZE = """
import numpy as np
import rabench

class SeesTheSize(rabench.Classifier):
    name = "sees-the-size"
    classes = ("small", "large")
    size = 0

    def version(self):
        return "1"

    def logits_of_batch(self, images):
        return np.tile([1.0, 0.0] if images.shape[1] == 8 else [0.0, 1.0], (len(images), 1)).astype(np.float32)


class Smalls(rabench.Dataset):
    name = "smalls"

    def open(self):
        return Reader()


class Reader:
    classes = ("small", "large")

    def __len__(self):
        return 100

    def read(self, start, stop):
        pool = [np.random.default_rng(i).integers(0, 256, (32, 32, 3), np.uint8) for i in range(start, stop)]
        return rabench.Block(pool, np.zeros(stop - start, np.int64), [rabench.Source("raw")] * (stop - start))

    def stamp(self):
        return "smalls"
"""
OWN = """
dataset = "smalls"
classifiers = ["sees-the-size"]
plugins.files = ["own.py"]
[[points]]
sizes = ["full", "short=16", "short=8"]
codecs = ["webp:quality=0,50,100"]
"""


@pytest.mark.long
def test_codecs_with_curves_of_several_sizes_are_compared(study):
    (group,) = read(study).groups
    (codec,) = sized_codecs(group)  # png has one point a size
    assert (codec.name, list(codec.curves)) == ("webp", ["full", "short=24", "short=12"])


def test_a_cell_is_the_difference_of_two_curves_at_equal_bits(study):
    (group,) = read(study).groups
    table = sizes_table(group)
    assert table is not None
    assert list(table.frame) == ["codec", "bpp", "full %", "short=24", "short=12", "best"]
    (codec,) = sized_codecs(group)
    curves = ResampledCurves(group.measured, list(codec.curves.values()))
    row = table.frame[table.frame.bpp == "1"].iloc[0]
    expected = {}
    for size, curve in codec.curves.items():
        rates, shares = (v[0, curves.columns(curve)] for v in curves.whole)
        # within its highest rate a curve rises: PCHIP passes through the points, so a bracket holds the value
        within = shares[rates <= 1].max()
        beyond = shares[rates >= 1].min() if (rates >= 1).any() else within
        expected[size] = sorted((100 * within, 100 * beyond))
    low, high = expected["full"]
    assert low - 0.01 <= float(row["full %"]) <= high + 0.01
    difference = float(row["short=24"].split()[0])
    low24, high24 = expected["short=24"]
    assert low24 - high - 0.02 <= difference <= high24 - low + 0.02


def test_the_best_size_is_the_one_that_is_surely_better(tmp_path):
    """A classifier that only sees whether an image is stored at 8x8: small pictures are right, others are wrong."""
    (tmp_path / "own.py").write_text(SEES_THE_SIZE)
    study = measured_study(tmp_path, OWN, 100)
    table = sizes_table(read(study).groups[0])
    assert table is not None
    shared = table.frame[table.frame["full %"] == "0.00"]
    assert len(shared) and set(shared.best) == {"short=8"}
    assert all(cell.startswith("+100.00 [+100.00") for cell in shared["short=8"])
    assert all(cell.startswith("+0.00 ") for cell in shared["short=16"])
    cheaper = table.frame[table.frame["full %"] == "-"]  # what the full size has nothing so cheap as
    assert len(cheaper) and set(cheaper["short=8"]) == {"100.00"} and set(cheaper.best) == {"short=8"}


@pytest.mark.long
def test_the_report_has_the_table_and_the_figure(study):
    written = report(study)
    assert {"sizes.png", "sizes.svg"} <= {f.name for f in written.files}
    assert "smaller picture or lower quality" in (study.folder / "table.md").read_text()
    assert "Smaller picture or lower quality" in (study.folder / "report.html").read_text()
    assert np.isfinite(written.summary.bpp).all()
