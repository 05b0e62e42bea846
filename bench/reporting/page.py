"""report.html: a study as one page that needs nothing beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from plotly.offline import get_plotlyjs

from ...core.errors import RabenchError
from ...core.files import write_text
from ...core.printable import printable, printable_all
from ...core.tables import Table
from ...core.version import __version__
from ..comparing.classes import affordable_settings_tables
from ..comparing.pairwise import PairwiseBD
from ..reading.groups import Group
from ..reading.measures import Measure
from .gallery import Gallery, gallery
from .group_report import GroupReport
from .page_data import (
    FEWEST_IMAGES,
    VERDICTS,
    choosing_data,
    curves_data,
    metric_key,
    page_images,
    points_data,
    predictions_data,
    shares,
)
from .trained_report import TrainedReport

LARGEST = 7_800_000
"""Bytes of a page, about."""
PICTURES = 2_200_000
"""Bytes of pictures at the most, as text."""


@dataclass(frozen=True)
class Section:
    """A group as the page shows it: what the template writes out, and what its script reads."""

    title: str
    notes: tuple[str, ...]
    points: list[dict[str, Any]]
    order: list[int]
    """The points in the table's order: curve by curve, the lowest rate first."""
    pairs: PairwiseBD | None
    gallery: Gallery
    script: dict[str, Any]
    metrics: dict[Measure, str]
    """Log-loss and the fidelity metrics, and the key of each among a point's figures."""
    more: dict[str, Table | None]
    """Further tables, by their headings; None for one that there is no reason for."""
    predicts: bool
    """Whether a classifier looked at the images."""


def write_page(
    path: Path,
    title: str,
    groups: Sequence[GroupReport],
    failures: list[str],
    runs: list[dict[str, Any]],
    trained: TrainedReport,
) -> None:
    """failures: a line each. runs: as provenance keeps them. trained: networks that were trained on stored images."""
    plotly = _script(get_plotlyjs())
    room = LARGEST - len(plotly.encode()) - sum(_without_pictures(part.group) for part in groups)
    name = path.absolute().parent.name
    sections = [_section(part, max(0, min(PICTURES, room)) // max(1, len(groups)), name) for part in groups]
    code = _environment().get_template("report.js").render()
    write_text(
        path,
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            parts=sections,
            further={
                _anchor(heading): heading for s in sections for heading, table in s.more.items() if table is not None
            },
            trained=trained,
            failures=failures,
            runs=runs,
            versions=_versions([part.group for part in groups]),
            version=__version__,
            plotly=plotly,
            code=code,
            hashes=" ".join(map(_csp_hash, (plotly, code))),
            script=_json([section.script for section in sections]),
        ),
    )


def _section(part: GroupReport, room: int, study: str) -> Section:
    group = part.group
    metrics = (*part.fidelity, *([part.log_loss] if part.log_loss else []))
    points = points_data(group, metrics, part.times)
    images = page_images(group)
    pictures = gallery(part.judged if group.predicts else group, images, room)
    script = {
        "curves": curves_data(group),
        "points": points,
        "reference": group.reference,
        "shares": shares(group, metrics),
        "choosing": choosing_data(part.judged, study) if group.predicts else None,
        "timed": part.times is not None,
        "less": [metric_key(g) for g in metrics if g.measure.better < 0],
        "labelled": group.labelled,
        "native": group.sources.native_bpp if group.predicts else None,
        **predictions_data(group, images),
        "gallery": {"points": pictures.points, "images": [asdict(image) for image in pictures.images]},
        "classes": _classes(group) if pictures.images else [],
    }
    order = [i for curve in group.curves for i in curve.rows]
    classes, pairs = affordable_settings_tables(part.judged) if part.judged.measure.is_share else (None, None)
    more = {
        "Smaller picture or lower quality": part.sizes,
        "What one image needs": part.smallest_files,
        "Classes that pay": classes,
        "Pairs of classes confused more": pairs,
        "Encode and decode times": part.times_table,
        "Against published figures": part.published,
    }
    keys = {g.measure: metric_key(g) for g in metrics}
    return Section(
        group.title, part.table.notes, points, order, part.pairs, pictures, script, keys, more, group.predicts
    )


def _without_pictures(group: Group) -> int:
    """Bytes that a group takes in a page beside its pictures, rather too many."""
    points = len(group.measured)
    images = min(int(group.rows.images.max()), max(FEWEST_IMAGES, VERDICTS // points))
    return 20_000 + points * (1_800 + images * 2 // 6) + 450 * len(group.curves) ** 2


def _versions(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Every plug-in that did work, with the version that its records name."""
    versions: dict[tuple[str, str], None] = {}
    for m in (m for group in groups for m in group.measured):
        identity = m.records[0].identity
        names = (label.split(":")[0] for label in identity.labels[1:])
        versions |= dict.fromkeys(zip(names, identity.versions, strict=True))
    return sorted(versions)


def _classes(group: Group) -> list[str]:
    """What predictions are called; for a data set without labels by the classifier, where its weights are here."""
    point = group.measured[0].point
    try:
        return list(point.dataset.classes or point.frozen.classes)
    except RabenchError:  # a page needs neither images nor weights
        return []


def _csp_hash(script: str) -> str:
    """What a Content-Security-Policy allows a script by: nothing else that may get into a page runs."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode('ascii')}'"


def _json(content: Any) -> str:
    """JSON as it may stand in a page."""
    return json.dumps(printable_all(content), allow_nan=False).replace("<", "\\u003c")


def _text(value: Any) -> Any:
    """What the template writes out: names without what steers a line."""
    return printable(value, lines=True) if type(value) is str else value


def _script(text: str) -> str:
    """JavaScript as it may stand in a page."""
    return text.replace("</script", "<\\/script")


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rabench.bench.reporting"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        finalize=_text,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": _signed, "shade": _shade, "anchor": _anchor}
    return environment


def _anchor(heading: str) -> str:
    """What a link to a heading of the page names."""
    return heading.lower().replace(" ", "-")


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:+.{digits}f}".replace("-", "\u2212")


def _shade(value: float, good: int, full: float) -> str:
    """How strongly a cell is colored, from -1 (worse, orange) to 1 (better, blue)."""
    return f"{max(-1.0, min(1.0, good * value / full)):.2f}"
