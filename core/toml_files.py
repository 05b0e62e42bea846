"""TOML files that a user writes, read so that a message about a mistake names the file and the line."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .errors import BadSetting, nearest

LONGEST, MOST_DOTS = 1_000_000, 5_000
"""Bytes of a file at the most, and dots in a line of it: the time to read a key is the square of its parts."""


@dataclass(frozen=True)
class TomlFile:
    """A TOML file as it was read; its errors begin with where the mistake stands.

    >>> text = 'title = "Birds"\\naxes = "log2"  # for figures'
    >>> file = TomlFile(Path("matrix.toml"), text, tomllib.loads(text))
    >>> file.place("log2")
    'matrix.toml, line 2'
    >>> str(file.error("axes", "there are no axes here"))
    'matrix.toml, line 2: there are no axes here'
    """

    path: Path
    text: str = field(repr=False)
    content: dict[str, Any] = field(repr=False)
    """The tables and values of the whole file."""
    subject: str = ""
    """The name that messages give to what they are about, after the place; empty: none."""

    @classmethod
    def open(cls, path: Path) -> TomlFile:
        """Reads a file. Raises BadSetting for text that is no UTF-8, no TOML or too long, OSError where it cannot be read."""
        try:
            if (size := path.stat().st_size) > LONGEST:
                raise BadSetting(f"{path}: {size:,} bytes; the most is {LONGEST:,}")
            text = path.read_text(encoding="utf-8-sig")
            if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
                raise BadSetting(f"{path}: a line with more than {MOST_DOTS:,} dots")
            content = tomllib.loads(text)
            if _holds_nul(content):
                raise BadSetting(f"{path}: a text holds the character NUL, which no name has")
            return cls(path, text, content)
        except RecursionError:
            raise BadSetting(f"{path}: no valid TOML: it is nested too deeply") from None
        except OverflowError as error:
            raise BadSetting(f"{path}: no valid TOML: {error}") from None
        except UnicodeDecodeError as error:
            raise BadSetting(
                f"{path}: no UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8"
            ) from None
        except tomllib.TOMLDecodeError as error:
            raise BadSetting(f"{path}: no valid TOML: {error}") from None

    def about(self, subject: str) -> TomlFile:
        """The same file, with errors that name ``subject`` after the place."""
        return replace(self, subject=subject)

    def place(self, needle: object) -> str:
        """The file, and the first line that holds ``needle`` outside of comments: ``matrix.toml, line 7``."""
        lines = self.text.splitlines()
        number = next((n for n, line in enumerate(lines, 1) if str(needle) in line.split("#")[0]), None)
        return f"{self.path}{f', line {number}' if number else ''}"

    def error(self, needle: object, message: str) -> BadSetting:
        """The error to raise for a mistake that stands where ``needle`` does."""
        return BadSetting(f"{self.place(needle)}: {self.subject and f'{self.subject}: '}{message}")

    def check_keys(self, table: Mapping[str, Any], allowed: Collection[str], place: str = "") -> None:
        """Raises BadSetting for a key that is not allowed. place: where the table stands, such as `` in [report]``."""
        for key in table:
            if key not in allowed:
                raise self.error(
                    key, f"no key{place} is named {key!r}{nearest(key, allowed)}; there are {', '.join(allowed)}"
                )

    def table(self, key: str) -> dict[str, Any]:
        """The table of that name; an empty one where there is none. Raises BadSetting for what is no table."""
        table = self.content.get(key, {})
        if not isinstance(table, dict):
            raise self.error(key, f"{key} is a table, written as [{key}]")
        return table


def _holds_nul(content: Any) -> bool:
    """Whether any text in a TOML file's content holds NUL."""
    left = [content]
    while left:
        value = left.pop()
        if isinstance(value, str) and "\0" in value:
            return True
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
    return False
