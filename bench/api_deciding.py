"""What the commands that decide what to store do, as functions of the package: choose, classes, time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..core import quantities
from ..core.tables import Table
from .api import Tables, named_study
from .choosing import answer
from .choosing import choose as choosing
from .choosing.choose import Choice
from .choosing.question import Question
from .comparing import classes as class_losses
from .running import executors
from .running.runner import Progress
from .timing.table import times_table
from .timing.timing import Extent, Timed, time_study


class Choices(list[Choice]):
    """A choice for each data set and classifier; a notebook shows all of their tables."""

    @property
    def tables(self) -> list[Table]:
        """The curves side by side, the best first, for each choice."""
        return [answer.table(choice) for choice in self]

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables)


def choose(
    study: str | Path,
    lose_at_most: float | None = None,
    at_most: str | float | None = None,
    bytes: str | float | None = None,
    images: str | float | None = None,
    by: str = "accuracy",
    labels: str | None = None,
    confidence: float = 95,
    codecs: str | Sequence[str] = (),
    budget: str | float | None = None,
    out: str | Path | None = None,
    workers: int = 0,
    progress: Progress | None = None,
    plugins: Sequence[str | Path] = (),
    command: str | None = None,
) -> Choices:
    """The cheapest setting of each codec that loses no more than is tolerated, or the most accurate within a rate.

    Measures what decides it, on as few images as that takes; the records are those of ``run``. lose_at_most: points of
    accuracy (of agreement, without labels), or nats with ``by="log-loss"``. at_most: instead, a rate such as "0.5bpp"; or
    bytes, such as "200GB", for so many images, such as "1.2M". confidence: in percent, that no setting named loses more.
    codecs: codecs or curves by name; default: all. budget: the time after which no more is measured, such as "20min", or
    seconds. Raises RabenchError for what the caller can set right, such as more confidence than the images allow.
    """
    question = Question.asked(
        lose_at_most,
        at_most,
        bytes,
        images,
        by=by,
        labels=labels,
        confidence=confidence,
        codecs=quantities.names(codecs),
    )
    time = quantities.seconds(budget) if budget else float("inf")
    text = command or f"rabench.choose({str(study)!r})"
    target = named_study(study, out, plugins)
    return Choices(choosing.choose(target, question, lambda: executors.make(workers, None), time, progress, text))


class ClassTables(Tables):
    """The classes that lose more than the others, at each point."""


def classes(
    study: str | Path,
    points: Sequence[str] = (),
    labels: str | None = None,
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> ClassTables:
    """Which classes pay for a codec: a table with a row a point; for points that are named, tables of their classes.

    points: by name, such as "none+jpeg:quality=10". labels: as in ``compare``.
    """
    return ClassTables(*class_losses.classes(named_study(study, out, plugins), points, labels))


class TimedStudy(Timed):
    """The times of a study; a notebook shows their tables."""

    @property
    def tables(self) -> list[Table]:
        """A row a point, for each data set."""
        return [times_table(times, times.dataset) for times in self.times]

    def _repr_html_(self) -> str:
        return "".join(table.html() for table in self.tables)


def time(
    study: str | Path,
    codecs: str | Sequence[str] = (),
    budget: str | float = "5min",
    images: int = 32,
    rounds: int = 15,
    out: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
) -> TimedStudy:
    """Times quantizing, encoding and decoding on one pinned worker, points interleaved; ``report`` shows what it finds.

    codecs: by name; default: all of the study. budget: the time that all takes, about, such as "5min"; it decides how many
    of ``images`` a data set are used. rounds: how often everything is timed, from 6. Needs no records. Raises RabenchError
    for what the caller can set right, such as a budget that is too short.
    """
    extent = Extent(images, rounds, quantities.seconds(budget), quantities.names(codecs))
    timed = time_study(named_study(study, out, plugins), lambda: executors.make(1, None), extent)
    return TimedStudy(timed.times, timed.left_out)
