"""Files of user plug-ins: Python classes, or programs declared in TOML."""

from __future__ import annotations

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
from ...core.toml_files import TomlFile
from ...datasets import DATASETS
from ...datasets.base import Dataset
from ...metrics import METRICS
from ...metrics.base import Metric
from ...quantizers import QUANTIZERS
from ...quantizers.base import Quantizer

FAMILIES: tuple[tuple[type[Plugin], Family[Any]], ...] = (
    (Codec, CODECS),
    (Quantizer, QUANTIZERS),
    (Classifier, CLASSIFIERS),
    (Dataset, DATASETS),
    (Metric, METRICS),
)
"""The base class of each kind of plug-in, with the family that its members are registered in."""
PROGRAMS = "programs"


def load_plugins(path: Path) -> list[type[Plugin]]:
    """Registers the plug-ins of a .py or .toml file, so that their names can be used like those that ship.

    Returns their classes. Raises Unavailable for a file that cannot be read, BadSetting for a mistake in it or a name
    that is taken.
    """
    forget_changed_files()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unavailable(
            f"plug-in file {path}: {error.strerror}; give a .py file of classes, or a .toml file of [programs.NAME] tables"
        ) from None
    if path.suffix == ".py":
        return _register(PythonFile.of(path, content))
    if path.suffix != ".toml":
        raise BadSetting(f"plug-in file {path}: give a .py file, or a .toml file of [programs.NAME] tables")
    file = TomlFile.open(path)
    for key in file.content:
        if key != PROGRAMS:
            raise file.error(key, f"no table is named {key!r}; a file of codecs holds [programs.NAME] alone")
    if not file.content:
        raise BadSetting(f"{path} declares no program; write a [programs.NAME] table")
    return load_programs(file)


def load_programs(file: TomlFile) -> list[type[Plugin]]:
    """Registers the codecs of a file's ``[programs.NAME]`` tables. Raises BadSetting for a mistake in one."""
    tables = file.content.get(PROGRAMS, {})
    if not isinstance(tables, dict):
        raise file.error(PROGRAMS, "programs are tables, written as [programs.NAME]")
    origins = [declare(name, table, file) for name, table in tables.items()]
    return [cls for origin in origins for cls in _register(origin)]


def _register(origin: Origin) -> list[type[Plugin]]:
    """Adds the plug-ins of an origin to their families; returns their classes."""
    classes = list(plugins_of(origin).values())
    for cls in classes:
        for base, family in FAMILIES:
            if issubclass(cls, base):
                family.add(cls)
                break
        else:
            raise BadSetting(
                f"{origin.name}: {cls.__name__} is neither a codec nor a quantizer, classifier, metric or data set"
            )
    return classes
