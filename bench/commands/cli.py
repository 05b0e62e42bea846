"""The command line: measuring studies, and what there is to measure with.

Exit status: 0 all is well; 2 a mistake the user can mend; 3 done, but some rows failed or some points
could not be measured; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import RabenchError, Unavailable
from . import cli_choosing as _choosing
from . import cli_records as _records
from . import cli_results as _results
from . import cli_training as _training
from .console import (
    INCOMPLETE,
    STOPPED,
    USER,
    AxisOption,
    PluginOption,
    PSNROption,
    ResultsOption,
    StudyName,
    WorkersOption,
    among,
    app,
    as_options,
    at_least,
    command_line,
    end,
    end_soon,
    err,
    out,
    print_report,
    print_table,
    say,
    with_trust,
    worker_count,
)

if TYPE_CHECKING:
    from ..reporting.report import Report
    from ..running.session import Outcome
    from ..study.points import Point
    from ..study.study import Study

COMMANDS = (_choosing, _records, _results, _training)
"""Files whose commands are known once they are imported."""


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, without a traceback."""
    try:
        app()
    except RabenchError as error:
        end(as_options(str(error)), USER)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO):
            raise
        place = f": {error.filename}" if error.filename else ""
        end(
            f"{error.strerror}{place}; what was finished is kept: make room, or give --out a folder that can be "
            "written, and run the same command again",
            USER,
        )


@app.command()
def run(
    study: StudyName,
    out_folder: ResultsOption = None,
    workers: WorkersOption = None,
    dask: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:8786", help="Run on the workers of a Dask cluster.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N images of each data set.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be measured and how long it takes.")
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(metavar="2h", help="End after this time, all points on equally many images drawn at random."),
    ] = None,
    timeout: Annotated[
        float, typer.Option(help="Seconds without any task coming back after which workers count as hung.")
    ] = 1800,
    axis: AxisOption = None,
    psnr: PSNROption = False,
    plugin: PluginOption = None,
) -> None:
    """Measure what is missing of a study, then report. Stop it at any time; the same command goes on."""
    from ..study.matrix import AXES
    from ..study.study import find_study

    at_least("--workers", workers, 0)
    at_least("--limit", limit, 1)
    at_least("--timeout", timeout, 1)
    among("--axis", axis, AXES)
    if budget is not None and dry_run:
        raise typer.BadParameter("--dry-run says how long all takes; leave --budget out")
    target, count = find_study(study, out_folder), worker_count(workers)
    if dry_run:
        return _dry_run(target, count, limit)
    outcome = _measure(target, count, dask, limit, timeout, budget)
    if outcome is None:
        return None
    there = f", {outcome.finished:,} were there" if budget is None else "; the same command goes on from there"
    err.print(f"{target.name}: {outcome.measured:,} records measured{there}")
    if limit and outcome.images > limit:
        shown = f"tables and figures show the first {limit:,} images of each data set"
        say([f"{shown}; a run without --limit all {outcome.images:,}"])
    return _warn(outcome, _reported(target, axis, psnr, outcome, budget))


def _reported(study: Study, axis: str | None, psnr: bool, outcome: Outcome, budget: str | None) -> Report:
    """The report after a run; where nothing can be reported on, why."""
    try:
        return print_report(study, axis, psnr)
    except Unavailable:
        _say_impossible(outcome.impossible)
        if budget is None:
            raise
        early = f"--budget {budget} is over before any table has a row; the same command goes on from there"
        end(f"{study.name}: {early}", USER)


def _measure(
    study: Study, workers: int, dask: str | None, limit: int | None, timeout: float, budget: str | None
) -> Outcome | None:
    """The outcome of a run; None where Ctrl-C has stopped it."""
    from ..running import executors
    from ..trained import run as train_and_measure
    from .progress import Shown

    with Shown(err, study.name) as shown:
        try:
            pool = partial(executors.make, workers, dask)
            return train_and_measure(study, pool, limit, budget, shown.progress, command_line(), timeout)
        except KeyboardInterrupt:
            shown.close()
            rows = f"{shown.progress.done:,} of {shown.progress.total:,} rows are measured and"
            kept = rows if shown.progress.total else "what was trained is"
            end_soon(f"stopped; {kept} kept. The same command goes on from here.", STOPPED)
    return None


