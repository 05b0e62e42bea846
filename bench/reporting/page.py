"""report.html: a study as one page that needs nothing beside it."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from matplotlib.colors import to_hex
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from ...core.errors import RabenchError
from ...core.files import write_text
from ...core.version import __version__
from ..comparing.bootstrap import enough
from ..comparing.curves import Measured, merged
from ..comparing.intervals import wilson
from ..comparing.pairwise import PairwiseBD
from ..comparing.pareto import beaten_by
from ..comparing.reading import Group, judged
from ..figures.rate_accuracy import styles_of
from .gallery import Gallery, gallery
from .tables import overhead_bpp

SYMBOLS = {
    "o": "circle",
    "s": "square",
    "D": "diamond",
    "^": "triangle-up",
    "v": "triangle-down",
    "P": "cross",
    "X": "x",
    "<": "triangle-left",
    ">": "triangle-right",
    "p": "pentagon",
    "h": "hexagon",
    "*": "star",
    "d": "diamond-tall",
    "8": "octagon",
    "H": "hexagon2",
}
"""Plotly's names of matplotlib's markers."""
LARGEST = 7_800_000
"""Bytes of a page, about."""
PICTURES = 2_200_000
"""Bytes of pictures at the most, as text."""


@dataclass(frozen=True)
class Seen:
    """A group and what is said beside it."""

    group: Group
    pairs: PairwiseBD | None
    notes: list[str]
    native_bpp: float | None
    """The rate of the data set's own files."""
    size: tuple[int, int] | None
    """Width and height that floors are of."""
    stamp: str
    """The data set's, as it was measured."""


@dataclass(frozen=True)
class Part:
    """A group as the page shows it: what the template writes out, and what its script reads."""

    title: str
    notes: list[str]
    points: list[dict[str, Any]]
    order: list[int]
    """Of the points in the table: curve by curve, the lowest rate first."""
    pairs: PairwiseBD | None
    gallery: Gallery
    script: dict[str, Any]


