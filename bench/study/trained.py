"""The networks that a matrix has trained from scratch on stored images, and the points that they are measured at."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any

from ...classifiers import CLASSIFIERS
from ...classifiers.base import Classifier
from ...classifiers.network import Network
from ...classifiers.recipe import RANGES, RECIPES, Recipe
from ...codecs import CODECS
from ...codecs.base import Codec
from ...core import specs
from ...core.errors import BadSetting, RabenchError, nearest, unknown
from ...core.json_texts import parsed
from ...core.quantities import BYTES, amount
from ...datasets.base import Dataset
from ...quantizers import QUANTIZERS
from ...quantizers.base import Quantizer
from .paths import NOWHERE, Base
from .points import Point, stored_name
from .sizes import FULL, Size

SWEPT = ("dataset", "sizes", "quantizers", "codecs")
"""The keys of a [[training]] block that name how training images are stored."""
KEYS = (*SWEPT, "networks", "seeds", "budgets", "test", "examples", "limit", "side", "weights", "name", "recipe")
RECIPE_KEYS = tuple(f.name for f in fields(Recipe) if f.name != "seed")
FOLDER = "trained"
"""Of the weights, beside the matrix, unless a block's ``weights`` names another."""
ABOUT = "trainings"
"""Of what is known of each trained network, in the study's folder."""
SAME, ORIGINALS = "same", "none+raw"
"""Of ``test``: test images stored as the training images are, and uncompressed ones; both by default."""
LEAST_LAST = 16
"""The images that a last epoch has at the least: fewer are left out, as statistics of so small a batch are no use."""
MOST_NETWORKS = 10_000
MOST_SEED = 1_000_000


@dataclass(frozen=True)
class TrainingSet:
    """Training images as a point stores them."""

    dataset: Dataset
    """The training split."""
    quantizer: Quantizer
    codec: Codec
    size: Size = FULL
    limit: int = 0
    """Only so many of the first images; 0 for all."""

    @property
    def name(self) -> str:
        """``median-cut:colors=2+png``, or ``none+jpeg:quality=50@short=256`` for images that are stored smaller."""
        return stored_name(self.quantizer, self.codec, self.size)


