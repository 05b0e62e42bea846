"""Log-loss and calibration: of every point, in tables, comparisons and points; and of records that kept less."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from given_studies import written_study
from rabench.bench.comparing.compare import compare
from rabench.bench.comparing.operating_points import operating_points, requirement
from rabench.bench.figures.rate_log_loss import rate_log_loss
from rabench.bench.reading.groups import read
from rabench.bench.reading.log_loss import (
    BINS,
    by_log_loss,
    calibration_error,
    log_likelihoods,
    probability_columns,
)
from rabench.bench.reading.measures import LOG_LOSS_CAP
from rabench.bench.reporting.page_data import points_data
from rabench.bench.reporting.points_table import points_table
from rabench.core.errors import Refused

PHOTOS = Path(__file__).parent.parent.parent / "results" / "photos"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """The study of photographs that ships, with its records."""
    folder = tmp_path_factory.mktemp("log-loss") / "photos"
    shutil.copytree(PHOTOS, folder)
    return written_study(folder, (PHOTOS / "matrix.toml").read_text())


@pytest.fixture(scope="module")
def group(photos):
    return read(photos).groups[0]


def point(group, title):
    return next(m for m in group.measured if m.point.title == title)


def test_the_log_loss_of_a_point_is_the_mean_over_its_images(group):
    judged = by_log_loss(group)
    m = point(group, "jpeg:quality=20")
    row = judged.rows.iloc[[own.point for own in judged.measured].index(m.point)]
    expected = -np.maximum(m.columns["log_probability"].astype(float), -LOG_LOSS_CAP).mean()
    assert judged.measure.shown(row.accuracy, row.accuracy_low, row.accuracy_high)[0] == pytest.approx(expected)
    low, high = judged.measure.shown(row.accuracy, row.accuracy_low, row.accuracy_high)[1:]
    assert low < expected < high


def test_less_log_loss_is_better_everywhere(photos):
    (comparison,) = compare(photos, "none+webp:quality=95", ["none+webp"], metric="log-loss")
    points = comparison.points.set_index("codec")
    worst = points.loc["webp:quality=0"]
    assert worst.difference_points > 0 and worst.difference_points_low > 0 and worst.lost > worst.gained
    assert worst.accuracy_percent > worst.anchor_accuracy_percent > 0
    assert worst.difference_points == pytest.approx(worst.accuracy_percent - worst.anchor_accuracy_percent)
    assert any("less is better" in note for table in comparison.tables() for note in table.notes)
    (table,), _ = operating_points(photos, requirement(0.5, None, "log-loss"), metric="log-loss")
    assert "log-loss <= 0.5 nats" in table.title
    assert all(float(v.split()[0]) <= 0.5 for v in table.frame["log-loss nats"] if v != "-")
    assert {"none+webp", "none+jpeg"} <= set(table.frame.loc[table.frame.measured != "-", "curve"])


def test_agreement_has_no_log_loss(photos):
    with pytest.raises(Refused, match="log-loss is that of the data set's labels, and agreement has none"):
        compare(photos, "none+jpeg", metric="log-loss", labels="agreement")


def test_the_calibration_error_is_the_mean_distance_of_confidence_and_accuracy(group):
    m = point(group, "jpeg:quality=20")
    confidence, right = m.columns["confidence"].astype(float), m.right
    expected = 0.0
    for number in range(BINS):
        inside = (confidence >= number / BINS) & (confidence < (number + 1) / BINS + (number == BINS - 1))
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    error, low, high = calibration_error(m)
    assert error == pytest.approx(expected) and low < error < high
    agreed = np.isclose(np.exp(m.columns["log_probability"]), confidence)
    assert agreed[right].all() and (log_likelihoods(m)[right] > -np.log(len(m.point.classifier.classes))).all()


def test_columns_tables_and_figure_have_both(group):
    frame = probability_columns(group, by_log_loss(group))
    assert frame[["log_loss_low", "calibration_error_high"]].notna().all().all()
    assert (frame.log_loss_low < frame.log_loss).all() and (
        frame.calibration_error <= frame.calibration_error_high
    ).all()
    table = points_table(group, False, [], frame)
    assert {"log-loss", "calibration error %"} <= set(table.frame)
    figure = rate_log_loss(by_log_loss(group))
    assert figure is not None and figure.axes[0].get_ylabel() == "log-loss (nats), log scale"
    points = points_data(group, [by_log_loss(group)])
    assert points[0]["metric log-loss"][0] == pytest.approx(frame.log_loss[0], abs=1e-6)


def test_records_that_kept_no_confidences_are_read(tmp_path):
    shutil.copytree(PHOTOS, tmp_path / "photos")
    for path in (tmp_path / "photos" / "records").glob("*.parquet"):
        table = pq.read_table(path).drop_columns("confidence")
        pq.write_table(pa.table(table).replace_schema_metadata(pq.read_metadata(path).metadata), path)
    reading = read(written_study(tmp_path / "photos", (PHOTOS / "matrix.toml").read_text()))
    frame = pd.concat([reading.rows, probability_columns(reading.groups[0], by_log_loss(reading.groups[0]))], axis=1)
    kept = pd.read_csv(PHOTOS / "summary.csv")
    assert frame.calibration_error.isna().all()
    same = [name for name in kept if not name.startswith("calibration")]
    pd.testing.assert_frame_equal(frame[same], kept[same], atol=1e-6, check_dtype=False)
