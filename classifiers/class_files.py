"""Files of class names, for networks whose own files do not hold them."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import Refused, Unavailable
from ..core.files import sha256_of


def class_file(plugin: str, path: str) -> Path:
    """The file of class names at a setting's path. Raises Unavailable, naming the plug-in, where there is none."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise Unavailable(f"{plugin}: no file at {path!r}; give classes_file=FILE with a class name a line")
    return file


def class_file_hash(plugin: str, path: str) -> str:
    """The part of a version that tells the content of a file of class names; empty where ``path`` is."""
    return f", classes {sha256_of(class_file(plugin, path))[:16]}" if path else ""


def class_names(plugin: str, path: str, count: int, network: str) -> tuple[str, ...]:
    """The names in a file, a line each, in the order of the logits; numbers where ``path`` is empty.

    network: the file that gives ``count`` logits.
    Raises Unavailable for a file that cannot be read, Refused for another number of names.
    """
    if not path:
        return tuple(map(str, range(count)))
    try:
        lines = class_file(plugin, path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(f"{plugin}: {path} cannot be read: {error}") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != count:
        raise Refused(f"{path} names {len(names)} classes, {network} gives {count} logits")
    return names
