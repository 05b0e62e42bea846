"""What a report says of one data set and classifier."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ...core.errors import Refused
from ...core.tables import Table
from ..comparing.fidelity import by_metric
from ..comparing.pairwise import PairwiseBD, pairwise_bd
from ..comparing.reading import Group, Reading
from .notes import group_notes
from .points_table import points_table


@dataclass(frozen=True)
class GroupReport:
    """What a report says of one data set and classifier."""

    group: Group
    """By the data set's labels, if it has any."""
    judged: Group
    """By agreement with the uncompressed images where there are no labels, by the first metric without a classifier; else
    the same."""
    pairs: PairwiseBD | None
    table: Table
    fidelity: tuple[Group, ...] = ()
    """The group by each fidelity metric that the study names."""


def group_report(group: Group, reading: Reading, with_psnr: bool) -> GroupReport:
    """The group's table, notes and BD figures. with_psnr: a column of PSNR in the table."""
    judged, comparable = group, group.labelled or group.reference is not None
    if not group.predicts:
        with suppress(Refused):  # without loss there is no distance
            judged = by_metric(group, group.metrics[0])
    elif comparable:
        judged = group.by_labels(None)
    pairs = pairwise_bd(judged) if comparable else None
    fidelity = []
    for metric in group.metrics:
        with suppress(Refused):
            fidelity.append(by_metric(group, metric))
    table = points_table(group, with_psnr, group_notes(group, reading.matrix))
    return GroupReport(group, judged, pairs, table, tuple(fidelity))
