"""Errors that a user can mend: each is one clear line, shown without a traceback."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from .printable import printable


class RabenchError(Exception):
    """A mistake or a lack that the user can mend: what came, what is allowed, what to do; printable, in one line."""

    def __init__(self, *parts: object) -> None:
        super().__init__(*(printable(part) if isinstance(part, str) else part for part in parts))


class UnknownName(RabenchError, LookupError):
    """A name that no table holds."""

    # LookupError shows the repr of its argument; a message is a sentence.
    __str__ = Exception.__str__


class BadSetting(RabenchError, ValueError):
    """A setting outside of what its plug-in allows."""


class Unavailable(RabenchError, RuntimeError):
    """A program, library, file or data set that is not on this machine; the message names the remedy."""


class Refused(RabenchError, ValueError):
    """Two things that do not belong together, such as a classifier and another data set's images."""


def nearest(name: str, names: Iterable[str]) -> str:
    """`` (did you mean 'a' or 'b'?)``, or nothing where no name is near."""
    by_lower = {candidate.lower(): candidate for candidate in names}
    similar = [by_lower[n] for n in difflib.get_close_matches(name.lower(), list(by_lower), n=3, cutoff=0.5)]
    return f" (did you mean {' or '.join(map(repr, similar))}?)" if similar else ""


def unknown(kind: str, name: str, names: Collection[str], remedy: str = "") -> UnknownName:
    """The error for a name that is not among ``names``, with near misses, the list, and a remedy."""
    listed = ", ".join(sorted(names))
    return UnknownName(
        f"no {kind} is named {name!r}{nearest(name, names)}; there are {listed}{remedy and '; ' + remedy}"
    )
