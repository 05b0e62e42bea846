"""Records -> measured points; measured points -> their summary, with rates, accuracies and intervals; points -> curves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from ...codecs.base import ByteBreakdown
from ...quantizers.none import NoQuantizer
from ..records.format import BLOCK, COLUMNS, OPTIONAL, STAGES, Record
from ..records.index import Index, Span, block_name, spans_of_parts
from ..records.sources import Sources
from ..statistics.intervals import wilson
from ..study.points import PLUGINS, Point
from .columns import Columns, rows_of_both

NAMES = PLUGINS
"""Columns that say which point a row is about."""
READERS = 4
"""Threads that read the records of a point."""
SHARED = ("image", "label", "pixels", "failed")
"""Columns that are mostly equal for all points of a data set."""


Contents = tuple[tuple[str, int], ...]
"""Up to PART images each: a name that says what they are, by the hash of their block and their place in it; and their number."""


@dataclass(frozen=True)
class Measured:
    """A point and the rows of all its images, blocks in order."""

    point: Point
    records: tuple[Record, ...]
    columns: Columns
    """The values of each of COLUMNS, of some of OPTIONAL, and ``failed``."""
    complete: bool
    """Whether every block of the last run is here."""
    contents: Contents = ()
    """What the images are, in order, whatever they are filed under."""
    overhead_bpp: float = np.nan
    """The rate of a flat image of the data set's commonest size; NaN where no run has measured it."""

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which images went through without a failure, (N,)."""
        return self.columns["failed"] == 0

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images are predicted as labelled, (N,); False where a label or a prediction is missing."""
        return self.judged & (self.columns["prediction"] == self.columns["label"])

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which images went through and have a label that was guessed at, or a value of the metric in question, (N,)."""
        if "value" in self.columns:
            return self.good & np.isfinite(self.columns["value"])
        return self.good & (self.columns["label"] >= 0) & self.point.classifier.predicts

    @property
    def score(self) -> NDArray[np.float64]:
        """The number of each image whose mean is the point's result, (N,): 1 if predicted right, else 0; or a metric's value."""
        return self.columns["value"] if "value" in self.columns else self.right.astype(float)


def stored_of(point: Point) -> tuple[object, ...]:
    """What a point stores, whoever looks at it: data set, size, quantizer and codec."""
    return (point.dataset, point.size, point.quantizer, point.codec)


def gather(points: Iterable[Point], records: Iterable[Record], index: Index) -> tuple[list[Measured], list[str]]:
    """The measured points, as the last run knew them, and what is wrong with files among the records.

    For a point that no run here has noted (records copied from elsewhere), the versions with most blocks count; of
    equals the first by name.
    """
    by_name: dict[tuple[Any, ...], dict[str, Record]] = {}
    for record in records:
        identity = record.identity
        for name in ((identity.key, identity.versions), (identity.labels[1:],)):
            by_name.setdefault((*name, identity.versions), {})[identity.block] = record
    measured, bad = [], []
    sizes: dict[str, tuple[int, int] | None] = {}
    for point in points:
        layout = index.layout(point.dataset.label)
        if (noted := index.noted(point.labels)) is not None:
            candidates = [by_name.get((*noted, noted[1]), {})]
        else:
            candidates = [blocks for name, blocks in sorted(by_name.items(), key=str) if name[0] == point.labels[1:]]
        held = [held_records(point, layout, blocks) for blocks in candidates]
        columns, readable, broken = _columns(max(held, key=_images, default=[]))
        bad += broken
        if columns:
            label = point.dataset.label
            size = sizes[label] if label in sizes else sizes.setdefault(label, Sources.of(index, label).common_size)
            overhead = _overhead_bpp(point, readable[0][1], index, size)
            contents = _contents(readable, layout)
            if measured and contents == measured[-1].contents:
                contents = measured[-1].contents
            if point.metric is not None:  # a block that was lost with its worker has none
                columns.setdefault("value", np.full(len(columns["image"]), np.nan))
            whole = index.expected(label) == len(columns["image"])
            kept = Columns(columns)
            if measured:  # positions, labels and sizes are mostly those of the point before
                kept = kept.sharing(measured[-1].columns, SHARED)
            measured.append(Measured(point, tuple(r for _, r in readable), kept, whole, contents, overhead))
    return measured, bad


Held = list[tuple[Span, Record]]
"""Records by the images that they hold, in order."""


def held_records(point: Point, layout: Sequence[tuple[Span | None, list[Span]]], records: dict[str, Record]) -> Held:
    """The records of a point, by the hash of their block: of whole blocks, else of their parts.

    All parts of a block stand before a record of the whole in which images failed: that is older.
    """
    held: Held = []
    for whole, parts in layout:
        record = records.get(block_name(point.codec, whole.description)) if whole is not None else None
        if whole is not None and record is not None and not record.failed:
            held.append((whole, record))
            continue
        names = [block_name(point.codec, part.description) for part in parts]
        in_parts = [(part, records[name]) for part, name in zip(parts, names, strict=True) if name in records]
        if whole is not None and record is not None and _images(in_parts) < whole.stop - whole.start:
            held.append((whole, record))
        else:
            held += in_parts
    return held


def _contents(held: Held, layout: Sequence[tuple[Span | None, list[Span]]]) -> Contents:
    """What the images of records are: equal for those of a whole block and of its parts, where the whole block is known."""
    wholes = {whole.start: whole for whole, _ in layout if whole is not None}
    names = []
    for span, _ in held:
        block = wholes.get(span.start // BLOCK * BLOCK, span)
        for start, stop in spans_of_parts(span.start, span.stop):
            names.append((f"{block.description['sha256']}@{start - block.start}", stop - start))
    return tuple(names)


def _images(held: Held) -> int:
    return sum(span.stop - span.start for span, _ in held)


def _overhead_bpp(point: Point, record: Record, index: Index, size: tuple[int, int] | None) -> float:
    length = size and index.overhead_bytes(record.identity, point.quantizer.indexed, point.size.of(size))
    return np.nan if size is None or length is None else 8 * length / (size[0] * size[1])


def _columns(held: Held) -> tuple[dict[str, NDArray[Any]], Held, list[str]]:
    """The rows of records; those that can be read; what is wrong with others."""
    tables: list[pa.Table] = []
    readable: Held = []
    bad: list[str] = []
    with ThreadPoolExecutor(READERS if len(held) >= 4 * READERS else 1) as readers:
        for (span, record), table in zip(held, readers.map(_rows_of, (r for _, r in held)), strict=True):
            if isinstance(table, str):
                bad.append(f"{record.path}: damaged ({table}); delete it and run again")
            else:
                tables.append(table)
                readable.append((span, record))
    if not tables:
        return {}, [], bad
    # A column that some records do not have is null there, and NaN below
    table = pa.concat_tables(tables, promote_options="default")
    names = (*COLUMNS, *(name for name in OPTIONAL if name in table.column_names))
    columns = {name: table[name].to_numpy() for name in names}
    columns["failed"] = table["error"].is_valid().to_numpy() | (columns["pixels"] == 0)  # no image has none
    # Where the images lie in THIS data set
    columns["image"] = np.concatenate(
        [np.arange(s.start, s.start + len(t)) for (s, _), t in zip(readable, tables, strict=True)]
    )
    return columns, readable, bad


def _rows_of(record: Record) -> pa.Table | str:
    """A record's rows, or what is wrong with them."""
    try:
        return record.rows()
    except (pa.ArrowException, OSError) as error:
        return str(error).splitlines()[0][:100]


