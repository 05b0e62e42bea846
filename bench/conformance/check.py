"""`rabench check`: whether a codec holds to what the bench relies on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from ...codecs.base import Codec
from ...core.errors import Unavailable
from ...core.origins import describe_error
from ...core.tables import Kind, Table
from . import promises
from .fresh_process import NoProcess
from .promises import Promise
from .trial import ERROR_LENGTH, Broken, Trial


@dataclass(frozen=True)
class Check:
    """One promise and what became of it."""

    promise: str
    passed: bool
    seen: str
    remedy: str = ""


def check_codec(codec: Codec) -> list[Check]:
    """Tries every promise, in order. Raises Unavailable where the codec cannot run here, Refused where no process can be spawned."""
    trial = Trial(codec)
    checks: list[Check] = []
    for promise in promises.FIRST:
        checks.append(_check(promise, trial))
        if not checks[-1].passed:
            return checks
    return checks + [_check(promise, trial) for promise in promises.PROMISES]


def assert_conforms(codec: Codec) -> None:
    """For tests of one's own codecs: AssertionError that lists every promise not kept."""
    broken = [f"{c.promise}: {c.seen}{c.remedy and '; ' + c.remedy}" for c in check_codec(codec) if not c.passed]
    assert not broken, f"{codec.spec} breaks {len(broken)} promises:\n" + "\n".join(broken)


def _check(promise: Promise, trial: Trial) -> Check:
    try:
        return Check(promise.name, True, promise.test(trial))
    except (Unavailable, NoProcess):
        raise
    except Broken as broken:
        return Check(promise.name, False, str(broken), promise.remedy if broken.remedy is None else broken.remedy)
    except Exception as error:  # a codec under test may raise anything
        return Check(promise.name, False, describe_error(error, ERROR_LENGTH), promise.remedy)


def rows(checks: list[Check]) -> Iterator[dict[str, str]]:
    """A row of a table for each promise."""
    for check in checks:
        seen = check.seen if check.passed or not check.remedy else f"{check.seen}; {check.remedy}"
        yield {"promise": check.promise, "": "pass" if check.passed else "FAIL", "what": seen}


@dataclass(frozen=True)
class Checks:
    """Every promise and what became of it, for one codec."""

    codec: str
    checks: list[Check]

    @property
    def broken(self) -> list[Check]:
        """The promises that are not kept."""
        return [c for c in self.checks if not c.passed]

    @property
    def table(self) -> Table:
        """A row for each promise."""
        title = f"{self.codec}: "
        title += f"{len(self.broken)} of {len(self.checks)} promises broken" if self.broken else "every promise kept"
        kinds = {"promise": Kind.NAME, "": Kind.TEXT, "what": Kind.TEXT}
        return Table(title, pd.DataFrame(rows(self.checks), columns=list(kinds)), kinds)

    def _repr_html_(self) -> str:
        return self.table.html()
