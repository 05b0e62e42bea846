"""`rabench compare`: one curve against others, point by point on the same images."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from ...core.errors import BadSetting, RabenchError, Refused, nearest
from ...datasets.base import Dataset
from ...quantizers.none import NoQuantizer
from ..reading.curves import Curve, Measured
from ..reading.groups import Group, Reading, read, together
from ..reading.judging import judged
from ..reading.measures import Measure
from ..reading.seeds import Pair, over_seeds
from ..statistics.bjontegaard import BETWEEN, CurveSamples, Distances, Range, bd_accuracy, bd_rate
from ..statistics.intervals import Paired, PairedMeans, holm, paired, paired_means
from ..statistics.pareto import dominated
from ..study.study import Study
from .bootstrap import RESAMPLES, ResampledCurves, paired_images
from .comparison import Comparison, no_name


@dataclass(frozen=True)
class Method:
    """How BD figures are computed."""

    between: str = "pchip"
    """What goes through the points of a curve: pchip or akima."""
    bpp: Range | None = None
    """The range of rates that BD-accuracy keeps to; None: what both curves reach."""
    accuracy: Range | None = None
    """The range of accuracies, as shares, that BD-rate keeps to."""
    seed: int = 0
    """The seed that resamples are drawn with."""

    @classmethod
    def checked(
        cls, interpolation: str = "pchip", rates: Range | None = None, accuracies: Range | None = None
    ) -> Method:
        """rates: in bits per pixel. accuracies: in percent. Raises BadSetting, naming the argument, for what is not allowed."""
        if interpolation not in BETWEEN:
            raise BadSetting(f"`interpolation` must be one of {', '.join(BETWEEN)}, got {interpolation!r}")
        if rates is not None and not 0 < rates[0] < rates[1]:
            raise BadSetting(f"`rates` is a range of bits per pixel above 0, low before high, got {rates}")
        if accuracies is not None and not (0 <= accuracies[0] < accuracies[1] <= 100 and accuracies[1] > 1):
            raise BadSetting(
                f"`accuracies` is a range of percentages, low before high, such as 50 to 80, got {accuracies}"
            )
        shares = None if accuracies is None else (accuracies[0] / 100, accuracies[1] / 100)
        return cls(interpolation, rates, shares)


def compare(
    studies: Study | Sequence[Study],
    anchor: str,
    tests: Sequence[str] = (),
    labels: str | None = None,
    method: Method | None = None,
    metric: str | None = None,
) -> list[Comparison]:
    """One comparison for each data set and classifier that has the anchor.

    anchor, tests: curves by their names, or points; the tests are all other curves where none is named. A point is
    compared with the anchor's point of equal settings; an anchor of one point with every point. labels: dataset or
    agreement; None: the data set's where it has any. metric: log-loss or a fidelity metric of the study to judge by,
    instead of accuracy; without a classifier the study's first. Raises BadSetting for a name that fits no curve or several,
    Unavailable without records, Refused where nothing can be compared.
    """
    groups, bad = _groups([studies] if isinstance(studies, Study) else list(studies), labels, metric)
    if method is not None and method.accuracy is not None and not all(g.measure.is_share for g in groups):
        raise BadSetting("`accuracies` is a range of percentages, and goes with no metric")
    comparisons: list[Comparison] = []
    pairs: list[Pair] = []
    mistakes: list[BadSetting] = []
    for group in groups:
        try:
            first = curve_or_point(anchor, group, "anchor")
            named = [curve for t in tests for curve in _curves_or_points(t, group, "test")]
            others = named or [c for c in group.curves if c != first]
        except BadSetting as mistake:
            mistakes.append(mistake)
            continue
        comparison = _comparison(group, first, others, method or Method(), bad)
        if len(comparison.points) or len(comparison.curves):
            comparisons.append(comparison)
            pairs += [pair for test in others for pair in _pairs(test, first, group.measured)]
    if comparisons:
        # Seeds of a classifier are groups of their own: all are told with the last
        return [*comparisons[:-1], replace(comparisons[-1], seeds=over_seeds(pairs, comparisons[-1].measure))]
    if mistakes:
        raise mistakes[0]
    raise Refused(f"nothing of {', '.join(tests) or 'any curve'} can be compared with {anchor}")


def _comparison(group: Group, anchor: Curve, tests: list[Curve], method: Method, bad: list[str]) -> Comparison:
    images, distances = _distances(anchor, tests, group, method)
    points = pd.DataFrame([line for c in tests for line in _lines(c, anchor, group.measured, group.measure)])
    if len(points):
        points["p_holm"] = holm(points.p.tolist())
    names = partial(_image_name, group.measured[0].point.dataset) if not anchor.study else no_name
    most = int(group.rows.images.max())
    return Comparison(group.title, group.measure, anchor.name, images, most, RESAMPLES, distances, points, bad, names)


def _image_name(dataset: Dataset, position: int) -> str:
    return dataset.image_name(position) if dataset.where() is not None else ""


def _judged(groups: Sequence[Group], labels: str | None, metric: str | None) -> list[Group]:
    """The groups by the measure asked for, without those that do not have it; raises their error where none has."""
    found: list[Group] = []
    errors: list[RabenchError] = []
    for group in groups:
        try:
            found.append(judged(group, labels, metric))
        except (BadSetting, Refused) as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return found


def _groups(studies: list[Study], labels: str | None, metric: str | None) -> tuple[list[Group], list[str]]:
    readings = [read(study) for study in studies]
    bad = [line for reading in readings for line in reading.bad]
    if len(readings) == 1:
        return _judged(readings[0].groups, labels, metric), bad
    names = [study.name for study in studies]
    if len(set(names)) < len(names):
        names = [str(study.folder) for study in studies]
    groups = together(list(zip(names, readings, strict=True)), partial(judged, labels=labels, metric=metric))
    for name, reading in zip(names, readings, strict=True):
        if not any(len(members := {c.study for c in g.curves}) > 1 and name in members for g in groups):
            raise Refused(_alone(name, reading, groups))
    return groups, bad


def _alone(name: str, reading: Reading, groups: list[Group]) -> str:
    """Why a study's curves cannot be set beside any of another study."""
    others = {g.classifier_identity for g in groups if name not in {c.study for c in g.curves}}
    lacking = (
        "images (whole blocks of 1,000, or an equal `limit`)"
        if others & {g.classifier_identity for g in reading.groups}
        else "classifier"
    )
    titles = "; ".join(dict.fromkeys(g.title for g in groups))
    return f"{name} has no {lacking} in common with the other studies: {titles}; measure the same in both"


