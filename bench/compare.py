"""`rabench compare`: one curve against others, point by point on the same images."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..core.errors import BadSetting, Refused, Unavailable, nearest
from .bjontegaard import LEAST_OVERLAP, Array, bd_accuracy, bd_rate
from .bootstrap import DRAWS, draws, estimate, paired_table
from .curves import Curve, Measured, curves, gather, summary
from .matrix import Study
from .paired import holm, paired
from .plan import with_references
from .records import Index, Records
from .tables import latex, markdown

Group = tuple[str, list[Measured], pd.DataFrame, list[Curve]]
"""Title, points, their summary and curves, of one data set and classifier."""


@dataclass(frozen=True)
class Comparison:
    """What `compare` found for one data set and classifier."""

    title: str
    anchor: str
    images: int
    """That all points of the curves share."""
    draws: int
    curves: pd.DataFrame
    """A row a curve; bd_accuracy in percentage points, bd_rate in percent, each with _low, _high (95 %), _raw, _overlap,
    _refused (share of draws without a figure) and _reason (why there is none)."""
    points: pd.DataFrame
    """A row a point; accuracies and their difference as shares, gained and lost images, p and p_holm."""


def compare(study: Study, anchor: str, tests: Sequence[str] = (), seed: int = 0) -> list[Comparison]:
    """One for each data set and classifier that has the anchor.

    The tests are all other curves where none is named. A point is compared with the anchor's point of equal settings;
    an anchor of one point with every point. Raises BadSetting for a name that fits no curve or several, Unavailable
    without records, Refused where nothing can be compared.
    """
    found: list[Comparison] = []
    mistakes: list[BadSetting] = []
    for title, measured, rows, known in measured_groups(study):
        try:
            first = find_curve(anchor, known, "--anchor")
            others = [find_curve(t, known, "--test") for t in tests] or [c for c in known if c != first]
        except BadSetting as mistake:
            mistakes.append(mistake)
            continue
        images, distances = _distances(first, others, measured, seed)
        points = pd.DataFrame([line for c in others for line in _lines(c, first, measured, rows)])
        if len(points):
            points["p_holm"] = holm(points.p.tolist())
        if len(points) or len(distances):
            found.append(Comparison(title, first.name, images, DRAWS, distances, points))
    if found:
        return found
    if mistakes:
        raise mistakes[0]
    raise Refused(f"nothing of {', '.join(tests) or 'any curve'} can be compared with {anchor}")


def _distances(anchor: Curve, tests: list[Curve], measured: list[Measured], seed: int) -> tuple[int, pd.DataFrame]:
    tests = [c for c in tests if len(c.rows) > 1]
    if len(anchor.rows) < 2 or not tests:
        return 0, pd.DataFrame()
    places = list(dict.fromkeys(i for c in (anchor, *tests) for i in c.rows))
    table = paired_table([measured[i] for i in places])
    if not len(table.images):
        return 0, pd.DataFrame()
    drawn = draws(table, seed=seed)

    def of(curve: Curve, r: Array, a: Array) -> tuple[Array, Array]:
        columns = [places.index(i) for i in curve.rows]
        return r[:, columns], a[:, columns]

    lines = []
    for curve in tests:
        line: dict[str, object] = {"curve": curve.name}
        for name, distance in (("bd_accuracy", bd_accuracy), ("bd_rate", bd_rate)):
            whole, raw = (
                distance(of(anchor, *table.whole), of(curve, *table.whole), on_envelope)
                for on_envelope in (True, False)
            )
            said = estimate(whole, distance(of(anchor, *drawn), of(curve, *drawn)))
            line |= {name: said.value, f"{name}_low": said.low, f"{name}_high": said.high}
            line |= {f"{name}_raw": float(raw.value[0]), f"{name}_overlap": said.overlap}
            line |= {f"{name}_refused": said.refused, f"{name}_reason": _reason(said.value, said.overlap, name)}
        lines.append(line)
    return len(table.images), pd.DataFrame(lines)


def _reason(value: float, overlap: float, name: str) -> str:
    if np.isfinite(value):
        return ""
    axis = "rates" if name == "bd_accuracy" else "accuracies"
    if not overlap:
        return f"no common {axis}"
    return f"only {100 * overlap:.0f} % of both ranges of {axis} in common" if overlap < LEAST_OVERLAP else "one point"


def find_curve(text: str, known: list[Curve], option: str) -> Curve:
    """The curve of that name; settings may be left out as long as one curve alone fits."""
    text = _SPACED.sub(TUNED, text.strip())
    fitting = [c for c in known if c.name == text] or [c for c in known if _bare(c) == _words(text)]
    fitting = fitting or [c for c in known if _words(text)[2] == c.tuned and all(a <= b for a, b in _sides(text, c))]
    if len(fitting) == 1:
        return fitting[0]
    names = [c.name for c in fitting or known]
    what = f"fits {len(fitting)} curves" if fitting else f"fits no curve{nearest(text, names)}"
    raise BadSetting(f"{option} {text!r} {what}; there are {'; '.join(names)}")


TUNED = ", fine-tuned"
_SPACED = re.compile(r",\s*fine-tuned$")


def _words(text: str) -> tuple[str, str, bool]:
    quantizer, _, codec = text.removesuffix(TUNED).partition("+")
    return quantizer, codec, text.endswith(TUNED)


def _bare(curve: Curve) -> tuple[str, str, bool]:
    """Without settings."""
    return curve.quantizer.split(":")[0], curve.codec.split(":")[0], curve.tuned


def _sides(text: str, curve: Curve) -> list[tuple[set[str], set[str]]]:
    """What the text says of quantizer and codec, and what the curve has."""
    quantizer, codec, _ = _words(text)
    return [(set(a.split(":")), set(b.split(":"))) for a, b in ((quantizer, curve.quantizer), (codec, curve.codec))]


def measured_groups(study: Study) -> list[Group]:
    """What a study has measured, by data set and classifier. Raises Unavailable where that is nothing."""
    index = Index(study.records)
    records, _ = Records(study.records).read()
    measured, _ = gather(with_references(study.load()), records, index)
    if not measured:
        raise Unavailable(f"{study.folder} holds no records of its matrix; measure it: rabench run {study.folder}")
    parts: dict[tuple[str, str], list[Measured]] = {}
    for m in measured:
        parts.setdefault((m.point.dataset.label, m.point.frozen.label), []).append(m)
    found = []
    for members in parts.values():
        rows = summary(members)
        point = members[0].point
        title = f"{point.dataset.title} ({int(rows.images.max()):,} images), {point.frozen.title}"
        found.append((title, members, rows, curves([m.point for m in members], rows.bpp.to_numpy())))
    return found


def _dials(m: Measured) -> tuple[object, ...]:
    """What must be equal for points to be compared; a number of colors means the same for every quantizer."""
    quantizer, codec = m.point.quantizer, m.point.codec
    said = [("", dial, getattr(quantizer, dial))] if (dial := quantizer.dial()) else []
    return tuple([*said, (codec.name, dial, getattr(codec, dial))] if (dial := codec.dial()) else said)


def _lines(curve: Curve, anchor: Curve, measured: list[Measured], rows: pd.DataFrame) -> list[dict[str, object]]:
    of = {_dials(measured[i]): i for i in anchor.rows}
    lines: list[dict[str, object]] = []
    for i in curve.rows:
        j = anchor.rows[0] if len(anchor.rows) == 1 else of.get(_dials(measured[i]))
        if j is None or i == j:
            continue
        found = paired(measured[i], measured[j])
        low, high = found.interval
        lines.append(
            {
                "quantizer": measured[i].point.quantizer.short,
                "codec": measured[i].point.codec.short,
                "classifier": "fine-tuned" if curve.tuned else "frozen",
                "bpp": rows.bpp[i],
                "anchor_bpp": rows.bpp[j],
                "accuracy": rows.accuracy[i],
                "anchor_accuracy": rows.accuracy[j],
                "images": found.images,
                "difference": found.difference,
                "low": low,
                "high": high,
                "gained": found.gained,
                "lost": found.lost,
                "p": found.p,
            }
        )
    return lines


CURVES = (
    "BD-accuracy: percentage points above the anchor, over the common range of log(bpp). BD-rate: bits more (+) or saved (-) at equal "
    "accuracy. Both between Pareto fronts; raw: between all points. -: less than half of the ranges in common, or accuracy that dips. "
    "Intervals: 95 %, of {draws:,} draws of the {images:,} images that "
    "all these points share, the same draw for every point. overlap: common range by union; below 50 % nothing is said."
)
POINTS = (
    "Points of equal settings on the same images. difference: percentage points with Tango's 95 % interval for pairs. gained, lost: "
    "images right in this point alone, in the anchor alone. p: McNemar's exact test, adjusted by Holm over this table."
)


def shown(found: Comparison) -> list[tuple[str, pd.DataFrame, list[str]]]:
    """Title, table and notes, as people read them."""
    tables = []
    if len(found.curves):
        lines = [
            {
                "curve": row["curve"],
                "BD-accuracy": _told(row, "bd_accuracy", ""),
                "raw accuracy": _signed(row["bd_accuracy_raw"], ""),
                "bpp overlap": f"{100 * row['bd_accuracy_overlap']:.0f} %",
                "BD-rate": _told(row, "bd_rate", " %"),
                "raw rate": _signed(row["bd_rate_raw"], " %"),
                "accuracy overlap": f"{100 * row['bd_rate_overlap']:.0f} %",
            }
            for row in found.curves.to_dict("records")
        ]
        note = CURVES.format(draws=found.draws, images=found.images)
        tables.append((f"{found.title}: curves against {found.anchor}", pd.DataFrame(lines), [note]))
    if len(found.points):
        lines = [
            {
                "quantizer": row.quantizer,
                "codec": row.codec,
                "classifier": row.classifier,
                "bpp": f"{row.bpp:.3f}",
                "anchor bpp": f"{row.anchor_bpp:.3f}",
                "accuracy %": f"{100 * row.accuracy:.2f}",
                "anchor %": f"{100 * row.anchor_accuracy:.2f}",
                "difference": f"{100 * row.difference:+.2f} [{100 * row.low:+.2f}, {100 * row.high:+.2f}]",
                "gained": str(row.gained),
                "lost": str(row.lost),
                "p (Holm)": f"{row.p_holm:.2g}",
            }
            for _, row in found.points.iterrows()
        ]
        table = pd.DataFrame(lines)
        if (found.points.classifier == "frozen").all():
            table = table.drop(columns="classifier")
        tables.append((f"{found.title}: points against {found.anchor}", table, [POINTS]))
    return tables


def _told(row: dict[Hashable, Any], name: str, unit: str) -> str:
    told, low, high, refused = _signed(row[name], unit), row[f"{name}_low"], row[f"{name}_high"], row[f"{name}_refused"]
    if np.isfinite(low):
        told += f" [{low:+.2f}, {high:+.2f}]"
    return told + (f" ({100 * refused:.0f} % of draws refused)" if told != "-" and refused > 0.01 else "")


def _signed(value: float, unit: str) -> str:
    return f"{value:+.2f}{unit}" if np.isfinite(value) else "-"


FORMATS = ("text", "markdown", "latex", "csv", "json")


def as_text(found: list[Comparison], form: str) -> str:
    """markdown and latex as people read them; csv (points, one header) and json with every figure."""
    if form == "json":
        return json.dumps([_plain(c) for c in found], indent=1)
    if form == "csv":
        parts = [
            part.assign(title=c.title, anchor=c.anchor) for c in found for part in (c.curves, c.points) if len(part)
        ]
        return pd.concat(parts, ignore_index=True).to_csv(index=False, lineterminator="\n")
    write = markdown if form == "markdown" else latex
    return "\n".join(write(*table, legend="") for c in found for table in shown(c))


def _plain(found: Comparison) -> dict[str, Any]:
    tables = {name: json.loads(getattr(found, name).to_json(orient="records")) for name in ("curves", "points")}
    return {"title": found.title, "anchor": found.anchor, "images": found.images, "draws": found.draws, **tables}