@dataclass(frozen=True)
class TrainedNetwork:
    """A network that is trained from scratch on stored images."""

    network: str
    """The name of a network that can be trained, such as resnet20."""
    images: TrainingSet
    seed: int
    """Of the first weights, the order of images, and what a budget takes of them."""
    folder: Path
    """Where the weights lie, or will lie."""
    budget: int = 0
    """The most bytes that the files of the training images may have together; 0 for all images."""
    examples: int = 0
    """How many images are learned from, counted with repetition; 0: as many as the recipe's epochs have."""
    recipe: Recipe = field(default_factory=Recipe)
    side: int = 0
    """The side of the square that the network sees, in pixels; 0: that of the original images."""
    block: str = ""
    """The name of its block, which tells it from networks that are trained otherwise on the same images."""

    @property
    def title(self) -> str:
        """The network's name as tables show it, with that of its block: ``resnet20``, ``resnet20-long``."""
        return f"{self.network}{self.block and f'-{self.block}'}"

    @property
    def name(self) -> str:
        """``resnet20+none+jpeg:quality=50+20MB+seed1``: the same for equal networks, another for every other of a study."""
        budget = f"+{megabytes(self.budget)}" if self.budget else ""
        return f"{self.title}+{self.images.name}{budget}+seed{self.seed}"

    @property
    def file(self) -> Path:
        """The file of the weights."""
        return self.folder / (re.sub(r"[^A-Za-z0-9.+@]+", "-", self.name) + ".safetensors")

    @property
    def classifier(self) -> Classifier:
        """The network as a classifier; its weights may be missing yet."""
        cls: Any = CLASSIFIERS[self.network]
        return cls(weights=str(self.file))

    def checkpoints(self) -> list[Path]:
        """The states of trainings of this name that have not ended."""
        return list(self.folder.glob(f"{glob.escape(self.file.stem)}.*.checkpoint.safetensors"))

    def about_file(self, study: Path) -> Path:
        """The file, in a study's folder, that says what came of the training; it stays when the weights are gone."""
        return study / ABOUT / f"{self.file.stem}.json"

    def about(self, study: Path) -> dict[str, Any] | None:
        """What that file says; None where there is none, or none that can be read."""
        try:
            content = parsed(self.about_file(study).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None

    def settings(self) -> dict[str, Any]:
        """What a matrix says of the training, as the file of what came of it keeps it."""
        return {
            "network": self.network,
            "recipe": self.recipe.settings(),
            "examples": self.examples,
            "budget": self.budget,
            "side": self.side,
            "dataset": self.images.dataset.label,
            "limit": self.images.limit,
            "size": str(self.images.size),
            "quantizer": self.images.quantizer.label,
            "codec": self.images.codec.label,
        }

    def length(self, images: int) -> tuple[int, int]:
        """The epochs of a training on so many images, and the images of the last epoch, which ``examples`` may cut."""
        if not self.examples:
            return self.recipe.epochs, images
        epochs = ceil(self.examples / images)
        if epochs > RANGES["epochs"][1]:
            return RANGES["epochs"][1], images
        last = self.examples - (epochs - 1) * images
        if last < min(images, LEAST_LAST) and epochs > 1:
            return epochs - 1, images
        return epochs, last

    def is_of(self, about: Mapping[str, Any]) -> bool:
        """Whether a training, by what is known of it, is the one that the matrix asks for now, whatever the versions."""
        conditions = about.get("conditions")
        if not isinstance(conditions, dict) or not self.is_as_long(about):
            return False
        return all(conditions.get(name) == value for name, value in self.settings().items())

    def is_as_long(self, about: Mapping[str, Any]) -> bool:
        """Whether a training, by what is known of it, learned from as many images as is asked for.

        One that does not say how many learned from all in every epoch.
        """
        images, rounds = about.get("images"), about.get("epochs")
        if not self.examples or not isinstance(images, int) or not isinstance(rounds, int) or images < 1:
            return True
        epochs, last = self.length(images)
        return about.get("examples", rounds * images) == (epochs - 1) * images + last


@dataclass(frozen=True)
class TrainedPoint:
    """A trained network, and how the test images are stored that it is measured on."""

    network: TrainedNetwork
    point: Point
    same: bool
    """Whether test images are stored as the training images are."""


def trained_points(
    base: Base,
    block: Mapping[str, Any],
    stored: tuple[Sequence[Dataset], Sequence[Size], Sequence[Quantizer], Sequence[Codec]],
) -> Iterator[TrainedPoint]:
    """The points of a [[training]] block.

    base: where its paths begin. block: its keys and values. stored: what its data sets, sizes, quantizers and codecs name.
    Raises BadSetting for a mistake in the block.
    """
    _check_keys(block)
    networks, seeds = _networks(block.get("networks")), seeds_of("seeds", block.get("seeds", [0]))
    if len(stored[0]) != 1:
        raise BadSetting(f"a block has one data set, got {len(stored[0])}; write a block for each, with a 'name'")
    if stored[0][0].split == "train":
        raise BadSetting(
            "'dataset' names the test images, got split=train; training images are those of that split anyway"
        )
    budgets, recipe, examples = _budgets(block.get("budgets", ["all"])), _recipe(block), _count(block, "examples")
    if examples and "epochs" in block:
        raise BadSetting("'epochs' and 'examples' both say how long to train; name one")
    limit, side, folder = _count(block, "limit"), _count(block, "side"), _folder(base, block.get("weights", FOLDER))
    name = _name(block.get("name", ""))
    test = _test(block.get("test", [SAME, ORIGINALS]), base)
    if (count := len(networks) * len(seeds) * len(budgets) * prod(map(len, stored))) > MOST_NETWORKS:
        raise BadSetting(f"a block of {count:,} networks; the most is {MOST_NETWORKS:,}")
    for seed, dataset, size, quantizer, codec, budget, network in product(
        seeds, *stored[:2], *stored[2:], budgets, networks
    ):
        images = TrainingSet(replace(dataset, split="train"), quantizer, codec, size, limit)
        own = replace(recipe, seed=seed)
        trained = TrainedNetwork(network, images, seed, folder, budget, examples, own, side, name)
        for chain in test:
            q, c, s = chain or (quantizer, codec, size)
            point = Point(dataset, q, c, trained.classifier, size=s)
            yield TrainedPoint(trained, point, (q, c, s) == (quantizer, codec, size))


def unique(points: Iterable[TrainedPoint]) -> tuple[TrainedPoint, ...]:
    """Each point once, the first seed of every network first.

    Raises BadSetting where two networks that differ in their names by the seed alone are trained otherwise.
    """
    networks: dict[tuple[str, str, int], TrainedNetwork] = {}
    found: dict[tuple[TrainedNetwork, Point], TrainedPoint] = {}
    for p in points:
        n = p.network
        any_seed = replace(n, seed=0, recipe=replace(n.recipe, seed=0))
        if networks.setdefault((n.title, n.images.name, n.budget), any_seed) != any_seed:
            raise BadSetting(f"two blocks train {n.name} otherwise; give one of them a 'name'")
        found[n, p.point] = p
    return tuple(sorted(found.values(), key=lambda p: p.network.seed))


def megabytes(count: int) -> str:
    """Bytes as a budget's name: 20MB, 512KB, 700B."""
    unit = next((u for u in ("GB", "MB", "KB") if count >= BYTES[u]), "B")
    return f"{count / BYTES[unit]:.12g}{unit}"


def _check_keys(block: Mapping[str, Any]) -> None:
    allowed = (*KEYS, *RECIPE_KEYS)
    for key in block:
        if key not in allowed:
            raise BadSetting(
                f"{key!r} is no key of [[training]]{nearest(key, allowed)}; there are {', '.join(allowed)}"
            )


def check_trainable(network: str) -> None:
    """Raises UnknownName where no network that can be trained from scratch has this name."""
    trainable = [n for n in CLASSIFIERS.names() if issubclass(CLASSIFIERS[n], Network)]
    if network not in trainable:
        raise unknown("trainable network", network, trainable)


def _networks(names: Any) -> list[str]:
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise BadSetting(f"""'networks' is a list of networks to train, such as ["resnet20", "small"], got {names!r}""")
    for name in names:
        check_trainable(name)
    return list(dict.fromkeys(names))


def seeds_of(key: str, values: Any) -> list[int]:
    """The seeds that a key of a block lists. Raises BadSetting for anything else than different whole numbers."""
    if not isinstance(values, list) or not values or any(type(v) is not int or not 0 <= v <= MOST_SEED for v in values):
        raise BadSetting(f"'{key}' is a list of whole numbers in 0..{MOST_SEED}, such as [0, 1, 2], got {values!r}")
    if len(set(values)) < len(values):
        twice = next(v for v in values if values.count(v) > 1)
        raise BadSetting(f"'{key}' lists {twice} twice: one seed gives one network; name {len(values)} different ones")
    return values


def _budgets(values: Any) -> list[int]:
    """In bytes; 0 for "all"."""
    if not isinstance(values, list) or not values or not all(isinstance(v, str) for v in values):
        raise BadSetting(f"""'budgets' is a list such as ["20MB", "50MB", "all"], got {values!r}""")
    found = [0 if v == "all" else max(1, int(amount(v, BYTES, "budgets", "20MB"))) for v in values]
    return list(dict.fromkeys(found))


def _count(block: Mapping[str, Any], key: str) -> int:
    value = block.get(key, 0)
    if type(value) is not int or value < 0 or (key in block and not value):
        raise BadSetting(f"'{key}' is a whole number above 0, got {value!r}")
    return value


def _recipe(block: Mapping[str, Any]) -> Recipe:
    """The recipe that a block names, with the constants that it changes."""
    name = block.get("recipe", "published")
    if not isinstance(name, str) or name not in RECIPES:
        raise BadSetting(f"'recipe' must be one of {', '.join(RECIPES)}, got {name!r}")
    usual, options = RECIPES[name], {name: block[name] for name in RECIPE_KEYS if name in block}
    for name, value in options.items():
        kind = type(getattr(usual, name))
        number = kind is float and type(value) is int
        if type(value) is not kind and not number:
            raise BadSetting(f"'{name}' is such as {getattr(usual, name)!r}, got {value!r}")
        if name == "precision" and value not in ("fp32", "bf16"):
            raise BadSetting(f"'precision' must be one of fp32, bf16, got {value!r}")
    return replace(usual, **options)


def _folder(base: Base, text: Any) -> Path:
    if not isinstance(text, str) or not text:
        raise BadSetting(f"""'weights' is the folder that receives weights, such as "trained", got {text!r}""")
    if not base.reaches(text):
        return NOWHERE
    return Path(os.path.normpath(base.path(text).absolute()))


def _name(text: Any) -> str:
    if not isinstance(text, str) or not re.fullmatch(r"[A-Za-z0-9-]*", text):
        raise BadSetting(f"""'name' is made of letters, digits and hyphens, such as "long", got {text!r}""")
    return text


def _test(texts: Any, base: Base) -> list[tuple[Quantizer, Codec, Size] | None]:
    """How test images are stored: None for as the training images are."""
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise BadSetting(f"""'test' is a list such as ["same", "none+raw", "none+jpeg:quality=10"], got {texts!r}""")
    found: dict[tuple[Quantizer, Codec, Size] | None, None] = {}
    for text in texts:
        found |= dict.fromkeys([None] if text == SAME else _chains(text, base))
    return list(found)


def _chains(text: str, base: Base) -> list[tuple[Quantizer, Codec, Size]]:
    chain, _, size = text.partition("@")
    parts = specs.split(chain, "+")
    if len(parts) != 2:
        raise BadSetting(f"'test' has {SAME!r} or quantizer+codec, such as none+jpeg:quality=10, got {text!r}")
    if base.unknown(parts[0], QUANTIZERS) or base.unknown(parts[1], CODECS):
        return []
    try:
        stored = product(map(base.beside, QUANTIZERS.sweep(parts[0])), map(base.beside, CODECS.sweep(parts[1])))
        return [(q, c, Size.parse(size) if size else FULL) for q, c in stored]
    except RabenchError as error:
        raise BadSetting(f"'test': {error}") from None