def write_page(
    path: Path,
    title: str,
    groups: list[Seen],
    failures: list[str],
    runs: list[dict[str, Any]],
) -> None:
    """failures: a line each. runs: as provenance keeps them."""
    plotly = _script(get_plotlyjs())
    left = LARGEST - len(plotly.encode()) - sum(_without_pictures(seen.group) for seen in groups)
    parts = [_part(seen, max(0, min(PICTURES, left)) // len(groups)) for seen in groups]
    write_text(
        path,
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            parts=parts,
            failures=failures,
            runs=runs,
            versions=_versions([seen.group for seen in groups]),
            version=__version__,
            plotly=plotly,
            script=json.dumps([part.script for part in parts], allow_nan=False).replace("<", "\\u003c"),
        ),
    )


def _without_pictures(group: Group) -> int:
    """Bytes that a group takes in a page beside its pictures, rather too many."""
    points, images = len(group.measured), int(group.rows.images.max())
    return 20_000 + points * (1_800 + images * 2 // 6) + 450 * len(group.curves) ** 2


def _versions(groups: list[Group]) -> list[tuple[str, str]]:
    """Every plug-in that did work, with the version that its records name."""
    found: dict[tuple[str, str], None] = {}
    for m in (m for group in groups for m in group.measured):
        said = m.records[0].identity
        found |= dict.fromkeys(zip((label.split(":")[0] for label in said.labels[1:]), said.versions, strict=True))
    return sorted(found)


def _script(text: str) -> str:
    """JavaScript as it may stand in a page."""
    return text.replace("</script", "<\\/script")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("rabench.bench.reporting"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"signed": _signed, "shade": _shade}
    return found


def _part(seen: Seen, room: int) -> Part:
    group = seen.group
    points = _points(group, seen.size)
    judging = judged(group, None) if group.labelled or group.reference is not None else group
    shown = gallery(judging, seen.stamp, room)
    script = {
        "curves": _curves(group),
        "points": points,
        "reference": group.reference,
        "labelled": group.labelled,
        "native": seen.native_bpp,
        **_predictions(group),
        "gallery": {"points": shown.points, "images": [asdict(s) for s in shown.images]},
        "classes": _classes(group) if shown.images else [],
    }
    order = [i for curve in group.curves for i in curve.rows]
    return Part(group.title, seen.notes, points, order, seen.pairs, shown, script)


def _classes(group: Group) -> list[str]:
    """What predictions are called; of a data set without labels by the classifier, where its weights are here."""
    point = group.measured[0].point
    if point.dataset.classes:
        return list(point.dataset.classes)
    try:
        return list(point.frozen.classes)
    except RabenchError:
        return []


def _curves(group: Group) -> list[dict[str, Any]]:
    found = []
    shown = [c for c in group.curves if set(c.rows) != {group.reference}]
    for curve, style in styles_of(shown).items():
        color, dash, marker, _ = style
        found.append(
            {
                "name": curve.name,
                "color": to_hex(color),
                "dash": _dash(dash),
                "symbol": SYMBOLS[marker] + ("-open" if curve.tuned else ""),
                "rows": list(curve.rows),
            }
        )
    return found


def _dash(dash: Any) -> str:
    return "solid" if dash == "-" else ",".join(f"{2 * length:g}px" for length in dash[1])


def _points(group: Group, size: tuple[int, int] | None) -> list[dict[str, Any]]:
    rows = group.rows
    share = rows.accuracy if group.labelled else rows.agreement
    having = enough(group.measured)
    usable = [i in having for i in range(len(rows))]  # on few images anything is beaten
    by = beaten_by(np.where(usable, rows.bpp, np.nan), np.where(usable, share, np.nan))
    alike = {i: same for curve in group.curves for same in merged(curve, group.measured) for i in same}
    curve_of = {i: c.name for c in group.curves for i in c.rows}
    found = []
    for i, (m, row) in enumerate(zip(group.measured, (row for _, row in rows.iterrows()), strict=True)):
        agreement = wilson(int(row.agreeing), int(row.compared))
        found.append(
            {
                "name": m.point.name,
                "quantizer": m.point.quantizer.short,
                "codec": m.point.codec.short,
                "curve": curve_of[i],
                "tuned": m.point.tuned_from is not None,
                "settings": f"{m.point.quantizer.label} + {m.point.codec.label}",
                "bpp": [_plain(row.bpp), _plain(row.payload_bpp), _plain(row.bundle_bpp)],
                "mean_bpp": _plain(row.mean_bpp),
                "floor": None if size is None or row.failed else _plain(overhead_bpp(m, size)),
                "accuracy": _percent(row.accuracy, row.accuracy_low, row.accuracy_high),
                "agreement": _percent(row.agreement, *agreement),
                "psnr": _plain(row.psnr_db),
                "lossless": bool(np.isinf(row.psnr_db)),
                "images": int(row.images),
                "failed": int(row.failed),
                "complete": bool(row.complete),
                "anatomy": [
                    _plain(8 * part / max(1, row.pixels))
                    for part in (row.container, row.tables, row.palette, row.payload)
                ],
                "beaten_by": by[i],
                "few": not usable[i],
                "alike": [j for j in alike[i] if j != i],
            }
        )
    return found


def _plain(value: Any) -> float | None:
    """As JSON has it: no NaN, no infinity, and digits enough."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _percent(*shares: float) -> list[float] | None:
    return [float(f"{100 * s:.6g}") for s in shares] if np.isfinite(shares).all() else None


def _predictions(group: Group) -> dict[str, Any]:
    """Which points have which images right, a bit each, and which gave what the uncompressed image gave."""
    images = np.unique(np.concatenate([m.rows["image"] for m in group.measured]))
    agreed = group.by_agreement().measured if group.reference is not None else []
    return {
        "images": [int(i) for i in images] if len(images) and images[-1] != len(images) - 1 else len(images),
        "right": [_bits(m, images) for m in group.measured] if group.labelled else [],
        "agrees": [_bits(m, images) for m in agreed],
    }


def _bits(m: Measured, images: NDArray[np.int64]) -> list[str]:
    """Judged and right, one bit an image, most significant first."""
    known, right = np.zeros(len(images), bool), np.zeros(len(images), bool)
    there = m.good & (m.rows["label"] >= 0)
    places = np.searchsorted(images, m.rows["image"][there])
    known[places] = True
    right[places] = (m.rows["prediction"] == m.rows["label"])[there]
    every = "" if known.all() else base64.b64encode(np.packbits(known).tobytes()).decode("ascii")
    return [every, base64.b64encode(np.packbits(right).tobytes()).decode("ascii")]


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def _shade(value: float, good: int, full: float) -> str:
    """How strongly a cell is colored, from -1 (worse, orange) to 1 (better, blue)."""
    return f"{max(-1.0, min(1.0, good * value / full)):.2f}"
