"""`rabench classes`: which classes pay for a codec, and which pairs of classes it confuses more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...core.errors import RabenchError, Refused
from ...core.printable import printable
from ...core.tables import Kind, Table
from ..reading.groups import Group, read
from ..statistics.intervals import holm, mcnemar, normal_bound, tango
from ..study.study import Study
from .compare import curve_or_point
from .losses import shared_rows

PERMUTATIONS = 2000
"""Random exchanges of images between classes that a class is compared with."""
SHOWN = 20
"""The classes, and the pairs, of a table."""
FEW = 5
"""Images of a class below which no loss of it can be told from chance."""
AFFORDED, CURVES = 0.02, 12
"""The loss, as a share, that a page's table goes up to, and the curves that it has at the most."""
NAMED = 3
"""The classes that a row about a point names."""


@dataclass(frozen=True)
class ClassLosses:
    """The losses of each class from the originals to a point."""

    classes: NDArray[np.int64]
    """The classes that have images, (C,)."""
    images: NDArray[np.int64]
    """How many each has, (C,)."""
    lost: NDArray[np.int64]
    """Images right before and wrong after, (C,)."""
    gained: NDArray[np.int64]
    """Images wrong before and right after, (C,)."""
    p: NDArray[np.float64]
    """The p-value that a class loses no more than the others, adjusted for the number of classes, (C,)."""

    @property
    def loss(self) -> NDArray[np.float64]:
        """The share of its images that each class loses, (C,)."""
        return (self.lost - self.gained) / self.images

    def interval(self, number: int) -> tuple[float, float]:
        """The interval of a class's loss; all classes' together hold with 95 % confidence (Tango, Bonferroni)."""
        z = normal_bound(0.025 / len(self.classes))
        low, high = tango(int(self.gained[number]), int(self.lost[number]), int(self.images[number]), z)
        return -high, -low

    @property
    def harmed(self) -> list[int]:
        """The numbers of the classes that lose more than the others, p below 0.05, those of the largest loss first."""
        return sorted(np.flatnonzero(self.p < 0.05).tolist(), key=lambda i: -self.loss[i])


def class_losses(labels: NDArray[np.int64], before: NDArray[np.bool_], after: NDArray[np.bool_]) -> ClassLosses:
    """The losses by class. labels, before, after: the class of each image, and whether it is right, (N,) each.

    A class loses more than the others where its mean loss is further above theirs, in standard errors, than the furthest
    of all classes is when images are exchanged between classes at random: the studentized permutation test (Janssen
    1997), adjusted for the number of classes by the largest statistic (Westfall and Young 1993).
    """
    classes, member = np.unique(labels, return_inverse=True)
    losses = before.astype(np.int64) - after
    images = np.bincount(member)
    lost, gained = (np.bincount(member[losses == sign], minlength=len(images)) for sign in (1, -1))
    if images.max() < FEW:
        return ClassLosses(classes, images, lost, gained, np.ones(len(images)))
    found = _statistics(images, lost, gained)
    rng = np.random.default_rng(0)
    drawn = rng.multivariate_hypergeometric(images, int(lost.sum()), PERMUTATIONS, "marginals")
    others = [rng.multivariate_hypergeometric(images - used, int(gained.sum()), method="marginals") for used in drawn]
    highest = _statistics(images, drawn, np.array(others)).max(1)
    p = (1 + (highest[:, None] >= found - 1e-9).sum(0)) / (1 + PERMUTATIONS)
    return ClassLosses(classes, images, lost, gained, p)


