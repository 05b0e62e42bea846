"""A comparison as people and programs read it."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from ..comparing.compare import Comparison
from ..comparing.pairwise import Pair, PairwiseBD
from ..comparing.reading import Group, worded
from .tables import latex, markdown

CURVES = (
    "BD-accuracy: percentage points above the anchor, over the common range of log(bpp). BD-rate: bits more (+) or saved (-) at equal "
    "accuracy. Both between Pareto fronts; raw: between all points. -: less than half of the ranges in common, or accuracy that dips. "
    "Intervals: 95 %, of {draws:,} draws of the {images:,} images that "
    "all these points share{of}, the same draw for every point. overlap: common range by union; below 50 % nothing is said. "
    "dominated: points with no fewer bits and no more accuracy than one of the anchor's; dominates: the anchor's points that are by this curve's."
)
POINTS = (
    "Points of equal settings on the same images. difference: percentage points with Tango's 95 % interval for pairs. gained, lost: "
    "images right in this point alone, in the anchor alone. p: McNemar's exact test, adjusted by Holm over this table."
)


FLIPS = "Positions in the data set of the images right in this point alone (gained) and in the anchor's alone (lost)."
UNPAIRED = "No point has the settings of one of the anchor's, so that none can be paired; name a point, such as none+webp:quality=50, as --anchor to pair it with every point."
LISTED = 12
"""Images that a line names; JSON has all."""


Table = tuple[str, pd.DataFrame, list[str]]
"""Title, table and notes."""


def shown(found: Comparison, flips: bool = False) -> list[Table]:
    """As people read them."""
    tables = [_of_curves(found)] if len(found.curves) else []
    if len(found.points):
        tables.append(_of_points(found))
    elif flips:
        tables.append((f"{found.title}: images that flip against {found.anchor}", pd.DataFrame(), [UNPAIRED]))
    if len(found.points) and flips:
        tables.append(_of_flips(found))
    return [
        (
            title,
            table.rename(columns=lambda name: worded(name, found.agreement)),
            [worded(n, found.agreement) for n in notes],
        )
        for title, table, notes in tables
    ]


def _of_curves(found: Comparison) -> Table:
    lines = [
        {
            "curve": row["curve"],
            "BD-accuracy": _told(row, "bd_accuracy", ""),
            "raw accuracy": _signed(row["bd_accuracy_raw"], ""),
            "bpp overlap": f"{100 * row['bd_accuracy_overlap']:.0f} %",
            "BD-rate": _told(row, "bd_rate", " %"),
            "raw rate": _signed(row["bd_rate_raw"], " %"),
            "accuracy overlap": f"{100 * row['bd_rate_overlap']:.0f} %",
            "dominated": f"{row['dominated']} of {row['points']}",
            "dominates": f"{row['dominates']} of {row['anchor_points']}",
        }
        for row in found.curves.to_dict("records")
    ]
    of = f" (of {found.most:,})" if found.images < found.most else ""
    note = CURVES.format(draws=found.draws, images=found.images, of=of)
    return f"{found.title}: curves against {found.anchor}", pd.DataFrame(lines), [note]


def _of_points(found: Comparison) -> Table:
    several = found.points.curve.str.endswith("]").any()  # of several studies
    lines = [
        {
            **({"curve": row.curve} if several else {}),
            "quantizer": row.quantizer,
            "codec": row.codec,
            "classifier": row.classifier,
            "bpp": f"{row.bpp:.3f}",
            "anchor bpp": f"{row.anchor_bpp:.3f}",
            "accuracy %": f"{100 * row.accuracy:.2f}",
            "anchor %": f"{100 * row.anchor_accuracy:.2f}",
            "difference": f"{100 * row.difference:+.2f} [{100 * row.low:+.2f}, {100 * row.high:+.2f}]",
            "gained": str(row.gained),
            "lost": str(row.lost),
            "p (Holm)": f"{row.p_holm:.2g}",
        }
        for _, row in found.points.iterrows()
    ]
    table = pd.DataFrame(lines)
    if not (found.points.classifier == "fine-tuned").any():
        table = table.drop(columns="classifier")
    fewest = int(found.points.images.min())
    of = f" Some share only {fewest:,} images of {found.most:,}; figures are of these." if fewest < found.most else ""
    return f"{found.title}: points against {found.anchor}", table, [POINTS + of]


def _of_flips(found: Comparison) -> Table:
    named = found.points.curve.str.endswith(("]", "fine-tuned")).any()
    lines = [
        {
            **({"curve": row.curve} if named else {}),
            "quantizer": row.quantizer,
            "codec": row.codec,
            "gained": _listed(row.gained_images),
            "lost": _listed(row.lost_images),
        }
        for _, row in found.points.iterrows()
    ]
    return f"{found.title}: images that flip against {found.anchor}", pd.DataFrame(lines), [FLIPS]


def _listed(images: list[int]) -> str:
    more = f" and {len(images) - LISTED:,} more" if len(images) > LISTED else ""
    return " ".join(map(str, images[:LISTED])) + more if images else "-"


def _told(row: dict[Hashable, Any], name: str, unit: str) -> str:
    told, low, high, refused = _signed(row[name], unit), row[f"{name}_low"], row[f"{name}_high"], row[f"{name}_refused"]
    if np.isfinite(low):
        told += f" [{low:+.2f}, {high:+.2f}]"
    return told + (f" ({100 * refused:.0f} % of draws refused)" if told != "-" and refused > 0.01 else "")


def _signed(value: float, unit: str) -> str:
    return f"{value:+.2f}{unit}" if np.isfinite(value) else "-"


FORMATS = ("text", "markdown", "latex", "csv", "json")


def as_text(found: list[Comparison], form: str, flips: bool = False) -> str:
    """markdown and latex as people read them; csv (curves, then points, under one header) and json with every figure."""
    if form == "json":
        return json.dumps([_plain(c) for c in found], indent=1)
    if form == "csv":
        parts = [
            part.drop(columns=[] if flips else ["gained_images", "lost_images"], errors="ignore").assign(
                title=c.title, labels="agreement" if c.agreement else "dataset", anchor=c.anchor, kind=kind
            )
            for c in found
            for kind, part in (("curve", c.curves), ("point", c.points))
            if len(part)
        ]
        table = pd.concat(parts, ignore_index=True)
        first = ["kind", "title", "labels", "anchor", "curve"]
        return table[first + [c for c in table if c not in first]].to_csv(index=False, lineterminator="\n")
    write = markdown if form == "markdown" else latex
    return "\n".join(write(*table, legend="") for c in found for table in shown(c, flips) if len(table[1]))


def _plain(found: Comparison) -> dict[str, Any]:
    tables = {
        name: json.loads(getattr(found, name).to_json(orient="records", double_precision=15))
        for name in ("curves", "points")
    }
    labels = "agreement" if found.agreement else "dataset"
    said = {
        "title": found.title,
        "labels": labels,
        "anchor": found.anchor,
        "images": found.images,
        "draws": found.draws,
    }
    return {**said, **tables, "left_out": found.bad}


def new_against_each(found: list[tuple[Group, PairwiseBD, list[int]]]) -> list[tuple[str, pd.DataFrame, list[str]]]:
    """Title, table and notes: BD figures of curves that were added against every other."""
    tables = []
    for group, pairs, new in found:
        lines = [
            {
                "curve": pairs.curves[i],
                "against": pairs.curves[j],
                "BD-accuracy": _figure(pairs.accuracy[i][j], ""),
                "BD-rate": _figure(pairs.rate[i][j], " %"),
            }
            for i in new
            for j in range(len(pairs.curves))
            if j not in new
        ]
        if lines:
            note = f"On the {pairs.images:,} images that all points share; 95 % intervals of {pairs.draws:,} draws of images. Where nothing is said stands why: values of the dial nearer to the other curve help, and rabench points says what a need costs."
            tables.append((f"{group.title}: the new against each", pd.DataFrame(lines), [note]))
    return tables


def _figure(pair: Pair | None, unit: str) -> str:
    if pair is None or pair.reason:
        return pair.reason if pair else ""
    interval = f" [{pair.low:+.2f}, {pair.high:+.2f}]" if np.isfinite(pair.low) else ""
    refused = f" ({100 * pair.refused:.0f} % of draws refused)" if pair.refused > 0.01 else ""
    return f"{pair.value:+.2f}{unit}{interval}{refused}"
