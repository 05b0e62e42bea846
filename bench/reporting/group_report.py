"""What a report says of one data set and classifier."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import pandas as pd

from ...core.errors import Refused
from ...core.tables import Table
from ..comparing.pairwise import PairwiseBD, pairwise_bd
from ..comparing.published import published_table
from ..comparing.sizes import sizes_table
from ..comparing.smallest_files import ImageNeeds, image_needs, smallest_files_table
from ..reading.fidelity import by_metric
from ..reading.groups import Group, Reading
from ..reading.log_loss import log_loss_of, probability_columns
from ..reading.measures import of_metric
from ..timing.table import times_table
from ..timing.times import Times
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
    sizes: Table | None = None
    """What each size that images are stored in is worth at equal bits; None without sizes."""
    published: Table | None = None
    """How far its curves lie from published ones; None where the study names none."""
    fidelity: tuple[Group, ...] = ()
    """The group by each fidelity metric that the study names."""
    log_loss: Group | None = None
    """The group by log-loss; None without labels, or without a classifier."""
    probabilities: pd.DataFrame = field(default_factory=pd.DataFrame)
    """Log-loss and calibration error of each point, as summary.csv has them."""
    needs: tuple[ImageNeeds, ...] = ()
    """The smallest files of each image, for each curve of several settings."""
    smallest_files: Table | None = None
    """What one setting for all images wastes; None without such curves."""
    times: Times | None = None
    """What `rabench time` measured; None where it was not run."""

    @property
    def tables(self) -> list[Table]:
        """The table of points, and those of sizes and of published figures where there are any."""
        return [table for table in (self.table, self.sizes, self.published) if table is not None]

    @property
    def all_tables(self) -> list[Table]:
        """The tables, and those of what one image needs and of times, which a terminal is spared."""
        return [*self.tables, *(table for table in (self.smallest_files, self.times_table) if table is not None)]

    @property
    def times_table(self) -> Table | None:
        """Encode and decode times; None where none are measured."""
        return times_table(self.times, self.group.measured[0].point.dataset.title) if self.times else None


def group_report(group: Group, reading: Reading, with_psnr: bool, times: Times | None = None) -> GroupReport:
    """The group's table, notes and BD figures. with_psnr: a column of PSNR in the table. times: of its data set."""
    fidelity: list[Group] = []
    for metric in group.metrics:
        with suppress(Refused):  # without loss there is no distance
            fidelity.append(by_metric(group, metric))
    log_loss = log_loss_of(group)
    judged, comparable = group, group.labelled or group.reference is not None
    if not group.predicts:
        judged = next((g for g in fidelity if g.measure == of_metric(group.metrics[0])), group)
    elif comparable:
        judged = group.by_labels(None)
    pairs = pairwise_bd(judged) if comparable else None
    probabilities = probability_columns(group, log_loss)
    table = points_table(group, with_psnr, group_notes(group, reading.matrix), probabilities, times)
    published = published_table(fidelity, reading.matrix.published)
    needs = image_needs(group)
    return GroupReport(
        group,
        judged,
        pairs,
        table,
        sizes_table(judged),
        published,
        tuple(fidelity),
        log_loss,
        probabilities,
        tuple(needs),
        smallest_files_table(group, needs),
        times,
    )
