"""The points that `rabench finetune` is to tune classifiers for, and the files that receive their weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ...classifiers.base import Classifier
from ...codecs import CODECS
from ...codecs.base import Codec
from ...core.errors import BadSetting
from ...core.specs import split
from ...datasets.base import Dataset
from ...quantizers import QUANTIZERS
from ...quantizers.base import Quantizer
from ..study.paths import beside
from ..study.points import Point, fine_tuned
from ..study.study import Study

FOLDER = "tuned"
"""Of the weights, in the study's folder."""


@dataclass(frozen=True)
class Target:
    """A point, its classifier the one to begin with, and the file that receives the tuned weights."""

    point: Point
    file: Path
    seed: int | None = None
    """The seed that the matrix asks for; None where it names none."""


def targets(
    study: Study,
    classifier: Classifier | None,
    texts: list[str],
    dataset: Dataset | None,
    out: Path | None,
    seed: int | None = None,
) -> list[Target]:
    """The points named, or those that the study's matrix pairs with a tuned classifier.

    seed: of those that the matrix tunes with several seeds, this one alone. Raises BadSetting, Refused or Unavailable for
    what cannot be tuned.
    """
    matrix = study.load(measuring=True)
    tuned = [p for p in matrix.points if p.tuned_from]
    if not texts:
        points = _of_seed([p for p in tuned if classifier is None or p.tuned_from == classifier], seed, study)
        if not points:
            raise BadSetting(
                f"{study.name} pairs no point with a tuned classifier; name points with `point`, such as "
                "median-cut:colors=2+png"
            )
        return _targets(points, out)
    if classifier is None:
        raise BadSetting("`point` needs `classifier`: which one is to be tuned?")
    datasets = [dataset] if dataset else list(dict.fromkeys(p.dataset for p in matrix.points))
    if len(datasets) > 1:
        raise BadSetting(
            f"{study.name} has {len(datasets)} data sets ({', '.join(d.short for d in datasets)}); say which with `dataset`"
        )
    folders = dict.fromkeys(_file(p, out).parent for p in tuned)
    folder = out or (next(iter(folders)) if len(folders) == 1 else study.folder / FOLDER)
    found: list[Target] = []
    for q, c in dict.fromkeys(chain for text in texts for chain in _chains(text, study.base())):
        point = Point(datasets[0], q, c, classifier)
        own = [p for p in tuned if (p.quantizer, p.codec, p.frozen) == (q, c, classifier)]
        file = fine_tuned(classifier, folder, q, c).weights_path()
        known = _targets(_of_seed(own, seed, study), out) or [Target(point, file)]
        found += [replace(target, point=point) for target in known]
    return found


def _before_tuning(point: Point) -> Point:
    return replace(point, classifier=point.frozen, tuned_from=None, tuned_seed=None)


def _targets(points: list[Point], out: Path | None) -> list[Target]:
    """A target for each file; of points that share one, such as of several data sets, the first."""
    files = {_file(p, out): Target(_before_tuning(p), _file(p, out), p.tuned_seed) for p in reversed(points)}
    return list(reversed(files.values()))


def _of_seed(points: list[Point], seed: int | None, study: Study) -> list[Point]:
    """Of points that are tuned with several seeds those of one, if one is asked for. Raises BadSetting for another."""
    seeds = sorted({p.tuned_seed for p in points if p.tuned_seed is not None})
    if seed is None or not seeds:
        return points
    found = [p for p in points if p.tuned_seed == seed]
    if not found:
        raise BadSetting(f"{study.name} tunes with the seeds {', '.join(map(str, seeds))}; got `seed` {seed}")
    return found


def _file(point: Point, out: Path | None) -> Path:
    path = point.classifier.weights_path()
    return out / path.name if out else path


def _chains(text: str, folder: Path) -> Iterator[tuple[Quantizer, Codec]]:
    parts = split(text, "+")
    if len(parts) != 2:
        raise BadSetting(
            f"`point` is quantizer+codec, such as median-cut:colors=2+png or none+jpeg:quality=10, got {text!r}"
        )
    for quantizer in QUANTIZERS.sweep(parts[0]):
        for codec in CODECS.sweep(parts[1]):
            yield beside(quantizer, folder), beside(codec, folder)