def summary(measured: Sequence[Measured]) -> pd.DataFrame:
    """One row a point: sums first, then what is derived from them. No timings: equal runs give equal tables."""
    references = {(m.point.dataset, m.point.classifier): m for m in measured if m.point.is_reference}
    rows = [_row(m, references.get((m.point.dataset, m.point.frozen))) for m in measured]
    return _with_sizes(pd.DataFrame(rows), measured)


def _with_sizes(table: pd.DataFrame, measured: Sequence[Measured]) -> pd.DataFrame:
    """The table with a column of the sizes that images are stored in, where any is not the full one."""
    if any(m.point.size for m in measured):
        table.insert(1, "size", [str(m.point.size) for m in measured])
    return table


def _row(m: Measured, reference: Measured | None) -> dict[str, Any]:
    good = {name: column[m.good] for name, column in m.columns.items()}
    images, pixels = len(good["image"]), int(good["pixels"].sum())
    labelled, correct = int(m.judged.sum()), int(m.right.sum())
    low, high = wilson(correct, labelled)
    compared, agreeing = _agreement(m, reference)
    sums = {name: int(good[name].sum(dtype=np.int64)) for name in ("bytes", *ByteBreakdown._fields, "squared_error")}
    once = int((good["container"] + good["tables"]).max(initial=0))
    bpp = (lambda count: 8 * count / pixels) if pixels else (lambda _: np.nan)
    return {
        **plugin_labels(m.point),
        "images": images,
        "failed": len(m.good) - images,
        "complete": m.complete,
        "labelled": labelled,
        "correct": correct,
        "compared": compared,
        "agreeing": agreeing,
        "pixels": pixels,
        **sums,
        "accuracy": correct / labelled if labelled else np.nan,
        "accuracy_low": low,
        "accuracy_high": high,
        "agreement": agreeing / compared if compared else np.nan,
        "bpp": bpp(sums["bytes"]),
        "payload_bpp": bpp(sums["payload"] + sums["palette"]),
        # Container and tables stored once for the whole data set, the largest of them.
        "bundle_bpp": bpp(sums["payload"] + sums["palette"] + once),
        "mean_bpp": float((good["bytes"] * 8 / good["pixels"]).mean()) if images else np.nan,
        "psnr_db": psnr(sums["squared_error"], 3 * pixels),
    }


