"""Points that differ in the seed of their training alone: compared together, over seeds and images."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..statistics.crossed import crossed
from .columns import images_of_all, rows_of
from .curves import Measured
from .measures import Measure

_SEED = re.compile(r"(?<![A-Za-z])seed[-_]?\d+")


class Pair(NamedTuple):
    """A point and the anchor's point that it is compared with, by one classifier."""

    test: Measured
    anchor: Measured


def without_seed(text: str) -> str:
    """A name whose seed may be any: ``weights=plus-seed1`` is ``weights=plus-seed*``."""
    return _SEED.sub("seed*", text)


def common_images(measured: Sequence[Measured]) -> NDArray[np.int64]:
    """The images that were judged at every point, (N,)."""
    return images_of_all([m.columns["image"] for m in measured], [m.judged for m in measured])


def scores_of(measured: Iterable[Measured], images: NDArray[np.int64]) -> NDArray[np.float64]:
    """The scores of points on some of their images, (points, N): 1 if predicted right, else 0; or a metric's values."""
    return np.stack([m.score[rows_of(m.columns["image"], images)].astype(float) for m in measured])


def over_seeds(pairs: Sequence[Pair], measure: Measure) -> pd.DataFrame:
    """A row for each point of which several seeds were compared: the mean difference, with its interval over both.

    Seeds of a quantizer or of a classifier, also of its fine-tuning, are told by the names of their files of weights, such
    as plus-seed1: points count as one where their names differ in that alone. Each seed's point is compared with the
    anchor's point of the same classifier. Several seeds of fine-tuning one classifier, or one quantizer's images, of which
    there are several seeds, too, count as one. Empty where no point has several seeds.
    """
    together: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        names = (*pair.test.point.labels, *pair.anchor.point.labels)
        together.setdefault(tuple(map(without_seed, names)), []).append(pair)
    return pd.DataFrame([_row(own, measure) for own in together.values() if len({p.test.point for p in own}) > 1])


def _row(pairs: Sequence[Pair], measure: Measure) -> dict[str, object]:
    images = common_images([m for pair in pairs for m in pair])
    tests, anchors = (scores_of([pair[side] for pair in pairs], images) for side in (0, 1))
    # What one classifier, or else one quantizer, has in common is no independent draw: the mean of each
    points = [p.test.point for p in pairs]
    frozen, quantizers = [p.frozen.label for p in points], [p.quantizer.label for p in points]
    names = next((n for n in (frozen, quantizers) if len(set(n)) > 1), [p.classifier.label for p in points])
    differences = tests - anchors
    drawn = [differences[[n == name for n in names]].mean(0) for name in dict.fromkeys(names)]
    mean = crossed(np.stack(drawn))
    difference, low, high = measure.shown(mean.value, mean.low, mean.high)
    point = points[0]
    return {
        "point": without_seed(point.title),
        "classifier": without_seed(point.frozen.title),
        "seeds": len(drawn),
        "images": len(images),
        "accuracy_percent": measure.scale * float(tests.mean()),
        "anchor_accuracy_percent": measure.scale * float(anchors.mean()),
        "difference_points": difference,
        "difference_points_low": low,
        "difference_points_high": high,
        "seed_deviation_points": measure.scale * mean.seed_deviation,
    }
