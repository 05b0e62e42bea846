"""What the page's script reads of a group: curves, points and predictions as JSON has them."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from ..comparing.bootstrap import enough
from ..comparing.losses import point_losses
from ..figures.curve_styles import styles_of
from ..reading.columns import images_of_any, rows_of_both
from ..reading.curves import Measured
from ..reading.groups import Group
from ..statistics.intervals import wilson
from ..statistics.pareto import beaten_by
from ..timing.times import Times

VERDICTS = 6_000_000
"""The most verdicts, of a point on an image, that a page holds: 2 MB of them."""
FEWEST_IMAGES = 2000
"""The images whose verdicts a page holds whatever the number of points."""
SEED = 0
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


def curves_data(group: Group) -> list[dict[str, Any]]:
    """Name, looks and points of each curve."""
    return [
        {
            "name": curve.name,
            "color": to_hex(color),
            "dash": _dash(dash),
            "symbol": SYMBOLS[marker] + ("-open" if curve.tuned else ""),
            "rows": list(curve.rows),
        }
        for curve, (color, dash, marker, _) in styles_of(group.plotted).items()
    ]


def _dash(dash: Any) -> str:
    return "solid" if dash == "-" else ",".join(f"{2 * length:g}px" for length in dash[1])


def shares(group: Group, fidelity: Sequence[Group]) -> dict[str, str]:
    """What the figure can show over the rate: the key of each among a point's figures, and its axis title."""
    titles = {}
    if group.labelled:
        titles["accuracy"] = "top-1 accuracy (%)"
    if group.predicts and group.reference is not None:
        titles["agreement"] = "agreement with the uncompressed image (%)"
    return titles | {metric_key(g): f"mean {g.measure.labelled}" for g in fidelity}


def metric_key(group: Group) -> str:
    """The key of a metric's figures."""
    return f"metric {group.measure.name}"


def _metrics_data(group: Group, fidelity: Sequence[Group]) -> list[dict[str, Any]]:
    """The mean of each metric with its interval, for each point; None where a point has no finite one."""
    figures: list[dict[str, Any]] = [{metric_key(g): None for g in fidelity} for _ in group.measured]
    places = {m.point: i for i, m in enumerate(group.measured)}
    for by_metric in fidelity:
        rows = by_metric.rows
        for m, mean, low, high in zip(
            by_metric.measured, rows.accuracy, rows.accuracy_low, rows.accuracy_high, strict=True
        ):
            values = [_plain(v) for v in by_metric.measure.shown(mean, low, high)]
            figures[places[m.point]][metric_key(by_metric)] = values if None not in values else [values[0]] * 3
    return figures


def _first_metric(group: Group, fidelity: Sequence[Group]) -> pd.Series:
    """The mean of the first metric at each point; NaN where a point has no finite one."""
    means = {m.point: mean for g in fidelity[:1] for m, mean in zip(g.measured, g.rows.accuracy, strict=True)}
    return pd.Series([means.get(m.point, np.nan) for m in group.measured], dtype=float)


def points_data(group: Group, fidelity: Sequence[Group] = (), times: Times | None = None) -> list[dict[str, Any]]:
    """The figures of each point, in the order of the summary. fidelity: the group by each metric. times: of its data set."""
    rows = group.rows
    share = rows.accuracy if group.labelled else rows.agreement if group.predicts else _first_metric(group, fidelity)
    full = enough(group.measured)
    usable = [i in full for i in range(len(rows))]  # on few images anything is beaten
    better = beaten_by(np.where(usable, rows.bpp, np.nan), np.where(usable, share, np.nan))
    identical = {i: same for curve in group.curves for same in group.merged(curve) for i in same}
    curve_of = {i: c.name for c in group.curves for i in c.rows}
    metrics = _metrics_data(group, fidelity)
    return [
        {
            **_point_data(m, row),
            **metrics[i],
            "curve": curve_of[i],
            "times": _times(m, times),
            "beaten_by": better[i],
            "few": not usable[i],
            "alike": [j for j in identical[i] if j != i],
        }
        for i, (m, (_, row)) in enumerate(zip(group.measured, rows.iterrows(), strict=True))
    ]


