"""A study's matrix.toml, the file that says which points to measure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from pathlib import Path
from typing import Any

from ...classifiers import CLASSIFIERS
from ...classifiers.none import NoClassifier
from ...codecs import CODECS
from ...codecs.raw import Raw
from ...core.errors import BadSetting, RabenchError, Refused
from ...core.plugins import Family
from ...core.toml_files import TomlFile
from ...datasets import DATASETS
from ...metrics import METRICS
from ...metrics.base import Metric
from ...quantizers import QUANTIZERS
from ...quantizers.none import NoQuantizer
from . import trust
from .paths import NOWHERE, Base, T
from .plugin_files import load_plugins, load_programs
from .points import Point, fine_tuned
from .published import PublishedCurve, read_published
from .sizes import ALLOWED, Size
from .trained import SWEPT, TrainedPoint, seeds_of, trained_points, unique

FILE = "matrix.toml"
AXES = ("log2", "linear")
MOST_POINTS = 100_000
"""The most points of a block."""

TOP_KEYS = (
    *(
        "title",
        "base",
        "dataset",
        "sizes",
        "quantizers",
        "codecs",
        "classifiers",
        "metrics",
        "tuned",
        "tuned_seeds",
        "points",
        "training",
        "report",
    ),
    *("plugins", "programs"),
)
POINT_KEYS = ("dataset", "sizes", "quantizers", "codecs", "classifiers", "metrics", "tuned", "tuned_seeds")
NO_FOLDER = 'tuned_seeds goes with tuned, the folder of their weights: tuned = "tuned"'
REPORT_KEYS = ("axis", "cam", "published")
PLUGIN_KEYS = ("files",)
ADDED_KEYS = ("points", "plugins", "programs")


@dataclass(frozen=True)
class Matrix:
    """What a study is to measure and to report."""

    title: str
    """The study's title, as the report shows it."""
    points: tuple[Point, ...]
    """The union of all [[points]] blocks, in order, each point once."""
    axis: str = "log2"
    """The scale of rates in figures: log2 or linear."""
    cam: tuple[int, ...] = ()
    """The positions of the images whose class activation maps the report shows."""
    metrics: tuple[Metric, ...] = ()
    """The fidelity metrics that the study names, in order."""
    published: tuple[PublishedCurve, ...] = ()
    """The published curves that figures and tables show beside the study's own."""
    fidelity: tuple[Point, ...] = ()
    """The points that measure fidelity: each data set, size, quantizer and codec with each metric of its block."""
    trained: tuple[TrainedPoint, ...] = ()
    """The points of the networks that [[training]] blocks have trained."""
    unrun: tuple[str, ...] = ()
    """The names of plug-ins whose code may not run here, so that no point above has them."""


def check_for_points(matrix: Matrix) -> None:
    """Raises Refused where a matrix has trained networks alone, for what is done with the points of [[points]] blocks."""
    if matrix.trained and not matrix.points and not matrix.unrun:
        raise Refused(
            f"{matrix.title}: it has [[training]] alone, whose results rabench report and rabench compare --trained show; write a [[points]] block for this"
        )


def all_points(matrix: Matrix) -> tuple[Point, ...]:
    """Every point that a run measures: references, the matrix's points, those of fidelity, and those of trained networks."""
    return (*with_references(matrix), *matrix.fidelity, *(t.point for t in matrix.trained))


def with_references(matrix: Matrix) -> tuple[Point, ...]:
    """The points of a matrix, after the reference that each data set and classifier is compared with.

    The reference is the uncompressed image itself, shown to the classifier as it was trained.
    """
    references = {Point(p.dataset, NoQuantizer(), Raw(), p.frozen): None for p in matrix.points}
    return tuple(references | dict.fromkeys(matrix.points))


def load(path: Path, added: Path | None = None, access: trust.Access = trust.EVERYTHING) -> Matrix:
    """The points of a matrix file and of what was added beside it, once their plug-ins are loaded.

    access: what of it may be used. Raises RabenchError for a mistake, naming file, line, key and what was meant.
    """
    file, addition = load_plugins_of(path, added, access)
    base = Base(base_of(file), None if access.paths else path.parent, None if access.code else {})
    report = file.table("report")
    file.check_keys(report, REPORT_KEYS, " in [report]")
    axis = report.get("axis", "log2")
    if axis not in AXES:
        raise file.error(axis, f"report.axis must be one of {', '.join(AXES)}, got {axis!r}")
    cam = report.get("cam", [])
    if not isinstance(cam, list) or not all(isinstance(i, int) and i >= 0 for i in cam):
        raise file.error("cam", f"report.cam is a list of images by position, such as cam = [0, 17], got {cam!r}")
    trained = _trained(file, base)
    above = not trained or {"codecs", "classifiers"} <= file.content.keys()  # points without a block
    points = dict.fromkeys(_points(file, base, file.content, file.content.get("points", [{}] if above else [])))
    if addition is not None:
        points |= dict.fromkeys(_points(addition, base, file.content, addition.content.get("points", [])))
    if not points and not trained and not base.unrun:
        raise file.error("points", "there is no point to measure; write a [[points]] block with codecs")
    if "tuned_seeds" in file.content and not any(p.tuned_from for p in points) and not base.unrun:
        raise file.error("tuned_seeds", NO_FOLDER)
    measured = [p for p in points if p.metric is None]
    _check_labels((*measured, *(t.point for t in trained)), file)
    metrics = tuple(dict.fromkeys(p.metric for p in points if p.metric is not None))
    fidelity = tuple(p for p in points if p.metric is not None and p.metric.needs_pixels)
    title = str(file.content.get("title", path.parent.name))
    return Matrix(
        title,
        tuple(measured),
        axis,
        tuple(cam),
        metrics,
        _published(file, base, report),
        fidelity,
        trained,
        tuple(base.unrun or ()),
    )


