"""What a report says beside its figures: what the images are, what failed, what is missing."""

from __future__ import annotations

import re

import numpy as np

from ..comparing.curves import Measured
from ..comparing.reading import Group, Reading
from ..study.matrix import Matrix
from ..study.records import UNREADABLE

POINTS_NAMED = 5
"""Points whose failed rows are told."""
IMAGES_NAMED = 5
"""Unreadable images that are named."""
_BY_RULE = re.compile(r"\b(Refused|BadSetting|Unavailable|Malformed|Unsupported): ")
"""How a failure reads that a plug-in meant: another try gives the same."""


def group_notes(group: Group, matrix: Matrix) -> list[str]:
    """Sentences that stand beside a group's table and figures."""
    notes = _uncompressed(group) + group.sources.audit() + few_classes(group)
    notes += dict.fromkeys(note for m in group.measured for note in m.point.notes())
    if failed := int(group.rows.failed.sum()):
        notes.append(
            f"{failed:,} rows failed and are left out of every figure; their reasons stand in the records, column error."
        )
    if uneven := _uneven(group):
        notes.append(uneven)
    if absent := _absent(matrix, group.measured):
        notes.append(f"Not measured yet, or not possible where this ran: {absent}.")
    return notes


def _uncompressed(group: Group) -> list[str]:
    if group.uncompressed is None or group.reference is None:
        return []
    row = group.rows.iloc[group.reference]
    low, high = 100 * row.accuracy_low, 100 * row.accuracy_high
    return [f"Uncompressed: {100 * row.accuracy:.2f} % [{low:.2f}, {high:.2f}]."]


def _uneven(group: Group) -> str:
    """Says which points stand on fewer images than the others, so that their figures are of other images."""
    most = int(group.rows.images.max())
    fewer = [(m.point.name, int(n)) for m, n in zip(group.measured, group.rows.images, strict=True) if n < most]
    if not fewer:
        return ""
    more = f" and {len(fewer) - 3} more points" if len(fewer) > 3 else ""
    names = ", ".join(f"{name} ({images:,})" for name, images in fewer[:3])
    return (
        f"Measured on fewer than {most:,} images, so that bpp and accuracy are not of the same images: {names}{more}; "
        "rabench compare sets points side by side on the images that they share."
    )


def few_classes(group: Group) -> list[str]:
    """A warning where the images measured are of a part of the classes, as the first ones of a sorted data set are."""
    labels = np.concatenate([m.columns["label"] for m in group.measured])
    held, images = len(np.unique(labels[labels >= 0])), int(group.rows.images.max())
    if 2 * held >= min(group.sources.classes, images) or not held:
        return []
    return [
        f"These {images:,} images are of {held:,} of {group.sources.classes:,} classes: "
        "a sorted data set wants all of its images."
    ]


def _absent(matrix: Matrix, measured: list[Measured]) -> str:
    """Points of the matrix, for the data set and classifier of ``measured``, that have no records."""
    first, present = measured[0].point, {m.point for m in measured}
    same = [p for p in matrix.points if (p.dataset, p.frozen) == (first.dataset, first.frozen)]
    absent = [p.name for p in same if p not in present]
    return ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")


def failures(reading: Reading) -> tuple[str, ...]:
    """A line for each kind of failure, told apart by whether another try could help."""
    unreadable: dict[tuple[str, int], str] = {}
    failed: dict[str, list[str]] = {}
    for m in (m for group in reading.groups for m in group.measured):
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
    for point, reasons in list(failed.items())[:POINTS_NAMED]:
        lines.append(_failed_rows(point, reasons))
    if len(failed) > POINTS_NAMED:
        lines.append(
            f"rows of {len(failed) - POINTS_NAMED:,} more points failed; their reasons stand in the records, column error"
        )
    return tuple(lines)


def _failed_rows(point: str, reasons: list[str]) -> str:
    count = "1 row" if len(reasons) == 1 else f"{len(reasons):,} rows"
    if all(_BY_RULE.search(reason) for reason in reasons):
        return f"{count} failed, such as: {point}: {reasons[0]}; another run would give the same"
    return f"{count} failed, such as: {point}: {reasons[0]}; run again to try them once more"


def _listed(reasons: list[str]) -> str:
    more = f"; and {len(reasons) - IMAGES_NAMED:,} more" if len(reasons) > IMAGES_NAMED else ""
    return "; ".join(reasons[:IMAGES_NAMED]) + more
