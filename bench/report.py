"""A study's records -> summary.csv, timing.csv, tables and figures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ..core.errors import Unavailable
from ..core.files import write_text
from . import tables
from .curves import Curve, Measured, curves, gather, is_reference, summary, timings
from .figures import save
from .matrix import Matrix, Study
from .plan import with_references
from .rate_figure import View, rate_accuracy
from .records import Index, Records


@dataclass(frozen=True)
class Report:
    """What a report wrote and what it found amiss."""

    files: list[Path]
    summary: pd.DataFrame
    tables: list[tuple[str, pd.DataFrame, list[str]]]
    """Title, table and notes of each data set and classifier."""
    bad: list[str]
    """Files among the records that are none."""
    failure: str = ""
    """One of the failed rows' reasons."""

    @property
    def failed(self) -> int:
        return int(self.summary.failed.sum())


def report(study: Study, axis: str | None = None, with_psnr: bool = False) -> Report:
    """Writes all of a study's results from its records; needs neither images nor weights.

    Raises Unavailable when nothing has been measured yet.
    """
    matrix = study.load()
    records, bad = Records(study.records).read()
    index = Index(study.records)
    measured, damaged = gather(with_references(matrix), records, index)
    if not measured:
        raise Unavailable(f"{study.folder} holds no records of its matrix; measure it: rabench run {study.name}")
    rows = summary(measured)
    files = [_csv(rows, study.folder / "summary.csv"), _csv(timings(measured), study.folder / "timing.csv")]
    written: list[tuple[str, pd.DataFrame, list[str]]] = []
    groups = rows.groupby(["dataset", "classifier"], sort=False).indices
    for places in groups.values():
        members = [measured[i] for i in places]
        part = rows.iloc[places].reset_index(drop=True)
        view, table, notes = _group(members, part, index, matrix, axis or matrix.axis, with_psnr)
        written.append((view.title, table, notes))
        # One data set and classifier: plain names; several: a name each
        suffix = "" if len(groups) == 1 else "-" + _slug(members[0])
        found = _without_reference(curves([m.point for m in members], part.bpp.to_numpy()), members)
        if found:
            figure = rate_accuracy(part, found, view)
            for ending in ("png", "svg"):
                save(figure, path := study.folder / f"rate-accuracy{suffix}.{ending}")
                files.append(path)
    for name, form, head in (("table.md", tables.markdown, f"# {matrix.title}\n\n"), ("table.tex", tables.latex, "")):
        write_text(study.folder / name, head + "\n".join(form(*w) for w in written))
        files.append(study.folder / name)
    return Report(files, rows, written, bad + damaged, _a_failure(measured))


def _group(
    members: list[Measured], part: pd.DataFrame, index: Index, matrix: Matrix, axis: str, with_psnr: bool
) -> tuple[View, pd.DataFrame, list[str]]:
    """One data set and classifier: what its figure shows, its table, and the notes to both."""
    point, label = members[0].point, members[0].point.dataset.label
    reference = next((i for i, m in enumerate(members) if is_reference(m.point)), None)
    labelled = bool(part.labelled.sum())
    native = tables.native_bpp(index, label)
    uncompressed = float(part.accuracy[reference]) if labelled and reference is not None else None
    title = f"{point.dataset.name} ({int(part.images.max()):,} images), {point.classifier.name}"
    notes = tables.source_audit(index, label)
    if uncompressed is not None and reference is not None:
        row = part.iloc[reference]
        notes.insert(
            0,
            f"Uncompressed: {100 * row.accuracy:.2f} % [{100 * row.accuracy_low:.2f}, {100 * row.accuracy_high:.2f}].",
        )
    if failed := int(part.failed.sum()):
        notes.append(f"{failed:,} rows failed and are left out of every figure; their reasons stand in records/failed.")
    found = curves([m.point for m in members], part.bpp.to_numpy())
    table = tables.point_table(part, members, found, tables.common_size(index, label), with_psnr)
    return View(title, axis, labelled, uncompressed, native), table, notes


def _without_reference(found: list[Curve], members: list[Measured]) -> list[Curve]:
    """The uncompressed image is a line in the figure, not a curve."""
    return [c for c in found if not all(is_reference(members[i].point) for i in c.rows)]


def _a_failure(measured: list[Measured]) -> str:
    for m in measured:
        for record in m.records if m.rows["failed"].any() else ():
            reasons = record.rows()["error"].drop_null()
            if len(reasons):
                return f"{m.point}: {reasons[0].as_py()}"
    return ""


def _slug(m: Measured) -> str:
    text = f"{m.point.dataset.short}-{m.point.classifier.short}"
    return "".join(c if c.isalnum() else "-" for c in text)


def _csv(table: pd.DataFrame, path: Path) -> Path:
    write_text(path, table.to_csv(index=False, float_format="%.6f", lineterminator="\n"))
    return path