def _published(file: TomlFile, base: Base, report: dict[str, Any]) -> tuple[PublishedCurve, ...]:
    """The published curves that [report.published] names: the study's curve = the file."""
    named = report.get("published", {})
    if not isinstance(named, dict) or not all(isinstance(path, str) for path in named.values()):
        raise file.error(
            "published", f'[report.published] has lines such as "bpg:chroma=444" = "bpg.json", got {named!r}'
        )
    try:
        return tuple(read_published(base.path(path), curve) for curve, path in named.items() if base.reaches(path))
    except BadSetting as error:
        raise file.error("published", str(error)) from None


def load_plugins_of(
    path: Path, added: Path | None = None, access: trust.Access = trust.EVERYTHING
) -> tuple[TomlFile, TomlFile | None]:
    """Registers the plug-ins that a matrix file, and the file added beside it, name or declare, if ``access`` lets them run.

    Returns both files; None for the second where there is none. Raises RabenchError, naming the file and the line.
    """
    file = TomlFile.open(path)
    file.check_keys(file.content, TOP_KEYS)
    _load_plugins(file, base_of(file), access)
    if added is None or not added.is_file():
        return file, None
    addition = TomlFile.open(added)
    addition.check_keys(addition.content, ADDED_KEYS)
    try:
        _load_plugins(addition, added.parent, access)
    except RabenchError as error:
        raise type(error)(f"{error}; or take it and its [[points]] out of {added}") from None
    return file, addition


