"""A study's ColorCNNs: the weights that its matrix names and that nobody has trained yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...classifiers.base import Classifier
from ...classifiers.network import Network
from ...core.errors import BadSetting
from ...datasets import DATASETS
from ...datasets.base import Dataset
from ...quantizers.colorcnn import weights as files
from ...quantizers.colorcnn.quantizer import ColorCNNPlusQuantizer, LearnedQuantizer
from ...quantizers.colorcnn.training import ColorRange
from ..study.paths import beside
from ..study.points import Point
from ..study.study import Study
from .colorcnn import ColorPlan
from .requests import recipe_and_plan

Use = tuple[LearnedQuantizer, Classifier]
"""A quantizer of a study, and a classifier behind it."""
MOST_COLORS = 64
"""A ColorCNN+ of a queue is trained for 2 colors to so many, or to as many as the matrix names."""


def colorcnn_queue(
    study: Study, dataset: str | None, recipe: str | None, options: Mapping[str, Any]
) -> tuple[list[ColorPlan], list[str]]:
    """A plan for each file of weights that a study's points name and that is not there; and those that are there.

    A ColorCNN is trained for the first classifier that the matrix puts behind it, a ColorCNN+ for all of them together.
    dataset: whose training split, where the study has several. options: fields of ColorPlan and of its recipe.
    Raises BadSetting for a study without a ColorCNN, and where it is not clear what to train on.
    """
    points = [
        p for p in study.load(measuring=True).points if isinstance(p.quantizer, LearnedQuantizer) and p.metric is None
    ]
    if not points:
        raise BadSetting(f"{study.name} names no colorcnn and no colorcnn-plus; there is nothing to train")
    images = replace(_training_images(study, points, dataset), split="train")
    by_file: dict[Path, list[Use]] = {}
    for point in points:
        quantizer = point.quantizer
        if isinstance(quantizer, LearnedQuantizer) and (file := _file(study, quantizer)) is not None:
            by_file.setdefault(file, []).append((quantizer, point.frozen))
    plans = [_plan(file, users, images, recipe, options) for file, users in by_file.items() if not file.is_file()]
    return plans, [str(file) for file in by_file if file.is_file()]


def _plan(file: Path, uses: list[Use], images: Dataset, recipe: str | None, options: Mapping[str, Any]) -> ColorPlan:
    """A plan for the weights that some points share."""
    frozen = tuple(dict.fromkeys(classifier for _, classifier in uses))
    judges = tuple(c for c in frozen if isinstance(c, Network)) or frozen  # what cannot judge is refused as it trains
    plus, most = file.name == files.PLUS, max(quantizer.colors for quantizer, _ in uses)
    name, full, of_plan = recipe_and_plan(recipe, {**options, "plus": plus})
    colors = ColorRange(2, max(MOST_COLORS, most)) if plus else ColorRange(most, most)
    return ColorPlan(images, judges if plus else judges[:1], colors, file.parent, name, full, **of_plan)


def _file(study: Study, quantizer: LearnedQuantizer) -> Path | None:
    """The file that a quantizer's weights are trained into; None for weights that ship, or that are named as a file."""
    plus = isinstance(quantizer, ColorCNNPlusQuantizer)
    if quantizer.weights in (files.shipped_plus() if plus else files.shipped()):
        return None
    place = (study.base() / Path(quantizer.weights).expanduser()).absolute()
    name = files.PLUS if plus else files.file_name(quantizer.colors)
    if place.suffix != ".safetensors":
        return place / name
    if place.is_file():
        return None
    raise BadSetting(
        f"{quantizer.short}: {quantizer.weights} is not there; name the folder that holds it, weights={place.parent.name}, "
        f"and {name} is trained into it"
    )


def _training_images(study: Study, points: list[Point], dataset: str | None) -> Dataset:
    if dataset is not None:
        return beside(beside(DATASETS.make(dataset), Path()), study.base())
    sets = list(dict.fromkeys(p.dataset for p in points))
    if len(sets) > 1:
        raise BadSetting(
            f"{study.name} has {len(sets)} data sets ({', '.join(d.short for d in sets)}); say which to train on with `dataset`"
        )
    return sets[0]
