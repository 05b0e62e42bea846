"""The command line.

Exit status: 0 all is well; 2 a mistake the user can mend; 3 done, but some rows failed or some points
could not be measured; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...core.errors import RabenchError
from . import cli_training as _training  # noqa: F401 - its commands
from .console import (
    INCOMPLETE,
    STOPPED,
    USER,
    AxisOption,
    LabelsOption,
    PluginOption,
    PSNROption,
    StudyName,
    among,
    app,
    at_least,
    end,
    end_soon,
    err,
    out,
    print_table,
)

if TYPE_CHECKING:
    from ..reporting.report import Report
    from ..running.runner import Outcome
    from ..study.matrix import Study
    from ..study.points import Point


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, without a traceback."""
    try:
        app()
    except RabenchError as error:
        end(str(error), USER)
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
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where results go; default: the study's folder, or runs/NAME.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Worker processes; 0: in this process. Default: one a core.")
    ] = None,
    dask: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:8786", help="Run on the workers of a Dask cluster.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first N images of each data set.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be measured and how long it takes.")
    ] = False,
    timeout: Annotated[
        float, typer.Option(help="Seconds without any task coming back after which workers count as hung.")
    ] = 1800,
    axis: AxisOption = None,
    psnr: PSNROption = False,
    plugin: PluginOption = None,
) -> None:
    """Measure what is missing of a study, then report. Stop it at any time; the same command goes on."""
    from ..running import executors, runner
    from ..study.matrix import AXES, find_study
    from .progress import Shown

    at_least("--workers", workers, 0)
    at_least("--limit", limit, 1)
    at_least("--timeout", timeout, 1)
    among("--axis", axis, AXES)

    command = " ".join(["rabench", *(Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:])])
    found = find_study(study, out_folder)
    count = executors.default_workers() if workers is None else workers
    if dry_run:
        return _dry_run(found, count, limit)
    with Shown(err, found.name) as shown:
        try:
            outcome = runner.run(found, lambda: executors.make(count, dask), limit, shown.progress, command, timeout)
        except KeyboardInterrupt:
            shown.close()
            done = f"{shown.progress.done:,} of {shown.progress.total:,} rows are measured and kept"
            end_soon(f"stopped; {done}. The same command goes on from here.", STOPPED)
            return
    measured = f"{outcome.measured:,} records measured, {outcome.finished:,} were there"
    err.print(f"{found.name}: {measured}")
    if limit:
        err.print(
            f"tables and figures show the first {limit:,} images of each data set; a run without --limit all",
            soft_wrap=True,
        )
    written = _report(found, axis, psnr)
    _warn(outcome, written)


def _dry_run(study: Study, workers: int, limit: int | None) -> None:
    from ..running import executors, plan
    from ..study.matrix import with_references
    from ..study.records import Index, Records

    pool = executors.in_process()
    records = Records(study.records)
    points = with_references(study.load())
    found = plan.make_plan(points, records, Index(study.records), limit, pool, err.print)
    missing = {str(m.point.labels): 0 for m in found.missing}
    for m in found.missing:
        missing[str(m.point.labels)] += 1
    refused = {str(p.labels) for p, _ in found.impossible}
    for point in points:
        if (key := str(point.labels)) not in refused:
            state = f"missing: {missing[key]}" if key in missing else "done"
            out.print(f"{point.dataset.short}  {point}  {state}", soft_wrap=True, markup=False)
    _say_impossible(found.impossible)
    if not found.spans:
        pool.close()
        sys.exit(USER)
    seconds = plan.estimate(found, records)
    basis = "from the records of this study"
    if seconds is None:
        seconds, basis = plan.probe(found), "from a probe of 16 images"
    pool.close()
    left = seconds / max(1, workers)
    total = found.finished + len(found.missing)
    out.print(
        f"{len(points)} points; {found.finished} of {total} records done; about {_duration(left)} left "
        f"with {workers} workers ({basis})",
        soft_wrap=True,
    )
    if found.impossible:
        sys.exit(INCOMPLETE)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


