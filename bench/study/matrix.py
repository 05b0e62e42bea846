"""A study's matrix.toml: which points to measure."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from ...classifiers import CLASSIFIERS
from ...codecs import CODECS
from ...codecs.raw import Raw
from ...core.errors import BadSetting, RabenchError, Unavailable, nearest
from ...core.plugins import Family, Location, Plugin
from ...core.specs import quote
from ...datasets import DATASETS
from ...quantizers import QUANTIZERS
from ...quantizers.none import NoQuantizer
from .plugin_files import line_in, load_plugins, load_programs
from .points import Point, fine_tuned

FILE = "matrix.toml"
EMBEDDED = Path(__file__).parent / "embedded"
RUNS = Path("runs")
AXES = ("log2", "linear")

TOP_KEYS = (
    *("title", "base", "dataset", "quantizers", "codecs", "classifiers", "tuned", "points", "report"),
    *("plugins", "programs"),
)
POINT_KEYS = ("dataset", "quantizers", "codecs", "classifiers", "tuned")
REPORT_KEYS = ("axis", "cam")
PLUGIN_KEYS = ("files",)
ADDED = "added.toml"
"""Beside a matrix: blocks that `rabench add` wrote."""


@dataclass(frozen=True)
class Matrix:
    """The union of a study's point blocks, in order, each point once."""

    title: str
    points: tuple[Point, ...]
    axis: str = "log2"
    cam: tuple[int, ...] = ()
    """Images whose class activation maps the report shows."""


def with_references(matrix: Matrix) -> tuple[Point, ...]:
    """The matrix's points, and for each data set and classifier the uncompressed image, to compare with."""
    references = {Point(p.dataset, NoQuantizer(), Raw(), p.frozen): None for p in matrix.points}
    return tuple(references | dict.fromkeys(matrix.points))


@dataclass(frozen=True)
class Study:
    """Where a study's matrix comes from, and the folder that receives what it produces."""

    name: str
    matrix: Path
    folder: Path

    @property
    def records(self) -> Path:
        return self.folder / "records"

    @property
    def added(self) -> Path:
        return self.folder / ADDED

    def load(self) -> Matrix:
        return load(self.matrix, self.added)

    def base(self) -> Path:
        """The folder that paths in the matrix begin at."""
        return base_of(self.matrix, tomllib.loads(self.matrix.read_text(encoding="utf-8-sig")))


def find_study(text: str, out: Path | None = None) -> Study:
    """A folder with a matrix.toml, else runs/NAME, else an embedded study (which runs into runs/NAME)."""
    folder = Path(text)
    if folder.name == FILE and folder.is_file():
        folder = folder.parent
    embedded = {f.stem: f for f in EMBEDDED.glob("*.toml")}
    if (folder / FILE).is_file():
        return Study(folder.resolve().name, folder / FILE, out or folder)
    if (RUNS / text / FILE).is_file():
        return Study(text, RUNS / text / FILE, out or RUNS / text)
    if text in embedded:
        return Study(text, embedded[text], out or RUNS / text)
    if folder.is_dir():
        raise Unavailable(
            f"{folder} holds no {FILE}; write one, or name an embedded study: {', '.join(sorted(embedded))}"
        )
    raise Unavailable(
        f"no study is at {text!r}{nearest(text, embedded)}; give a folder with a {FILE}, "
        f"or an embedded study: {', '.join(sorted(embedded))}"
    )


def load(path: Path, added: Path | None = None) -> Matrix:
    """The points of a matrix file and of what was added beside it. Errors name file, line, key and what was meant."""
    where, content = opened(path)
    where.check_keys(content, TOP_KEYS, "")
    where.base = base_of(path, content)
    _bring(where, content, where.base)
    report = where.table(content, "report")
    where.check_keys(report, REPORT_KEYS, " in [report]")
    axis = report.get("axis", "log2")
    if axis not in AXES:
        raise where.error(axis, f"report.axis must be one of {', '.join(AXES)}, got {axis!r}")
    cam = report.get("cam", [])
    if not isinstance(cam, list) or not all(isinstance(i, int) and i >= 0 for i in cam):
        raise where.error("cam", f"report.cam is a list of images by position, such as cam = [0, 17], got {cam!r}")
    points = dict.fromkeys(_points(where, content, content.get("points", [{}])))
    if added is not None and added.is_file():
        there, more = opened(added)
        there.check_keys(more, ("points", "plugins", "programs"), "")
        there.base = where.base
        try:
            _bring(there, more, added.parent)
        except RabenchError as error:
            raise type(error)(f"{error}; or take it and its [[points]] out of {added}") from None
        points |= dict.fromkeys(_points(there, content, more.get("points", [])))
    if not points:
        raise where.error("points", "there is no point to measure; write a [[points]] block with codecs")
    _check_labels(points, where)
    return Matrix(str(content.get("title", path.parent.name)), tuple(points), axis, tuple(cam))