def _times(m: Measured, times: Times | None) -> list[float] | None:
    """Milliseconds to store an image and to read it; None where they are not measured."""
    both = times.of(m) if times else None
    return both and [float(f"{estimate.milliseconds:.3g}") for estimate in both]


def _point_data(m: Measured, row: Any) -> dict[str, Any]:
    agreement = wilson(int(row.agreeing), int(row.compared))
    return {
        "name": m.point.name,
        "quantizer": m.point.quantizer.short,
        "codec": m.point.codec.short + (f"@{m.point.size}" if m.point.size else ""),
        "tuned": m.point.tuned,
        "settings": f"{m.point.quantizer.label} + {m.point.codec.label}",
        "bpp": [_plain(row.bpp), _plain(row.payload_bpp), _plain(row.bundle_bpp)],
        "mean_bpp": _plain(row.mean_bpp),
        "overhead": _plain(m.overhead_bpp),
        "accuracy": _percent(row.accuracy, row.accuracy_low, row.accuracy_high),
        "agreement": _percent(row.agreement, *agreement),
        "psnr": _plain(row.psnr_db),
        "lossless": bool(np.isinf(row.psnr_db)),
        "images": int(row.images),
        "failed": int(row.failed),
        "complete": bool(row.complete),
        "breakdown": [
            _plain(8 * part / max(1, row.pixels)) for part in (row.container, row.tables, row.palette, row.payload)
        ],
    }


def choosing_data(group: Group, study: str) -> dict[str, Any] | None:
    """What the sliders answer from: losses in points with their bounds, and bytes an image. None without originals.

    group: by the labels that losses are of. study: its name for the command that decides.
    """
    losses = point_losses(group)
    if all(loss is None for loss in losses):
        return None
    return {
        "study": shlex.quote(study),
        "measure": group.measure.name,
        "labels": " --labels agreement" if group.agreement and group.labelled else "",
        "losses": [None if loss is None else _percent(loss.share, loss.low, loss.high) for loss in losses],
        "bytes": [_plain(b / max(1, n)) for b, n in zip(group.rows.bytes, group.rows.images, strict=True)],
    }


def _plain(value: float) -> float | None:
    """As JSON has it: no NaN, no infinity, and digits enough."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _percent(*shares: float) -> list[float] | None:
    return [float(f"{100 * s:.6g}") for s in shares] if np.isfinite(shares).all() else None


def page_images(group: Group) -> NDArray[np.int64]:
    """The images whose predictions a page holds, sorted: all, or so many drawn at random that the page stays small."""
    images = images_of_any(m.columns["image"] for m in group.measured)
    most = max(FEWEST_IMAGES, VERDICTS // len(group.measured))
    if len(images) <= most:
        return images
    return np.sort(np.random.default_rng(SEED).choice(images, most, replace=False))


def predictions_data(group: Group, images: NDArray[np.int64]) -> dict[str, Any]:
    """Which points have which images right, a bit each, and which gave what the uncompressed image gave.

    images: those of ``page_images``.
    """
    agreed = group.by_agreement().measured if group.predicts and group.reference is not None else []
    return {
        "images": images.tolist() if len(images) and images[-1] != len(images) - 1 else len(images),
        "drawnFrom": int(group.rows.images.max()),
        "right": [_bits(m, images) for m in group.measured] if group.labelled else [],
        "agrees": [_bits(m, images) for m in agreed],
    }


def _bits(m: Measured, images: NDArray[np.int64]) -> list[str]:
    """Judged and right, one bit an image, most significant first."""
    rows, places = rows_of_both(m.columns["image"], images, m.judged, np.ones(len(images), bool))
    judged, right = np.zeros(len(images), bool), np.zeros(len(images), bool)
    judged[places] = True
    right[places] = m.right[rows]
    text = "" if judged.all() else base64.b64encode(np.packbits(judged).tobytes()).decode("ascii")
    return [text, base64.b64encode(np.packbits(right).tobytes()).decode("ascii")]
