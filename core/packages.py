"""Packages that extras of rabench install, asked for without importing them."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from .errors import Unavailable


def installed(package: str, remedy: str) -> str:
    """A package's name and version. Raises Unavailable, with the remedy, where it is not installed."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        raise Unavailable(remedy) from None
