"""A study's records, read once for tables, figures, comparisons and data frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from ...core.errors import BadSetting, RabenchError, Refused
from ...core.networks import weights_hash
from ...core.origins import PythonFile, data_files
from ...metrics.base import Metric
from ..records.index import Index
from ..records.records import Records
from ..records.sources import Sources
from ..study.matrix import Matrix, check_for_points, with_references
from ..study.study import Study
from .curves import Curve, Measured, curves, gather, merged, stored_of, summary
from .measures import ACCURACY, AGREEMENT, Measure
from .recorded import not_trusted, with_recorded

LABELS = ("dataset", "agreement")
"""What a prediction may be held against: the data set's labels, or the prediction on the uncompressed image."""


@dataclass(frozen=True)
class Group:
    """The measured points of one data set and classifier, and their curves; fine-tuned classifiers go with the original."""

    measured: list[Measured]
    rows: pd.DataFrame
    """The summary: a row for each of ``measured``, at the same position."""
    curves: list[Curve]
    sources: Sources = field(default_factory=Sources)
    measure: Measure = ACCURACY
    """What its points are judged by; in ``rows`` the columns of accuracy hold the mean of it."""
    fidelity: Mapping[tuple[Any, Metric], Measured] = field(default_factory=dict)
    """The points that measured a metric, by what they store (fidelity.py) and the metric."""
    metrics: tuple[Metric, ...] = ()
    """The fidelity metrics that the study names."""

    @property
    def agreement(self) -> bool:
        """Whether the labels are the predictions on the uncompressed images, so that accuracies are agreements."""
        return self.measure is AGREEMENT

    @property
    def predicts(self) -> bool:
        """Whether a classifier looked at the images; without one there are rates and fidelity alone."""
        return self.measured[0].point.classifier.predicts

    @property
    def title(self) -> str:
        """Data set, number of images and classifier, as a heading."""
        point = self.measured[0].point
        suffix = ", agreement with the uncompressed images" if self.agreement else ""
        classifier = f", {point.frozen.title}" if self.predicts else ""
        return f"{point.dataset.title} ({int(self.rows.images.max()):,} images){classifier}{suffix}"

    @property
    def reference(self) -> int | None:
        """The position of the uncompressed images."""
        return next((i for i, m in enumerate(self.measured) if m.point.is_reference), None)

    @property
    def labelled(self) -> bool:
        """Whether any image has a label."""
        return bool(self.rows.labelled.sum())

    @property
    def uncompressed(self) -> float | None:
        """The accuracy on uncompressed images, as a share; None where it is not measured or 1 by definition."""
        if self.reference is None or self.measure is not ACCURACY or not self.rows.labelled.iloc[self.reference]:
            return None
        return float(self.rows.accuracy.iloc[self.reference])

    @property
    def plotted(self) -> list[Curve]:
        """The curves without that of the uncompressed images, which figures show as a line."""
        return [c for c in self.curves if set(c.rows) != {self.reference}]

    def merged(self, curve: Curve) -> list[list[int]]:
        """The rows of a curve, those of equal files together."""
        return merged(curve, self.measured)

    @property
    def classifier_identity(self) -> str:
        """The classifier by its settings and weights, wherever their file lies: equal ones can be compared."""
        identity = self.measured[self.reference or 0].records[0].identity
        return f"{identity.key[2]} {weights_hash(identity.versions[2]) or identity.versions[2]}"

    def by_agreement(self) -> Group:
        """The group with the predictions on the uncompressed images for labels. Raises Refused without those images."""
        if self.reference is None:
            raise Refused(f"{self.title}: the uncompressed images are not measured, so nothing can agree with them")
        if not self.predicts:
            raise Refused(
                f"{self.title}: there is no classifier, and nothing to agree with; name a metric of the study"
            )
        measured = [agreeing(m, self.measured[self.reference]) for m in self.measured]
        return replace(self, measured=measured, rows=summary(measured), measure=AGREEMENT)

    def by_labels(self, labels: str | None) -> Group:
        """The group by the data set's labels or by agreement; None: by the data set's labels where it has any.

        Raises BadSetting for another word, Refused where the labels asked for are missing.
        """
        if labels not in (None, *LABELS):
            raise BadSetting(f"`labels` must be one of {', '.join(LABELS)}, got {labels!r}")
        if labels == "dataset" and not self.labelled:
            raise Refused(f'{self.title}: its images have no labels; use `labels="agreement"`')
        return self.by_agreement() if labels == "agreement" or not self.labelled else self


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
    """Lines on files among the records that are left out, and on plug-ins edited since they were measured."""
    fidelity: list[Measured] = field(default_factory=list)
    """The points that measured a metric."""
    trained: list[Measured] = field(default_factory=list)
    """The points of networks that [[training]] blocks have trained."""