def _dry_run(study: Study, workers: int, limit: int | None) -> None:
    from ..running.preview import preview
    from ..study.matrix import all_points

    matrix = study.load(measuring=True)
    apart: set[Point] = set()
    if matrix.trained:
        from ..trained import training_run  # brings torch

        lines, apart = training_run.foretold(study, limit, workers, err.print)
        for line in lines:
            out.print(line, soft_wrap=True)
    if apart and len(apart) == len(all_points(matrix)):
        return
    planned = preview(study, limit, err.print, lambda point: point not in apart)
    for point, state in planned.states.items():
        out.print(f"{point.dataset.short}  {point}  {state}", soft_wrap=True)
    _say_impossible(planned.impossible)
    if not planned.records:
        sys.exit(USER)
    left = planned.seconds / max(1, workers)
    out.print(
        f"{planned.points} points; {planned.finished} of {planned.records} records done; about {_duration(left)} left "
        f"with {workers} workers ({planned.basis})",
        soft_wrap=True,
    )
    if planned.impossible:
        sys.exit(INCOMPLETE)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _say_impossible(impossible: list[tuple[Point, str]]) -> None:
    for reason in dict.fromkeys(reason for _, reason in impossible):
        points = [str(p) for p, r in impossible if r == reason]
        more = f" and {len(points) - 1} more" if len(points) > 1 else ""
        err.print(f"not measured: {points[0]}{more}: {as_options(reason)}", soft_wrap=True)


def _warn(outcome: Outcome, written: Report) -> None:
    _say_impossible(outcome.impossible)
    say((*written.bad, *written.failures))
    if outcome.impossible or written.failed or written.bad:
        sys.exit(INCOMPLETE)


@app.command()
def check(
    codec: Annotated[str, typer.Argument(metavar="CODEC", help="A codec, such as jpeg or mycodec:quality=50.")],
    plugin: PluginOption = None,
) -> None:
    """Whether a codec holds to what the bench relies on: sizes, determinism, batches, corrupt files, speed, ..."""
    from ...codecs import CODECS
    from ...codecs.base import Codec
    from ..conformance.check import Checks, check_codec
    from ..study.plugin_files import FAMILIES

    for base, family in FAMILIES:
        if (name := codec.partition(":")[0]) in family.names() and base is not Codec:
            end(f"{name} is a {family.kind}; check is for codecs", USER)
    checks = Checks(codec, check_codec(CODECS.make(codec)))
    print_table(checks.table)
    if checks.broken:
        sys.exit(INCOMPLETE)


@app.command()
def add(
    codec: Annotated[
        str, typer.Argument(metavar="CODEC", help="mycodec, or mycodec:quality=10..90/10; several by several calls.")
    ],
    study: Annotated[str, typer.Option("--to", metavar="STUDY", help="A study that is measured.")],
    quantizer: Annotated[
        list[str] | None, typer.Option(help="Before the codec, may be repeated; default: none, the originals.")
    ] = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")] = None,
    workers: WorkersOption = None,
    plugin: PluginOption = None,
) -> None:
    """Measure one codec more on a study's images, add its curve, and say how it compares with each other."""
    from ..running import executors
    from ..study.study import find_study
    from . import add as adding
    from .add import comparison_tables
    from .progress import Shown

    at_least("--workers", workers, 0)
    target = find_study(study, out_folder)
    with Shown(err, target.name) as shown:
        added = adding.add(
            target,
            codec,
            quantizer or ["none"],
            plugin or [],
            lambda: executors.make(worker_count(workers), None),
            shown.progress,
            command_line(),
        )
    if added.chosen:
        err.print(added.chosen, soft_wrap=True)
    outcome = added.outcome
    counts = f"{outcome.measured:,} records measured, {outcome.finished:,} were there"
    err.print(f"{target.name}: {counts}; noted in {target.added}", soft_wrap=True)
    written = print_report(target, None, False)
    for table in comparison_tables(written.groups, added):
        print_table(table)
    _warn(outcome, written)


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Argument(metavar="[codecs|quantizers|classifiers|datasets|studies]")] = None,
    plugin: PluginOption = None,
) -> None:
    """What there is: names, settings with what is allowed, and whether it can be used here."""
    from .listing import tables

    legend = ""
    for table in tables(family):
        print_table(table)
        out.print()
        legend = legend or table.legend
    if legend:
        out.print(legend)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from ...core.version import __version__

        out.print(__version__)
        raise typer.Exit


for _command in (*app.registered_commands, *_training.train_app.registered_commands):
    if _command.callback is not None:
        _command.callback = with_trust(_command.callback)