@app.command()
def report(
    study: StudyName,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")] = None,
    axis: AxisOption = None,
    psnr: PSNROption = False,
    style: Annotated[
        str | None, typer.Option(metavar="paper", help="Figures as wide as one and two columns, as PDF and SVG, too.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Write a page (report.html), tables and figures from a study's records; measures nothing."""
    from ..study.matrix import AXES, find_study

    among("--axis", axis, AXES)
    among("--style", style, ("paper",))
    found = find_study(study, out_folder)
    written = _report(found, axis, psnr, style == "paper")
    if written.bad or written.failed:
        _say_failed(written)
        sys.exit(INCOMPLETE)


def _report(study: Study, axis: str | None, psnr: bool, paper: bool = False) -> Report:
    from ..reporting.report import report as write_report

    written = write_report(study, axis, psnr, paper)
    for title, table, notes in written.tables:
        print_table(title, table.drop(columns=["bundle", "floor", "images", "failed"]), notes)
    for file in written.files:
        out.print(str(file), soft_wrap=True, markup=False)
    for line in written.left_out:
        err.print(line, soft_wrap=True, markup=False)
    return written


def _say_impossible(impossible: list[tuple[Point, str]]) -> None:
    for reason in dict.fromkeys(reason for _, reason in impossible):
        points = [str(p) for p, r in impossible if r == reason]
        err.print(
            f"not measured: {points[0]}{f' and {len(points) - 1} more' if len(points) > 1 else ''}: {reason}",
            soft_wrap=True,
            markup=False,
        )


def _warn(outcome: Outcome, written: Report) -> None:
    _say_impossible(outcome.impossible)
    _say_failed(written)
    if outcome.impossible or written.failed or written.bad:
        sys.exit(INCOMPLETE)


def _say_failed(written: Report) -> None:
    for line in (*written.bad, *written.failures):
        err.print(line, soft_wrap=True, markup=False)


@app.command()
def check(
    codec: Annotated[str, typer.Argument(metavar="CODEC", help="A codec, such as jpeg or mycodec:quality=50.")],
    plugin: PluginOption = None,
) -> None:
    """Whether a codec holds to what the bench relies on: sizes, determinism, batches, corrupt files, speed, ..."""
    import pandas as pd

    from ...codecs import CODECS
    from ...codecs.base import Codec
    from ..study.plugin_files import FAMILIES
    from .check import check_codec, rows

    for base, family in FAMILIES:
        if (name := codec.partition(":")[0]) in family.names() and base is not Codec:
            end(f"{name} is a {family.kind}; check is for codecs", USER)
    found = check_codec(CODECS.make(codec))
    broken = sum(not c.passed for c in found)
    title = f"{codec}: " + (f"{broken} of {len(found)} promises broken" if broken else "every promise kept")
    print_table(title, pd.DataFrame(rows(found)), [])
    if broken:
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
    workers: Annotated[int | None, typer.Option(help="Worker processes; 0: in this process.")] = None,
    plugin: PluginOption = None,
) -> None:
    """Measure one codec more on a study's images, add its curve, and say how it compares with each other."""
    from ..reporting.comparison_tables import new_against_each
    from ..running import executors
    from ..study.matrix import find_study
    from .add import add as added
    from .add import against_each
    from .progress import Shown

    at_least("--workers", workers, 0)
    found = find_study(study, out_folder)
    count = executors.default_workers() if workers is None else workers
    command = " ".join(["rabench", *(Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:])])
    with Shown(err, found.name) as shown:
        done = added(
            found,
            codec,
            quantizer or ["none"],
            plugin or [],
            lambda: executors.make(count, None),
            shown.progress,
            command,
        )
    if done.chosen:
        err.print(done.chosen, soft_wrap=True, markup=False)
    outcome = done.outcome
    err.print(
        f"{found.name}: {outcome.measured:,} records measured, {outcome.finished:,} were there; noted in {found.added}",
        soft_wrap=True,
    )
    written = _report(found, None, False)
    for table in new_against_each(against_each(written.pairs, done.codecs)):
        print_table(*table)
    _warn(outcome, written)


@app.command("list")
def list_(
    family: Annotated[str | None, typer.Argument(metavar="[codecs|quantizers|classifiers|datasets|studies]")] = None,
    plugin: PluginOption = None,
) -> None:
    """What there is: names, settings with what is allowed, and whether it can be used here."""
    from .listing import tables

    for title, table in tables(family):
        print_table(title, table, [])
        out.print()
    if family != "studies":
        out.print("*: the setting that trades rate for quality. In brackets: the default.", markup=False)


@app.command()
def show(
    study: StudyName,
    image: Annotated[int, typer.Option(min=0, help="Position of the image in the data set.")] = 0,
    every: Annotated[bool, typer.Option("--every", help="Every point of a curve, not at most six.")] = False,
    target: Annotated[
        Path | None, typer.Option("--out", help="The PNG to write; default: in the study's folder.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Draw one image under every quantizer and codec of a study, with bpp and prediction."""
    from ..reporting.show import show as draw
    from ..study.matrix import find_study

    for path in draw(find_study(study), image, every, target):
        out.print(str(path), soft_wrap=True, markup=False)


@app.command()
def compare(
    studies: Annotated[
        list[str],
        typer.Argument(metavar="STUDY...", help="A folder with a matrix.toml, or an embedded study; may be several."),
    ],
    anchor: Annotated[str, typer.Option(help="The curve to compare with, as the figures name it: median-cut+png.")],
    test: Annotated[
        list[str] | None, typer.Option(help="A curve to compare, may be repeated; default: every other.")
    ] = None,
    labels: LabelsOption = None,
    interpolation: Annotated[
        str, typer.Option(metavar="pchip|akima", help="What goes through the points of a curve.")
    ] = "pchip",
    flips: Annotated[bool, typer.Option("--flips", help="Name the images that each point gains and loses.")] = False,
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Where the run's --out put its records; of one study.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex, csv or json")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Compare curves on the same images: BD figures and paired differences with 95 % intervals."""
    from ..comparing.bjontegaard import BETWEEN
    from ..comparing.compare import compare as compared
    from ..comparing.reading import LABELS
    from ..reporting.comparison_tables import FORMATS, as_text, shown
    from ..study.matrix import find_study

    among("--format", form, FORMATS)
    among("--interpolation", interpolation, BETWEEN)
    among("--labels", labels, LABELS)
    if out_folder and len(studies) > 1:
        end("--out goes with one study; of several name the folders themselves", USER)
    found = compared([find_study(s, out_folder) for s in studies], anchor, test or [], labels, interpolation)
    if form != "text":
        out.print(as_text(found, form, flips), soft_wrap=True, markup=False)
    for table in (table for c in found if form == "text" for table in shown(c, flips)):
        print_table(*table)
    _end_with(found[0].bad)


def _end_with(bad: list[str]) -> None:
    """Exit status 3 where some files among the records are none."""
    for line in bad:
        err.print(line, soft_wrap=True, markup=False)
    if bad:
        sys.exit(INCOMPLETE)


@app.command()
def points(
    study: StudyName,
    at_least: Annotated[float | None, typer.Option(metavar="PERCENT", help="An accuracy to reach.")] = None,
    at_most: Annotated[str | None, typer.Option(metavar="BPP", help="A rate to keep within: 0.5 or 0.5bpp.")] = None,
    labels: LabelsOption = None,
    out_folder: Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")] = None,
    plugin: PluginOption = None,
) -> None:
    """What a need costs: the cheapest point of each curve that reaches an accuracy, or the best within a rate."""
    from ..comparing.operating_points import operating_points, requirement
    from ..comparing.reading import LABELS
    from ..study.matrix import find_study

    among("--labels", labels, LABELS)
    try:
        rate = None if at_most is None else float(at_most.removesuffix("bpp"))
    except ValueError:
        rate = 0.0
    if rate is not None and rate <= 0:
        end(f"--at-most is a rate above 0, such as 0.5 or 0.5bpp, got {at_most!r}", USER)
    tables, bad = operating_points(find_study(study, out_folder), requirement(at_least, rate), labels)
    for table in tables:
        print_table(*table)
    _end_with(bad)


@app.command()
def cam(
    study: StudyName,
    image: Annotated[int, typer.Option(min=0, help="Position of the image in the data set.")] = 0,
    every: Annotated[bool, typer.Option("--every", help="Every point of a curve, not at most six.")] = False,
    target: Annotated[
        Path | None, typer.Option("--out", help="The PNG to write; default: in the study's folder.")
    ] = None,
    plugin: PluginOption = None,
) -> None:
    """Draw where the classifier looks: class activation maps of one image under every quantizer and codec."""
    from ..reporting.show import show as draw
    from ..study.matrix import find_study

    for path in draw(find_study(study), image, every, target, cam=True):
        out.print(str(path), soft_wrap=True, markup=False)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from ...core.version import __version__

        out.print(__version__)
        raise typer.Exit
