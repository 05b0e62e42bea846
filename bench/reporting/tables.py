"""Tables of points in Markdown and LaTeX, and what must be said beside them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from ...codecs.base import Codec
from ...core.images import IndexedImage
from ...quantizers.none import NoQuantizer
from ..comparing.curves import Curve, Measured, merged

GREY = 128


def overhead_bpp(m: Measured, size: tuple[int, int]) -> float:
    """The rate of a flat image of (width, height) through a point's codec: what the format costs at the least."""
    return _floor(m.point.codec, not isinstance(m.point.quantizer, NoQuantizer), *size)


@lru_cache(maxsize=4096)
def _floor(codec: Codec, indexed: bool, width: int, height: int) -> float:
    image: Any = np.full((height, width, 3), GREY, np.uint8)
    if indexed:
        image = IndexedImage(np.zeros((height, width), np.uint8), np.full((1, 3), GREY, np.uint8))
    try:
        codec.version()
        return len(codec.encode(image)) * 8 / (width * height)
    except Exception:  # a codec that is not here or fails on a flat image has no floor to show
        return np.nan


def point_table(
    rows: pd.DataFrame, measured: list[Measured], found: list[Curve], size: tuple[int, int] | None, with_psnr: bool
) -> pd.DataFrame:
    """One data set's and classifier's points as a table shows them, curve by curve."""
    lines = []
    for curve in found:
        for alike in merged(curve, measured):
            row, m = rows.iloc[alike[0]], measured[alike[0]]
            line = {
                "quantizer": m.point.quantizer.short_of(measured[i].point.quantizer for i in alike),
                "codec": m.point.codec.short_of(measured[i].point.codec for i in alike),
                "classifier": "frozen" if m.point.tuned_from is None else "fine-tuned",
                "bpp": f"{row.bpp:.3f}",
                "payload": f"{row.payload_bpp:.3f}",
                "bundle": f"{row.bundle_bpp:.3f}",
                # A codec that failed, hung or died on images is not asked again here.
                "floor": _number(np.nan if size is None or row.failed else overhead_bpp(m, size), 3),
                "accuracy %": _interval(row),
                "agreement %": _number(100 * row.agreement, 2),
                "images": str(row.images) + ("" if row.complete else " (unfinished)"),
                "failed": str(row.failed),
            }
            if with_psnr:
                line["PSNR dB"] = _number(row.psnr_db, 2)
            lines.append(line)
    table = pd.DataFrame(lines)
    return table if any(c.tuned for c in found) else table.drop(columns="classifier")


def _interval(row: Any) -> str:
    if not row.labelled:
        return "-"
    return f"{100 * row.accuracy:.2f} [{100 * row.accuracy_low:.2f}, {100 * row.accuracy_high:.2f}]"


def _number(value: float, digits: int) -> str:
    if np.isnan(value):
        return "-"
    return "lossless" if np.isinf(value) else f"{value:.{digits}f}"


LEGEND = (
    "bpp: file bits by original pixels, whole data set. payload: coded pixels and palettes alone. bundle: container "
    "and tables stored once. floor: a flat image of the commonest size. accuracy: top-1 with its 95 % Wilson interval. "
    "agreement: same prediction as on the uncompressed image. Settings in one row (0..3) give identical files."
)


NUMERIC = {"bpp", "payload", "bundle", "floor", "accuracy %", "agreement %", "images", "failed", "PSNR dB"}
NUMERIC |= {
    "anchor bpp",
    "anchor %",
    "difference",
    "gained",
    "lost",
    "p (Holm)",
    "BD-accuracy",
    "BD-rate",
    "raw accuracy",
    "raw rate",
    "bpp overlap",
    "accuracy overlap",
    "dominated",
    "dominates",
}


def markdown(title: str, table: pd.DataFrame, notes: list[str], legend: str = LEGEND) -> str:
    columns = list(table.columns)
    lines = [
        f"## {title}",
        "",
        *[f"- {note}" for note in notes],
        *([""] if notes else []),
        "| " + " | ".join(columns) + " |",
        "| " + " | ".join("---:" if c in NUMERIC else ":---" for c in columns) + " |",
        *("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in table.to_numpy()),
        "",
        *([legend, ""] if legend else []),
    ]
    return "\n".join(lines)


_ESCAPES = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def _latex(text: Any) -> str:
    return "".join(_ESCAPES.get(c, c) for c in str(text))


def latex(title: str, table: pd.DataFrame, notes: list[str], legend: str = LEGEND) -> str:
    """A table environment for booktabs."""
    columns = list(table.columns)
    caption = " ".join([f"{_latex(title)}.", *(_latex(note) for note in notes), _latex(legend)]).strip()
    lines = [
        r"\begin{table}",
        r"\centering\small",
        r"\begin{tabular}{" + "".join("r" if c in NUMERIC else "l" for c in columns) + "}",
        r"\toprule",
        " & ".join(_latex(c) for c in columns) + r" \\",
        r"\midrule",
        *(" & ".join(_latex(cell) for cell in row) + r" \\" for row in table.to_numpy()),
        r"\bottomrule",
        r"\end{tabular}",
        rf"\caption{{{caption}}}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)
