"""Smaller picture or lower quality: the table of sizes at equal bits, and its figure."""

import numpy as np
import pytest
from given_studies import measured_fixture
from rabench.bench.comparing.bootstrap import ResampledCurves
from rabench.bench.comparing.reading import read
from rabench.bench.comparing.sizes import sized_codecs, sizes_table
from rabench.bench.reporting.report import report

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


def test_the_best_size_has_an_interval_above_the_full_one(study):
    table = sizes_table(read(study).groups[0])
    assert table is not None
    for row in table.frame.to_dict("records"):
        intervals = {
            size: [float(v) for v in row[size].split("[")[1].rstrip("]").split(",")]
            for size in ("short=24", "short=12")
            if row[size] != "-"
        }
        if row["best"] in intervals:
            assert intervals[row["best"]][0] > 0
        elif row["best"] == "full":
            assert all(high < 0 for _, high in intervals.values())
        else:
            assert row["best"] == "open"


@pytest.mark.slow
def test_the_report_has_the_table_and_the_figure(study):
    written = report(study)
    assert {"sizes.png", "sizes.svg"} <= {f.name for f in written.files}
    assert "smaller picture or lower quality" in (study.folder / "table.md").read_text()
    assert "Smaller picture or lower quality" in (study.folder / "report.html").read_text()
    assert np.isfinite(written.summary.bpp).all()
