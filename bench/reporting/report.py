"""A study's records -> summary.csv, timing.csv, tables, figures and the page."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ...core.errors import RabenchError
from ...core.escapes import csv_of, markdown
from ...core.files import write_text
from ...core.printable import LONGEST, printable
from ...core.tables import Table
from ..comparing.bootstrap import with_enough
from ..comparing.published import unmatched
from ..figures.bd_heatmap import bd_heatmap
from ..figures.byte_breakdown import byte_breakdown
from ..figures.over_setting import accuracy_over_setting, rate_over_setting
from ..figures.rate_accuracy import rate_accuracy
from ..figures.rate_fidelity import rate_fidelity
from ..figures.rate_log_loss import rate_log_loss
from ..figures.rate_time import rate_time
from ..figures.sizes import sizes
from ..figures.smallest_files import smallest_files
from ..figures.style import WIDTHS, save_all
from ..reading.curves import timings
from ..reading.fidelity import means
from ..reading.groups import Reading, read
from ..study import provenance
from ..study.matrix import Matrix
from ..study.points import Point
from ..study.published import PublishedCurve
from ..study.study import Study
from ..timing.times import read as read_times
from .failures import failures
from .group_report import GroupReport, group_report
from .notes import published_warnings
from .page import write_page
from .show import show
from .trained_report import FIGURES as TRAINED_FIGURES
from .trained_report import trained_report

FIGURES = (
    "rate-accuracy",
    "rate-log-loss",
    "rate-fidelity",
    "sizes",
    "smallest-files",
    "rate-time",
    "rate-over-setting",
    "accuracy-over-setting",
    "byte-breakdown",
    "bd-heatmap",
)
OLD_FIGURES = ("rate-over-dial", "accuracy-over-dial", "anatomy", "curve-against-curve")
"""What figures were called before version 0.2; a report removes them, since nothing draws them again."""


@dataclass(frozen=True)
class Report:
    """What a report wrote, and what is wrong."""

    files: list[Path]
    summary: pd.DataFrame
    """A row a point, as in summary.csv."""
    groups: list[GroupReport]
    bad: list[str]
    """A line for each file among the records that is none, or damaged."""
    failures: tuple[str, ...] = ()
    """A line for each kind of failure: images that cannot be read, rows that failed."""
    left_out: tuple[str, ...] = ()
    """Figures that need more than records, and why they are not drawn; networks that are not trained as the matrix says."""

    @property
    def failed(self) -> int:
        """How many rows failed."""
        return int(self.summary.failed.sum()) if len(self.summary) else 0

    trained: tuple[Table, ...] = ()
    """A table for each network that was trained on stored images."""
    unmatched: tuple[str, ...] = ()
    """A line for each published curve that is held against a curve which the study does not have."""

    @property
    def warnings(self) -> list[str]:
        """A line for each network whose uncompressed accuracy is not what is published for it, and those of ``unmatched``."""
        return [line for g in self.groups for line in published_warnings(g.group)] + list(self.unmatched)

    @property
    def tables(self) -> list[Table]:
        """A table of points for each data set and classifier, those of sizes and of published figures, and of trained networks."""
        return [*(table for g in self.groups for table in g.tables), *self.trained]

    def _repr_html_(self) -> str:
        pages = [f for f in self.files if f.suffix == ".html"]
        links = "".join(f'<p><a href="{page.resolve().as_uri()}">{page}</a></p>' for page in pages)
        figures = [f.read_text() for f in self.files if f.name.startswith("rate-accuracy") and f.suffix == ".svg"]
        drawings = "".join(svg[svg.index("<svg") :] for svg in figures)
        return links + drawings + "".join(table.html() for table in self.tables)


def report(study: Study, axis: str | None = None, with_psnr: bool = False, paper: bool = False) -> Report:
    """Writes all of a study's results from its records, and measures nothing.

    The page's pictures need the data set, activation maps the weights, too; where they are missing, that is said.
    axis: log2 or linear, for rates; default: as the matrix says. with_psnr: a column of PSNR in tables. paper: figures
    as wide as one and two columns, as PDF and SVG, too. Raises Unavailable when nothing has been measured yet.
    """
    reading = read(study, trained=True)
    times = read_times(study.folder)
    groups = [
        group_report(group, reading, with_psnr, times.get(group.measured[0].point.dataset.label))
        for group in reading.groups
    ]
    rows, files = _summaries(reading, groups, study.folder)
    for part in groups:
        # One data set and classifier: plain names; several: a name each
        suffix = "" if len(groups) == 1 else _suffix(part.group.measured[0].point)
        files += _figures(part, axis or reading.matrix.axis, study.folder, suffix, paper, reading.matrix.published)
    title = reading.matrix.title
    trained = trained_report(reading, study.folder, paper)
    files += trained.files
    tables = [*(table for g in groups for table in g.all_tables), *trained.tables]
    for name, text in (
        ("table.md", f"# {markdown(printable(title))}\n\n" + "\n".join(table.markdown() for table in tables)),
        ("table.tex", "\n".join(table.latex() for table in tables)),
    ):
        write_text(study.folder / name, text)
        files.append(study.folder / name)
    lines = failures(reading)
    page = study.folder / "report.html"
    write_page(page, title, groups, [*reading.bad, *lines, *trained.left_out], provenance.runs(study.folder), trained)
    files.append(page)
    _remove_old_figures(study.folder, reading.matrix, files)
    maps, left_out = _activation_maps(study, reading.matrix)
    lost = tuple(unmatched([part.group for part in groups], reading.matrix.published))
    left_out += (*_without_times(groups, files), *trained.left_out)
    return Report(files + maps, rows, groups, reading.bad, lines, left_out, tuple(trained.tables), lost)


def _summaries(reading: Reading, groups: Sequence[GroupReport], folder: Path) -> tuple[pd.DataFrame, list[Path]]:
    """The rows of summary.csv, and it and timing.csv, written; neither where nothing but trained networks is measured."""
    if not groups:
        return reading.rows, []
    probabilities = _of_groups(reading, [part.probabilities for part in groups])
    rows = pd.concat([reading.rows, probabilities, *_metrics(reading)], axis=1)
    return rows, [_csv(rows, folder / "summary.csv"), _csv(timings(reading.measured), folder / "timing.csv")]


def _metrics(reading: Reading) -> list[pd.DataFrame]:
    """The mean of each fidelity metric at each point, as columns; none where the study names no metric."""
    if not reading.matrix.metrics:
        return []
    tables = [means(group, group.metrics) for group in reading.groups]
    return [_of_groups(reading, tables).rename(columns=_column)]


def _of_groups(reading: Reading, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table for all points of the study, of a table for each group."""
    places = {id(m): i for i, m in enumerate(reading.measured)}
    rows = [pd.Index([places[id(m)] for m in group.measured]) for group in reading.groups]
    return pd.concat([table.set_axis(at) for table, at in zip(tables, rows, strict=True)]).sort_index()


