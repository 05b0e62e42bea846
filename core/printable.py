"""Text from anywhere as it may be shown: what would steer a terminal, turn a line around or break it is spelled out."""

from __future__ import annotations

import re
from typing import Any

_STEERING = (
    "\x00-\x1f\x7f-\x9f"  # controls, C1 among them: escape sequences, backspace, carriage return
    "\u202a-\u202e\u2066-\u2069"  # the direction of writing, against that of the letters
    "\u2028\u2029\ufeff\ufff9-\ufffb"  # lines of another kind, marks that nobody sees
    "\ud800-\udfff\U000e0000-\U000e007f"  # halves of characters, which no file can hold; tags, which nobody sees
)
_WITH_BREAKS = re.compile(f"[{_STEERING}]")
_WITHOUT_BREAKS = re.compile(f"(?!\\n)[{_STEERING}]")
LONGEST = 160
"""The letters of a name that a figure or a file name shows at the most."""


def printable(text: str, lines: bool = False) -> str:
    """The text with such characters spelled out, ``\\x1b``; all others, of whatever script, stay. lines: so do line breaks.

    >>> printable("k-means:colors=2"), printable("\\x1b[31mred\\n")
    ('k-means:colors=2', '\\\\x1b[31mred\\\\n')
    """
    return (_WITHOUT_BREAKS if lines else _WITH_BREAKS).sub(_spelled, text)


def printable_all(content: Any) -> Any:
    """Lists and dictionaries, as JSON has them, with every text printable."""
    if isinstance(content, str):
        return printable(content)
    if isinstance(content, dict):
        return {printable(key) if isinstance(key, str) else key: printable_all(v) for key, v in content.items()}
    return [printable_all(value) for value in content] if isinstance(content, (list, tuple)) else content


def shortened(text: str, most: int = LONGEST) -> str:
    """The text, of a long one the beginning and the end."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]}\u2026{text[len(text) - most // 2 + 1 :]}"


def _spelled(match: re.Match[str]) -> str:
    return repr(match[0])[1:-1] if not match[0].isprintable() else f"\\u{ord(match[0]):04x}"
