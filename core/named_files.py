"""The files that a program in Python names: weights, tables and whatever else it reads."""

from __future__ import annotations

import ast
import stat
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

MOST_FILES = 32
"""A pattern that fits more files than these names none: those are images, not weights."""
LONGEST_NAME = 250
"""In bytes; no file system in common use takes more than 255."""


def files_named_in(code: bytes, program: Path) -> list[Path]:
    """The files that text constants and f-strings of a program name, in order.

    A name counts beside the program, in the working directory, in folders there that the program names as well, or as
    a whole path. What an f-string puts in stands for anything; an ending alone (``.npy``) for the program's own name
    with that ending. Code that cannot be parsed names nothing.
    """
    try:
        texts = sorted(set(_texts(ast.parse(code))))
    except (SyntaxError, ValueError):
        return []
    names = [_name(text, program.stem) for text in texts if _may_be_a_name(text)]
    files: set[Path] = set()
    for folder in _folders(names, [program.parent, Path.cwd()]):
        for name in names:
            files.update(path.resolve() for path in _matches(folder, name) if stat.S_ISREG(_mode(path)))
    return sorted(files - {program.resolve()})


def _texts(tree: ast.AST) -> Iterator[str]:
    composed = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in composed for part in node.values}
    for node in composed:
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.value


def _may_be_a_name(text: str) -> bool:
    short = len(text.encode(errors="replace")) <= LONGEST_NAME
    return short and text.isprintable() and any(map(str.isalnum, text)) and "**" not in text


def _name(text: str, stem: str) -> str:
    """A name, or a pattern of names where it holds a ``*``."""
    if text.startswith("~/"):
        return str(Path.home() / text[2:])
    text = text.removeprefix("*/")  # an f-string's folder is any of those that are looked through
    return stem + text if text.startswith(".") and "/" not in text else text


def _folders(names: list[str], first: list[Path]) -> list[Path]:
    """The first folders, and those within them that have one of the names, however deep."""
    folders = list(dict.fromkeys(folder.resolve() for folder in first))
    for folder in folders:  # grows
        for name in names:
            if stat.S_ISDIR(_mode(folder / name)) and (named := (folder / name).resolve()) not in folders:
                folders.append(named)
    return folders


def _matches(folder: Path, name: str) -> list[Path]:
    if "*" not in name:
        return [folder / name]
    if Path(name).is_absolute():
        folder, name = Path(Path(name).anchor), str(Path(name).relative_to(Path(name).anchor))
    matches = list(islice(folder.glob(name.replace("[", "[[]")), MOST_FILES + 1))
    return matches if len(matches) <= MOST_FILES else []


def _mode(path: Path) -> int:
    """What lies at a path, as stat tells it; 0 for nothing, and for what may not be looked at."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0
