"""A comparison of curves as a value: its figures as data frames, and its tables as people read them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ...core.escapes import csv_of
from ...core.tables import Kind, Table
from ..reading.measures import AGREEMENT, Measure
from .bootstrap import Estimate

LISTED = 12
"""Images that a line names; JSON has all."""


def no_name(_: int) -> str:
    """Where images have no names."""
    return ""


@dataclass(frozen=True)
class Comparison:
    """Curves against an anchor, of one data set and classifier."""

    title: str
    measure: Measure
    """What points are judged by."""
    anchor: str
    images: int
    """How many images all points of the curves share."""
    most: int
    """How many images the fullest point has."""
    resamples: int
    curves: pd.DataFrame
    """A row a curve: bd_accuracy_points (percentage points) and bd_rate_percent, each with _low and _high (95 %), _raw
    (between all points instead of Pareto fronts), _overlap and _refused (shares) and _reason (why there is none); how
    many of its points the anchor's dominate, and how many of the anchor's its own do."""
    points: pd.DataFrame
    """A row a point, over the images that it shares with the anchor's: rates in bpp, accuracies in percent, their
    difference in percentage points with its interval, images gained and lost (counts, and positions), p and p_holm."""
    bad: list[str]
    """A line for each file among the records that is left out, with the reason."""
    image_name: Callable[[int], str] = no_name
    """The file name of an image by its position; empty where it has none or is not on this machine."""
    seeds: pd.DataFrame = field(default_factory=pd.DataFrame)
    """A row for each point of which several seeds were trained: the mean difference over seeds and images, with its
    interval over both; those of a classifier's seeds stand in the last comparison."""

    def tables(self, discordant: bool = False) -> list[Table]:
        """The comparison as people read it. discordant: with the images that each point gains and loses."""
        tables = [_curves_table(self)] if len(self.curves) else []
        if len(self.points):
            tables.append(_points_table(self))
        elif discordant:
            title = f"{self.title}: discordant images against {self.anchor}"
            tables.append(Table(title, pd.DataFrame(), {}, (UNPAIRED,)))
        if len(self.points) and discordant:
            tables.append(_discordant_table(self))
        if len(self.seeds):
            tables.append(_seeds_table(self))
        return tables

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables())


CURVES = (
    "BD-{measure}: {step}above the anchor{less}, over the common range of log(bpp). BD-rate: bits more (+) or "
    "saved (-) at equal {measure}. Both between Pareto fronts; raw: between all points. Where a reason stands there is no "
    "figure. Intervals: 95 %, from {resamples:,} bootstrap resamples of the {images:,} images "
    "that all these points share{some}, the same resample for every point. overlap: common range by union; below 50 % "
    "there is no figure. dominated: points with no fewer bits and no better {measure} than one of the anchor's; dominates: "
    "the anchor's points that are by this curve's."
)
POINTS = (
    "Points of equal settings on the same images. difference: percentage points with Tango's 95 % interval for pairs. "
    "gained, lost: images right in this point alone, in the anchor alone. p: McNemar's exact test, adjusted by Holm over "
    "this table."
)
METRIC_POINTS = (
    "Points of equal settings on the same images. difference: mean {step}over images with its 95 % interval{less}. gained, "
    "lost: images that have a better {measure} in this point, in the anchor. p: paired t-test, adjusted by Holm over this "
    "table."
)
SEEDS = (
    "Points whose names differ in the seed of their weights alone, as one. difference: the mean over seeds and images, with "
    "its 95 % interval over both (two-way random effects, Student's t). deviation: of the differences of single seeds."
)
LESS = "; less is better"
DISCORDANT = "Images right in this point alone (gained) and in the anchor's alone (lost), by file name or position in the data set."
UNPAIRED = (
    "No point has the settings of one of the anchor's, so that none can be paired; name a point as the anchor, such as "
    "none+webp:quality=50, to pair it with every point."
)


