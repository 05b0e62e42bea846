"""What a report says beside a group's figures: what the images are, what is missing, which points have fewer images."""

from __future__ import annotations

from contextlib import suppress

import numpy as np

from ...codecs.base import StoredFileCodec
from ...core.errors import RabenchError
from ..reading.baseline import baseline, published_warning
from ..reading.curves import Measured
from ..reading.fidelity import means
from ..reading.groups import Group
from ..records.format import NOT_TAKEN
from ..study.matrix import Matrix


def group_notes(group: Group, matrix: Matrix) -> list[str]:
    """Sentences that stand beside a group's table and figures."""
    notes = _uncompressed(group) + _limited(group) + group.sources.audit() + few_classes(group)
    notes += dict.fromkeys(note for m in group.measured for note in m.point.notes())
    notes += _not_taken(group) + _without_values(group)
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
    return baseline(group.measured[group.reference].point, int(row.correct), int(row.labelled))


def published_warnings(group: Group) -> list[str]:
    """A warning where the interval of the uncompressed accuracy leaves out what is published for the weights."""
    if group.uncompressed is None or group.reference is None:
        return []
    row = group.rows.iloc[group.reference]
    return published_warning(group.measured[group.reference].point, int(row.correct), int(row.labelled))


def _without_values(group: Group) -> list[str]:
    """Says of metrics that no image has a value of, such as MS-SSIM of small images."""
    table = means(group, group.metrics)
    return [
        f"{m.title}: no image has a value; these are too small for it."
        for m in group.metrics
        if np.isnan(table[m.short].to_numpy(float)).all()
    ]


def _not_taken(group: Group) -> list[str]:
    """Says of codecs that take stored files how many of these they did not take, and names the first."""
    notes = []
    for m in group.measured:
        if not isinstance(m.point.codec, StoredFileCodec):
            continue
        images: list[int] = []
        begin = 0
        for record in m.records:
            table = record.rows()
            if "remark" in table.column_names:
                rows = np.flatnonzero(np.array(table["remark"].to_pylist()) == NOT_TAKEN)
                images += m.columns["image"][begin + rows].tolist()
            begin += len(table)
        if images:
            named = ", ".join(_image_name(m, i) for i in images[:5]) + (", ..." if len(images) > 5 else "")
            notes.append(
                f"{m.point.codec.short}: {len(images):,} of {len(m.good):,} images are no file that it takes, and are coded "
                f"losslessly from their pixels: {named}."
            )
    return notes


def _image_name(m: Measured, image: int) -> str:
    with suppress(RabenchError):
        if m.point.dataset.where() is not None and (name := m.point.dataset.image_name(image)):
            return name
    return f"image {image}"


def _limited(group: Group) -> list[str]:
    """Says that the last run looked at the first images alone, though others may be measured."""
    shown, images = sum(group.sources.sizes.values()), group.sources.images
    if not group.sources.limit or shown >= images:
        return []
    return [
        f"The last run was limited to the first {group.sources.limit:,} of {images:,} images, and so is all that is shown; "
        "a run without a limit shows all that is measured."
    ]


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
        "rabench compare sets points side by side on the images that they share. Figures and comparisons of curves leave "
        "out what has less than half of the images; rabench run measures the rest."
    )


def few_classes(group: Group) -> list[str]:
    """A warning where the images measured are of a part of the classes, as the first ones of a sorted data set are."""
    labels: set[int] = set()
    for m in group.measured:
        labels.update(np.flatnonzero(np.bincount(m.columns["label"].clip(min=-1) + 1)[1:]).tolist())
    held, images = len(labels), int(group.rows.images.max())
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
