"""A study's records -> summary.csv, timing.csv, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd

from ..core.errors import RabenchError, Unavailable
from ..core.files import write_text
from ..quantizers.colorcnn.quantizer import ColorCNNQuantizer
from . import tables
from .curves import Curve, Measured, curves, gather, is_reference, summary, timings
from .dial_figure import accuracy_over_dial, rate_over_dial
from .figures import save
from .matrix import Matrix, Study
from .plan import with_references
from .points import weights_of
from .rate_figure import View, rate_accuracy
from .records import UNREADABLE, Index, Records
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

    @property
    def failed(self) -> int:
        return int(self.summary.failed.sum())


def report(study: Study, axis: str | None = None, with_psnr: bool = False) -> Report:
    """Writes all of a study's results from its records; only activation maps need images and weights.

    Raises Unavailable when nothing has been measured yet.
    """
    matrix = study.load()
    records, bad = Records(study.records).read()
    index = Index(study.records)
    measured, damaged = gather(with_references(matrix), records, index)
    if not measured:
        raise Unavailable(f"{study.folder} holds no records of its matrix; measure it: rabench run {study.folder}")
    rows = summary(measured)
    files = [_csv(rows, study.folder / "summary.csv"), _csv(timings(measured), study.folder / "timing.csv")]
    written: list[tuple[str, pd.DataFrame, list[str]]] = []
    groups = _groups(measured)
    for places in groups:
        members = [measured[i] for i in places]
        part = rows.iloc[places].reset_index(drop=True)
        view, table, notes = _group(members, part, index, matrix, axis or matrix.axis, with_psnr)
        written.append((view.title, table, notes))
        # One data set and classifier: plain names; several: a name each
        suffix = "" if len(groups) == 1 else "-" + _slug(members[0])
        found = _without_reference(curves([m.point for m in members], part.bpp.to_numpy()), members)
        if found:
            figures = {"rate-accuracy": rate_accuracy(part, found, view)}
            for name, over in (
                ("rate-over-dial", rate_over_dial(part, found, members, view.title)),
                ("accuracy-over-dial", accuracy_over_dial(part, found, members, view)),
            ):
                if over is not None:
                    figures[name] = over
            for name, ending in product(figures, ("png", "svg")):
                save(figures[name], path := study.folder / f"{name}{suffix}.{ending}")
                files.append(path)
    for name, form, head in (("table.md", tables.markdown, f"# {matrix.title}\n\n"), ("table.tex", tables.latex, "")):
        write_text(study.folder / name, head + "\n".join(form(*w) for w in written))
        files.append(study.folder / name)
    drawn, left_out = _activation_maps(study, matrix)
    return Report(files + drawn, rows, written, bad + damaged, _failures(measured), left_out)


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


def _groups(measured: list[Measured]) -> list[list[int]]:
    """Positions by data set and classifier; fine-tuned ones go with what they were tuned from."""
    found: dict[tuple[str, str], list[int]] = {}
    for number, m in enumerate(measured):
        found.setdefault((m.point.dataset.label, m.point.frozen.label), []).append(number)
    return list(found.values())


def _group(
    members: list[Measured], part: pd.DataFrame, index: Index, matrix: Matrix, axis: str, with_psnr: bool
) -> tuple[View, pd.DataFrame, list[str]]:
    """One data set and classifier: what its figure shows, its table, and the notes to both."""
    point, label = members[0].point, members[0].point.dataset.label
    reference = next((i for i, m in enumerate(members) if is_reference(m.point)), None)
    labelled = bool(part.labelled.sum())
    native = tables.native_bpp(index, label)
    uncompressed = float(part.accuracy[reference]) if labelled and reference is not None else None
    title = f"{point.dataset.title} ({int(part.images.max()):,} images), {point.frozen.title}"
    notes = tables.source_audit(index, label)
    if uncompressed is not None and reference is not None:
        row = part.iloc[reference]
        notes.insert(
            0,
            f"Uncompressed: {100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.2f}, {100 * row.accuracy_high:.2f}].",
        )
    notes += _colors_for_others(members)
    if failed := int(part.failed.sum()):
        notes.append(
            f"{failed:,} rows failed and are left out of every figure; their reasons stand in the records, column error."
        )
    if absent := _absent(matrix, members):
        notes.append(f"Not measured yet, or not possible where this ran: {absent}.")
    found = curves([m.point for m in members], part.bpp.to_numpy())
    table = tables.point_table(part, members, found, tables.common_size(index, label), with_psnr)
    return View(title, axis, labelled, uncompressed, native), table, notes


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
    absent = [
        f"{p.quantizer.short}+{p.codec.short}{', fine-tuned' * bool(p.tuned_from)}" for p in same if p not in known
    ]
    return ", ".join(absent[:3]) + (f" and {len(absent) - 3} more" if len(absent) > 3 else "")


def _without_reference(found: list[Curve], members: list[Measured]) -> list[Curve]:
    """The uncompressed image is a line in the figure, not a curve."""
    return [c for c in found if not all(is_reference(members[i].point) for i in c.rows)]


def _failures(measured: list[Measured]) -> tuple[str, ...]:
    """What failed, told apart by whether another try could help."""
    unreadable: dict[tuple[str, int], str] = {}
    failed, example = 0, ""
    for m in measured:
        for record in m.records if m.rows["failed"].any() else ():
            table = record.rows().select(["image", "error"])
            for image, reason in zip(*table.filter(table["error"].is_valid()).to_pydict().values(), strict=True):
                if reason.startswith(UNREADABLE):
                    unreadable[m.point.dataset.label, image] = reason.removeprefix(UNREADABLE)
                else:
                    failed, example = failed + 1, example or f"{m.point}: {reason}"
    lines = []
    if unreadable:
        many = "an image" if len(unreadable) == 1 else f"{len(unreadable):,} images"
        lines.append(f"{many} could not be read and counts for nothing: {_listed(list(unreadable.values()))}")
    if failed:
        lines.append(f"{failed:,} rows failed, such as: {example}; run again to try them once more")
    return tuple(lines)


def _listed(reasons: list[str], shown: int = 3) -> str:
    more = f"; and {len(reasons) - shown:,} more" if len(reasons) > shown else ""
    return "; ".join(reasons[:shown]) + more


def _slug(m: Measured) -> str:
    text = f"{m.point.dataset.short}-{m.point.frozen.short}"
    return "".join(c if c.isalnum() else "-" for c in text)


def _csv(table: pd.DataFrame, path: Path) -> Path:
    write_text(path, table.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
    return path