def _curves_table(comparison: Comparison) -> Table:
    measure, digits = comparison.measure.name, comparison.measure.digits
    kinds = {
        "curve": Kind.NAME,
        f"BD-{measure}": Kind.NUMBER,
        f"raw {measure}": Kind.NUMBER,
        "bpp overlap": Kind.NUMBER,
        "BD-rate": Kind.NUMBER,
        "raw rate": Kind.NUMBER,
        f"{measure} overlap": Kind.NUMBER,
        "dominated": Kind.NUMBER,
        "dominates": Kind.NUMBER,
    }
    lines = [
        (
            row["curve"],
            _with_interval(row, "bd_accuracy_points", "", digits),
            signed(row["bd_accuracy_points_raw"], "", digits),
            f"{100 * row['bd_accuracy_points_overlap']:.0f} %",
            _with_interval(row, "bd_rate_percent", " %"),
            signed(row["bd_rate_percent_raw"], " %"),
            f"{100 * row['bd_rate_percent_overlap']:.0f} %",
            f"{row['dominated']} of {row['points']}",
            f"{row['dominates']} of {row['anchor_points']}",
        )
        for row in comparison.curves.to_dict("records")
    ]
    some = f" (of {comparison.most:,})" if comparison.images < comparison.most else ""
    step = f"{comparison.measure.step} " if comparison.measure.step else ""
    note = CURVES.format(
        measure=measure,
        step=step,
        less=_less(comparison.measure),
        resamples=comparison.resamples,
        images=comparison.images,
        some=some,
    )
    title = f"{comparison.title}: curves against {comparison.anchor}"
    return Table(title, pd.DataFrame(lines, columns=list(kinds)), kinds, (note,))


def _points_table(comparison: Comparison) -> Table:
    measure, points, digits = comparison.measure, comparison.points, comparison.measure.digits
    kinds = {
        "curve": Kind.NAME,
        "quantizer": Kind.TEXT,
        "codec": Kind.TEXT,
        "classifier": Kind.TEXT,
        "bpp": Kind.NUMBER,
        "anchor bpp": Kind.NUMBER,
        measure.title: Kind.NUMBER,
        f"anchor {measure.unit}".strip() if measure.unit else f"anchor {measure.name}": Kind.NUMBER,
        "difference": Kind.NUMBER,
        "gained": Kind.NUMBER,
        "lost": Kind.NUMBER,
        "p (Holm)": Kind.NUMBER,
    }
    lines = [
        (
            row.curve,
            row.quantizer,
            row.codec,
            row.classifier,
            f"{row.bpp:.3f}",
            f"{row.anchor_bpp:.3f}",
            f"{row.accuracy_percent:.{digits}f}",
            f"{row.anchor_accuracy_percent:.{digits}f}",
            f"{row.difference_points:+.{digits}f} "
            f"[{row.difference_points_low:+.{digits}f}, {row.difference_points_high:+.{digits}f}]",
            str(row.gained),
            str(row.lost),
            f"{row.p_holm:.2g}",
        )
        for _, row in points.iterrows()
    ]
    frame = pd.DataFrame(lines, columns=list(kinds)).drop(columns=_told_by_settings(points))
    fewest = int(points.images.min())
    some = "" if fewest == comparison.most else f" Some share only {fewest:,} images of {comparison.most:,}."
    step = f"{measure.step} " if measure.step else ""
    metric = METRIC_POINTS.format(step=step, less=_less(measure), measure=measure.name)
    text = POINTS if measure.is_share else metric
    return Table(f"{comparison.title}: points against {comparison.anchor}", frame, kinds, (text + some,))


def _seeds_table(comparison: Comparison) -> Table:
    measure, digits = comparison.measure, comparison.measure.digits
    kinds = {
        "point": Kind.NAME,
        "classifier": Kind.NAME,
        "seeds": Kind.NUMBER,
        measure.title: Kind.NUMBER,
        f"anchor {measure.unit or measure.name}": Kind.NUMBER,
        "difference": Kind.NUMBER,
        "deviation": Kind.NUMBER,
    }
    lines = [
        (
            row.point,
            row.classifier,
            str(row.seeds),
            f"{row.accuracy_percent:.{digits}f}",
            f"{row.anchor_accuracy_percent:.{digits}f}",
            f"{row.difference_points:+.{digits}f} "
            f"[{row.difference_points_low:+.{digits}f}, {row.difference_points_high:+.{digits}f}]",
            f"{row.seed_deviation_points:.{digits}f}",
        )
        for _, row in comparison.seeds.iterrows()
    ]
    title = f"Over seeds, against {comparison.anchor}"
    return Table(title, pd.DataFrame(lines, columns=list(kinds)), kinds, (SEEDS,))


def _less(measure: Measure) -> str:
    return "" if measure.better > 0 else LESS