def opened(path: Path) -> tuple[_Where, dict[str, Any]]:
    """A TOML file's content, and what names its lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        return _Where(path, text), tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise BadSetting(f"{path}: no UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{path}: no valid TOML: {error}") from None


def _bring(where: _Where, content: dict[str, Any], folder: Path) -> None:
    """Makes the plug-ins known that a matrix names or declares."""
    plugins = where.table(content, "plugins")
    where.check_keys(plugins, PLUGIN_KEYS, " in [plugins]")
    files = plugins.get("files", [])
    if not isinstance(files, list) or not all(isinstance(f, str) for f in files):
        raise where.error("files", f'plugins.files is a list of paths, such as files = ["mycodec.py"], got {files!r}')
    for file in files:
        try:
            load_plugins(Path(os.path.normpath(folder / file)))
        except RabenchError as error:
            raise where.error(file, str(error)) from None
    if "programs" in content:
        load_programs(content["programs"], where.path, where)


def _points(where: _Where, content: dict[str, Any], blocks: Any) -> Iterable[Point]:
    if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        raise where.error("points", "points is written as [[points]], once for each block")
    for block in blocks:
        where.check_keys(block, POINT_KEYS, " in [[points]]")
        yield from _block_points(where, {**content, **block})


def base_of(path: Path, content: dict[str, Any]) -> Path:
    return path.parent / str(content.get("base", ""))


def _block_points(where: _Where, block: dict[str, Any]) -> Iterable[Point]:
    datasets = where.sweep(DATASETS, "dataset", block)
    quantizers = where.sweep(QUANTIZERS, "quantizers", {"quantizers": ["none"], **block})
    codecs = where.sweep(CODECS, "codecs", block)
    classifiers = where.sweep(CLASSIFIERS, "classifiers", block)
    points = [Point(d, q, c, k) for d, k, q, c in product(datasets, classifiers, quantizers, codecs)]
    return points if block.get("tuned") is None else [*points, *_tuned(where, block["tuned"], points)]


def _tuned(where: _Where, folder: Any, points: Iterable[Point]) -> Iterable[Point]:
    """Each point once more, its classifier fine-tuned on that point's images, weights in ``folder``."""
    if not isinstance(folder, str) or not folder:
        raise where.error(
            "tuned", f'tuned is the folder of fine-tuned weights, such as tuned = "tuned", got {folder!r}'
        )
    place = os.path.normpath((where.base / folder).absolute())
    for point in points:
        try:
            tuned = fine_tuned(point.classifier, place, point.quantizer, point.codec)
        except RabenchError as error:
            raise where.error("tuned", str(error)) from None
        yield replace(point, classifier=tuned, tuned_from=point.classifier)


def _check_labels(points: Iterable[Point], where: _Where) -> None:
    """Two files of one name would be one row of a table."""
    specs: dict[str, str] = {}
    for point in points:
        for plugin in (point.dataset, point.quantizer, point.codec, point.classifier):
            if specs.setdefault(plugin.label, plugin.spec) != plugin.spec:
                raise where.error(
                    plugin.name,
                    f"{specs[plugin.label]} and {plugin.spec} would both be called {plugin.label}; rename one of the files",
                )


T = TypeVar("T", bound=Plugin)


class _Where:
    """Says where in a matrix file a mistake stands."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.base = path, path.parent
        self._line = line_in(str(path), text)

    def __call__(self, needle: object) -> str:
        return self._line(needle)

    def error(self, needle: Any, message: str) -> BadSetting:
        return BadSetting(f"{self(needle)}: {message}")

    def check_keys(self, table: dict[str, Any], known: tuple[str, ...], place: str) -> None:
        for key in table:
            if key not in known:
                raise self.error(
                    key, f"no key{place} is named {key!r}{nearest(key, known)}; there are {', '.join(known)}"
                )

    def table(self, content: dict[str, Any], key: str) -> dict[str, Any]:
        found = content.get(key, {})
        if not isinstance(found, dict):
            raise self.error(key, f"{key} is a table, written as [{key}]")
        return found

    def sweep(self, family: Family[T], key: str, block: dict[str, Any]) -> list[T]:
        """Every plug-in a key's text or texts ask for, paths resolved beside the matrix file."""
        texts = block.get(key)
        if texts is None:
            raise self.error("[[points]]", f"{key} is missing; give it in each [[points]] or once above them")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) for t in texts):
            raise self.error(key, f"{key} is a text or a list of texts such as {key} = {_example(family)}")
        found: dict[T, None] = {}
        for text in texts:
            try:
                found |= dict.fromkeys(beside(p, self.base) for p in family.sweep(text))
            except RabenchError as error:
                raise self.error(text, f"{key}: {error}") from None
        return list(found)


def _example(family: Family[Any]) -> str:
    return {"codec": '["png", "jpeg:quality=10..90/10"]', "data set": '"photos"'}.get(
        family.kind, f'["{family.names()[0]}"]'
    )


def beside(plugin: T, folder: Path) -> T:
    """The plug-in with paths as written beside the matrix, where something lies there."""
    moved = {
        f.name: os.path.normpath((folder / value).absolute())  # workers may stand elsewhere
        for f in fields(plugin)
        if isinstance(f.metadata["among"], Location)
        and (value := getattr(plugin, f.name)) not in ("", f.default)  # a default is the name of what ships
        and not Path(value).is_absolute()
        and (folder / value).exists()
    }
    return replace(plugin, **moved) if moved else plugin


def written(plugin: Plugin, folder: Path) -> str:
    """The short spec with its paths whole, as they are written in ``folder``."""
    text = plugin.short
    for f in fields(plugin):
        value = getattr(plugin, f.name)
        if isinstance(f.metadata["among"], Location) and value and value != f.default:
            there = os.path.relpath(value, folder.absolute()) if Path(value).is_absolute() else value
            text = text.replace(f"{f.name}={quote(Path(value).stem)}", f"{f.name}={quote(Path(there).as_posix())}")
    return text
