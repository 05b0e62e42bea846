"""A study by its files: its matrix, what was added to it, the folder of its results, and whether it is trusted."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import Unavailable, nearest
from ...core.files import write_text
from ...core.toml_files import TomlFile
from . import trust
from .matrix import FILE, Matrix, base_of, load, load_plugins_of

EMBEDDED = Path(__file__).parent / "embedded"
"""The folder of the studies that come with rabench."""
RUNS = Path("runs")
"""The folder that their results go to."""
ADDED_HEAD = (
    "# What `rabench add` measured for this study, a part of its matrix. Take a codec out by deleting its [[points]].\n"
)
RECORDS = "records"
ADDED = "added.toml"
"""The file beside a matrix that holds the blocks that `rabench add` wrote."""


@dataclass(frozen=True)
class Study:
    """A study by its files: the matrix that it reads, and the folder that it writes to."""

    name: str
    matrix: Path
    """The TOML file that says what to measure."""
    folder: Path
    """The folder that receives records, tables and figures."""

    @property
    def records(self) -> Path:
        """The folder of the study's records."""
        return self.folder / RECORDS

    @property
    def added(self) -> Path:
        """The file of what `rabench add` measured for the study; it need not exist."""
        return self.folder / ADDED

    def write_added(self, plugins: Iterable[Path], blocks: Iterable[Mapping[str, Any]]) -> None:
        """Writes what `rabench add` measured for the study.

        plugins: plug-in files, whose paths are written as they are from the study's folder. blocks: of points, as TOML has
        them.
        """
        files = list(dict.fromkeys(Path(os.path.relpath(path, self.folder)).as_posix() for path in plugins))
        lines = [ADDED_HEAD, f"[plugins]\nfiles = {json.dumps(files)}\n"] if files else [ADDED_HEAD]
        for block in blocks:
            lines.append("[[points]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in block.items()))
        write_text(self.added, "\n".join(lines))

    def load_plugins(self) -> None:
        """Registers the plug-ins that the matrix, and what was added to it, name or declare; reads no point.

        Raises RabenchError for a file that cannot be read or a mistake in it, naming the line, and Refused where the study
        came from elsewhere and is not trusted.
        """
        load_plugins_of(self.matrix, self.added, self._access(True))

    def load(self, measuring: bool = False) -> Matrix:
        """The study's points, read from the matrix and from what was added to it, once its plug-ins are loaded.

        measuring: for a command that measures, and does not only read: what the study brings runs then, and Refused is
        raised where it came from elsewhere and is not trusted. Else the code of such a study is left alone, and what needs
        it stands in ``unrun``. Raises RabenchError for a mistake, naming file, line, key and what was meant.
        """
        return load(self.matrix, self.added, self._access(measuring))

    def trust(self) -> None:
        """Lets what the study brings run here from now on, as long as it stays as it is."""
        trust.remember(self._brought())

    @property
    def measured(self) -> bool:
        """Whether the folder holds results, or the one that its matrix came in."""
        return any((f / "run.json").exists() or any((f / RECORDS).rglob("*.parquet")) for f in self.folders)

    def unmeasured(self, more: str = "") -> Unavailable:
        """The error for a study without records of its matrix. more: what else is to be said."""
        name = self.name if self.folder == RUNS / self.name else self.folder
        command = f"rabench run {shlex.quote(str(name))}"
        return Unavailable(f"{self.folder} holds no records of its matrix; measure it: {command}{more}")

    @property
    def folders(self) -> list[Path]:
        """The folders of the matrix and of the results; the results' alone for a study that comes with rabench."""
        return list(dict.fromkeys([*([] if self.matrix.parent == EMBEDDED else [self.matrix.parent]), self.folder]))

    def _brought(self) -> trust.Brought:
        file = TomlFile.open(self.matrix)
        files = [(file, base_of(file))]
        if self.added.is_file():
            files.append((TomlFile.open(self.added), self.folder))
        return trust.brought(files)

    def _access(self, measuring: bool) -> trust.Access:
        if self.matrix.parent == EMBEDDED and not self.added.is_file():
            return trust.EVERYTHING
        return trust.access(self.folders, self._brought(), self.measured, measuring)

    def base(self) -> Path:
        """The folder that paths in the matrix begin at."""
        return base_of(TomlFile.open(self.matrix))


def find_study(text: str, out: Path | None = None) -> Study:
    """The study that a text names: a folder with a matrix.toml, else runs/TEXT, else a study that comes with rabench.

    out: the folder that receives the results; default: the study's own, for one that comes with rabench runs/TEXT.
    Raises Unavailable where there is no such study.
    """
    folder = Path(text)
    if folder.name == FILE and folder.is_file():
        folder = folder.parent
    embedded = {file.stem: file for file in EMBEDDED.glob("*.toml")}
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