def _discordant_table(comparison: Comparison) -> Table:
    points = comparison.points
    columns: tuple[str, ...] = ("curve", "quantizer", "codec", "classifier", "gained", "lost")
    kinds: dict[str, Kind] = dict.fromkeys(columns, Kind.TEXT)
    lines = [
        (
            row.curve,
            row.quantizer,
            row.codec,
            row.classifier,
            _listed(row.gained_images, comparison.image_name),
            _listed(row.lost_images, comparison.image_name),
        )
        for _, row in points.iterrows()
    ]
    frame = pd.DataFrame(lines, columns=list(kinds)).drop(columns=_told_by_settings(points))
    return Table(f"{comparison.title}: discordant images against {comparison.anchor}", frame, kinds, (DISCORDANT,))


def _told_by_settings(points: pd.DataFrame) -> list[str]:
    """The columns of curve and classifier, where quantizer and codec tell the points apart without them."""
    sized = points.curve.str.contains("@").any()
    dropped = [] if points.study.any() or sized else ["curve"]
    return dropped if (points.classifier != "frozen").any() else [*dropped, "classifier"]


def _listed(images: list[int], image_name: Callable[[int], str]) -> str:
    more = f" and {len(images) - LISTED:,} more" if len(images) > LISTED else ""
    return " ".join(image_name(i) or str(i) for i in images[:LISTED]) + more if images else "-"


def _with_interval(row: Mapping[Any, Any], name: str, unit: str, digits: int = 2) -> str:
    if row[f"{name}_reason"]:
        return row[f"{name}_reason"]
    low, high, refused = row[f"{name}_low"], row[f"{name}_high"], row[f"{name}_refused"]
    return with_interval(Estimate(row[name], low, high, 1.0, refused), unit, digits)


def with_interval(estimate: Estimate, unit: str, digits: int = 2) -> str:
    """A figure with its interval, and the share of resamples without one where it is more than a hundredth."""
    if not np.isfinite(estimate.value):
        return "-"
    text = signed(estimate.value, unit, digits)
    if np.isfinite(estimate.low):
        text += f" [{estimate.low:+.{digits}f}, {estimate.high:+.{digits}f}]"
    return text + f" ({100 * estimate.refused:.0f} % of resamples refused)" * (estimate.refused > 0.01)


def signed(value: float, unit: str, digits: int = 2) -> str:
    """A figure with its sign, or a dash where there is none."""
    return f"{round(value, digits) + 0.0:+.{digits}f}{unit}" if np.isfinite(value) else "-"  # no minus before 0.00


FORMATS = ("text", "markdown", "latex", "csv", "json")


def as_text(comparisons: Iterable[Comparison], form: str, discordant: bool = False) -> str:
    """markdown and latex as people read them; csv (curves, then points, under one header) and json with every figure."""
    comparisons = list(comparisons)
    if form == "json":
        return json.dumps([_as_json(c) for c in comparisons], indent=1)
    if form == "csv":
        hidden = ["study"] if discordant else ["study", "gained_images", "lost_images"]
        parts = [
            frame.drop(columns=hidden, errors="ignore").assign(
                title=c.title, labels=_labels(c), measure=c.measure.name, anchor=c.anchor, kind=kind
            )
            for c in comparisons
            for kind, frame in (("curve", c.curves), ("point", c.points), ("seeds", c.seeds))
            if len(frame)
        ]
        frame = pd.concat(parts, ignore_index=True)
        first = ["kind", "title", "labels", "measure", "anchor", "curve"]
        return csv_of(frame.reindex(columns=[*first, *(c for c in frame if c not in first)]))
    tables = [table for c in comparisons for table in c.tables(discordant) if len(table.frame)]
    return "\n".join(table.markdown() if form == "markdown" else table.latex() for table in tables)


def _labels(comparison: Comparison) -> str:
    return "agreement" if comparison.measure is AGREEMENT else "dataset"


def _as_json(comparison: Comparison) -> dict[str, Any]:
    frames = {
        name: json.loads(
            str(frame.drop(columns="study", errors="ignore").to_json(orient="records", double_precision=15))
        )
        for name, frame in (("curves", comparison.curves), ("points", comparison.points), ("seeds", comparison.seeds))
    }
    return {
        "title": comparison.title,
        "labels": _labels(comparison),
        "measure": comparison.measure.name,
        "anchor": comparison.anchor,
        "images": comparison.images,
        "resamples": comparison.resamples,
        **frames,
        "left_out": comparison.bad,
    }
