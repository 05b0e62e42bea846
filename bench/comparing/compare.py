"""`rabench compare`: one curve against others, point by point on the same images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.errors import BadSetting, Refused, nearest
from ..study.matrix import Study
from .bjontegaard import Drawn, bd_accuracy, bd_rate, drawn, reason
from .bootstrap import RESAMPLES, draws, enough, estimate, paired_table
from .curves import Curve, Measured
from .intervals import holm, paired
from .pareto import dominated
from .reading import Group, Reading, judged, read, together


@dataclass(frozen=True)
class Comparison:
    """What `compare` found for one data set and classifier."""

    title: str
    agreement: bool
    """Whether right is what the uncompressed image gives; the accuracies here are agreements then."""
    anchor: str
    images: int
    """That all points of the curves share."""
    most: int
    """Images of the point that has most."""
    draws: int
    curves: pd.DataFrame
    """A row a curve; bd_accuracy in percentage points, bd_rate in percent, each with _low, _high (95 %), _raw, _overlap,
    _refused (share of draws without a figure) and _reason (why there is none); how many of its points the anchor's
    dominate, and how many of the anchor's its own do."""
    points: pd.DataFrame
    """A row a point, over the images that it shares with the anchor's: rates, accuracies and their difference as
    shares, gained and lost images (counts, and positions in the data set), p and p_holm."""
    bad: list[str]
    """What is wrong with files among the records, which are left out."""


def compare(
    studies: Study | Sequence[Study],
    anchor: str,
    tests: Sequence[str] = (),
    labels: str | None = None,
    between: str = "pchip",
    seed: int = 0,
) -> list[Comparison]:
    """One for each data set and classifier that has the anchor.

    The tests are all other curves where none is named. A point is compared with the anchor's point of equal settings;
    an anchor of one point with every point. labels: dataset or agreement; None: the data set's where it has any.
    between: pchip or akima, what goes through the points of a curve.
    Raises BadSetting for a name that fits no curve or several, Unavailable without records, Refused where nothing can
    be compared.
    """
    groups, bad = _groups([studies] if isinstance(studies, Study) else list(studies), labels)
    found: list[Comparison] = []
    mistakes: list[BadSetting] = []
    for group in groups:
        try:
            first = _curve_or_point(anchor, group, "--anchor")
            others = [_curve_or_point(t, group, "--test") for t in tests] or [c for c in group.curves if c != first]
        except BadSetting as mistake:
            mistakes.append(mistake)
            continue
        images, distances = _distances(first, others, group.measured, between, seed)
        points = pd.DataFrame([line for c in others for line in _lines(c, first, group.measured)])
        if len(points):
            points["p_holm"] = holm(points.p.tolist())
        if len(points) or len(distances):
            most = int(group.rows.images.max())
            found.append(
                Comparison(group.title, group.agreement, first.name, images, most, RESAMPLES, distances, points, bad)
            )
    if found:
        return found
    if mistakes:
        raise mistakes[0]
    raise Refused(f"nothing of {', '.join(tests) or 'any curve'} can be compared with {anchor}")


def _groups(studies: list[Study], labels: str | None) -> tuple[list[Group], list[str]]:
    readings = [read(study) for study in studies]
    bad = [line for reading in readings for line in reading.bad]
    if len(readings) == 1:
        return [judged(group, labels) for group in readings[0].groups], bad
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        names = [str(study.folder) for study in studies]
    groups = together(list(zip(names, readings, strict=True)), labels)
    for name, reading in zip(names, readings, strict=True):
        shared = [g for g in groups if len(of := {c.study for c in g.curves}) > 1 and name in of]
        if not shared:
            raise Refused(_alone(name, reading, groups))
    return groups, bad


def _alone(name: str, reading: Reading, groups: list[Group]) -> str:
    """Why a study's curves cannot be set beside any other's."""
    judges = {g.judge for g in groups if name not in {c.study for c in g.curves}}
    what = (
        "images (whole blocks of 1,000, or equal --limit)"
        if judges & {g.judge for g in reading.groups}
        else "classifier"
    )
    titles = "; ".join(dict.fromkeys(g.title for g in groups))
    return f"{name} has no {what} in common with the other studies: {titles}; measure the same in both"


