"""Studies into one: records are copied, and what their indices know of images and versions is joined."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...core.errors import Refused
from ...core.files import atomic_write, write_text
from ...core.quantities import counted
from ...core.toml_files import TomlFile
from ..records.index import Index
from ..records.records import Records
from ..study import provenance
from ..study.folder import prepared
from ..study.matrix import FILE, all_points
from ..study.study import Study
from ..study.trained import ABOUT


@dataclass
class Merged:
    """What merging has done."""

    copied: int = 0
    """The files that were copied."""
    there: int = 0
    """The files that were there already."""
    remarks: list[str] = field(default_factory=list)
    """Lines on what does not go together."""


def merge(sources: Sequence[Study], folder: Path) -> Merged:
    """Copies the records of studies into a folder, whose study is then that of all of them.

    A folder without a matrix gets that of the first study. Raises Refused where a source is the folder itself, Unavailable
    where one holds no records, or the folder is being measured or cannot be written.
    """
    for source in sources:
        if source.folder.resolve() == folder.resolve():
            raise Refused(f"{folder} cannot be merged into itself; name another folder as `into`")
        if not source.records.is_dir():
            raise source.unmeasured()
    begun, merged = (folder / FILE).is_file(), Merged()
    matrix = folder / FILE if begun else sources[0].matrix
    with prepared(Study(folder.resolve().name, matrix, folder)) as records:
        target = Study(folder.resolve().name, folder / FILE, folder)
        if not begun:
            _copy_added(sources[0], target, merged)
        index = Index(target.records)
        for source in sources:
            _copy(Records(source.records), records, merged)
            _join(Index(source.records), index, source.name, merged)
            _add_runs(source.folder, folder)
            _copy_trainings(source, folder, merged)
        index.save()
    for source in sources:
        if lacking := _lacking(source, target):
            merged.remarks.append(
                f"{source.name}: {len(lacking)} of its points are not in {target.matrix}, such as {min(lacking)}; their "
                "records are kept, and tables show them once its [[points]] are there"
            )
    return merged


def _lacking(source: Study, target: Study) -> set[str]:
    """The labels of a study's measured points that another study does not name; not those whose code may not run here."""
    matrix = target.load()
    named = {" + ".join(point.labels) for point in all_points(matrix)}
    measured = Index(source.records).versions.keys() - named
    return {labels for labels in measured if not any(f" {name}" in f" {labels}" for name in matrix.unrun)}


def _copy_added(source: Study, target: Study, merged: Merged) -> None:
    """Copies what was added to a study; the paths of its plug-in files begin at the new folder then."""
    if not source.added.is_file():
        return
    content = TomlFile.open(source.added).content
    files = [source.folder / file for file in content.get("plugins", {}).get("files", [])]
    target.write_added(files, content.get("points", []))
    if "programs" in content:
        merged.remarks.append(
            f"{source.name}: the programs in {source.added} are not copied; add them to {target.added}"
        )


def _copy(source: Records, target: Records, merged: Merged) -> None:
    there = target.names()
    for path, to in _files(source, target):
        if to.is_file() or (path.parent != source.packs and path.stem in there):
            merged.there += 1
            continue
        _copy_file(path, to, merged)
        if to.parent == target.folder:
            (target.failed / to.name).unlink(missing_ok=True)


def _copy_file(path: Path, to: Path, merged: Merged) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(to) as partial:
        shutil.copyfile(path, partial)
    merged.copied += 1


def _files(source: Records, target: Records) -> Iterator[tuple[Path, Path]]:
    """Each file of records and where it goes: packs and records before those with failures, then pieces of records."""
    kinds = ("packs", "folder", "failed", "pieces")
    folders = ((getattr(source, kind), getattr(target, kind)) for kind in kinds)
    for own, other in folders:
        for path in sorted(own.glob("*.parquet")):
            if own != source.failed or not (target.folder / path.name).is_file():
                yield path, other / path.name


def _copy_trainings(source: Study, folder: Path, merged: Merged) -> None:
    """Copies what is known of the networks of [[training]] blocks; their weights stay where they are."""
    others = 0
    for path in sorted((source.folder / ABOUT).glob("*.json")):
        to = folder / ABOUT / path.name
        if to.is_file():
            others += to.read_bytes() != path.read_bytes()
            merged.there += 1
            continue
        _copy_file(path, to, merged)
    if others:
        merged.remarks.append(
            f"{source.name}: {counted(others, 'network')} of [[training]] came to another end than in the studies before it; "
            "their records are kept, and tables show the others"
        )


def _join(source: Index, target: Index, name: str, merged: Merged) -> None:
    for label, entry in source.datasets.items():
        known = target.datasets.setdefault(label, entry)
        if known is not entry:
            _join_blocks(entry, known, label, name, merged)
    for point, noted in source.versions.items():
        known = target.versions.setdefault(point, noted)
        if known != noted:
            merged.remarks.append(
                f"{name}: {point} was measured with other versions than in the studies before it; its records are kept, "
                "and tables show the others"
            )
    target.overheads = {**source.overheads, **target.overheads}


def _join_blocks(entry: dict[str, Any], known: dict[str, Any], label: str, name: str, merged: Merged) -> None:
    for kind in ("blocks", "parts"):
        for span, description in entry.get(kind, {}).items():
            if known.setdefault(kind, {}).setdefault(span, description)["sha256"] != description["sha256"]:
                merged.remarks.append(
                    f"{name}: images {span} of {label} are others than in the studies before it; its records of them are "
                    "kept, and tables do not show them"
                )
    known["images"] = max(known["images"], entry["images"])
    mine, others = known.get("limit"), entry.get("limit")
    known["limit"] = None if mine is None or others is None else max(mine, others)


def _add_runs(source: Path, target: Path) -> None:
    """Adds a study's runs to those of another, each once, in their order in time."""
    runs = provenance.runs(target)
    runs += [entry for entry in provenance.runs(source) if entry not in runs]
    if runs:
        ordered = sorted(runs, key=lambda entry: str(entry.get("date", "")))
        write_text(target / provenance.FILE, json.dumps({"runs": ordered}, indent=1) + "\n")
