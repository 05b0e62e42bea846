"""The paths in a matrix: where they begin, and how far those of a study that is not trusted may lead."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from ...core.plugins import Family, Location, Plugin
from ...core.specs import quote

T = TypeVar("T", bound=Plugin)
NOWHERE = Path(Path.cwd().anchor) / "not-trusted"
"""Where a path of a study that is not trusted leads if it leaves the study's folder: nothing lies there."""


@dataclass(frozen=True)
class Base:
    """What paths in a matrix begin at, and how far they and the names of plug-ins may reach."""

    folder: Path
    within: Path | None = None
    """The folder that no path may leave; None: they may lead anywhere."""
    unrun: dict[str, None] | None = None
    """Receives the names of plug-ins that no code that may run here has; None: a name that nobody has is a mistake."""

    def path(self, text: str) -> Path:
        """The path that a text means."""
        return self.folder / text

    def reaches(self, text: str) -> bool:
        """Whether a path may be followed."""
        if self.within is None:
            return True
        place, within = (os.path.realpath(path) for path in (self.path(text), self.within))  # of circles of links, too
        return Path(place).is_relative_to(within)

    def unknown(self, text: str, family: Family[Any]) -> bool:
        """Whether a spec is of a plug-in whose code may not run; notes its name."""
        if self.unrun is None or not isinstance(text, str) or (name := text.split(":")[0].strip()) in family.names():
            return False
        self.unrun[name] = None
        return True

    def beside(self, plugin: T) -> T:
        """The plug-in with its paths begun at the folder; those that may not be followed lead nowhere."""
        moved = beside(plugin, self.folder)
        if self.within is None:
            return moved
        outside = {
            f.name: str(NOWHERE / value.name)
            for f in fields(moved)
            if isinstance(f.metadata["among"], Location)
            and (value := Path(getattr(moved, f.name)).expanduser()) != Path(str(f.default))
            # What is still relative does not lie beside the matrix: it ships, or lies beside whoever reads the study
            and not (self.reaches(str(value)) if value.is_absolute() else not f.metadata["among"].found(value))
        }
        return replace(moved, **outside) if outside else moved


def beside(plugin: T, folder: Path) -> T:
    """The plug-in with its relative paths begun at ``folder``, where something lies there; others stay as they are."""
    moved = {
        f.name: os.path.normpath((folder / value).absolute())  # workers may stand elsewhere
        for f in fields(plugin)
        if isinstance(among := f.metadata["among"], Location)
        and (value := getattr(plugin, f.name)) not in ("", f.default)  # a default is the name of what ships
        and not Path(value).is_absolute()
        and among.found(folder / value)
    }
    return replace(plugin, **moved) if moved else plugin


def written(plugin: Plugin, folder: Path) -> str:
    """The short spec of a plug-in with whole paths instead of mere file names, relative to ``folder``."""
    text = plugin.short
    for f in fields(plugin):
        value = getattr(plugin, f.name)
        if isinstance(f.metadata["among"], Location) and value and value != f.default:
            relative = os.path.relpath(value, folder.absolute()) if Path(value).is_absolute() else value
            text = text.replace(f"{f.name}={quote(Path(value).stem)}", f"{f.name}={quote(Path(relative).as_posix())}")
    return text