def _distances(anchor: Curve, tests: list[Curve], group: Group, method: Method) -> tuple[int, pd.DataFrame]:
    """The number of images in common, and BD figures of each test of several points."""
    vertical = partial(bd_accuracy, bpp=method.bpp, scale=group.measure.scale)
    horizontal = partial(bd_rate, accuracy=method.accuracy, axis=group.measure.values)
    tests = [c for c in tests if len(c.rows) > 1]
    if len(anchor.rows) < 2 or not tests:
        return 0, pd.DataFrame()
    curves = ResampledCurves(group.measured, [anchor, *tests], seed=method.seed)
    if not len(curves.images) or not curves.columns(anchor):
        return 0, pd.DataFrame()
    rates, accuracies = curves.whole
    beaten, lines = dominated(rates[0], accuracies[0]), []
    for test in (c for c in tests if curves.columns(c)):
        own, others = curves.columns(test), curves.columns(anchor)
        lines.append(
            {
                "curve": test.name,
                **_figure("bd_accuracy_points", vertical, curves, anchor, test, method),
                **_figure("bd_rate_percent", horizontal, curves, anchor, test, method),
                "points": len(own),
                "dominated": int(beaten[np.ix_(own, others)].any(axis=1).sum()),
                "anchor_points": len(others),
                "dominates": int(beaten[np.ix_(others, own)].any(axis=1).sum()),
            }
        )
    return len(curves.images), pd.DataFrame(lines)


def _figure(
    name: str,
    figure: Callable[[CurveSamples, CurveSamples], Distances],
    curves: ResampledCurves,
    anchor: Curve,
    test: Curve,
    method: Method,
) -> dict[str, object]:
    """The columns of one BD figure."""
    estimate = curves.estimate(figure, anchor, test, method.between)
    raw = figure(*(curves.samples(c, on_front=False, between=method.between) for c in (anchor, test)))
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
        f"{name}_raw": float(raw.value[0]),
        f"{name}_overlap": estimate.overlap,
        f"{name}_refused": estimate.refused,
        f"{name}_reason": estimate.reason,
    }


def curve_or_point(text: str, group: Group, argument: str) -> Curve:
    """A curve, or one point of it as a curve of its own: ``none+webp:quality=50``."""
    try:
        return find_curve(text, group.curves, argument)
    except BadSetting as mistake:
        titles = []
        for curve in group.curves:
            for i in curve.rows:
                point = group.measured[i].point
                titles.append(point.title)
                if text.strip() in (point.name, point.title, f"{point.name} [{curve.study}]"):
                    return replace(curve, quantizer=point.quantizer.short, codec=point.codec.short, rows=(i,))
        if (hint := nearest(text, titles)) and hint not in str(mistake):
            raise BadSetting(f"{mistake}; and points{hint}") from None
        raise


def _curves_or_points(text: str, group: Group, argument: str) -> list[Curve]:
    """The curve or point of a name; of a name with ``, fine-tuned`` those of all its seeds."""
    try:
        return [curve_or_point(text, group, argument)]
    except BadSetting:
        found: list[Curve] = []
        for tuned in dict.fromkeys(c.tuned for c in group.curves if c.tuned):
            with suppress(BadSetting):
                found.append(curve_or_point(_FINE_TUNED.sub(f", {tuned}", text), group, argument))
        if not _FINE_TUNED.search(text) or not found:
            raise
        return found


