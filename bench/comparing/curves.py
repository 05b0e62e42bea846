"""Records -> points with rates, accuracies and intervals; points -> curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ...codecs.base import ByteBreakdown
from ..study.points import Point
from ..study.records import STAGES, Index, Record
from .intervals import wilson


@dataclass(frozen=True)
class Measured:
    """A point and the rows of all its images, blocks in order."""

    point: Point
    records: tuple[Record, ...]
    rows: dict[str, NDArray[Any]]
    complete: bool
    """Whether every block of the last run is here."""

    @property
    def good(self) -> NDArray[np.bool_]:
        return self.rows["failed"] == 0


def gather(points: Iterable[Point], records: Iterable[Record], index: Index) -> tuple[list[Measured], list[str]]:
    """The rows of each point as the last run knew it, and what is wrong with files among its records.

    Of a point that no run here has noted (records copied from elsewhere), the versions with most blocks count, of
    equals the first by name.
    """
    of_point: dict[tuple[Any, ...], dict[str, Record]] = {}
    for record in records:
        said = record.identity
        for name in ((said.key, said.versions), (said.labels[1:],)):
            of_point.setdefault((*name, said.versions), {})[said.block] = record
    found, bad = [], []
    for point in points:
        spans = index.measured(point.dataset.label)
        if (noted := index.noted(point.labels)) is not None:
            candidates = [of_point.get((*noted, noted[1]), {})]
        else:
            candidates = [blocks for name, blocks in sorted(of_point.items(), key=str) if name[0] == point.labels[1:]]
        held = [
            [(start, by[known["sha256"]]) for start, _, known in spans if known["sha256"] in by] for by in candidates
        ]
        best = max(held, key=len, default=[])
        columns, read, broken = _columns(best)
        bad += broken
        if columns:
            found.append(Measured(point, tuple(read), columns, len(read) == len(spans)))
    return found, bad


def _columns(records: list[tuple[int, Record]]) -> tuple[dict[str, NDArray[Any]], list[Record], list[str]]:
    """The rows of blocks and the images they begin at; whose they are; what is wrong with files that cannot be read."""
    parts: list[dict[str, NDArray[Any]]] = []
    read, bad = [], []
    for start, record in records:
        try:
            table = record.rows()
        except (pa.ArrowInvalid, OSError) as error:
            bad.append(f"{record.path}: damaged ({str(error).splitlines()[0][:100]}); delete it and run again")
            continue
        columns = {name: table[name].to_numpy() for name in table.column_names if name != "error"}
        columns["failed"] = table["error"].is_valid().to_numpy()
        columns["image"] = np.arange(start, start + len(table))  # where the block lies in THIS data set
        parts.append(columns)
        read.append(record)
    if not parts:
        return {}, [], bad
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, read, bad


def summary(measured: list[Measured]) -> pd.DataFrame:
    """One row a point: sums first, then what is derived from them. No timings: equal runs give equal tables."""
    references = {(m.point.dataset, m.point.classifier): m for m in measured if m.point.is_reference}
    return pd.DataFrame([_row(m, references.get((m.point.dataset, m.point.frozen))) for m in measured])


def _row(m: Measured, reference: Measured | None) -> dict[str, Any]:
    good = m.good
    rows = {name: column[good] for name, column in m.rows.items()}
    n, pixels = len(rows["image"]), int(rows["pixels"].sum())
    labelled = rows["label"] >= 0
    correct = int((rows["prediction"] == rows["label"])[labelled].sum())
    low, high = wilson(correct, int(labelled.sum()))
    compared, agreeing = _agreement(m, reference)
    sums = {name: int(rows[name].sum(dtype=np.int64)) for name in ("bytes", *ByteBreakdown._fields, "squared_error")}
    once = int((rows["container"] + rows["tables"]).max(initial=0))
    bpp = (lambda count: 8 * count / pixels) if pixels else (lambda _: np.nan)
    names = ("dataset", "quantizer", "codec", "classifier")
    return {
        **dict(zip(names, m.point.labels, strict=True)),
        "images": n,
        "failed": int((~good).sum()),
        "complete": m.complete,
        "labelled": int(labelled.sum()),
        "correct": correct,
        "compared": compared,
        "agreeing": agreeing,
        "pixels": pixels,
        **sums,
        "accuracy": correct / int(labelled.sum()) if labelled.any() else np.nan,
        "accuracy_low": low,
        "accuracy_high": high,
        "agreement": agreeing / compared if compared else np.nan,
        "bpp": bpp(sums["bytes"]),
        "payload_bpp": bpp(sums["payload"] + sums["palette"]),
        # Container and tables stored once for the whole data set, the largest of them.
        "bundle_bpp": bpp(sums["payload"] + sums["palette"] + once),
        "mean_bpp": float((rows["bytes"] * 8 / rows["pixels"]).mean()) if n else np.nan,
        "psnr_db": psnr(sums["squared_error"], 3 * pixels),
    }


def _agreement(m: Measured, reference: Measured | None) -> tuple[int, int]:
    """Images compared with the uncompressed ones, and those among them with the same prediction."""
    if reference is None:
        return 0, 0
    both, here, there = np.intersect1d(
        m.rows["image"][m.good], reference.rows["image"][reference.good], return_indices=True
    )
    same = m.rows["prediction"][m.good][here] == reference.rows["prediction"][reference.good][there]
    return len(both), int(same.sum())


def psnr(squared_error: int, samples: int) -> float:
    """In dB, of the mean squared error over the whole data set; infinite where nothing was lost."""
    if not samples:
        return np.nan
    return float(10 * np.log10(255**2 * samples / squared_error)) if squared_error else np.inf


def timings(measured: list[Measured]) -> pd.DataFrame:
    """Milliseconds an image, one row a point, one column a stage."""
    rows = []
    for m in measured:
        images = sum(r.about["stop"] - r.about["start"] for r in m.records)
        stages = {
            f"{stage}_ms": 1000 * sum(r.about["seconds"][stage] for r in m.records) / max(1, images) for stage in STAGES
        }
        rows.append(dict(zip(("dataset", "quantizer", "codec", "classifier"), m.point.labels, strict=True)) | stages)
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Curve:
    """Points that differ in rate alone: one quantizer and one codec, a dial apart."""

    quantizer: str
    """Without its dial, as text."""
    codec: str
    rows: tuple[int, ...]
    """Positions in the summary, from the lowest rate to the highest."""
    tuned: bool = False
    """Whether each point has a classifier of its own, fine-tuned on it."""
    study: str = ""
    """Which study's, where several are compared."""

    @property
    def name(self) -> str:
        tuned, study = ", fine-tuned" if self.tuned else "", f" [{self.study}]" if self.study else ""
        return f"{self.quantizer}+{self.codec}{tuned}{study}"


