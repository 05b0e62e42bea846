"""Paired comparisons of points: intervals and tests against what others and simulations say."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import rabench
from given_studies import measured_fixture, measured_study, photos_matrix
from hypothesis import given
from hypothesis import strategies as st
from rabench.bench.comparing.bootstrap import estimate
from rabench.bench.comparing.compare import Method, compare, find_curve
from rabench.bench.comparing.comparison import as_text
from rabench.bench.comparing.operating_points import operating_points, requirement
from rabench.bench.reading.curves import Curve
from rabench.bench.records.format import write_table
from rabench.bench.reporting.report import report
from rabench.bench.statistics.bjontegaard import Distances
from rabench.bench.statistics.intervals import holm, mcnemar, tango, wilson
from rabench.bench.statistics.pareto import beaten_by, dominated, pareto_front
from rabench.bench.study.study import find_study
from rabench.core.errors import BadSetting, Refused, Unavailable
from scipy.optimize import minimize_scalar

pytestmark = pytest.mark.slow


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


@pytest.mark.parametrize("counts", [(8, 1), (30, 41), (0, 7), (250, 250)])
def test_mcnemar_is_statsmodels(counts):
    from statsmodels.stats.contingency_tables import mcnemar as theirs

    table = [[500, counts[0]], [counts[1], 400]]
    assert mcnemar(*counts) == pytest.approx(theirs(table, exact=True).pvalue, abs=1e-12)


def test_holm_is_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(1979).uniform(0, 0.2, 40).tolist()
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


def test_wilson_is_statsmodels():
    from statsmodels.stats.proportion import proportion_confint

    for correct, images in ((0, 7), (3, 7), (7, 7), (421, 1000), (9_999, 10_000)):
        expected = proportion_confint(correct, images, method="wilson")
        assert wilson(correct, images) == pytest.approx(expected, abs=1e-12)


def test_mcnemar_is_exact():
    assert mcnemar(8, 1) == pytest.approx(2 * (1 + 9) / 2**9)
    assert mcnemar(0, 0) == 1


def test_holm_raises_p_values_by_their_rank():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]


MATRIX = photos_matrix(
    'quantizers = ["median-cut:colors=2,4", "octree:colors=2,4", "octree:colors=2:dither=floyd-steinberg"]\ncodecs = ["png"]',
    'codecs = ["jpeg:quality=5,50"]',
)
study = measured_fixture(MATRIX, limit=150)


def test_points_of_equal_settings_are_compared_on_the_same_images(study):
    (found,) = compare(study, "median-cut+png", ["octree+png"])
    _, points = found.tables()
    table = points.frame
    assert points.title == "photos (150 images), small-photos: points against median-cut+png"
    assert table.quantizer.tolist() == ["octree:colors=2", "octree:colors=4"]
    for _, row in table.iterrows():
        difference = (int(row.gained) - int(row.lost)) / 1.5
        assert float(row.difference.split()[0]) == pytest.approx(difference, abs=0.005)
        assert float(row["accuracy %"]) - float(row["anchor %"]) == pytest.approx(difference, abs=0.011)
    assert "Tango" in points.notes[0]


def test_every_other_curve_is_compared_where_none_is_named(study):
    (found,) = compare(study, "median-cut+png", [])
    assert found.curves.curve.tolist() == ["octree+png", "none+jpeg"]
    assert len(found.points) == 3  # JPEG has no numbers of colors
    (found,) = compare(study, "none+raw", ["none+jpeg"])
    assert len(found.points) == 2  # the uncompressed image is compared with all
    (found,) = compare(study, "jpeg:quality=50", ["octree:colors=2+png", "median-cut+png"])  # so is a point
    assert found.points.quantizer.tolist() == ["octree:colors=2", "median-cut:colors=2", "median-cut:colors=4"]
    assert not len(found.curves)


def test_every_format_says_the_same(study):
    found = compare(study, "median-cut+png", [])
    said = json.loads(as_text(found, "json"))[0]
    assert said["images"] == 150 and said["points"][0]["gained"] == found[0].points.gained[0]
    jpeg = said["curves"][1]
    assert jpeg["bd_rate_percent"] is None and "in common" in jpeg["bd_rate_percent_reason"]
    rows = pd.read_csv(io.StringIO(as_text(found, "csv")))
    assert (
        rows.kind.value_counts().to_dict() == {"curve": 2, "point": 3}
        and rows.gained.dropna().tolist() == found[0].points.gained.tolist()
    )
    assert r"\begin{tabular}{lrrrrrrrr}" in as_text(found, "latex")
    assert "| octree+png |" in as_text(found, "markdown")


def test_names_that_fit_no_curve_or_several_name_the_candidates(study):
    with pytest.raises(
        BadSetting, match=r"`anchor` 'median.png' fits no curve .did you mean 'median-cut.png'.*none.jpeg"
    ):
        compare(study, "median+png")
    known = [Curve("octree:kernel=1", "png", (0,)), Curve("octree:kernel=2", "png", (1,))]
    with pytest.raises(BadSetting, match=r"fits 2 curves; there are octree:kernel=1.png; octree:kernel=2.png"):
        find_curve("octree+png", known, "test")
    assert find_curve("octree:kernel=2+png", known, "test") == known[1]
    with pytest.raises(Refused, match=r"nothing of octree:dither.* can be compared with none.jpeg"):
        compare(study, "none+jpeg", ["octree:dither=floyd-steinberg+png"])


def test_a_study_that_was_never_measured_is_told(tmp_path):
    (tmp_path / "matrix.toml").write_text(MATRIX)
    with pytest.raises(Unavailable, match="measure it: rabench run"):
        compare(find_study(str(tmp_path)), "median-cut+png", [])


def test_operating_points_by_need(study):
    (table,), bad = operating_points(study, requirement(70, None))
    assert not bad
    assert table.title.endswith("accuracy >= 70 %")
    reached = table.frame[table.frame.bpp != "-"]
    assert len(reached) and reached.bpp.astype(float).is_monotonic_increasing
    assert all(float(a.split()[0]) >= 70 for a in reached["accuracy %"])
    (table,), _ = operating_points(study, requirement(None, 2.0))
    within = [float(b) for b in table.frame.bpp if b != "-"]
    assert within and max(within) <= 2
    assert any(v != "-" for v in table.frame["on the curve"].tolist())
    (table,), _ = operating_points(study, requirement(None, 500.0))
    assert "-" not in table.frame["on the curve"].tolist()  # more bits than any point are no worse
    with pytest.raises(Refused, match=r"say either `at_least` .percent. or `at_most` .bits per pixel."):
        requirement(None, None)


@pytest.mark.parametrize("text", ["0.5", ".5", "5e-1", "0.5bpp"])
def test_a_rate_may_be_a_text(text):
    assert requirement(None, text) == requirement(None, 0.5)


def test_a_text_that_is_no_rate_is_told():
    with pytest.raises(BadSetting, match=r"such as 0.5 or 0.5bpp, got '0,5'"):
        requirement(None, "0,5")


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


def test_the_pareto_front_and_who_beats_whom():
    rate = np.array([1.0, 2.0, 3.0, 2.0, 1.0, np.nan])
    accuracy = np.array([0.3, 0.5, 0.5, 0.4, 0.3, 0.9])
    assert pareto_front(rate, accuracy) == [0, 4, 1]  # equal points do not beat each other
    assert beaten_by(rate, accuracy) == [None, None, 1, 1, None, None]
    assert not dominated(rate, accuracy)[:, 5].any()


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=25))
def test_every_point_is_on_the_front_or_beaten_by_one_of_it(points):
    rate, accuracy = np.array(points, float).T
    front, by = pareto_front(rate, accuracy), beaten_by(rate, accuracy)
    for i, beater in enumerate(by):
        assert (beater is None) == (i in front)
        if beater is not None:
            assert beater in front and rate[beater] <= rate[i] and accuracy[beater] >= accuracy[i]


def test_discordant_images_are_named(study):
    (found,) = compare(study, "median-cut+png", ["octree+png"])
    row = found.points.iloc[0]
    images = rabench.load(study.folder).images
    right = {
        name: set(part.image[part.prediction == part.label])
        for name, part in images[images.codec.str.startswith("png")].groupby("quantizer")
    }
    octree, median = right["octree:colors=2:dither=none"], right["median-cut:colors=2:dither=none"]
    assert set(row.gained_images) == octree - median and set(row.lost_images) == median - octree
    assert (row.gained, row.lost) == (len(row.gained_images), len(row.lost_images))
    table = found.tables(discordant=True)[-1]
    assert "discordant" in table.title
    assert table.frame.gained[0].startswith(" ".join(map(str, row.gained_images[:3])))


def test_agreement_counts_the_uncompressed_images_prediction_as_right(study):
    (found,) = compare(study, "median-cut+png", ["octree+png"], labels="agreement")
    rows = rabench.load(study.folder).points.set_index(["quantizer", "codec"])
    agreement = rows.loc[("octree:colors=2:dither=none", "png:effort=6:palette=yes")].agreement
    assert found.points.accuracy_percent[0] == pytest.approx(100 * agreement)
    curves, points = found.tables()
    assert all("agreement with the uncompressed images" in table.title for table in (curves, points))
    assert "agreement %" in points.frame and "BD-agreement" in curves.frame
    assert "accuracy" not in f"{list(curves.frame)}{curves.notes}{list(points.frame)}"
    assert set(pd.read_csv(io.StringIO(as_text([found], "csv"))).labels) == {"agreement"}
    assert "agreement" in as_text([found], "latex") and '"labels": "agreement"' in as_text([found], "json")
    with pytest.raises(BadSetting, match="`labels` must be one of dataset, agreement, got 'own'"):
        compare(study, "median-cut+png", labels="own")


OTHER = photos_matrix('codecs = ["webp:quality=5,50"]')
other = measured_fixture(OTHER, limit=150)


def test_curves_of_two_studies_are_compared_as_if_they_were_of_one(study, other, tmp_path):
    (found,) = compare([study, other], "none+jpeg", ["none+webp"])
    assert (found.anchor, found.images) == (f"none+jpeg [{study.name}]", 150)
    assert found.curves.curve.tolist() == [f"none+webp [{other.name}]"]
    one = measured_study(tmp_path, OTHER.replace('"webp', '"jpeg:quality=5,50", "webp'), 150)
    (alone,) = compare(one, "none+jpeg", ["none+webp"])
    pd.testing.assert_frame_equal(alone.curves.drop(columns="curve"), found.curves.drop(columns="curve"))
    # The same curve in both: nothing between them
    (same,) = compare([study, one], f"none+jpeg [{study.name}]", [f"none+jpeg [{one.name}]"])
    assert same.curves.bd_accuracy_points[0] == 0 and same.points.gained.sum() == same.points.lost.sum() == 0
    with pytest.raises(BadSetting, match=r"fits 2 curves; there are none.jpeg \["):
        compare([study, one], "none+jpeg")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (('"photos"', '"photos:split=train"'), r"no images \(whole blocks of 1,000, or an equal `limit`\)"),
        (("weights=small-photos", "weights=small-photos:precision=bf16"), "no classifier"),
    ],
)
def test_studies_of_different_images_or_classifiers_are_refused(study, tmp_path, change, what):
    apart = measured_study(tmp_path, OTHER.replace(*change), 20)
    with pytest.raises(Refused, match=f"has {what} in common with the other studies: photos .150 images"):
        compare([study, apart], "none+jpeg", ["none+webp"])


def test_a_damaged_block_of_one_study_leaves_the_others_images_in_place(study, tmp_path):
    one, two = (tmp_path / name for name in ("one", "two"))
    for folder in (one, two):
        shutil.copytree(study.folder, folder)
    records = sorted((two / "records").glob("*.parquet"))
    records[3].write_bytes(b"no parquet")
    (found,) = compare([find_study(str(one)), find_study(str(two))], "median-cut+png [one]", ["octree+png [one]"])
    assert found.images == 150 and max(found.points.gained_images[0]) < 150 and len(found.bad) == 1


def test_a_curve_whose_images_all_failed_is_left_out(tmp_path):
    found = measured_study(tmp_path, OTHER.replace("webp:quality=5,50", "jpeg:quality=5,50", 1), 20)
    for path in (tmp_path / "records").glob("*.parquet"):
        table, about = pq.read_table(path), pq.read_metadata(path).metadata[b"rabench"]
        if b"jpeg" in about:
            failed = table.set_column(table.column_names.index("error"), "error", pa.array(["encoder: no"] * 20))
            write_table(failed, path, {"rabench": about.decode()})
    with pytest.raises(Refused, match=r"nothing of any curve can be compared with none.jpeg"):
        compare(found, "none+jpeg")
    assert report(found).failed == 40
    assert "No pictures" not in (tmp_path / "report.html").read_text()


def test_one_nearly_empty_point_does_not_take_the_images_of_the_others(study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(study.folder, copy)
    for path in (copy / "records").glob("*.parquet"):
        table, about = pq.read_table(path), pq.read_metadata(path).metadata[b"rabench"]
        if b"jpeg" in about and b"quality=50" in about:
            reasons = pa.array([None] * 3 + ["encoder: no"] * 147, pa.string())
            write_table(
                table.set_column(table.column_names.index("error"), "error", reasons), path, {"rabench": about.decode()}
            )
    (found,) = compare(find_study(str(copy)), "median-cut+png")
    assert found.images == 150


def test_damaged_records_and_those_of_a_newer_version_are_named_and_skipped(other, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(other.folder, copy)
    whole, cut = sorted((copy / "records").glob("*.parquet"))[:2]
    cut.write_bytes(cut.read_bytes()[:-40])
    table, said = pq.read_table(whole), json.loads(pq.read_metadata(whole).metadata[b"rabench"])
    newer = copy / "records" / "newer.parquet"
    write_table(table, newer, {"rabench": json.dumps({**said, "format": 2})})
    found = find_study(str(copy))
    written = report(found)
    assert sorted(line.split(": ")[0] for line in written.bad) == sorted(map(str, (cut, newer)))
    assert any("of a newer rabench (format 2, this one reads 1); update rabench" in line for line in written.bad)
    assert len(written.summary) == 2
    assert operating_points(found, requirement(1.5, None))[1] == written.bad


def test_a_codec_alone_means_its_originals_even_where_quantized_images_go_through_it_too():
    curves = [Curve("none", "jpeg", (0,)), Curve("octree", "jpeg", (1,)), Curve("octree", "png", (2,))]
    assert find_curve("jpeg", curves, "anchor") == curves[0]
    assert find_curve("png", curves, "anchor") == curves[2]


def test_a_range_asked_for_is_what_bd_figures_are_of(study):
    (whole,) = compare(study, "median-cut+png", ["octree+png"])
    points = whole.points
    low, high = (
        1.02 * max(points.bpp.min(), points.anchor_bpp.min()),
        0.98 * min(points.bpp.max(), points.anchor_bpp.max()),
    )
    method = Method.checked(rates=(low, high), accuracies=(1, 100))
    (within,) = compare(study, "median-cut+png", ["octree+png"], method=method)
    row = within.curves.iloc[0]
    assert row.bd_accuracy_points_overlap == pytest.approx(1)
    assert np.isnan(row.bd_rate_percent) and "of the range of accuracies asked for" in row.bd_rate_percent_reason
    x = np.linspace(np.log10(low), np.log10(high), 10_001)
    test = np.interp(x, np.log10(points.bpp), points.accuracy_percent)  # two points: a straight line
    anchor = np.interp(x, np.log10(points.anchor_bpp), points.anchor_accuracy_percent)
    assert row.bd_accuracy_points == pytest.approx(np.trapezoid(test - anchor, x) / (x[-1] - x[0]), abs=1e-6)
    assert row.bd_accuracy_points != pytest.approx(whole.curves.iloc[0].bd_accuracy_points, abs=1e-3)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"rates": (4, 1)}, "`rates` is a range of bits per pixel above 0, low before high"),
        ({"accuracies": (50, 120)}, "`accuracies` is a range of percentages"),
        ({"interpolation": "linear"}, "`interpolation` must be one of pchip, akima, got 'linear'"),
    ],
)
def test_ranges_that_are_none_are_refused(study, option, message):
    with pytest.raises(BadSetting, match=message):
        rabench.compare(study.folder, "median-cut+png", **option)


def test_no_figure_is_given_where_half_of_the_resamples_have_none():
    whole = Distances(np.array([417.8]), np.array([0.6]), "accuracies")
    resampled = Distances(np.array([400.0] * 29 + [np.nan] * 71), np.full(100, 0.5), "accuracies")
    found = estimate(whole, resampled)
    assert np.isnan(found.value) and found.reason == "no figure in 71 % of the resamples: too little in common"
    some = estimate(whole, Distances(np.linspace(400, 430, 100), np.full(100, 0.5), "accuracies"))
    assert some.value == 417.8 and some.low < 417.8 < some.high and not some.reason
