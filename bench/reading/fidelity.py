"""Points judged by a fidelity metric: the values of their images, and groups of such points."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.errors import BadSetting, Refused, nearest
from ...metrics.base import Metric
from ...metrics.psnr import PSNR
from ..statistics.intervals import mean_interval
from .columns import rows_of_both
from .curves import Measured, curves, stored_of
from .groups import Group
from .measures import LOG_LOSS, Measure, of_metric


def values_of(m: Measured, metric: Metric, measured: Measured | None) -> NDArray[np.float64]:
    """The metric of each image of a point, (N,); NaN where there is none.

    measured: the point that the metric was measured for, None where there are no records of it.
    """
    if not metric.needs_pixels:
        return _psnr(m)
    values = np.full(len(m.columns["image"]), np.nan)
    if measured is None:
        return values
    every = np.ones(len(values), bool), np.ones(len(measured.good), bool)
    own, other = rows_of_both(m.columns["image"], measured.columns["image"], *every)
    values[own] = np.where(measured.good, measured.columns["value"], np.nan)[other]
    return values


def _psnr(m: Measured) -> NDArray[np.float64]:
    """The PSNR of each image in dB; infinite where nothing was lost, NaN where the image failed."""
    with np.errstate(divide="ignore", invalid="ignore"):
        values = 10 * np.log10(255.0**2 * 3 * m.columns["pixels"] / m.columns["squared_error"])
    return np.where(m.good, values, np.nan)


def by_metric(group: Group, metric: Metric) -> Group:
    """The group judged by a metric. Points without a finite value of it, such as PSNR without loss, are left out.

    Raises Refused where no point has one.
    """
    values = (
        values_of(m, metric, group.fidelity.get((stored_of(m.point), metric))) if m.point.tuned_from is None else None
        for m in group.measured
    )
    judged = by_values(group, values, of_metric(metric))
    if judged is None:
        raise Refused(f"{group.title}: {metric.short} is not measured for any point; rabench run measures it")
    return judged


def by_values(group: Group, values: Iterable[NDArray[np.float64] | None], measure: Measure) -> Group | None:
    """The group judged by a number of each image; points without any are left out; None where that leaves none.

    values: for each point, (N,), NaN for none; None for a point to leave out.
    """
    kept, measured, summaries = [], [], []
    for i, (m, own) in enumerate(zip(group.measured, values, strict=True)):  # one by one: a million images are many
        if own is not None and np.isfinite(own).any():
            kept.append(i)
            measured.append(replace(m, columns=m.columns.having(value=own)))
            summaries.append(_summary(own))
    if not kept:
        return None
    rows = group.rows.iloc[kept].reset_index(drop=True)
    summary = pd.DataFrame(summaries)
    rows = rows.assign(**{name: summary[name] for name in summary})
    lines = curves([m.point for m in measured], rows.bpp.to_numpy())
    return replace(group, measured=measured, rows=rows, curves=lines, measure=measure)


def _summary(values: NDArray[np.float64]) -> dict[str, float]:
    """The columns of a summary's row that hold an accuracy, for the finite values of a metric."""
    finite = values[np.isfinite(values)]
    low, high = mean_interval(finite)
    return {"labelled": len(finite), "accuracy": float(finite.mean()), "accuracy_low": low, "accuracy_high": high}


def metric_of(name: str, metrics: Iterable[Metric]) -> Metric:
    """The metric of a study by its name. Raises BadSetting where the study has none of that name."""
    of_every_record = [PSNR()]  # it needs no word in the matrix
    by_name = {name: metric for metric in (*of_every_record, *metrics) for name in (metric.short, metric.name)}
    if name not in by_name:
        available = ", ".join(dict.fromkeys(m.short for m in by_name.values()))
        raise BadSetting(
            f"`metric` {name!r} is not measured here{nearest(name, [*by_name, LOG_LOSS.name])}; there are {available}, "
            f"and {LOG_LOSS.name} where images have labels; "
            f'metrics = ["ms-ssim"] in the matrix, and rabench run, measure more'
        )
    return by_name[name]


def means(group: Group, metrics: Sequence[Metric]) -> pd.DataFrame:
    """The mean of each metric over the images of each point, a column a metric, by its short name.

    As everywhere, images without loss, whose PSNR is infinite, are left out; infinite where that leaves none.
    """
    table = {}
    for metric in metrics:
        column = []
        for m in group.measured:
            values = values_of(m, metric, group.fidelity.get((stored_of(m.point), metric)))
            finite = values[np.isfinite(values)]
            column.append(float(finite.mean()) if len(finite) else np.inf if np.isinf(values).any() else np.nan)
        table[metric.short] = column
    return pd.DataFrame(table)
