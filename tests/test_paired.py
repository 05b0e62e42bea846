"""Paired comparisons of points: intervals and tests against what others and simulations say."""

import io
import json

import numpy as np
import pandas as pd
import pytest
import rabench
from rabench.bench import executors, runner
from rabench.bench.compare import as_text, compare, find_curve, shown
from rabench.bench.curves import Curve
from rabench.bench.matrix import find_study
from rabench.bench.needs import operating_points
from rabench.bench.paired import Paired, holm, tango
from rabench.core.errors import BadSetting, Refused, Unavailable
from scipy.optimize import minimize_scalar


def profile_score(gained, lost, n, delta):
    """The score statistic with the nuisance share found by search, not by Tango's formula."""

    def minus_log_likelihood(q):
        p = q + delta
        rest = 1 - p - q
        if q < 0 or p < 0 or rest < 0:
            return np.inf
        terms = ((gained, p), (lost, q), (n - gained - lost, rest))
        return -sum(count * np.log(max(share, 1e-300)) for count, share in terms if count)

    low, high = max(0, -delta), (1 - delta) / 2
    q = minimize_scalar(minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    return (gained - lost - n * delta) / np.sqrt(n * (2 * q + delta - delta**2))


@pytest.mark.parametrize("counts", [(12, 3, 60), (40, 44, 1000), (0, 5, 50), (7, 0, 30), (300, 220, 10000)])
def test_the_ends_of_tangos_interval_have_a_score_of_z(counts):
    low, high = tango(*counts)
    assert low < (counts[0] - counts[1]) / counts[2] < high
    assert profile_score(*counts, low) == pytest.approx(1.959964, abs=2e-3)
    assert profile_score(*counts, high) == pytest.approx(-1.959964, abs=2e-3)


def test_tangos_interval_mirrors_and_knows_its_ends():
    low, high = tango(9, 4, 77)
    assert tango(4, 9, 77) == pytest.approx((-high, -low))
    assert tango(0, 0, 40)[0] == pytest.approx(-tango(0, 0, 40)[1])
    assert tango(10, 0, 10)[1] == 1
    assert all(np.isnan(tango(0, 0, 0)))


@pytest.mark.parametrize(("gain", "loss"), [(0.06, 0.03), (0.40, 0.02), (0.03, 0.03)])
def test_the_interval_holds_the_truth_as_often_as_it_says(gain, loss):
    rng, n, draws = np.random.default_rng(1998), 1000, 2000
    found = rng.multinomial(n, (gain, loss, 1 - gain - loss), draws)
    held = np.mean([low <= gain - loss <= high for low, high in (tango(int(g), int(lo), n) for g, lo, _ in found)])
    assert 0.935 < held < 0.965


def test_mcnemar_is_exact():
    assert Paired(100, 8, 1).p == pytest.approx(2 * (1 + 9) / 2**9)
    assert Paired(100, 0, 0).p == 1


def test_holm_raises_p_values_by_their_rank():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
quantizers = ["median-cut:colors=2,4", "octree:colors=2,4", "octree:colors=2:dither=floyd-steinberg"]
codecs = ["png"]
[[points]]
codecs = ["jpeg:quality=5,50"]
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    (folder / "matrix.toml").write_text(MATRIX)
    found = find_study(str(folder))
    runner.run(found, executors.in_process, limit=150)
    return found


def test_points_of_equal_settings_are_compared_on_the_same_images(study):
    (found,) = compare(study, "median-cut+png", ["octree+png"])
    _, (title, table, notes) = shown(found)
    assert title == "photos (150 images), small-photos: points against median-cut+png"
    assert table.quantizer.tolist() == ["octree:colors=2", "octree:colors=4"]
    for _, row in table.iterrows():
        difference = (int(row.gained) - int(row.lost)) / 1.5
        assert float(row.difference.split()[0]) == pytest.approx(difference, abs=0.005)
        assert float(row["accuracy %"]) - float(row["anchor %"]) == pytest.approx(difference, abs=0.011)
    assert "Tango" in notes[0]


def test_every_other_curve_is_compared_where_none_is_named(study):
    (found,) = compare(study, "median-cut+png", [])
    assert found.curves.curve.tolist() == ["octree+png", "none+jpeg"]
    assert len(found.points) == 3  # JPEG has no numbers of colors
    (found,) = compare(study, "none+raw", ["none+jpeg"])
    assert len(found.points) == 2  # the uncompressed image is compared with all
    assert not len(found.curves)


def test_every_format_says_the_same(study):
    found = compare(study, "median-cut+png", [])
    said = json.loads(as_text(found, "json"))[0]
    assert said["images"] == 150 and said["points"][0]["gained"] == found[0].points.gained[0]
    jpeg = said["curves"][1]
    assert jpeg["bd_rate"] is None and "in common" in jpeg["bd_rate_reason"]
    rows = pd.read_csv(io.StringIO(as_text(found, "csv")))
    assert len(rows) == 5 and rows.gained.dropna().tolist() == found[0].points.gained.tolist()
    assert r"\begin{tabular}{lrrrrrr}" in as_text(found, "latex")
    assert "| octree+png |" in as_text(found, "markdown")


def test_names_that_fit_no_curve_or_several_name_the_candidates(study):
    with pytest.raises(
        BadSetting, match=r"--anchor 'median.png' fits no curve .did you mean 'median-cut.png'.*none.jpeg"
    ):
        compare(study, "median+png")
    known = [Curve("octree:kernel=1", "png", (0,)), Curve("octree:kernel=2", "png", (1,))]
    with pytest.raises(BadSetting, match=r"fits 2 curves; there are octree:kernel=1.png; octree:kernel=2.png"):
        find_curve("octree+png", known, "--test")
    assert find_curve("octree:kernel=2+png", known, "--test") == known[1]
    with pytest.raises(Refused, match=r"nothing of octree:dither.* can be compared with none.jpeg"):
        compare(study, "none+jpeg", ["octree:dither=floyd-steinberg+png"])


def test_a_study_that_was_never_measured_is_told(tmp_path):
    (tmp_path / "matrix.toml").write_text(MATRIX)
    with pytest.raises(Unavailable, match="measure it: rabench run"):
        compare(find_study(str(tmp_path)), "median-cut+png", [])


def test_operating_points_by_need(study):
    ((title, table, _),) = operating_points(study, at_least=70)
    assert title.endswith("accuracy >= 70 %")
    reached = table[table.bpp != "-"]
    assert reached.bpp.astype(float).is_monotonic_increasing
    assert all(float(a.split()[0]) >= 70 for a in reached["accuracy %"])
    ((_, table, _),) = operating_points(study, at_most=2.0)
    assert all(float(b) <= 2 for b in table["bpp"].tolist() if b != "-")
    assert any(v != "-" for v in table["on the curve"].tolist())
    with pytest.raises(Refused, match="say either --at-least PERCENT or --at-most BPP"):
        operating_points(study)


def test_the_same_from_python(study):
    loaded = rabench.load(study.folder)
    assert len(loaded.points) == len(loaded.images) / 150
    one = loaded.images[
        loaded.images.codec.str.startswith("png")
        & loaded.images.quantizer.str.startswith("octree:colors=2:dither=none")
    ]
    row = loaded.points[
        (loaded.points.quantizer == one.quantizer.iloc[0]) & (loaded.points.codec == one.codec.iloc[0])
    ].iloc[0]
    assert np.mean(one.prediction == one.label) == pytest.approx(float(row["accuracy"].item()))
    (found,) = rabench.compare(study.folder, "median-cut+png", ["octree+png"])
    assert found.points.gained.tolist() == compare(study, "median-cut+png", ["octree+png"])[0].points.gained.tolist()
    frame = rabench.curves(study.folder)["photos:split=test, small:precision=fp32:weights=small-photos"]["octree+png"]
    assert frame.bpp.is_monotonic_increasing and len(frame) == 2