def merged(curve: Curve, measured: list[Measured]) -> list[list[int]]:
    """The points of a curve, those together whose images all have alike files: same bytes, errors, predictions."""
    groups: list[list[int]] = []
    for position in curve.rows:
        if groups and _alike(measured[groups[-1][0]], measured[position]):
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups


def _alike(a: Measured, b: Measured) -> bool:
    if not a.good.any():  # of failures nothing is known
        return False
    return all(np.array_equal(a.rows[name], b.rows[name], equal_nan=name == "log_probability") for name in a.rows)


def curves(points: list[Point], bpp: NDArray[np.float64]) -> list[Curve]:
    """The curves among points of one data set and classifier, in the order in which they first appear.

    Where both dials turn, each setting of the quantizer's has a curve of its own.
    """
    groups: dict[tuple[str, str, bool], list[int]] = {}
    for number, point in enumerate(points):
        of = (point.quantizer.variant, point.codec.variant, point.tuned_from is not None)
        groups.setdefault(of, []).append(number)
    found: list[Curve] = []
    for (quantizer, codec, tuned), members in groups.items():
        apart: dict[str, list[int]] = {quantizer: members}
        if len({points[i].codec for i in members}) > 1 and len({points[i].quantizer for i in members}) > 1:
            apart = {}
            for i in members:
                apart.setdefault(points[i].quantizer.short, []).append(i)
        found += [
            Curve(q, codec, tuple(sorted(few, key=lambda i: (np.isnan(bpp[i]), bpp[i]))), tuned)
            for q, few in apart.items()
        ]
    return found
