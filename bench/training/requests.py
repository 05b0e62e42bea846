"""What a user asks of a training, as text and numbers, made into plans; every mistake names the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from ...classifiers import CLASSIFIERS
from ...classifiers import recipe as classifier_recipes
from ...core.errors import BadSetting, UnknownName, nearest
from ...core.learning import BORDERS
from ...datasets import DATASETS
from ...quantizers.colorcnn.recipes import OPTIMIZERS, RECIPES
from ...quantizers.colorcnn.recipes import Recipe as ColorRecipe
from ...quantizers.colorcnn.training import ColorRange
from ..study.paths import beside
from ..study.study import Study
from ..study.trained import check_trainable
from .classifier import Plan
from .colorcnn import ColorPlan
from .finetune import RECIPE, Tuning
from .targets import targets

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
    settings = {name: value for name, value in options.items() if value is not None}
    settings.setdefault("precision", "bf16" if torch.cuda.is_available() else "fp32")
    of_plan, of_recipe = ({f.name for f in fields(cls)} - {"recipe_name"} for cls in (plan, recipe))
    for name, value in settings.items():
        if name not in of_plan | of_recipe:
            names = sorted(of_plan | of_recipe)
            raise UnknownName(f"no option is named {name!r}{nearest(name, names)}; there are {', '.join(names)}")
        if name in CHOICES:
            check_choice(name, value)
    return ({n: v for n, v in settings.items() if n in of_plan}, {n: v for n, v in settings.items() if n in of_recipe})


def check_choice(name: str, value: Any) -> None:
    """Raises BadSetting where an option's word is not among those allowed."""
    if value not in CHOICES[name]:
        raise BadSetting(f"`{name}` must be one of {', '.join(CHOICES[name])}, got {value!r}")


def classifier_plan(network: str, dataset: str, out: str | Path, options: Mapping[str, Any]) -> Plan:
    """options: ``recipe``, fields of Plan and of Recipe. Raises RabenchError for what the caller can set right."""
    options = dict(options)
    if (recipe := options.pop("recipe", None) or Plan.recipe_name) not in classifier_recipes.RECIPES:
        raise BadSetting(f"`recipe` must be one of {', '.join(classifier_recipes.RECIPES)}, got {recipe!r}")
    of_plan, of_recipe = _split(options, Plan, classifier_recipes.Recipe)
    if Path(out).suffix != ".safetensors":
        raise BadSetting(f"`out` must end in .safetensors, got {out}")
    check_trainable(network)
    images = replace(DATASETS.make(dataset), split="train")
    return Plan(network, images, Path(out), replace(classifier_recipes.RECIPES[recipe], **of_recipe), recipe, **of_plan)


def colorcnn_plans(
    dataset: str,
    classifier: str | Sequence[str],
    colors: str | int | Sequence[int],
    out: str | Path,
    recipe: str | None,
    options: Mapping[str, Any],
) -> list[ColorPlan]:
    """A plan for each number of colors, or with ``plus`` one for the whole range of them.

    options: fields of ColorPlan and of its Recipe. recipe: None for the usual one, published or plus.
    """
    name, full, of_plan = recipe_and_plan(recipe, options)
    ranges = _color_ranges(colors)
    if of_plan.get("plus"):
        ranges = [ColorRange(min(r.low for r in ranges), max(r.high for r in ranges))]
    images = replace(DATASETS.make(dataset), split="train")
    names = [classifier] if isinstance(classifier, str) else classifier
    frozen = tuple(CLASSIFIERS.make(text) for text in names)
    return [ColorPlan(images, frozen, numbers, Path(out), name, full, **of_plan) for numbers in ranges]


def recipe_and_plan(recipe: str | None, options: Mapping[str, Any]) -> tuple[str, ColorRecipe, dict[str, Any]]:
    """The name of a ColorCNN's recipe, the recipe with what options change of it, and the options that are of a plan.

    recipe: None for the usual one, published or plus.
    """
    name = recipe or ("plus" if options.get("plus") else "published")
    check_choice("recipe", name)
    of_plan, of_recipe = _split(options, ColorPlan, ColorRecipe)
    return name, replace(RECIPES[name], **of_recipe), of_plan


def _color_ranges(colors: str | int | Sequence[int]) -> list[ColorRange]:
    """What ``2``, ``2,4,8``, ``2..64`` or numbers ask for. Raises BadSetting for anything else."""
    words = colors.split(",") if isinstance(colors, str) else [colors] if isinstance(colors, int) else list(colors)
    try:
        ends = [[int(end) for end in str(word).split("..")] for word in words]
        return [ColorRange(low, *high) if high else ColorRange(low, low) for low, *high in ends]
    except (ValueError, TypeError):
        raise BadSetting(
            f"`colors` must be a number, several such as 2,4,8, or a range such as 2..64, got {colors!r}"
        ) from None


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
    of_plan, of_recipe = _split(options, Tuning, classifier_recipes.Recipe)
    frozen = beside(beside(CLASSIFIERS.make(classifier), Path()), study.base()) if classifier else None
    images = beside(DATASETS.make(dataset), Path()) if dataset else None
    recipe = replace(RECIPE, **of_recipe)
    folder = None if out is None else Path(out)
    found = targets(study, frozen, list(points), images, folder, of_recipe.get("seed"))
    seeds = [recipe.seed if target.seed is None else target.seed for target in found]
    return [Tuning(study, t, replace(recipe, seed=s), **of_plan) for t, s in zip(found, seeds, strict=True)]