def _statistics(images: NDArray[np.int64], lost: NDArray[np.int64], gained: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far the mean loss of each class lies above that of all others, in standard errors, as lost: (..., C)."""
    total, more, less = images.sum(), lost.sum(-1, keepdims=True), gained.sum(-1, keepdims=True)
    others = np.maximum(1, total - images)
    mean, mean_others = (lost - gained) / images, (more - less - lost + gained) / others
    pooled = (more + less) / total / images  # a class without a discordant image has a variance, too
    variance = ((lost + gained) / images - mean**2 + pooled) / images
    variance += ((more + less - lost - gained) / others - mean_others**2) / others
    return np.where(total > images, (mean - mean_others) / np.sqrt(np.maximum(variance, 1e-12)), 0.0)


def confusions(
    labels: NDArray[np.int64], before: NDArray[np.int64], after: NDArray[np.int64]
) -> list[tuple[int, int, int, int, float]]:
    """Label, prediction, how many images are taken for it before and after, and the p-value that this is chance.

    labels, before, after: classes, (N,). Those with more after, the largest difference first; p-values are McNemar's,
    adjusted over all pairs that any image shows (Holm).
    """
    seen = ((labels[wrong], p[wrong]) for p in (before, after) for wrong in [p != labels])
    either = sorted({pair for columns in seen for pair in zip(*(c.tolist() for c in columns), strict=True)})
    keys = {pair: number for number, pair in enumerate(either)}

    def of(predictions: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.array([keys.get(pair, -1) for pair in zip(labels.tolist(), predictions.tolist(), strict=True)], int)

    was, now = of(before), of(after)
    moved = was != now
    gone = np.bincount(was[moved & (was >= 0)], minlength=len(either))
    new = np.bincount(now[moved & (now >= 0)], minlength=len(either))
    adjusted = holm([mcnemar(int(n), int(g)) for n, g in zip(new, gone, strict=True)])
    count = np.bincount(was[was >= 0], minlength=len(either))
    more = sorted((i for i in range(len(either)) if new[i] > gone[i]), key=lambda i: gone[i] - new[i])
    return [(*either[i], int(count[i]), int(count[i] + new[i] - gone[i]), adjusted[i]) for i in more]


def classes(study: Study, points: Sequence[str] = (), labels: str | None = None) -> tuple[list[Table], list[str]]:
    """For each data set and classifier a table with a row a point; for points that are named, tables of their classes.

    points: by name. labels: dataset or agreement; None: the data set's where it has any. Gives the tables, and a line for
    each file among the records that is left out. Raises BadSetting for a point that is not there, Refused where the
    originals are not measured.
    """
    reading = read(study)
    tables: list[Table] = []
    for group in reading.groups:
        if not group.predicts:
            continue
        judged = group.by_labels(labels)
        if judged.reference is None:
            raise Refused(f"{group.title}: the originals are not measured; rabench run measures them")
        names = _class_names(judged)
        if points:
            for name in points:
                numbers = curve_or_point(name, judged, "point").rows
                tables += [table for i in numbers for table in _of_point(judged, i, names)]
        else:
            rows = [i for curve in judged.plotted for i in curve.rows]
            tables.append(_of_points(judged, names, rows))
    if not tables:
        raise Refused(f"{study.name} has no classifier, and no classes that could pay")
    return tables, reading.bad


def affordable_settings_tables(group: Group) -> tuple[Table | None, Table | None]:
    """The classes that pay, at the cheapest setting of each curve that loses at most AFFORDED of the images; and the pairs
    of classes that the cheapest of them all confuses more. For a page.

    None without such settings, without originals, or with fewer than FEW images in every class, of which none can be shown
    to lose more.
    """
    if group.reference is None or not group.predicts:
        return None, None
    reference = group.measured[group.reference]
    counts = np.unique(reference.columns["label"][reference.judged], return_counts=True)[1]
    if not len(counts) or counts.max() < FEW:
        return None, None
    kept, accuracy = [], group.rows.accuracy
    for curve in group.plotted[:CURVES]:
        rows = [i for i in curve.rows if accuracy[i] >= accuracy[group.reference] - AFFORDED]
        kept += sorted(rows, key=lambda i: group.rows.bpp[i])[:1]
    if not kept:
        return None, None
    names, cheapest = _class_names(group), min(kept, key=lambda i: group.rows.bpp[i])
    pairs = _confused(group, cheapest, names, f"{group.title}: {group.measured[cheapest].point.title}")
    return _of_points(group, names, kept), pairs if len(pairs.frame) else None


def _class_names(group: Group) -> tuple[str, ...]:
    """The names of the classes; none for a data set whose code may not run here, whose classes have numbers."""
    point = group.measured[0].point
    try:
        return tuple(map(printable, point.frozen.classes or point.dataset.classes))
    except RabenchError:  # reading results needs neither weights nor images
        return ()


def _losses(group: Group, number: int) -> ClassLosses | None:
    assert group.reference is not None
    reference, point = group.measured[group.reference], group.measured[number]
    before, after = shared_rows(reference, point)
    if not len(before):
        return None
    return class_losses(
        reference.columns["label"][before].astype(np.int64), reference.right[before], point.right[after]
    )


def _of_points(group: Group, names: Sequence[str], points: Sequence[int]) -> Table:
    kinds = {
        "point": Kind.NAME,
        "bpp": Kind.NUMBER,
        "loss": Kind.NUMBER,
        "classes that lose more": Kind.NUMBER,
        "which": Kind.TEXT,
    }
    rows = []
    for i in points:
        found = _losses(group, i)
        if found is None:
            continue
        harmed = [f"{_name(names, int(found.classes[c]))} {100 * found.loss[c]:.1f}" for c in found.harmed[:NAMED]]
        more = f" and {len(found.harmed) - NAMED} more" if len(found.harmed) > NAMED else ""
        loss = 100 * (found.lost.sum() - found.gained.sum()) / found.images.sum()
        name, bpp = group.measured[i].point.title, f"{group.rows.bpp[i]:.3f}"
        rows.append((name, bpp, f"{loss:.2f}", str(len(found.harmed)), ", ".join(harmed) + more))
    note = (
        f"loss: points of {group.measure.name} against the originals. classes that lose more: than the others do, with 5 % "
        f"risk of naming any by chance at each point (permutations of images between classes). {_fewest(group)}"
    )
    return Table(f"{group.title}: classes that pay", pd.DataFrame(rows, columns=list(kinds)), kinds, (note,))


def _fewest(group: Group) -> str:
    assert group.reference is not None
    reference = group.measured[group.reference]
    counts = np.unique(reference.columns["label"][reference.judged], return_counts=True)[1]
    return f"Images a class: {counts.min():,} to {counts.max():,}." if len(counts) else ""


def _of_point(group: Group, number: int, names: Sequence[str]) -> list[Table]:
    found, point = _losses(group, number), group.measured[number].point
    if found is None:
        return []
    order = np.argsort(-found.loss, kind="stable")[:SHOWN]
    kinds = {"class": Kind.NAME, **dict.fromkeys(("images", "lost", "gained", "loss", "p (classes)"), Kind.NUMBER)}
    lines = []
    for i in order:
        low, high = found.interval(i)
        loss = f"{100 * found.loss[i]:.1f} [{100 * low:.1f}, {100 * high:.1f}]"
        counts = (str(found.images[i]), str(found.lost[i]), str(found.gained[i]))
        lines.append((_name(names, int(found.classes[i])), *counts, loss, f"{found.p[i]:.2g}"))
    note = (
        f"The {len(lines)} of {len(found.classes)} classes that lose most. loss: points, with intervals that hold together "
        "with 95 % confidence. p: that the class loses no more than the others, adjusted for the number of classes."
    )
    title = f"{group.title}: {point.title}"
    return [
        Table(f"{title}: classes", pd.DataFrame(lines, columns=list(kinds)), kinds, (note,)),
        _confused(group, number, names, title),
    ]


def _confused(group: Group, number: int, names: Sequence[str], title: str) -> Table:
    assert group.reference is not None
    reference, point = group.measured[group.reference], group.measured[number]
    rows, point_rows = shared_rows(reference, point)
    labels, good = reference.columns["label"][rows].astype(np.int64), point.good[point_rows]
    before, after = (m.columns["prediction"][r].astype(np.int64) for m, r in ((reference, rows), (point, point_rows)))
    kinds = {"class": Kind.NAME, "taken for": Kind.NAME, **dict.fromkeys(("before", "after", "p (Holm)"), Kind.NUMBER)}
    pairs = confusions(labels[good], before[good], after[good])[:SHOWN]
    lines = [(_name(names, a), _name(names, b), str(was), str(now), f"{p:.2g}") for a, b, was, now, p in pairs]
    note = "Pairs that are confused more often than in the originals: images before and after, McNemar's exact test."
    return Table(f"{title}: pairs confused more", pd.DataFrame(lines, columns=list(kinds)), kinds, (note,))


def _name(names: Sequence[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else f"class {number}"
