"""The table of a group's points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ...codecs.base import StoredFileCodec
from ...core.tables import Kind, Table
from ...metrics.base import Metric
from ...quantizers.none import NoQuantizer
from ..reading.curves import Measured
from ..reading.fidelity import means
from ..reading.groups import Group
from ..timing.table import milliseconds
from ..timing.times import Estimate, Times

LEGEND = (
    "bpp: file bits by original pixels, whole data set. payload: coded pixels and palettes alone. amortized: container "
    "and tables stored once. overhead: a flat image of the commonest size. accuracy: top-1 with its 95 % Wilson interval. "
    "agreement: same prediction as on the uncompressed image. Settings in one row (0..3) give identical files."
)
SIZED = (
    "size: what is stored is the picture made smaller (Lanczos), never larger; bits are counted by original pixels, the "
    "classifier sees the decoded small picture, and PSNR is measured after scaling it back."
)
PROBABILITIES = (
    "log-loss: mean over images of minus the natural logarithm of the label's probability, at most 10 nats an image, with its 95 % "
    "interval (normal). calibration error: mean distance of the predicted class's probability from the share that is right, over 15 "
    "bins; -: of records that were measured before it was kept."
)
TIMES = "encode ms (quantizing included), decode ms: processor time an image, as rabench time has measured it."
FIDELITY = (
    "PSNR: of the mean squared error over all images; mean PSNR and other means: of each image's value, as papers print them, "
    "without images that are too small for the metric, or coded without loss, whose PSNR is infinite."
)
UNMEASURED = (
    "Format overhead is not measured for records of an earlier version: rabench run adds it, and measures nothing else."
)


def points_table(
    group: Group, with_psnr: bool, notes: list[str], probabilities: pd.DataFrame, times: Times | None = None
) -> Table:
    """A row a point, curve by curve; points with identical files stand in one row.

    probabilities: columns of log-loss and calibration error, a row for each of the group's points. times: those of its
    data set.
    """
    uneven = group.rows.images.nunique() > 1  # a reader must see that figures are of different images
    kinds = {
        "size": Kind.TEXT,
        "quantizer": Kind.TEXT,
        "codec": Kind.TEXT,
        "classifier": Kind.TEXT,
        "bpp": Kind.NUMBER,
        "payload": Kind.NUMBER,
        "amortized": Kind.DETAIL,
        "overhead": Kind.DETAIL,
        "accuracy %": Kind.NUMBER,
        "agreement %": Kind.NUMBER,
        "log-loss": Kind.DETAIL,
        "calibration error %": Kind.DETAIL,
        "encode ms": Kind.DETAIL,
        "decode ms": Kind.DETAIL,
        "images": Kind.NUMBER if uneven else Kind.DETAIL,
        "failed": Kind.NUMBER if uneven else Kind.DETAIL,
        "PSNR dB": Kind.NUMBER,
        **{_column(metric): Kind.NUMBER for metric in group.metrics},
    }
    frame = pd.DataFrame(list(_lines(group, probabilities, times)), columns=list(kinds))
    frame = frame.drop(columns=[c for c, told in _told(group, frame, with_psnr).items() if not told])
    unmeasured = any(np.isnan(m.overhead_bpp) and m.good.all() and not _takes_files(m) for m in group.measured)
    reasons = {
        PROBABILITIES: "log-loss" in frame,
        TIMES: "encode ms" in frame,
        FIDELITY: bool(group.metrics),
        SIZED: any(c.size for c in group.curves),
    }
    legend = " ".join([LEGEND, *(text for text, said in reasons.items() if said)])
    return Table(group.title, frame, kinds, (*notes, *([UNMEASURED] if unmeasured else [])), legend)


def _told(group: Group, frame: pd.DataFrame, with_psnr: bool) -> dict[str, bool]:
    """Whether columns that some tables do without tell anything in this one."""
    known = {c: not set(frame[c]) <= {"-"} for c in ("log-loss", "calibration error %", "encode ms", "decode ms")}
    return known | {
        "size": any(c.size for c in group.curves),
        "classifier": any(c.tuned for c in group.curves),
        "quantizer": not (frame.quantizer == NoQuantizer.name).all(),
        "accuracy %": group.predicts,
        "agreement %": group.predicts,
        "PSNR dB": with_psnr or not group.predicts,
    }


def _takes_files(m: Measured) -> bool:
    return isinstance(m.point.codec, StoredFileCodec)


def _column(metric: Metric) -> str:
    """The title of a metric's column."""
    return f"mean {metric.title} {metric.unit}".strip()


def _lines(group: Group, probabilities: pd.DataFrame, times: Times | None) -> Iterator[tuple[str, ...]]:
    fidelity = means(group, group.metrics)
    for curve in group.curves:
        for rows in group.merged(curve):
            row, m = group.rows.iloc[rows[0]], group.measured[rows[0]]
            same = [group.measured[i].point for i in rows]
            yield (
                str(m.point.size),
                m.point.quantizer.short_of(p.quantizer for p in same),
                m.point.codec.short_of(p.codec for p in same),
                m.point.tuned or "frozen",
                f"{row.bpp:.3f}",
                f"{row.payload_bpp:.3f}",
                f"{row.bundle_bpp:.3f}",
                _number(m.overhead_bpp, 3),
                _with_interval(row, "accuracy", 100, 2),
                _number(100 * row.agreement, 2),
                _with_interval(probabilities.iloc[rows[0]], "log_loss", 1, 3),
                _with_interval(probabilities.iloc[rows[0]], "calibration_error", 100, 2),
                *_times(m, times),
                str(row.images) + ("" if row.complete else " (unfinished)"),
                str(row.failed),
                _number(row.psnr_db, 2),
                *(_number(fidelity[metric.short].iloc[rows[0]], metric.digits) for metric in group.metrics),
            )


def _times(m: Measured, times: Times | None) -> tuple[str, str]:
    """Milliseconds to store the image and to read it."""
    store, read = (times and times.of(m)) or (None, None)
    return _milliseconds(store), _milliseconds(read)


def _milliseconds(estimate: Estimate | None) -> str:
    return "-" if estimate is None else milliseconds(estimate.milliseconds)


def _with_interval(row: Any, name: str, scale: float, digits: int) -> str:
    value, low, high = (scale * row[f"{name}{end}"] for end in ("", "_low", "_high"))
    return "-" if np.isnan(value) else f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _number(value: float, digits: int) -> str:
    if np.isnan(value):
        return "-"
    return "lossless" if np.isinf(value) else f"{value:.{digits}f}"
