"""The command that times points: time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import (
    INCOMPLETE,
    STOPPED,
    TABLE_FORMATS,
    PluginOption,
    StudyName,
    among,
    app,
    at_least,
    end_soon,
    err,
    print_tables,
)


@app.command()
def time(
    study: StudyName,
    codecs: Annotated[
        str | None, typer.Option(metavar="jpeg,webp", help="Codecs that are timed; default: all of the study.")
    ] = None,
    budget: Annotated[str, typer.Option(metavar="5min", help="The time that all takes, about.")] = "5min",
    images: Annotated[int, typer.Option(help="Images of each data set at the most, a random part of it.")] = 32,
    rounds: Annotated[int, typer.Option(help="How often everything is timed, from 6.")] = 15,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where results go; default: the study's folder, or runs/NAME.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Time encoding and decoding: one pinned worker, warm, points interleaved, medians with intervals."""
    from ..choosing.quantities import names, seconds
    from ..running import executors
    from ..study.matrix import find_study
    from ..timing.table import times_table
    from ..timing.timing import Extent, time_study

    among("--format", form, TABLE_FORMATS)
    at_least("--images", images, 1)
    extent = Extent(images, rounds, seconds(budget), names(codecs))
    target = find_study(study, out_folder)
    with err.status(f"{target.name}: reading images") as status:
        try:
            timed = time_study(target, lambda: executors.make(1, None), extent, status.update)
        except KeyboardInterrupt:
            status.stop()
            end_soon("stopped; nothing is kept of it", STOPPED)
    print_tables((times_table(times, times.dataset) for times in timed.times), form)
    for line in timed.left_out:
        err.print(f"left out: {line}", soft_wrap=True, markup=False)
    if timed.left_out:
        raise typer.Exit(INCOMPLETE)
