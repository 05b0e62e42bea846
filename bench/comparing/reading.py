"""A study's records, read once for tables, figures, comparisons and data frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...core.errors import BadSetting, RabenchError, Refused, Unavailable
from ...core.origins import PythonFile
from ..study.matrix import Matrix, Study, with_references
from ..study.points import weights_of
from ..study.records import Index, Records
from .curves import Curve, Measured, curves, gather, summary

LABELS = ("dataset", "agreement")


@dataclass(frozen=True)
class Group:
    """One data set and classifier; fine-tuned ones go with what they were tuned from."""

    measured: list[Measured]
    rows: pd.DataFrame
    """Their summary, a row each."""
    curves: list[Curve]
    agreement: bool = False
    """Whether the uncompressed image's prediction is the label."""

    @property
    def title(self) -> str:
        point = self.measured[0].point
        by = ", agreement with the uncompressed images" if self.agreement else ""
        return f"{point.dataset.title} ({int(self.rows.images.max()):,} images), {point.frozen.title}{by}"

    @property
    def reference(self) -> int | None:
        """The position of the uncompressed images."""
        return next((i for i, m in enumerate(self.measured) if m.point.is_reference), None)

    @property
    def labelled(self) -> bool:
        return bool(self.rows.labelled.sum())

    @property
    def judge(self) -> str:
        """Which classifier it is, wherever its file lies: two groups of one judge can be compared."""
        first = self.measured[0] if self.reference is None else self.measured[self.reference]
        version = first.records[0].identity.versions[2]
        return f"{first.records[0].identity.key[2]} {weights_of(version) or version}"

    def by_agreement(self) -> Group:
        """The same with the uncompressed image's prediction for a label. Raises Refused without that image."""
        if self.reference is None:
            raise Refused(f"{self.title}: the uncompressed images are not measured, so nothing can agree with them")
        measured = [agreeing(m, self.measured[self.reference]) for m in self.measured]
        return Group(measured, summary(measured), self.curves, agreement=True)


@dataclass(frozen=True)
class Reading:
    """All that a study has measured."""

    matrix: Matrix
    index: Index
    measured: list[Measured]
    """In the matrix's order."""
    rows: pd.DataFrame
    """Their summary, a row each."""
    groups: list[Group]
    bad: list[str]
    """What is wrong: files among the records that are left out, plug-ins edited since they were measured."""


def read(study: Study) -> Reading:
    """Raises Unavailable where nothing has been measured yet."""
    matrix, index = study.load(), Index(study.records)
    records, bad = Records(study.records).read()
    measured, damaged = gather(with_references(matrix), records, index)
    if not measured:
        said = f"; {len(bad)} files among them are none, such as {bad[0]}" if bad else ""
        raise Unavailable(
            f"{study.folder} holds no records of its matrix; measure it: rabench run {study.folder}{said}"
        )
    rows = summary(measured)
    places: dict[tuple[str, str], list[int]] = {}
    for number, m in enumerate(measured):
        places.setdefault((m.point.dataset.label, m.point.frozen.label), []).append(number)
    groups = [_group([measured[i] for i in few], rows.iloc[few].reset_index(drop=True)) for few in places.values()]
    return Reading(matrix, index, measured, rows, groups, bad + damaged + _outdated(measured))


def _group(measured: list[Measured], rows: pd.DataFrame) -> Group:
    return Group(measured, rows, curves([m.point for m in measured], rows.bpp.to_numpy()))


def _outdated(measured: list[Measured]) -> list[str]:
    """Plug-ins of files that have been edited since the rows shown were measured; a line for each."""
    lines: dict[str, None] = {}
    for m in measured:
        plugins = (m.point.quantizer, m.point.codec, m.point.classifier)
        for plugin, then in zip(plugins, m.records[0].identity.versions, strict=True):
            if plugin.origin is None:
                continue
            try:
                now = plugin.version()
            except RabenchError:  # a report needs no codec
                continue
            if now != then:
                named = "" if isinstance(plugin.origin, PythonFile) else ", or a program or file that it names,"
                lines[
                    f"{plugin.name}: {plugin.origin.name}{named} is another now than when the rows shown were measured; "
                    "rabench run, or add, measures them again"
                ] = None
    return list(lines)


def agreeing(m: Measured, reference: Measured) -> Measured:
    """The same predictions, judged by those on the uncompressed images; -1 for a label where there is none."""
    said = {"image": reference.rows["image"][reference.good], "to": reference.rows["prediction"][reference.good]}
    order = np.argsort(said["image"], kind="stable")
    places = np.searchsorted(said["image"], m.rows["image"], sorter=order).clip(max=max(0, len(order) - 1))
    labels = np.full(len(m.rows["image"]), -1, np.int64)
    if len(order):
        there = said["image"][order[places]] == m.rows["image"]
        labels[there] = said["to"][order[places]][there]
    return replace(m, rows={**m.rows, "label": labels})


def judged(group: Group, labels: str | None) -> Group:
    """By the data set's labels or by agreement; None: by labels where there are any."""
    if labels not in (None, *LABELS):
        raise BadSetting(f"--labels must be one of {', '.join(LABELS)}, got {labels!r}")
    if labels == "dataset" and not group.labelled:
        raise Refused(f"{group.title}: its images have no labels; use --labels agreement")
    return group.by_agreement() if labels == "agreement" or not group.labelled else group


def worded(text: str, agreement: bool) -> str:
    """What is said of accuracy, where agreement stands in its place."""
    return text.replace("accuracies", "agreements").replace("accuracy", "agreement") if agreement else text


def together(studies: list[tuple[str, Reading]], labels: str | None) -> list[Group]:
    """The groups of several studies, those that share images and classifier as one; curves bear their study's name.

    Images are known by their block's content and their place in it, whatever the data set is called; their positions
    are those of the first study that has them.
    """
    joined: list[tuple[Group, dict[str, int]]] = []
    for number, (name, reading) in enumerate(studies, 1):
        for group in (judged(g, labels) for g in reading.groups):
            group = replace(group, curves=[replace(c, study=name) for c in group.curves])
            starts = _starts(group.measured)
            for place, (other, known) in enumerate(joined):
                if other.judge == group.judge and known.keys() & starts.keys():
                    new = _placed(starts, known, number << 32)
                    joined[place] = (_added(other, group, new), new)
                    break
            else:
                joined.append((group, starts))
    return [group for group, _ in joined]


def _placed(starts: dict[str, int], known: dict[str, int], far: int) -> dict[str, int]:
    """Where each block of both begins: as known; else as in its own study where that place is free, or far away."""
    taken = set(known.values())
    return {block: start if start not in taken else start + far for block, start in starts.items()} | known


def _starts(measured: list[Measured]) -> dict[str, int]:
    """Where each block begins, by its hash."""
    found: dict[str, int] = {}
    for m in measured:
        begin = 0
        for record in m.records:
            found.setdefault(record.identity.block, int(m.rows["image"][begin]))
            begin += record.about["stop"] - record.about["start"]
    return found


def _added(into: Group, group: Group, starts: dict[str, int]) -> Group:
    first, measured = len(into.measured), []
    for m in group.measured:
        spans = [(starts[r.identity.block], r.about["stop"] - r.about["start"]) for r in m.records]
        images = np.concatenate([np.arange(start, start + length) for start, length in spans])
        measured.append(replace(m, rows={**m.rows, "image": images}))
    moved = [replace(c, rows=tuple(i + first for i in c.rows)) for c in group.curves]
    rows = pd.concat([into.rows, group.rows], ignore_index=True)
    return Group(into.measured + measured, rows, into.curves + moved, into.agreement)
