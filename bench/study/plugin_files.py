"""Plug-ins that a user brings in a file: Python, or programs declared in TOML."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ...classifiers import CLASSIFIERS
from ...classifiers.base import Classifier
from ...codecs import CODECS
from ...codecs.base import Codec
from ...codecs.declared import declare
from ...core.errors import BadSetting, Unavailable
from ...core.origins import Origin, PythonFile, forget_changed_files, plugins_of
from ...core.plugins import Family, Plugin
from ...datasets import DATASETS
from ...datasets.base import Dataset
from ...quantizers import QUANTIZERS
from ...quantizers.base import Quantizer

FAMILIES: tuple[tuple[type[Plugin], Family[Any]], ...] = (
    (Codec, CODECS),
    (Quantizer, QUANTIZERS),
    (Classifier, CLASSIFIERS),
    (Dataset, DATASETS),
)
PROGRAMS = "programs"


def load_plugins(path: Path) -> list[type[Plugin]]:
    """Makes the plug-ins of a file known by their names. Raises BadSetting or Unavailable with one clear line."""
    forget_changed_files()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"plug-in file {path}: {error.strerror}; give a .py file of classes, or a .toml file of [programs.NAME] tables"
        ) from None
    if path.suffix == ".py":
        return _known(PythonFile.of(path, content))
    if path.suffix != ".toml":
        raise BadSetting(f"plug-in file {path}: give a .py file, or a .toml file of [programs.NAME] tables")
    try:
        text = content.decode("utf-8-sig")
        tables = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadSetting(f"{path}: no valid TOML: {error}") from None
    for key in tables:
        if key != PROGRAMS:
            raise BadSetting(f"{path}: no table is named {key!r}; a file of codecs holds [programs.NAME] alone")
    if not tables:
        raise BadSetting(f"{path} declares no program; write a [programs.NAME] table")
    return load_programs(tables[PROGRAMS], path, line_in(str(path), text))


def load_programs(tables: Any, file: Path, where: Callable[[object], str]) -> list[type[Plugin]]:
    """The codecs of ``[programs.NAME]`` tables. where: a needle in the file -> ``file, line 7``."""
    if not isinstance(tables, dict):
        raise BadSetting(f"{where(PROGRAMS)}: programs are tables, written as [programs.NAME]")
    origins = [declare(name, table, file, where) for name, table in tables.items()]
    return [cls for origin in origins for cls in _known(origin)]


def line_in(file: str, text: str) -> Callable[[object], str]:
    """Names the first line that holds a text, comments aside."""
    lines = text.splitlines()

    def where(needle: object) -> str:
        number = next((n for n, line in enumerate(lines, 1) if str(needle) in line.split("#")[0]), None)
        return f"{file}{f', line {number}' if number else ''}"

    return where


def _known(origin: Origin) -> list[type[Plugin]]:
    classes = list(plugins_of(origin).values())
    for cls in classes:
        for base, family in FAMILIES:
            if issubclass(cls, base):
                family.add(cls)
                break
        else:
            raise BadSetting(
                f"{origin.name}: {cls.__name__} is neither a codec nor a quantizer, classifier or data set"
            )
    return classes
