"""The table of a group's points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ...core.tables import Kind, Table
from ...quantizers.none import NoQuantizer
from ..comparing.reading import Group

LEGEND = (
    "bpp: file bits by original pixels, whole data set. payload: coded pixels and palettes alone. amortized: container "
    "and tables stored once. overhead: a flat image of the commonest size. accuracy: top-1 with its 95 % Wilson interval. "
    "agreement: same prediction as on the uncompressed image. Settings in one row (0..3) give identical files."
)
UNMEASURED = (
    "Format overhead is not measured for records of an earlier version: rabench run adds it, and measures nothing else."
)


def points_table(group: Group, with_psnr: bool, notes: list[str]) -> Table:
    """A row a point, curve by curve; points with identical files stand in one row."""
    uneven = group.rows.images.nunique() > 1  # a reader must see that figures are of different images
    kinds = {
        "quantizer": Kind.TEXT,
        "codec": Kind.TEXT,
        "classifier": Kind.TEXT,
        "bpp": Kind.NUMBER,
        "payload": Kind.NUMBER,
        "amortized": Kind.DETAIL,
        "overhead": Kind.DETAIL,
        "accuracy %": Kind.NUMBER,
        "agreement %": Kind.NUMBER,
        "images": Kind.NUMBER if uneven else Kind.DETAIL,
        "failed": Kind.NUMBER if uneven else Kind.DETAIL,
        "PSNR dB": Kind.NUMBER,
    }
    frame = pd.DataFrame(list(_lines(group)), columns=list(kinds))
    if not any(c.tuned for c in group.curves):
        frame = frame.drop(columns="classifier")
    if (frame.quantizer == NoQuantizer.name).all():
        frame = frame.drop(columns="quantizer")
    if not with_psnr:
        frame = frame.drop(columns="PSNR dB")
    unmeasured = any(np.isnan(m.overhead_bpp) and m.good.all() for m in group.measured)
    return Table(group.title, frame, kinds, (*notes, *([UNMEASURED] if unmeasured else [])), LEGEND)


def _lines(group: Group) -> Iterator[tuple[str, ...]]:
    for curve in group.curves:
        for rows in group.merged(curve):
            row, m = group.rows.iloc[rows[0]], group.measured[rows[0]]
            same = [group.measured[i].point for i in rows]
            yield (
                m.point.quantizer.short_of(p.quantizer for p in same),
                m.point.codec.short_of(p.codec for p in same),
                "frozen" if m.point.tuned_from is None else "fine-tuned",
                f"{row.bpp:.3f}",
                f"{row.payload_bpp:.3f}",
                f"{row.bundle_bpp:.3f}",
                _number(m.overhead_bpp, 3),
                _interval(row),
                _number(100 * row.agreement, 2),
                str(row.images) + ("" if row.complete else " (unfinished)"),
                str(row.failed),
                _number(row.psnr_db, 2),
            )


def _interval(row: Any) -> str:
    if not row.labelled:
        return "-"
    return f"{100 * row.accuracy:.2f} [{100 * row.accuracy_low:.2f}, {100 * row.accuracy_high:.2f}]"


def _number(value: float, digits: int) -> str:
    if np.isnan(value):
        return "-"
    return "lossless" if np.isinf(value) else f"{value:.{digits}f}"