def find_curve(text: str, curves: Sequence[Curve], argument: str) -> Curve:
    """The curve of that name. Settings, quantizer and the study's name may be left out as long as one curve alone fits;
    a codec alone means the codec of the originals.

    argument: for the error. Raises BadSetting for a name that fits no curve or several.
    """
    match = _NAME.match(text.strip())
    if match is None:
        names = "; ".join(c.name for c in curves)
        raise BadSetting(f"`{argument}` {text!r} is no curve's name, such as jpeg@short=256; there are {names}")
    quantizer, codec, tuned, study = match["quantizer"], match["codec"] or "", match["tuned"] or "", match["study"]
    size = (match["size"] or "").removeprefix("full")
    candidates = [c for c in curves if tuned in (c.tuned, c.tuned.partition(" ")[0])]  # whatever the seed, or this one
    candidates = [c for c in candidates if study in (None, c.study) and c.size == size]
    whole = [c for c in candidates if (c.quantizer, c.codec) == (quantizer, codec)]
    bare = [c for c in candidates if (_plain(c.quantizer), _plain(c.codec)) == (quantizer, codec)]
    partly = [c for c in candidates if _within(quantizer, c.quantizer) and _within(codec, c.codec)]
    by_codec = [c for c in candidates if match["codec"] is None and quantizer in (c.codec, _plain(c.codec))]
    originals = [c for c in by_codec if c.quantizer == NoQuantizer.name]
    fitting = whole or bare or partly or originals or by_codec
    fitting = [c for c in fitting if c.tuned == tuned] or fitting
    if len(fitting) == 1:
        return fitting[0]
    names = [c.name for c in fitting or curves]
    problem = f"fits {len(fitting)} curves" if fitting else f"fits no curve{nearest(text, names)}"
    raise BadSetting(f"`{argument}` {text!r} {problem}; there are {'; '.join(names)}")


_NAME = re.compile(
    r"(?P<quantizer>[^+@]*?)(\+(?P<codec>.*?))?(@(?P<size>[a-z]+(=\d+)?))?(,\s*(?P<tuned>fine-tuned( seed\d+)?))?(\s*\[(?P<study>[^]]*)\])?$"
)
"""quantizer+codec@size, fine-tuned seed1 [study]"""
_FINE_TUNED = re.compile(r",\s*fine-tuned(?=\s*(\[|$))")
"""In a name without a seed."""


def _plain(variant: str) -> str:
    return variant.split(":")[0]


def _within(text: str, variant: str) -> bool:
    return set(text.split(":")) <= set(variant.split(":"))


def _settings(m: Measured) -> tuple[object, ...]:
    """What must be equal for points to be compared; a number of colors means the same for every quantizer."""
    settings = []
    for name, plugin in (("", m.point.quantizer), (m.point.codec.name, m.point.codec)):
        if parameter := plugin.quality_parameter():
            settings.append((name, parameter, getattr(plugin, parameter)))
    return tuple(settings)


def _pairs(curve: Curve, anchor: Curve, measured: list[Measured]) -> list[Pair]:
    """Each point of a curve that has a counterpart on the anchor, and that."""
    counterparts = {_settings(measured[i]): i for i in anchor.rows}
    found: list[Pair] = []
    for i in curve.rows:
        j = anchor.rows[0] if len(anchor.rows) == 1 else counterparts.get(_settings(measured[i]))
        if j is not None and i != j:
            found.append(Pair(measured[i], measured[j]))
    return found


def _lines(curve: Curve, anchor: Curve, measured: list[Measured], measure: Measure) -> list[dict[str, object]]:
    """A row of the comparison's points for each point that has a counterpart on the anchor."""
    lines: list[dict[str, object]] = []
    for test, other in _pairs(curve, anchor, measured):
        both = paired_images([test, other])
        if not len(both.images):
            continue
        (bpp, anchor_bpp), (accuracy, anchor_accuracy) = (values[0] for values in both.whole)
        pair: Paired | PairedMeans
        shares = "value" not in test.columns
        pair = paired(both.images, *both.score.T.astype(bool)) if shares else paired_means(both.images, *both.score.T)
        difference, low, high = measure.shown(pair.difference, *pair.interval)
        lines.append(
            {
                "curve": curve.name,
                "study": curve.study,
                "quantizer": test.point.quantizer.short,
                "codec": test.point.codec.short,
                "classifier": curve.tuned or "frozen",
                "bpp": bpp,
                "anchor_bpp": anchor_bpp,
                "accuracy_percent": measure.scale * accuracy,
                "anchor_accuracy_percent": measure.scale * anchor_accuracy,
                "images": pair.images,
                "difference_points": difference,
                "difference_points_low": low,
                "difference_points_high": high,
                "gained": len(pair.gained),
                "lost": len(pair.lost),
                "p": pair.p,
                "gained_images": pair.gained.tolist(),
                "lost_images": pair.lost.tolist(),
            }
        )
    return lines