def _distances(
    anchor: Curve, tests: list[Curve], measured: list[Measured], between: str, seed: int
) -> tuple[int, pd.DataFrame]:
    tests = [c for c in tests if len(c.rows) > 1]
    if len(anchor.rows) < 2 or not tests:
        return 0, pd.DataFrame()
    every = list(dict.fromkeys(i for c in (anchor, *tests) for i in c.rows))
    usable = enough([measured[i] for i in every])
    places = [i for place, i in enumerate(every) if place in usable]
    table = paired_table([measured[i] for i in places])
    if not len(table.images):
        return 0, pd.DataFrame()
    rates, accuracies = draws(table, seed=seed)
    whole_rates, whole_accuracies = table.whole
    column = {i: n for n, i in enumerate(places)}
    columns = {c: [column[i] for i in c.rows if i in column] for c in (anchor, *tests)}

    def of(curve: Curve) -> tuple[Drawn, Drawn, Drawn]:
        """On the front and raw, all images at once; on the front in each draw."""
        few = columns[curve]
        whole = whole_rates[:, few], whole_accuracies[:, few]
        each = rates[:, few], accuracies[:, few]
        return drawn(whole, True, between), drawn(whole, False, between), drawn(each, True, between)

    if not columns[anchor]:
        return 0, pd.DataFrame()
    first, beaten, lines = of(anchor), dominated(whole_rates[0], whole_accuracies[0]), []
    for curve in (c for c in tests if columns[c]):
        second = of(curve)
        line: dict[str, object] = {"curve": curve.name}
        for name, distance in (("bd_accuracy", bd_accuracy), ("bd_rate", bd_rate)):
            whole, raw, drawn_ = (distance(a, t) for a, t in zip(first, second, strict=True))
            said = estimate(whole, drawn_)
            line |= {name: said.value, f"{name}_low": said.low, f"{name}_high": said.high}
            line |= {f"{name}_raw": float(raw.value[0]), f"{name}_overlap": said.overlap}
            line |= {f"{name}_refused": said.refused, f"{name}_reason": reason(said.value, said.overlap, name)}
        mine, theirs = columns[curve], columns[anchor]
        line["points"], line["dominated"] = len(mine), int(beaten[np.ix_(mine, theirs)].any(axis=1).sum())
        line["anchor_points"], line["dominates"] = len(theirs), int(beaten[np.ix_(theirs, mine)].any(axis=1).sum())
        lines.append(line)
    return len(table.images), pd.DataFrame(lines)


def _curve_or_point(text: str, group: Group, option: str) -> Curve:
    """A curve, or one point of it as a curve of its own: ``none+webp:quality=50``."""
    try:
        return find_curve(text, group.curves, option)
    except BadSetting:
        for curve in group.curves:
            for i in curve.rows:
                point = group.measured[i].point
                if text.strip() in (point.name, f"{point.name} [{curve.study}]"):
                    return Curve(point.quantizer.short, point.codec.short, (i,), curve.tuned, curve.study)
        raise


def find_curve(text: str, known: list[Curve], option: str) -> Curve:
    """The curve of that name; settings, quantizer and the study's name may be left out as long as one curve alone fits."""
    said = _NAME.match(text.strip())
    assert said is not None  # every part of it is optional
    quantizer, codec, tuned, study = said["quantizer"], said["codec"] or "", bool(said["tuned"]), said["study"]
    among = [c for c in known if c.tuned == tuned and study in (None, c.study)]
    whole = [c for c in among if (c.quantizer, c.codec) == (quantizer, codec)]
    bare = [c for c in among if (c.quantizer.split(":")[0], c.codec.split(":")[0]) == (quantizer, codec)]
    partly = [c for c in among if _within(quantizer, c.quantizer) and _within(codec, c.codec)]
    alone = [c for c in among if "+" not in text and c.codec.split(":")[0] == quantizer]
    fitting = whole or bare or partly or alone
    if len(fitting) == 1:
        return fitting[0]
    names = [c.name for c in fitting or known]
    what = f"fits {len(fitting)} curves" if fitting else f"fits no curve{nearest(text, names)}"
    raise BadSetting(f"{option} {text!r} {what}; there are {'; '.join(names)}")


_NAME = re.compile(r"(?P<quantizer>[^+]*)(\+(?P<codec>.*?))?(?P<tuned>,\s*fine-tuned)?(\s*\[(?P<study>[^]]*)\])?$")
"""quantizer+codec, fine-tuned [study]"""


def _within(said: str, full: str) -> bool:
    return set(said.split(":")) <= set(full.split(":"))


def _dials(m: Measured) -> tuple[object, ...]:
    """What must be equal for points to be compared; a number of colors means the same for every quantizer."""
    quantizer, codec = m.point.quantizer, m.point.codec
    said = [("", dial, getattr(quantizer, dial))] if (dial := quantizer.quality_parameter()) else []
    return tuple([*said, (codec.name, dial, getattr(codec, dial))] if (dial := codec.quality_parameter()) else said)


def _lines(curve: Curve, anchor: Curve, measured: list[Measured]) -> list[dict[str, object]]:
    of = {_dials(measured[i]): i for i in anchor.rows}
    lines: list[dict[str, object]] = []
    for i in curve.rows:
        j = anchor.rows[0] if len(anchor.rows) == 1 else of.get(_dials(measured[i]))
        if j is None or i == j:
            continue
        table = paired_table([measured[i], measured[j]])
        if not len(table.images):
            continue
        (bpp, anchor_bpp), (accuracy, anchor_accuracy) = (values[0] for values in table.whole)
        found = paired(table.images, *table.right.T.astype(bool))
        low, high = found.interval
        lines.append(
            {
                "curve": curve.name,
                "quantizer": measured[i].point.quantizer.short,
                "codec": measured[i].point.codec.short,
                "classifier": "fine-tuned" if curve.tuned else "frozen",
                "bpp": bpp,
                "anchor_bpp": anchor_bpp,
                "accuracy": accuracy,
                "anchor_accuracy": anchor_accuracy,
                "images": found.images,
                "difference": found.difference,
                "low": low,
                "high": high,
                "gained": len(found.gained),
                "lost": len(found.lost),
                "p": found.p,
                "gained_images": found.gained.tolist(),
                "lost_images": found.lost.tolist(),
            }
        )
    return lines