def _column(metric: str) -> str:
    """The column of summary.csv that holds a metric's mean: ``mean_ms_ssim``."""
    return "mean_" + re.sub(r"[^a-z0-9]+", "_", metric)


def _figures(
    part: GroupReport, axis: str, folder: Path, suffix: str, paper: bool, published: Sequence[PublishedCurve]
) -> list[Path]:
    group = with_enough(part.judged)
    if not group.plotted:
        return []
    figures: Sequence[Figure | None] = (
        rate_accuracy(group, axis) if group.predicts else None,
        rate_log_loss(part.log_loss and with_enough(part.log_loss), axis),
        rate_fidelity([with_enough(g) for g in part.fidelity], axis, published),
        sizes(group, axis),
        smallest_files(part.judged, list(part.needs), axis),
        rate_time(group, part.pairs, part.times),
        rate_over_setting(group),
        accuracy_over_setting(group) if group.predicts else None,
        byte_breakdown(group),
        bd_heatmap(part.pairs),
    )
    files: list[Path] = []
    for name, figure in zip(FIGURES, figures, strict=True):
        if figure is not None:
            files += save_all(figure, folder, name + suffix, paper, bars=name == "byte-breakdown")
    return files


def _remove_old_figures(folder: Path, matrix: Matrix, written: list[Path]) -> None:
    """Figures of an earlier report that this one has not drawn again: they would be taken for new ones."""
    suffixes = {"", *(_suffix(point) for point in matrix.points)}
    for name, suffix, width in product((*FIGURES, *OLD_FIGURES), suffixes, ("", *(f"-{w}" for w in WIDTHS))):
        for ending in ("png", "svg", "pdf"):
            path = folder / f"{name}{suffix}{width}.{ending}"
            if path not in written:
                path.unlink(missing_ok=True)
    for name in (*TRAINED_FIGURES, "trained.csv"):
        for path in folder.glob(f"{name}*"):
            if path not in written:
                path.unlink(missing_ok=True)


def _activation_maps(study: Study, matrix: Matrix) -> tuple[list[Path], tuple[str, ...]]:
    """Figures of the images that the matrix asks for, where images and weights are here; else why not."""
    files: list[Path] = []
    left_out: dict[str, None] = {}
    for dataset in dict.fromkeys(p.dataset for p in matrix.points if matrix.cam):
        if dataset.where() is None:
            return [], (f"class activation maps are left out: {dataset.short} is not on this machine",)
    for image in matrix.cam:
        try:
            files += show(study, image, False, None, cam=True)
        except RabenchError as error:
            left_out[f"class activation maps are left out: {error}"] = None
    return files, tuple(left_out)


def _without_times(groups: list[GroupReport], files: list[Path]) -> tuple[str, ...]:
    """Why there is no figure of bits saved over encode time, where times are measured."""
    if not any(g.times for g in groups) or any(f.name.startswith("rate-time") for f in files):
        return ()
    return ("rate-time is left out: no two curves that were timed share half of their range of accuracies",)


def _suffix(point: Point) -> str:
    """What the names of figures end with where a study has several data sets or classifiers."""
    text = f"-{point.dataset.short}-{point.frozen.short}"
    name = "".join(c if c.isalnum() else "-" for c in text)
    if len(name.encode()) <= LONGEST:
        return name
    return f"-{hashlib.sha256(name.encode()).hexdigest()[:32]}"  # a file system takes some 255 bytes


def _csv(table: pd.DataFrame, path: Path) -> Path:
    write_text(path, csv_of(table, float_format="%.6f"))
    return path