def _agreement(m: Measured, reference: Measured | None) -> tuple[int, int]:
    """How many images can be compared with the uncompressed ones, and how many of them have the same prediction."""
    if reference is None or not m.point.classifier.predicts:
        return 0, 0
    own, original = rows_of_both(m.columns["image"], reference.columns["image"], m.good, reference.good)
    same = m.columns["prediction"][own] == reference.columns["prediction"][original]
    return len(own), int(same.sum())


def psnr(squared_error: int, samples: int) -> float:
    """In dB, from the mean squared error over the whole data set; infinite where nothing was lost."""
    if not samples:
        return np.nan
    return float(10 * np.log10(255**2 * samples / squared_error)) if squared_error else np.inf


def timings(measured: Sequence[Measured]) -> pd.DataFrame:
    """Milliseconds an image, one row a point, one column a stage."""
    rows = []
    for m in measured:
        images = sum(r.images for r in m.records)
        stages = {
            f"{stage}_ms": 1000 * sum(r.about["seconds"][stage] for r in m.records) / max(1, images) for stage in STAGES
        }
        rows.append(plugin_labels(m.point) | stages)
    return _with_sizes(pd.DataFrame(rows), measured)


def plugin_labels(point: Point) -> dict[str, str]:
    """The labels of a point's plug-ins, by the names of NAMES."""
    return {name: plugin.label for name, plugin in zip(NAMES, point.plugins, strict=True)}


@dataclass(frozen=True)
class Curve:
    """Points of one quantizer and one codec that differ in a quality parameter alone."""

    quantizer: str
    """As text, without its quality parameter."""
    codec: str
    rows: tuple[int, ...]
    """Positions in the summary, from the lowest rate to the highest."""
    tuned: str = ""
    """``fine-tuned`` or ``fine-tuned seed1``, where each point has a classifier of its own, tuned on its images."""
    study: str = ""
    """The study that the curve is from, where several are compared."""
    size: str = ""
    """The size that images are stored in; empty for the full one."""

    @property
    def name(self) -> str:
        """The curve as tables, figures and the command line call it."""
        tuned, study = self.tuned and f", {self.tuned}", self.study and f" [{self.study}]"
        return f"{self.quantizer}+{self.codec}{f'@{self.size}' if self.size else ''}{tuned}{study}"

    @property
    def label(self) -> str:
        """The name as a legend shows it: the codec alone for originals."""
        return self.name.removeprefix(f"{NoQuantizer.name}+")


def curves(points: Sequence[Point], bpp: NDArray[np.float64]) -> list[Curve]:
    """The curves among points of one data set and classifier, in the order in which they first appear.

    Where the quality parameters of quantizer and codec both vary, each setting of the quantizer has its own curve.
    """
    groups: dict[tuple[str, str, str, str], list[int]] = {}
    for number, point in enumerate(points):
        size = str(point.size) if point.size else ""
        name = (point.quantizer.variant, point.codec.variant, point.tuned, size)
        groups.setdefault(name, []).append(number)
    lines: list[Curve] = []
    for (quantizer, codec, tuned, size), members in groups.items():
        apart: dict[str, list[int]] = {quantizer: members}
        if len({points[i].codec for i in members}) > 1 and len({points[i].quantizer for i in members}) > 1:
            apart = {}
            for i in members:
                apart.setdefault(points[i].quantizer.short, []).append(i)
        lines += [
            Curve(name, codec, tuple(sorted(rows, key=lambda i: (np.isnan(bpp[i]), bpp[i]))), tuned, size=size)
            for name, rows in apart.items()
        ]
    return lines


def merged(curve: Curve, measured: Sequence[Measured]) -> list[list[int]]:
    """The rows of a curve; neighbours whose images all gave equal bytes, errors and predictions stand together."""
    groups: list[list[int]] = []
    for row in curve.rows:
        if groups and _equal(measured[groups[-1][0]], measured[row]):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _equal(a: Measured, b: Measured) -> bool:
    if not a.good.any():  # failures say nothing of the files
        return False
    return all(
        np.array_equal(a.columns[name], b.columns[name], equal_nan=a.columns[name].dtype.kind == "f")
        for name in ("bytes", *a.columns)  # the first tells most
        if name != "confidence"  # which some records do not have
    )
