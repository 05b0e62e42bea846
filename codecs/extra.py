"""Libraries that an extra brings."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..core.errors import Unavailable


def imagecodecs() -> Any:
    """Raises Unavailable, with the remedy, where it is not installed."""
    return library("imagecodecs", "codecs")


def library(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise Unavailable(f"{name} is not installed; pip install -c constraints.txt '.[{extra}]'") from None
