"""Whether what a study brings may run here: plug-in files, programs, and paths that lead out of its folder.

A study that came from elsewhere is read without running anything of it. It is trusted once it was measured here from
the beginning, or once its owner has said so; that is kept outside the study's folder, where no study can write it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from ...core.errors import Refused
from ...core.files import write_text
from ...core.toml_files import TomlFile

CONFIG = "RABENCH_CONFIG"
"""The environment variable that names another folder for what is trusted."""
FILE = "trusted.json"


@dataclass(frozen=True)
class Access:
    """What of a study may be used."""

    code: bool = True
    """Plug-in files and programs may run."""
    paths: bool = True
    """Paths may lead out of the study's folder."""


EVERYTHING = Access()


@dataclass(frozen=True)
class Brought:
    """What a study's files bring."""

    code: tuple[str, ...]
    """The plug-in files and the programs that they name."""
    sha256: str
    """A hash of the matrix, of what was added to it, and of the plug-in files' content."""


def brought(files: Iterable[tuple[TomlFile, Path]]) -> Brought:
    """What a study's files bring.

    files: its matrix, and what was added to it, each with the folder at which paths of plug-in files begin.
    """
    content, names = hashlib.sha256(), []
    for file, folder in files:
        content.update(hashlib.sha256(file.text.encode()).digest())
        plugins, programs = file.content.get("plugins", {}), file.content.get("programs", {})
        listed = plugins.get("files", []) if isinstance(plugins, dict) else []
        for name in listed if isinstance(listed, list) else []:
            names.append(str(name))
            with suppress(OSError, ValueError):  # a file that cannot be read cannot run
                content.update(hashlib.sha256((folder / str(name)).read_bytes()).digest())
        names += [f"[programs.{name}]" for name in programs] if isinstance(programs, dict) else []
    return Brought(tuple(names), content.hexdigest())


def remember(what: Brought) -> None:
    """Trusts this content from now on, in whatever folder it lies."""
    known = _known()
    _write({**known, "contents": sorted({*known["contents"], what.sha256})})


def access(folders: Sequence[Path], what: Brought, measured: bool, measuring: bool) -> Access:
    """What may be used of a study.

    folders: those of its matrix and of its results. measured: whether one of them holds results already. measuring:
    whether a command measures, and does not only read. Raises Refused, saying how to allow it, where measuring needs code
    of a study that came from elsewhere.
    """
    known = _known()
    marks = [(known["folders"].get(str(folder.resolve())), _mark(folder)) for folder in folders]
    if what.sha256 in known["contents"] or all(then is not None and then == now for then, now in marks):
        return EVERYTHING
    if not measuring:
        return Access(code=not what.code, paths=False)
    if what.code and measured:
        raise Refused(
            f"{folders[0]} was measured elsewhere and brings code that has not run here: {', '.join(what.code)}; read it, "
            "then give `trust=True` (in Python: rabench.trust)"
        )
    return EVERYTHING


def made_here(folders: Sequence[Path]) -> None:
    """Trusts the folders of a study from now on, whatever they come to hold: it was measured here from the beginning."""
    known = _known()
    marks = {str(folder.resolve()): mark for folder in folders if (mark := _mark(folder)) is not None}
    if not marks.items() <= known["folders"].items():
        with suppress(OSError):  # without a place to remember it is asked for again
            _write({**known, "folders": {**known["folders"], **marks}})


def _mark(folder: Path) -> list[int] | None:
    """What tells a folder from another that later has its name; None where there is none."""
    try:
        stat = folder.stat()
    except OSError:
        return None
    return [stat.st_dev, stat.st_ino]


def _path() -> Path:
    named = os.environ.get(CONFIG)
    return (Path(named) if named else platformdirs.user_config_path("rabench")) / FILE


def _known() -> dict[str, Any]:
    try:
        content = json.loads(_path().read_text())
        return {"contents": list(content["contents"]), "folders": dict(content["folders"])}
    except (OSError, ValueError, KeyError, TypeError):
        return {"contents": [], "folders": {}}


def _write(known: dict[str, Any]) -> None:
    _path().parent.mkdir(parents=True, exist_ok=True)
    write_text(_path(), json.dumps(known, indent=1) + "\n")
