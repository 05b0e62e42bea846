"""What a user asks of a training, as text and numbers, made into plans; every mistake names the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from ...classifiers import CLASSIFIERS
from ...classifiers.training import Recipe
from ...core.errors import BadSetting, UnknownName, nearest
from ...core.learning import BORDERS
from ...datasets import DATASETS
from ...quantizers.colorcnn.training import OPTIMIZERS, RECIPES
from ..study.matrix import Study, beside
from .classifier import Plan
from .colorcnn import ColorPlan
from .finetune import RECIPE, Tuning, targets

CHOICES = {
    "precision": ("fp32", "bf16"),
    "dtype": ("fp16", "fp32"),
    "optimizer": OPTIMIZERS,
    "border": BORDERS,
    "recipe": tuple(RECIPES),
}
"""Options of trainings that are words, and what is allowed."""


def _split(options: Mapping[str, Any], plan: type, recipe: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a plan and those of its recipe; None stands for the default. Raises UnknownName, BadSetting."""
    asked = {name: value for name, value in options.items() if value is not None}
    asked.setdefault("precision", "bf16" if torch.cuda.is_available() else "fp32")
    of_plan, of_recipe = ({f.name for f in fields(cls)} for cls in (plan, recipe))
    for name, value in asked.items():
        if name not in of_plan | of_recipe:
            names = sorted(of_plan | of_recipe)
            raise UnknownName(f"no option is named {name!r}{nearest(name, names)}; there are {', '.join(names)}")
        if name in CHOICES:
            check_choice(name, value)
    return ({n: v for n, v in asked.items() if n in of_plan}, {n: v for n, v in asked.items() if n in of_recipe})


def check_choice(name: str, value: Any) -> None:
    """Raises BadSetting where an option's word is not among those allowed."""
    if value not in CHOICES[name]:
        raise BadSetting(f"`{name}` must be one of {', '.join(CHOICES[name])}, got {value!r}")


def classifier_plan(network: str, dataset: str, out: str | Path, options: Mapping[str, Any]) -> Plan:
    """options: fields of Plan and of Recipe. Raises RabenchError for what the caller can set right."""
    of_plan, of_recipe = _split(options, Plan, Recipe)
    if Path(out).suffix != ".safetensors":
        raise BadSetting(f"`out` must end in .safetensors, got {out}")
    images = replace(DATASETS.make(dataset), split="train")
    return Plan(network, images, Path(out), Recipe(**of_recipe), **of_plan)


def colorcnn_plans(
    dataset: str,
    classifier: str,
    colors: str | int | Sequence[int],
    out: str | Path,
    recipe: str,
    options: Mapping[str, Any],
) -> list[ColorPlan]:
    """A plan for each number of colors. options: fields of ColorPlan and of its Recipe."""
    from ...quantizers.colorcnn.training import Recipe as ColorRecipe

    check_choice("recipe", recipe)
    of_plan, of_recipe = _split(options, ColorPlan, ColorRecipe)
    try:
        words = colors.split(",") if isinstance(colors, str) else [colors] if isinstance(colors, int) else colors
        numbers = [int(word) for word in words]
    except ValueError:
        raise BadSetting(f"`colors` must be a number or several, such as 2,4,8, got {colors!r}") from None
    images, full = replace(DATASETS.make(dataset), split="train"), replace(RECIPES[recipe], **of_recipe)
    frozen = CLASSIFIERS.make(classifier)
    return [ColorPlan(images, frozen, number, Path(out), recipe, full, **of_plan) for number in numbers]


def tunings(
    study: Study,
    classifier: str | None,
    points: Sequence[str],
    dataset: str | None,
    out: str | Path | None,
    options: Mapping[str, Any],
) -> list[Tuning]:
    """A tuning for each point named, or for those that the study's matrix pairs with a tuned classifier.

    options: fields of Tuning and of Recipe.
    """
    study.load_plugins()  # the classifier and the data set may be of files that the study names
    of_plan, of_recipe = _split(options, Tuning, Recipe)
    frozen = beside(beside(CLASSIFIERS.make(classifier), Path()), study.base()) if classifier else None
    images = beside(DATASETS.make(dataset), Path()) if dataset else None
    recipe = replace(RECIPE, **of_recipe)
    folder = None if out is None else Path(out)
    return [Tuning(study, target, recipe, **of_plan) for target in targets(study, frozen, list(points), images, folder)]
