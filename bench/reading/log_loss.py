"""What a classifier's probabilities say beside its predictions: the log-loss of the labels, and the calibration error."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.errors import Refused
from .curves import Measured
from .fidelity import by_values
from .groups import Group
from .measures import LOG_LOSS, LOG_LOSS_CAP

BINS = 15
"""The bins of equal width that confidences fall into, as Guo et al. (ICML 2017) have them."""
DRAWS = 2000
"""Draws of the noise in the bins, for the interval of a calibration error."""


def log_likelihoods(m: Measured) -> NDArray[np.float64]:
    """The natural logarithm of each label's probability, at least -LOG_LOSS_CAP, (N,); NaN for an image without one."""
    logs = m.columns["log_probability"].astype(np.float64).clip(-LOG_LOSS_CAP, 0)
    return np.where(m.judged, logs, np.nan)


def by_log_loss(group: Group, labels: str | None = None) -> Group:
    """The group judged by log-loss. Raises Refused where images have no labels, or nothing tells classes."""
    if labels == "agreement" or not group.labelled:
        reason = "agreement has none; leave `labels` out" if labels == "agreement" else "its images have none"
        raise Refused(f"{group.title}: log-loss is that of the data set's labels, and {reason}")
    judged = by_values(group, map(log_likelihoods, group.measured), LOG_LOSS)
    if judged is None:
        raise Refused(f"{group.title}: the records hold no probabilities of labels; measure them again")
    return judged


def log_loss_of(group: Group) -> Group | None:
    """The group by log-loss; None where ``by_log_loss`` refuses it."""
    with suppress(Refused):
        return by_log_loss(group)
    return None


def calibration_error(m: Measured, seed: int = 0) -> tuple[float, float, float]:
    """The expected calibration error of a point, 0 to 1, and its 95 % interval; NaN where records have no confidences.

    How far the probability of the predicted class lies from the share that is right: the mean over BINS of confidence,
    weighted by their images (Naeini et al., AAAI 2015). The interval turns the quantiles of redrawn errors around the
    measured one, as noise in the bins makes every error look larger than it is.
    """
    if "confidence" not in m.columns:
        return np.nan, np.nan, np.nan
    known = m.judged & np.isfinite(m.columns["confidence"])
    if not known.any():
        return np.nan, np.nan, np.nan
    confidence = m.columns["confidence"][known].astype(np.float64).clip(0, 1)
    gaps = m.right[known] - confidence
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    sums, squares = (np.bincount(places, weights, BINS) for weights in (gaps, gaps**2))
    error = float(np.abs(sums).sum() / len(gaps))
    spread = np.sqrt(np.maximum(squares - sums**2 / np.maximum(counts, 1), 0))
    drawn = sums + spread * np.random.default_rng(seed).standard_normal((DRAWS, BINS))
    low, high = np.quantile(np.abs(drawn).sum(1) / len(gaps), [0.025, 0.975])
    return error, max(0.0, float(2 * error - high)), max(error, float(2 * error - low))


def probability_columns(group: Group, judged: Group | None) -> pd.DataFrame:
    """Columns of summary.csv, a row for each point of the group: log-loss in nats, calibration error, and their intervals.

    judged: what ``log_loss_of`` gives.
    """
    rows = []
    by_point = {}
    if judged is not None:
        figures = zip(judged.rows.accuracy, judged.rows.accuracy_low, judged.rows.accuracy_high, strict=True)
        by_point = {m.point: LOG_LOSS.shown(*three) for m, three in zip(judged.measured, figures, strict=True)}
    for m in group.measured:
        loss, error = by_point.get(m.point, (np.nan,) * 3), calibration_error(m) if group.labelled else (np.nan,) * 3
        names = [f"{name}{end}" for name in ("log_loss", "calibration_error") for end in ("", "_low", "_high")]
        rows.append(dict(zip(names, (*loss, *error), strict=True)))
    return pd.DataFrame(rows)
