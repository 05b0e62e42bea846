"""A study's records -> summary.csv, timing.csv, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from ...core.errors import RabenchError
from ...core.files import write_text
from ...quantizers.colorcnn.quantizer import ColorCNNQuantizer
from ..comparing import sources
from ..comparing.curves import Curve, Measured, timings
from ..comparing.pairwise import PairwiseBD, pairwise_bd
from ..comparing.reading import Group, Reading, judged, read
from ..figures.bd_heatmap import curve_against_curve
from ..figures.byte_breakdown import byte_breakdown
from ..figures.over_setting import accuracy_over_setting, rate_over_setting
from ..figures.rate_accuracy import View, rate_accuracy
from ..figures.style import WIDTHS, save_all
from ..study import provenance
from ..study.matrix import Matrix, Study
from ..study.points import Point, weights_of
from ..study.records import UNREADABLE
from . import tables
from .page import Seen, write_page
from .show import show


@dataclass(frozen=True)
class Report:
    """What a report wrote and what it found amiss."""

    files: list[Path]
    summary: pd.DataFrame
    tables: list[tuple[str, pd.DataFrame, list[str]]]
    """Title, table and notes of each data set and classifier."""
    bad: list[str]
    """Files among the records that are none."""
    failures: tuple[str, ...] = ()
    """A line for each kind of failure: images that cannot be read, rows that failed."""

    left_out: tuple[str, ...] = ()
    """Figures that need more than records, and why they are not drawn."""
    pairs: tuple[tuple[Group, PairwiseBD], ...] = ()
    """Every curve against every other, for each data set and classifier that has several."""

    @property
    def failed(self) -> int:
        return int(self.summary.failed.sum())


def report(study: Study, axis: str | None = None, with_psnr: bool = False, paper: bool = False) -> Report:
    """Writes all of a study's results from its records; activation maps alone need weights, they and the page's pictures images.

    paper: figures in the widths of one and two columns, as PDF and SVG, too.
    Raises Unavailable when nothing has been measured yet.
    """
    found = read(study)
    files = [_csv(found.rows, study.folder / "summary.csv")]
    files.append(_csv(timings(found.measured), study.folder / "timing.csv"))
    written: list[tuple[str, pd.DataFrame, list[str]]] = []
    seen: list[Seen] = []
    for group in found.groups:
        view, table, notes = _seen(group, found, axis or found.matrix.axis, with_psnr)
        written.append((view.title, table, notes))
        # One data set and classifier: plain names; several: a name each
        suffix = "" if len(found.groups) == 1 else _slug(group.measured[0].point)
        pairs = pairwise_bd(judged(group, None)) if group.labelled or group.reference is not None else None
        files += _figures(group, view, pairs, study.folder, suffix, paper)
        label = group.measured[0].point.dataset.label
        stamp = found.index.datasets[label]["stamp"]
        seen.append(Seen(group, pairs, notes, view.native_bpp, sources.common_size(found.index, label), stamp))
    for name, form, head in (
        ("table.md", tables.markdown, f"# {found.matrix.title}\n\n"),
        ("table.tex", tables.latex, ""),
    ):
        write_text(study.folder / name, head + "\n".join(form(*w) for w in written))
        files.append(study.folder / name)
    failures = _failures(found)
    write_page(
        page := study.folder / "report.html",
        found.matrix.title,
        seen,
        [*found.bad, *failures],
        provenance.runs(study.folder),
    )
    files.append(page)
    _remove_old_figures(study.folder, found.matrix, files)
    drawn, left_out = _activation_maps(study, found.matrix)
    pairs = tuple((s.group, s.pairs) for s in seen if s.pairs is not None)
    return Report(files + drawn, found.rows, written, found.bad, failures, left_out, pairs)


NAMED = 5
"""Points whose failed rows are told."""
FIGURES = ("rate-accuracy", "rate-over-setting", "accuracy-over-setting", "anatomy", "curve-against-curve")


def _remove_old_figures(folder: Path, matrix: Matrix, written: list[Path]) -> None:
    """Figures of an earlier report that this one has not drawn again: they would be taken for new ones."""
    suffixes = {"", *(_slug(point) for point in matrix.points)}
    for name, suffix, width in product(FIGURES, suffixes, ("", *(f"-{w}" for w in WIDTHS))):
        for ending in ("png", "svg", "pdf"):
            path = folder / f"{name}{suffix}{width}.{ending}"
            if path not in written:
                path.unlink(missing_ok=True)


def _figures(group: Group, view: View, pairs: PairwiseBD | None, folder: Path, suffix: str, paper: bool) -> list[Path]:
    shown = _without_reference(group)
    if not shown:
        return []
    drawn = (
        rate_accuracy(group.rows, shown, view),
        rate_over_setting(group.rows, shown, group.measured, view.title),
        accuracy_over_setting(group.rows, shown, group.measured, view),
        byte_breakdown(group.rows, shown, group.measured, view.title),
        curve_against_curve(pairs, view.title),
    )
    files: list[Path] = []
    for name, figure in zip(FIGURES, drawn, strict=True):
        if figure is not None:
            files += save_all(figure, folder, name + suffix, paper, bars=name == "anatomy")
    return files


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


def _seen(group: Group, found: Reading, axis: str, with_psnr: bool) -> tuple[View, pd.DataFrame, list[str]]:
    """One data set and classifier: what its figure shows, its table, and the notes to both."""
    label, rows, index = group.measured[0].point.dataset.label, group.rows, found.index
    notes = sources.source_audit(index, label)
    uncompressed = None
    if group.reference is not None and (row := rows.iloc[group.reference]).labelled:
        uncompressed = float(row.accuracy)
        notes.insert(
            0,
            f"Uncompressed: {100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.2f}, {100 * row.accuracy_high:.2f}].",
        )
    notes += few_classes(group, index.datasets.get(label, {}).get("classes", 0))
    notes += _colors_for_others(group.measured)
    if failed := int(rows.failed.sum()):
        notes.append(
            f"{failed:,} rows failed and are left out of every figure; their reasons stand in the records, column error."
        )
    if absent := _absent(found.matrix, group.measured):
        notes.append(f"Not measured yet, or not possible where this ran: {absent}.")
    table = tables.point_table(rows, group.measured, group.curves, sources.common_size(index, label), with_psnr)
    return View(group.title, axis, group.labelled, uncompressed, sources.native_bpp(index, label)), table, notes


def few_classes(group: Group, classes: int) -> list[str]:
    """A warning where the images measured are of a part of the classes, as the first ones of a sorted data set are."""
    labels = np.concatenate([m.rows["label"] for m in group.measured])
    held, images = len(np.unique(labels[labels >= 0])), int(group.rows.images.max())
    if 2 * held >= min(classes, images) or not held:
        return []
    return [
        f"These {images:,} images are of {held:,} of {classes:,} classes: a sorted data set wants all of its images."
    ]


def _colors_for_others(members: list[Measured]) -> list[str]:
    """Which ColorCNN was trained for another classifier than the one that judges here; as far as weights are here."""
    notes: dict[str, None] = {}
    for point in (m.point for m in members):
        if not isinstance(point.quantizer, ColorCNNQuantizer):
            continue
        try:
            said, judge = point.quantizer.about, point.frozen.version()
        except RabenchError:  # a report needs no weights
            continue
        if weights_of(said.classifier_version) != weights_of(judge):
            weights = Path(point.quantizer.weights).stem
            notes[f"ColorCNN's weights {weights} were trained for {said.classifier}, not for {point.frozen.short}."] = (
                None
            )
    return list(notes)


def _absent(matrix: Matrix, members: list[Measured]) -> str:
    """Points of the matrix, for the data set and classifier of ``members``, that have no records."""
    first, known = members[0].point, {m.point for m in members}
    same = [p for p in matrix.points if (p.dataset, p.frozen) == (first.dataset, first.frozen)]
    absent = [p.name for p in same if p not in known]
    return ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")


def _without_reference(group: Group) -> list[Curve]:
    """The uncompressed image is a line in the figure, not a curve."""
    return [c for c in group.curves if not all(group.measured[i].point.is_reference for i in c.rows)]


def _failures(found: Reading) -> tuple[str, ...]:
    """What failed, told apart by whether another try could help."""
    unreadable: dict[tuple[str, int], str] = {}
    failed: dict[str, list[str]] = {}
    for m in (m for group in found.groups for m in group.measured):
        for record in m.records if m.rows["failed"].any() else ():
            table = record.rows().select(["image", "error"])
            for image, reason in zip(*table.filter(table["error"].is_valid()).to_pydict().values(), strict=True):
                if reason.startswith(UNREADABLE):
                    unreadable[m.point.dataset.label, image] = reason.removeprefix(UNREADABLE)
                else:
                    failed.setdefault(str(m.point), []).append(reason)
    lines = []
    if unreadable:
        many = "an image" if len(unreadable) == 1 else f"{len(unreadable):,} images"
        lines.append(f"{many} could not be read and counts for nothing: {_listed(list(unreadable.values()))}")
    for point, reasons in list(failed.items())[:NAMED]:
        lines.append(f"{len(reasons):,} rows failed, such as: {point}: {reasons[0]}; run again to try them once more")
    if len(failed) > NAMED:
        lines.append(
            f"rows of {len(failed) - NAMED:,} more points failed; their reasons stand in the records, column error"
        )
    return tuple(lines)


def _listed(reasons: list[str], shown: int = 3) -> str:
    more = f"; and {len(reasons) - shown:,} more" if len(reasons) > shown else ""
    return "; ".join(reasons[:shown]) + more


def _slug(point: Point) -> str:
    """What the names of figures end with where a study has several data sets or classifiers."""
    text = f"-{point.dataset.short}-{point.frozen.short}"
    return "".join(c if c.isalnum() else "-" for c in text)


def _csv(table: pd.DataFrame, path: Path) -> Path:
    write_text(path, table.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
    return path
