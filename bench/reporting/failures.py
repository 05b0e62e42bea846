"""How failures are told: images that cannot be read, and rows that failed."""

from __future__ import annotations

import re

from ..reading.groups import Reading
from ..records.format import UNREADABLE

POINTS_NAMED = 5
"""Points whose failed rows are told."""
IMAGES_NAMED = 5
"""Unreadable images that are named."""
_BY_RULE = re.compile(r"\b(Refused|BadSetting|Unavailable|Malformed|Unsupported): ")
"""How a failure reads that a plug-in meant: another try gives the same."""


def failures(reading: Reading) -> tuple[str, ...]:
    """A line for each kind of failure, told apart by whether another try could help."""
    unreadable: dict[tuple[str, int], str] = {}
    failed: dict[str, list[str]] = {}
    for m in (*(m for group in reading.groups for m in group.measured), *reading.fidelity):
        for record in m.records if m.columns["failed"].any() else ():
            table = record.rows().select(["image", "error"])
            for image, reason in zip(*table.filter(table["error"].is_valid()).to_pydict().values(), strict=True):
                if reason.startswith(UNREADABLE):
                    unreadable[m.point.dataset.label, image] = reason.removeprefix(UNREADABLE)
                else:
                    failed.setdefault(str(m.point), []).append(reason)
    lines = []
    if unreadable:
        many = len(unreadable) > 1
        count = f"{len(unreadable):,} images" if many else "1 image"
        reasons = _listed(list(unreadable.values()))
        lines.append(f"{count} could not be read and {'are' if many else 'is'} left out of every figure: {reasons}")
    alike: dict[str, list[str]] = {}
    for point, reasons in failed.items():  # what fails at every point, such as a broken network, is told once
        alike.setdefault(reasons[0], []).append(point)
    for points in list(alike.values())[:POINTS_NAMED]:
        lines.append(_failed_rows(points, [reason for point in points for reason in failed[point]]))
    if more := [point for points in list(alike.values())[POINTS_NAMED:] for point in points]:
        lines.append(f"rows of {len(more):,} more points failed; their reasons stand in the records, column error")
    return tuple(lines)


def _failed_rows(points: list[str], reasons: list[str]) -> str:
    point, count = points[0], "1 row" if len(reasons) == 1 else f"{len(reasons):,} rows"
    count += f" of {len(points):,} points" if len(points) > 1 else ""
    if all(_BY_RULE.search(reason) for reason in reasons):
        return f"{count} failed, such as: {point}: {reasons[0]}; another run would give the same"
    return f"{count} failed, such as: {point}: {reasons[0]}; run again to try them once more"


def _listed(reasons: list[str]) -> str:
    more = f"; and {len(reasons) - IMAGES_NAMED:,} more" if len(reasons) > IMAGES_NAMED else ""
    return "; ".join(reasons[:IMAGES_NAMED]) + more
