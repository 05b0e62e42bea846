"""`rabench compare`: one curve against others, point by point on the same images."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..core.errors import BadSetting, Refused, Unavailable, nearest
from .bjontegaard import Array, bd_accuracy, bd_rate
from .bootstrap import Estimate, draws, estimate, paired_table
from .curves import Curve, Measured, curves, gather, summary
from .matrix import Study
from .paired import holm, paired
from .plan import with_references
from .records import Index, Records

Group = tuple[str, list[Measured], pd.DataFrame, list[Curve]]
"""Title, points, their summary and curves, of one data set and classifier."""


def compare(study: Study, anchor: str, tests: list[str], seed: int = 0) -> list[tuple[str, pd.DataFrame, list[str]]]:
    """Titles, tables and notes, for each data set and classifier: curve against curve, then point against point.

    The tests are all other curves where none is named. A point is compared with the anchor's point of equal settings;
    an anchor of one point with every point. Raises BadSetting for a name that fits no curve or several, Unavailable
    without records, Refused where nothing can be compared.
    """
    found = []
    for title, measured, rows, known in _groups(study):
        first = find_curve(anchor, known, "--anchor")
        others = [find_curve(t, known, "--test") for t in tests] or [c for c in known if c != first]
        distances = _distances(first, others, measured, seed)
        if distances is not None:
            found.append((f"{title}: curves against {first.name}", *distances))
        lines = [line for c in others for line in _lines(c, first, measured, rows)]
        if lines:
            table = pd.DataFrame(lines)
            if not any(c.tuned for c in others):
                table = table.drop(columns="classifier")
            table["p (Holm)"] = [f"{p:.2g}" for p in holm(table.pop("raw").tolist())]
            found.append((f"{title}: points against {first.name}", table, [POINTS]))
    if not found:
        raise Refused(f"nothing of {', '.join(tests) or 'any curve'} can be compared with {anchor}")
    return found


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


def _distances(
    anchor: Curve, tests: list[Curve], measured: list[Measured], seed: int
) -> tuple[pd.DataFrame, list[str]] | None:
    tests = [c for c in tests if len(c.rows) > 1]
    if len(anchor.rows) < 2 or not tests:
        return None
    places = list(dict.fromkeys(i for c in (anchor, *tests) for i in c.rows))
    table = paired_table([measured[i] for i in places])
    if not len(table.images):
        return None
    drawn = draws(table, seed=seed)

    def of(curve: Curve, r: Array, a: Array) -> tuple[Array, Array]:
        columns = [places.index(i) for i in curve.rows]
        return r[:, columns], a[:, columns]

    lines = []
    for curve in tests:
        line: dict[str, str] = {"curve": curve.name}
        for name, distance, unit, axis in (
            ("BD-accuracy", bd_accuracy, "", "bpp"),
            ("BD-rate", bd_rate, " %", "accuracy"),
        ):
            said, raw = (
                estimate(
                    distance(of(anchor, *table.whole), of(curve, *table.whole), on_envelope),
                    distance(of(anchor, *drawn), of(curve, *drawn), on_envelope),
                )
                for on_envelope in (True, False)
            )
            line[name], line[f"raw {name[3:]}"] = _told(said, unit), _told(raw, unit, False)
            line[f"{axis} overlap"] = f"{100 * said.overlap:.0f} %"
        lines.append(line)
    return pd.DataFrame(lines), [CURVES.format(draws=len(drawn[0]), images=len(table.images))]


def _told(said: Estimate, unit: str, with_interval: bool = True) -> str:
    if not np.isfinite(said.value):
        return "-"
    told = f"{said.value:+.2f}{unit}"
    if with_interval and np.isfinite(said.low):
        told += f" [{said.low:+.2f}, {said.high:+.2f}]"
    return told + (f" ({100 * said.refused:.0f} % of draws refused)" if with_interval and said.refused > 0.01 else "")


def find_curve(text: str, known: list[Curve], option: str) -> Curve:
    """The curve of that name; settings may be left out as long as one curve alone fits."""
    fitting = [c for c in known if c.name == text] or [c for c in known if _bare(c) == _words(text)]
    fitting = fitting or [c for c in known if _words(text)[2] == c.tuned and all(a <= b for a, b in _sides(text, c))]
    if len(fitting) == 1:
        return fitting[0]
    names = [c.name for c in fitting or known]
    what = f"fits {len(fitting)} curves" if fitting else f"fits no curve{nearest(text, names)}"
    raise BadSetting(f"{option} {text!r} {what}; there are {'; '.join(names)}")


TUNED = ", fine-tuned"


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


def _groups(study: Study) -> list[Group]:
    index = Index(study.records)
    records, _ = Records(study.records).read()
    measured, _ = gather(with_references(study.load()), records, index)
    if not measured:
        raise Unavailable(f"{study.folder} holds no records of its matrix; measure it: rabench run {study.name}")
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
                "bpp": f"{rows.bpp[i]:.3f}",
                "anchor bpp": f"{rows.bpp[j]:.3f}",
                "accuracy %": f"{100 * rows.accuracy[i]:.2f}",
                "anchor %": f"{100 * rows.accuracy[j]:.2f}",
                "difference": f"{100 * found.difference:+.2f} [{100 * low:+.2f}, {100 * high:+.2f}]",
                "gained": str(found.gained),
                "lost": str(found.lost),
                "raw": found.p,
            }
        )
    return lines
