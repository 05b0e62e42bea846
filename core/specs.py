"""The grammar of specs: ``name:key=value:key=value``, and of points: ``a+b+c``.

A value that holds one of ``: , + "`` or white space is quoted: ``onnx:path="C:/nets/a+b.onnx"``; a
quote inside is doubled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import BadSetting

_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:/(\d+))?")
LONGEST_RANGE = 60
"""Letters of a range at the most."""
_PLAIN = re.compile(r'[^:,+"\s*]+')


def split(text: str, separator: str) -> list[str]:
    """``text`` cut at each ``separator`` outside quotes; the quotes stay."""
    parts, quoted = [""], False
    for character in text:
        quoted ^= character == '"'
        if character == separator and not quoted:
            parts.append("")
        else:
            parts[-1] += character
    if quoted:
        raise BadSetting(f"{text!r} opens a quote that it does not close")
    return parts


def unquote(text: str) -> str:
    """The value that ``quote`` wrote: without quotes, doubled ones single."""
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1].replace('""', '"')
    return text


def quote(value: Any) -> str:
    """A value as text, quoted where the grammar asks for it."""
    text = str(value)
    return text if _PLAIN.fullmatch(text) else '"' + text.replace('"', '""') + '"'


def parse(text: str) -> tuple[str, dict[str, str]]:
    """The name and the settings of a spec, values still as written. Raises BadSetting."""
    name, *assignments = split(text.strip(), ":")
    settings: dict[str, str] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise BadSetting(
                f"{text!r}: {assignment!r} is no setting; write name:setting=value, "
                'and quote a value that holds a colon: path="C:/..."'
            )
        if key in settings:
            raise BadSetting(f"{name}: {key} is given twice")
        settings[key] = value
    return name, settings


def join(name: str, settings: Mapping[str, Any]) -> str:
    """The spec of a name and settings, these sorted."""
    return ":".join([name, *sorted(f"{key}={quote(value)}" for key, value in settings.items())])


def ranges(values: Iterable[int]) -> str:
    """Integers as briefly as they can be written: ``0..3`` or ``0..3,7``."""
    runs: list[list[int]] = []
    for value in sorted(values):
        if runs and value == runs[-1][-1] + 1:
            runs[-1].append(value)
        else:
            runs.append([value])
    return ",".join(f"{r[0]}..{r[-1]}" if len(r) > 2 else ",".join(map(str, r)) for r in runs)


def integer_range(text: str) -> range | None:
    """The range that ``low..high`` or ``low..high/step`` means; empty where it runs backwards. Raises BadSetting."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    if len(text) > LONGEST_RANGE:
        raise BadSetting(f"{text[:LONGEST_RANGE]}...: numbers of a range have fewer digits")
    low, high, step = int(match[1]), int(match[2]), int(match[3] or 1)
    return range(low, high + 1, step) if step else range(0)
