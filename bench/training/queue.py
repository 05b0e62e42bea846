"""A study's ColorCNNs: the weights that its matrix names and that nobody has trained yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...classifiers.base import Classifier
from ...classifiers.network import Network
from ...core.errors import BadSetting
from ...datasets import DATASETS
from ...datasets.base import Dataset
from ...quantizers.colorcnn import weights as files
from ...quantizers.colorcnn.quantizer import ColorCNNPlusQuantizer, ColorCNNQuantizer, LearnedQuantizer
from ...quantizers.colorcnn.training import ColorRange
from ..study.matrix import Study, beside
from ..study.points import Point
from .colorcnn import ColorPlan
from .requests import recipe_and_plan

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
    points = [p for p in study.load().points if isinstance(p.quantizer, LearnedQuantizer) and p.metric is None]
    if not points:
        raise BadSetting(f"{study.name} names no colorcnn and no colorcnn-plus; there is nothing to train")
    images = replace(_training_images(study, points, dataset), split="train")
    plans: dict[Path, ColorPlan] = {}
    there: dict[Path, None] = {}
    for point in points:
        quantizer = point.quantizer
        assert isinstance(quantizer, LearnedQuantizer)
        plus = isinstance(quantizer, ColorCNNPlusQuantizer)
        if (place := _place(study, quantizer)) is None or (place / _name(quantizer)).is_file():
            there |= {} if place is None else {place / _name(quantizer): None}
            continue
        behind = _classifiers(
            p for p in points if p.quantizer.name == quantizer.name and _place(study, p.quantizer) == place
        )
        name, full, of_plan = recipe_and_plan(recipe, {**options, "plus": plus})
        most = max(p.quantizer.colors for p in points if isinstance(p.quantizer, ColorCNNPlusQuantizer)) if plus else 0
        colors = ColorRange(2, max(MOST_COLORS, most)) if plus else ColorRange(quantizer.colors, quantizer.colors)
        plan = ColorPlan(images, behind if plus else behind[:1], colors, place, name, full, **of_plan)
        plans.setdefault(plan.file, plan)
    return list(plans.values()), list(map(str, there))


def _name(quantizer: LearnedQuantizer) -> str:
    return files.PLUS if isinstance(quantizer, ColorCNNPlusQuantizer) else files.file_name(quantizer.colors)


def _place(study: Study, quantizer: Any) -> Path | None:
    """The folder that receives a quantizer's weights; None for weights that ship."""
    ships = files.shipped() if isinstance(quantizer, ColorCNNQuantizer) else files.shipped_plus()
    if quantizer.weights in ships:
        return None
    place = study.base() / Path(quantizer.weights).expanduser()
    if place.suffix == ".safetensors":
        if place.is_file():
            return None
        raise BadSetting(
            f"{quantizer.short}: {quantizer.weights} is not there; name the folder that holds it, weights={place.parent.name}, "
            f"and {_name(quantizer)} is trained into it"
        )
    return place.absolute()


def _classifiers(points: Iterable[Point]) -> tuple[Classifier, ...]:
    frozen = dict.fromkeys(p.frozen for p in points)
    return tuple(c for c in frozen if isinstance(c, Network)) or tuple(frozen)


def _training_images(study: Study, points: list[Point], dataset: str | None) -> Dataset:
    if dataset is not None:
        return beside(beside(DATASETS.make(dataset), Path()), study.base())
    sets = list(dict.fromkeys(p.dataset for p in points))
    if len(sets) > 1:
        raise BadSetting(
            f"{study.name} has {len(sets)} data sets ({', '.join(d.short for d in sets)}); say which to train on with `dataset`"
        )
    return sets[0]