def read(study: Study, trained: bool = False) -> Reading:
    """What a study has measured. Raises Unavailable where that is nothing yet.

    trained: whether the results of trained networks alone are enough; Refused is raised else where a matrix has no others.
    """
    matrix, index = study.load(), Index(study.records)
    if not trained:
        check_for_points(matrix)
    records, bad = Records(study.records).read()
    matrix = with_recorded(matrix, records)
    bad = [*not_trusted(study.folder, matrix), *bad]
    measured, damaged = gather(with_references(matrix), records, index)
    by_metrics, lost = gather(matrix.fidelity, records, index)
    of_trained, torn = gather((t.point for t in matrix.trained), records, index)
    fidelity = {(stored_of(m.point), m.point.metric): m for m in by_metrics if m.point.metric is not None}
    if not measured and not of_trained:
        example = f"; {len(bad)} files among them are none, such as {bad[0]}" if bad else ""
        raise study.unmeasured(example)
    rows = summary(measured) if measured else pd.DataFrame()
    places: dict[tuple[str, str], list[int]] = {}
    for number, m in enumerate(measured):
        places.setdefault((m.point.dataset.label, m.point.frozen.label), []).append(number)
    groups = [
        replace(
            _group([measured[i] for i in members], rows.iloc[members].reset_index(drop=True), index),
            fidelity=fidelity,
            metrics=_metrics_of([measured[i] for i in members], matrix.metrics, fidelity),
        )
        for members in places.values()
    ]
    wrong = bad + damaged + lost + torn + _outdated(measured)
    return Reading(matrix, index, measured, rows, groups, wrong, by_metrics, of_trained)


def _metrics_of(
    measured: Sequence[Measured], metrics: Sequence[Metric], fidelity: Mapping[tuple[Any, Metric], Measured]
) -> tuple[Metric, ...]:
    """The metrics that are measured for any of these points; that of the squared error is for all."""
    stored = {stored_of(m.point) for m in measured}
    return tuple(m for m in metrics if not m.needs_pixels or any((s, m) in fidelity for s in stored))


def _group(measured: list[Measured], rows: pd.DataFrame, index: Index) -> Group:
    points = [m.point for m in measured]
    return Group(measured, rows, curves(points, rows.bpp.to_numpy()), Sources.of(index, points[0].dataset.label))


def _outdated(measured: Sequence[Measured]) -> list[str]:
    """A line for each plug-in from a file that has been edited since the rows shown were measured."""
    lines: dict[str, None] = {}
    for m in measured:
        plugins = (m.point.quantizer, m.point.codec, m.point.classifier)
        first, *others = m.records[0].identity.versions
        for plugin, recorded in zip(plugins, (m.point.without_size(first), *others), strict=True):
            if plugin.origin is None:
                continue
            try:
                version = plugin.version()
            except RabenchError:  # a report needs no codec
                continue
            if version != recorded:
                reads_files = not isinstance(plugin.origin, PythonFile) or data_files(plugin)
                files = ", or a program or file that it names," if reads_files else ""
                lines[
                    f"{plugin.name}: {plugin.origin.name}{files} is another now than when the rows shown were "
                    "measured; rabench run, or add, measures them again"
                ] = None
    return list(lines)


def agreeing(m: Measured, reference: Measured) -> Measured:
    """The same predictions, with those on the uncompressed images for labels; -1 for a label where there is none."""
    images = reference.columns["image"][reference.good]
    predictions = reference.columns["prediction"][reference.good]
    order = np.argsort(images, kind="stable")
    places = np.searchsorted(images, m.columns["image"], sorter=order).clip(max=max(0, len(order) - 1))
    labels = np.full(len(m.columns["image"]), -1, np.int32)
    if len(order):
        shared = images[order[places]] == m.columns["image"]
        labels[shared] = predictions[order[places]][shared]
    return replace(m, columns=m.columns.having(label=labels))


def together(studies: Sequence[tuple[str, Reading]], judged: Callable[[Group], Group]) -> list[Group]:
    """The groups of several studies, those that share images and classifier as one; curves bear their study's name.

    Images are known by their block's content and their place in it, whatever the data set is called, and recorded in
    whole blocks or in parts; their positions are those of the first study that has them. judged: gives each group by the
    measure asked for.
    """
    joined: list[tuple[Group, dict[str, int]]] = []
    for number, (name, reading) in enumerate(studies, 1):
        for group in map(judged, reading.groups):
            group = replace(group, curves=[replace(c, study=name) for c in group.curves])
            starts = _starts(group.measured)
            for place, (other, known_starts) in enumerate(joined):
                if other.classifier_identity == group.classifier_identity and known_starts.keys() & starts.keys():
                    common = _common_starts(starts, known_starts, number << 32)
                    joined[place] = (_joined(other, group, common), common)
                    break
            else:
                joined.append((group, starts))
    return [group for group, _ in joined]


def _common_starts(starts: dict[str, int], known_starts: dict[str, int], far: int) -> dict[str, int]:
    """Where the images of both begin: as known; else as in their own study where that place is free, or far away."""
    taken = set(known_starts.values())
    return {name: start if start not in taken else start + far for name, start in starts.items()} | known_starts


def _starts(measured: Sequence[Measured]) -> dict[str, int]:
    """Where the images begin that each name of their contents stands for."""
    starts: dict[str, int] = {}
    for m in measured:
        begin = 0
        for content, images in m.contents:
            starts.setdefault(content, int(m.columns["image"][begin]))
            begin += images
    return starts


def _joined(group: Group, other: Group, starts: dict[str, int]) -> Group:
    """The first group with the points and curves of the other; its images bear the positions of ``starts``."""
    first, measured = len(group.measured), []
    for m in other.measured:
        images = np.concatenate([np.arange(starts[name], starts[name] + count) for name, count in m.contents])
        measured.append(replace(m, columns=m.columns.having(image=images)))
    moved = [replace(c, rows=tuple(i + first for i in c.rows)) for c in other.curves]
    rows = pd.concat([group.rows, other.rows], ignore_index=True)
    return replace(group, measured=group.measured + measured, rows=rows, curves=group.curves + moved)