def _load_plugins(file: TomlFile, folder: Path, access: trust.Access) -> None:
    """Registers the plug-ins that one file names, by paths that begin at ``folder``, or declares."""
    plugins = file.table("plugins")
    file.check_keys(plugins, PLUGIN_KEYS, " in [plugins]")
    names = plugins.get("files", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise file.error("files", f'plugins.files is a list of paths, such as files = ["mycodec.py"], got {names!r}')
    if not access.code:
        return
    for name in names:
        try:
            load_plugins(Path(os.path.normpath(folder / name)))
        except RabenchError as error:
            raise file.error(name, str(error)) from None
    load_programs(file)


def _points(file: TomlFile, base: Base, defaults: dict[str, Any], blocks: Any) -> Iterable[Point]:
    """The points of [[points]] blocks in a file. defaults: what a block does not say; base: where its paths begin."""
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise file.error("points", "points is written as [[points]], once for each block")
    for block in blocks:
        file.check_keys(block, POINT_KEYS, " in [[points]]")
        if "tuned_seeds" in block and "tuned" not in {**defaults, **block}:
            raise file.error("tuned_seeds", NO_FOLDER)
        yield from _block_points(file, base, {**defaults, **block})


def base_of(file: TomlFile) -> Path:
    """The folder that paths in a matrix file begin at: its ``base``, by default its own."""
    return file.path.parent / str(file.content.get("base", ""))


def _block_points(file: TomlFile, base: Base, block: dict[str, Any]) -> Iterable[Point]:
    datasets = _sweep(file, base, DATASETS, "dataset", block)
    quantizers = _sweep(file, base, QUANTIZERS, "quantizers", {"quantizers": ["none"], **block})
    codecs = _sweep(file, base, CODECS, "codecs", block)
    without = {**block, "classifiers": ["none"]} if block.get("classifiers") == [] else block
    classifiers = _sweep(file, base, CLASSIFIERS, "classifiers", without)
    # without a classifier there is always PSNR to judge by
    named = block.get("metrics") or ([] if any(k.predicts for k in classifiers) else ["psnr"])
    metrics = _sweep(file, base, METRICS, "metrics", {"metrics": named}) if named != [] else []
    sizes = _sizes(file, block.get("sizes", ["full"]))
    if block.get("tuned") is not None and any(sizes):
        raise file.error("tuned", 'tuned goes with sizes = ["full"] alone; give the smaller sizes a block of their own')
    parts = (datasets, classifiers, sizes, quantizers, codecs)
    if (count := prod(map(len, parts))) > MOST_POINTS:
        raise file.error("[[points]]", f"a block of {count:,} points; the most is {MOST_POINTS:,}")
    points = [Point(d, q, c, k, size=s) for d, k, s, q, c in product(*parts)]
    if block.get("tuned") is not None:
        points = [*points, *_tuned(file, base, block, points)]
    stored = product(datasets, sizes, quantizers, codecs)
    return [*points, *(Point(d, q, c, NoClassifier(), size=s, metric=m) for d, s, q, c in stored for m in metrics)]


def _trained(file: TomlFile, base: Base) -> tuple[TrainedPoint, ...]:
    """The points of the networks that [[training]] blocks have trained."""
    blocks, found = file.content.get("training", []), list[TrainedPoint]()
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise file.error("training", "training is written as [[training]], once for each block")
    for block in blocks:
        defaults = {key: file.content[key] for key in SWEPT if key in file.content}
        named = {"quantizers": ["none"], **defaults, **block}
        stored = (
            _sweep(file, base, DATASETS, "dataset", named),
            _sizes(file, named.get("sizes", ["full"])),
            _sweep(file, base, QUANTIZERS, "quantizers", named),
            _sweep(file, base, CODECS, "codecs", named),
        )
        try:
            found += trained_points(base, block, stored)
        except RabenchError as error:
            # Its keys are no options of a command, as which backticks would show them
            raise file.error("[[training]]", str(error).replace("`", "'")) from None
    try:
        return unique(found)
    except RabenchError as error:
        raise file.error("[[training]]", str(error)) from None


def _sizes(file: TomlFile, texts: Any) -> list[Size]:
    """The sizes that a block's key asks for."""
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise file.error("sizes", f"sizes is a list of texts, each {ALLOWED}, got {texts!r}")
    try:
        return list(dict.fromkeys(Size.parse(text) for text in texts))
    except BadSetting as error:
        raise file.error("sizes", f"sizes: {error}") from None


def _tuned(file: TomlFile, base: Base, block: dict[str, Any], points: Sequence[Point]) -> Iterable[Point]:
    """Each point once more, its classifier fine-tuned on that point's images; with seeds, once for each seed."""
    folder, seeds = block["tuned"], list[int | None]([None])
    if not isinstance(folder, str) or not folder:
        raise file.error("tuned", f'tuned is the folder of fine-tuned weights, such as tuned = "tuned", got {folder!r}')
    weights = os.path.normpath(base.path(folder).absolute())
    if not base.reaches(folder):
        weights = str(NOWHERE)
    if "tuned_seeds" in block:
        try:
            seeds = [*seeds_of("tuned_seeds", block["tuned_seeds"])]
        except BadSetting as error:
            raise file.error("tuned_seeds", str(error)) from None
    if (count := len(points) * len(seeds)) > MOST_POINTS:
        raise file.error("[[points]]", f"a block of {count:,} fine-tuned points; the most is {MOST_POINTS:,}")
    for point, seed in product(points, seeds):
        try:
            tuned = fine_tuned(point.classifier, weights, point.quantizer, point.codec, seed)
        except RabenchError as error:
            raise file.error("tuned", str(error)) from None
        yield replace(point, classifier=tuned, tuned_from=point.classifier, tuned_seed=seed)


def _check_labels(points: Iterable[Point], file: TomlFile) -> None:
    """Raises BadSetting for two files of one name: they would be one row of a table."""
    specs: dict[str, str] = {}
    for point in points:
        for plugin in (point.dataset, point.quantizer, point.codec, point.classifier):
            if specs.setdefault(plugin.label, plugin.spec) != plugin.spec:
                raise file.error(
                    plugin.name,
                    f"{specs[plugin.label]} and {plugin.spec} would both be called {plugin.label}; rename one of the files",
                )


def _sweep(file: TomlFile, base: Base, family: Family[T], key: str, block: dict[str, Any]) -> list[T]:
    """Every plug-in that the text or texts of a block's key ask for, their paths beside ``base``."""
    texts = block.get(key)
    if texts is None:
        place = "[[points]]" if "networks" not in block else "[[training]]"
        raise file.error(place, f"{key} is missing; give it in each {place} or once above them")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise file.error(key, f"{key} is a text or a list of texts such as {key} = {_example(family)}")
    plugins: dict[T, None] = {}
    for text in texts:
        if base.unknown(text, family):
            continue
        try:
            plugins |= dict.fromkeys(base.beside(plugin) for plugin in family.sweep(text))
        except RabenchError as error:
            raise file.error(text, f"{key}: {error}") from None
    return list(plugins)


def _example(family: Family[Any]) -> str:
    return {"codec": '["png", "jpeg:quality=10..90/10"]', "data set": '"photos"'}.get(
        family.kind, f'["{family.names()[0]}"]'
    )
