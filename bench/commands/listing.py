"""What `rabench list` says; imports plug-ins, but nothing heavy behind them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pandas as pd

from ...classifiers.base import Classifier
from ...core.errors import Unavailable, unknown
from ...core.plugins import Family, Plugin, describe
from ...core.tables import Kind, Table
from ...datasets.base import Dataset
from ...metrics.base import Metric
from ...quantizers.base import Quantizer
from ..study.plugin_files import FAMILIES
from ..study.study import EMBEDDED

BY_NAME: dict[str, Family[Any]] = {family.package.rpartition(".")[2]: family for _, family in FAMILIES}
KINDS = {"name": Kind.TEXT, "settings": Kind.LINES, "here": Kind.TEXT, "what": Kind.TEXT}
LEGEND = "*: the setting that trades rate for quality. In brackets: the default."


def tables(family: str | None) -> Iterator[Table]:
    """A table of one family, or one of each. Raises UnknownName for a family that is none."""
    names = (*BY_NAME, "studies")
    if family is not None and family not in names:
        raise unknown("family", family, names)
    for name in names if family is None else (family,):
        frame = _studies() if name == "studies" else _members(BY_NAME[name])
        yield Table(name, frame, KINDS, legend="" if name == "studies" else LEGEND)


def _members(family: Family[Any]) -> pd.DataFrame:
    rows = []
    for name in family.names():
        try:
            cls = family[name]
        except Exception as error:  # another package's plug-in must not end the list
            rows.append({"name": name, "settings": "-", "here": f"broken: {error}", "what": "-"})
            continue
        rows.append({"name": name, "settings": _settings(cls), "here": _here(cls), "what": _first_line(cls)})
    return pd.DataFrame(rows)


def _settings(cls: type[Plugin]) -> str:
    """Each setting with what is allowed and its default; the quality parameter has a star."""
    lines = []
    for f in fields(cls):
        default = f" ({f.default})" if f.default != "" else ""
        star = "*" if f.metadata["quality_parameter"] else ""
        what = f": {f.metadata['help']}" if f.metadata["help"] else ""
        lines.append(f"{f.name}{star} {describe(f)}{default}{what}")
    return "\n".join(lines) or "-"


def _here(cls: type[Any]) -> str:
    try:
        if issubclass(cls, Dataset):
            required = any(getattr(f.metadata["among"], "required", False) and not f.default for f in fields(cls))
            return "give path" if required else (cls().where() or "fetched on first use")
        return cls.ready() if issubclass(cls, Classifier | Metric | Quantizer) else cls().version()
    except Unavailable as reason:
        return f"no: {reason}"
    except Exception as error:  # another package's plug-in must not end the list
        return f"broken: {type(error).__name__}: {error}"


def _first_line(cls: type[Any]) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]


def _studies() -> pd.DataFrame:
    files = sorted(EMBEDDED.glob("*.toml"))
    return pd.DataFrame([{"name": f.stem, "what": tomllib.loads(f.read_text()).get("title", "")} for f in files])
