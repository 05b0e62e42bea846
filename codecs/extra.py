"""Libraries that an extra of rabench installs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..core.errors import Unavailable


def imagecodecs() -> Any:
    """The module imagecodecs. Raises Unavailable, with the remedy, where it is not installed."""
    return library("imagecodecs", "codecs")


def library(name: str, extra: str) -> Any:
    """A module that the ``extra`` of that name installs. Raises Unavailable, with the remedy, where it is missing."""
    try:
        return import_module(name)
    except ImportError:
        raise Unavailable(f"{name} is not installed; pip install -c constraints.txt '.[{extra}]'") from None
