"""JSON from elsewhere: whatever is wrong with it is a ValueError."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MOST = 2**53
"""Whole numbers reach so far, as JSON is read elsewhere, too."""


def parsed(text: str | bytes) -> Any:
    """What a JSON text holds.

    Raises ValueError for none, for one nested too deeply, and for numbers that are not finite or that are beyond MOST.

    >>> parsed('{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    """
    try:
        return json.loads(text, parse_constant=_refused, parse_int=_whole, parse_float=_finite)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _whole(text: str) -> int:
    if len(text) > 20 or abs(number := int(text)) > MOST:
        raise ValueError(f"{text[:20]}... is too large")
    return number


def _finite(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is too large")
    return number
