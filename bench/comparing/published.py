"""A study's curves against published ones, point by point where the published say their quality parameter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from ...core.errors import nearest
from ...core.tables import Kind, Table
from ..reading.curves import Curve
from ..reading.groups import Group
from ..study.published import PublishedCurve

NOTE = (
    "This study's means over images minus the published ones, at equal quality parameters: the median and the farthest "
    "deviation over the points, bits in percent of the published."
)


def published_curve(group: Group, published: PublishedCurve) -> Curve | None:
    """The curve of a group that a published one is held against; None where it has none of that name."""
    return next((c for c in group.curves if published.curve in (c.name, c.label)), None)


def published_values(group: Group, published: PublishedCurve) -> tuple[float, ...] | None:
    """The published means of the metric that a group is judged by; None where that one was not published."""
    return published.values.get(group.measure.name.lower().replace(" ", ""))


def unmatched(groups: Sequence[Group], published: Sequence[PublishedCurve]) -> list[str]:
    """A line for each published curve that is held against a curve which no group has."""
    names = list(dict.fromkeys(c.label for group in groups for c in group.curves))
    return [
        f"published: no curve is called {other.curve!r}{nearest(other.curve, names)}; there are {', '.join(names)}"
        for other in published
        if not any(published_curve(group, other) for group in groups)
    ]


def published_table(groups: Sequence[Group], published: Sequence[PublishedCurve]) -> Table | None:
    """How far curves lie from published ones. groups: one by each metric. None where no point can be paired."""
    kinds = {"curve": Kind.NAME, "published": Kind.TEXT, "points": Kind.NUMBER, "bits %": Kind.NUMBER}
    kinds |= {group.measure.title: Kind.NUMBER for group in groups}
    lines = list(_lines(groups, published))
    if not lines:
        return None
    frame = pd.DataFrame(lines, columns=list(kinds))
    return Table(f"{groups[0].title}: against published figures", frame, kinds, (NOTE,))


def _lines(groups: Sequence[Group], published: Sequence[PublishedCurve]) -> Iterator[tuple[str, ...]]:
    for other in published:
        bits: dict[int, float] = {}
        cells = []
        for group in groups:
            curve = published_curve(group, other)
            differences = dict(_differences(group, curve, other)) if curve is not None else {}
            bits |= {parameter: deviation for parameter, (deviation, _) in differences.items()}
            values = [difference for _, difference in differences.values() if np.isfinite(difference)]
            cells.append(_summary(values, group.measure.digits))
        if bits:
            yield (other.curve, other.description, str(len(bits)), _summary(list(bits.values()), 2), *cells)


def _differences(group: Group, curve: Curve, other: PublishedCurve) -> Iterator[tuple[int, tuple[float, float]]]:
    """For each quality parameter that both have, how far bits (in percent) and the metric lie from the published."""
    places = {parameter: i for i, parameter in enumerate(other.parameters)}
    values = published_values(group, other)
    for row in curve.rows:
        codec = group.measured[row].point.codec
        parameter = getattr(codec, codec.quality_parameter() or "", None)
        if parameter in places:
            place, own = places[parameter], group.rows.iloc[row]
            metric = own.accuracy - values[place] if values else np.nan
            yield parameter, (100 * (own.mean_bpp / other.bpp[place] - 1), float(metric))


def _summary(values: Sequence[float], digits: int) -> str:
    if not len(values):
        return "-"
    farthest = max(values, key=abs)
    return f"{np.median(values):+.{digits}f} ({farthest:+.{digits}f})"
