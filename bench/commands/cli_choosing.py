"""The commands that decide what to store: choose, and time, as time is a cost, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from .console import (
    INCOMPLETE,
    STOPPED,
    TABLE_FORMATS,
    LabelsOption,
    PluginOption,
    ResultsOption,
    StudyName,
    WorkersOption,
    among,
    app,
    at_least,
    command_line,
    end_soon,
    end_with,
    err,
    print_tables,
    worker_count,
)

if TYPE_CHECKING:
    from ..choosing.choose import Choice
    from ..choosing.question import Question
    from ..study.study import Study


@app.command()
def choose(
    study: StudyName,
    lose_at_most: Annotated[
        str | None, typer.Option(metavar="POINTS", help="The loss that is tolerated: points of accuracy, or nats.")
    ] = None,
    at_most: Annotated[str | None, typer.Option(metavar="0.5bpp", help="Instead: the rate to keep within.")] = None,
    bytes: Annotated[str | None, typer.Option(metavar="200GB", help="Instead: the bytes of all --images.")] = None,
    images: Annotated[str | None, typer.Option(metavar="1.2M", help="How many images --bytes are for.")] = None,
    by: Annotated[str, typer.Option(metavar="accuracy|log-loss", help="What is lost.")] = "accuracy",
    labels: LabelsOption = None,
    confidence: Annotated[float, typer.Option(help="How sure the answer is to be, in percent.")] = 95,
    codecs: Annotated[
        str | None, typer.Option(metavar="jpeg,webp", help="Codecs or curves to choose among; default: all.")
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="20min", help="The time after which no more is measured.")
    ] = None,
    workers: WorkersOption = None,
    out_folder: ResultsOption = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Find the cheapest setting of each codec that loses no more than you tolerate; measures only what decides it."""
    from ...core.quantities import names, seconds
    from ..choosing.answer import table
    from ..choosing.question import Question
    from ..study.study import find_study

    at_least("--workers", workers, 0)
    among("--format", form, TABLE_FORMATS)
    question = Question.asked(
        lose_at_most, at_most, bytes, images, by=by, labels=labels, confidence=confidence, codecs=names(codecs)
    )
    time = seconds(budget) if budget else float("inf")
    choices = _choose(find_study(study, out_folder), question, worker_count(workers), time)
    print_tables(map(table, choices), form)
    if any(choice.out_of_time for choice in choices):
        raise typer.Exit(INCOMPLETE)


def _choose(study: Study, question: Question, workers: int, budget: float) -> list[Choice]:
    from ..choosing.choose import choose as choosing
    from ..running import executors
    from .progress import Shown

    with Shown(err, study.name) as shown:
        try:
            return choosing(
                study, question, lambda: executors.make(workers, None), budget, shown.progress, command_line()
            )
        except KeyboardInterrupt:
            shown.close()
            end_soon("stopped; what is measured is kept. The same command goes on from here.", STOPPED)


@app.command()
def time(
    study: StudyName,
    codecs: Annotated[
        str | None, typer.Option(metavar="jpeg,webp", help="Codecs that are timed; default: all of the study.")
    ] = None,
    budget: Annotated[str, typer.Option(metavar="5min", help="The time that all takes, about.")] = "5min",
    images: Annotated[int, typer.Option(help="Images of each data set at the most, a random part of it.")] = 32,
    rounds: Annotated[int, typer.Option(help="How often everything is timed, from 6.")] = 15,
    out_folder: ResultsOption = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Time encoding and decoding: one pinned worker, warm, points interleaved, medians with intervals."""
    from ...core.quantities import names, seconds
    from ..running import executors
    from ..study.study import find_study
    from ..timing.table import times_table
    from ..timing.timing import Extent, time_study

    among("--format", form, TABLE_FORMATS)
    at_least("--images", images, 1)
    extent = Extent(images, rounds, seconds(budget), names(codecs))
    target = find_study(study, out_folder)
    with err.status("reading images") as status:
        try:
            timed = time_study(target, lambda: executors.make(1, None), extent, lambda text: status.update(Text(text)))
        except KeyboardInterrupt:
            status.stop()
            end_soon("stopped; nothing is kept of it", STOPPED)
    print_tables((times_table(times, times.dataset) for times in timed.times), form)
    end_with([f"left out: {line}" for line in timed.left_out])
