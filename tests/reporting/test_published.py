"""Accuracies that are published for weights, beside the measured ones."""

import pytest
from given_studies import measured_study
from rabench.bench.reporting.report import report

MATRIX = """
dataset = "photos"
classifiers = ['small:weights=small-photos{more}']
[[points]]
codecs = ["png"]
"""


def written(folder, more):
    return report(measured_study(folder, MATRIX.format(more=more), 100))


@pytest.mark.slow
def test_nothing_is_said_of_weights_without_a_published_accuracy(tmp_path):
    result = written(tmp_path, "")
    assert result.warnings == [] and "Published" not in (tmp_path / "table.md").read_text()


@pytest.mark.slow
def test_a_published_accuracy_within_the_interval_stands_beside_the_measured_one(tmp_path):
    measured = 100 * written(tmp_path, "").summary.accuracy[0]
    result = written(tmp_path, f':published={measured - 1:.1f}:published_on="all photographs"')
    assert result.warnings == []
    assert f"Published: {measured - 1:g} % on all photographs." in (tmp_path / "table.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("published", "cause"), [(100, "the order of the classes"), (20, "images that the network was trained on")]
)
def test_one_that_the_interval_leaves_out_is_warned_of_in_table_page_and_at_the_end(tmp_path, published, cause):
    result = written(tmp_path, f":published={published}")
    (warning,) = result.warnings
    assert warning.startswith("WARNING: small:weights=small-photos is right on ")
    assert f"published are {published} %" in warning and cause in warning and "\n" not in warning
    for file in ("table.md", "report.html"):
        assert cause in (tmp_path / file).read_text()
