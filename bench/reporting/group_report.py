"""What a report says of one data set and classifier."""

from __future__ import annotations

from dataclasses import dataclass

from ...core.tables import Table
from ..comparing.pairwise import PairwiseBD, pairwise_bd
from ..comparing.reading import Group, Reading
from .notes import group_notes
from .tables import points_table


@dataclass(frozen=True)
class GroupReport:
    """What a report says of one data set and classifier."""

    group: Group
    """By the data set's labels, if it has any."""
    judged: Group
    """By agreement with the uncompressed images where there are no labels; else the same."""
    pairs: PairwiseBD | None
    table: Table


def group_report(group: Group, reading: Reading, with_psnr: bool) -> GroupReport:
    """The group's table, notes and BD figures. with_psnr: a column of PSNR in the table."""
    comparable = group.labelled or group.reference is not None
    judged = group.by_labels(None) if comparable else group
    pairs = pairwise_bd(judged) if comparable else None
    return GroupReport(group, judged, pairs, points_table(group, with_psnr, group_notes(group, reading.matrix)))
