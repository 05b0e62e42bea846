"""How long reports and comparisons of large studies take, and how much memory."""

import resource
import subprocess
import sys
import time

import pytest
from large_studies import large_study
from rabench.bench.comparing.compare import compare

MATRIX = """
[[points]]
quantizers = ["none", "median-cut:colors=2,4,8,16,32,64", "octree:colors=2,4,8,16,32,64"]
codecs = ["png", "jpeg:quality={step}", "webp:quality={step}"]
"""


@pytest.fixture(scope="module")
def three_hundred(tmp_path_factory):
    study, points = large_study(tmp_path_factory.mktemp("large") / "study", MATRIX.format(step="5..95/9"), 10_000)
    return study, len(points)


def test_a_report_of_300_points_and_10000_images(three_hundred, benchmark):
    """Wanted: under 20 s and 2 GB, and a page below 8 MB."""
    study, points = three_hundred

    def report():
        subprocess.run(
            [sys.executable, "-m", "rabench", "report", str(study.folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )

    benchmark.pedantic(report, rounds=1)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    size = (study.folder / "report.html").stat().st_size / 1e6
    print(f"\n{points} points: {benchmark.stats.stats.median:.0f} s, {peak:.2f} GB, page {size:.1f} MB")


def test_every_curve_against_one_anchor_over_200_points(tmp_path_factory, benchmark):
    """2,000 draws of 10,000 images. Wanted: under 20 s on one core."""
    study, points = large_study(tmp_path_factory.mktemp("large") / "compared", MATRIX.format(step="5..95/15"), 10_000)
    comparisons = benchmark.pedantic(compare, args=(study, "none+jpeg"), rounds=1)
    print(f"\n{len(points)} points, {len(comparisons[0].curves)} curves: {benchmark.stats.stats.median:.1f} s")


def test_a_million_images_at_60_points(tmp_path, benchmark):
    """Wanted: report and one comparison within 5 minutes and 4 GB on two cores; the plan within 20 s."""
    matrix = MATRIX.replace("2,4,8,16,32,64", "4,16").format(step="10..90/20")
    study, points = large_study(tmp_path / "million", matrix, 1_281_167, classes=1000)

    def timed(command, *options):
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "rabench", command, str(study.folder), *options],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.monotonic() - began

    plan = timed("run", "--dry-run")
    benchmark.pedantic(timed, args=("report",), rounds=1)
    comparison = timed("compare", "--anchor", "jpeg")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    report = benchmark.stats.stats.median
    print(
        f"\n{len(points)} points: plan {plan:.0f} s, report {report:.0f} s, compare {comparison:.0f} s, {peak:.2f} GB"
    )
