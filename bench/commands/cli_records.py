"""The commands about what is stored, and how it is measured: pack, merge, status, verify, profile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .console import (
    INCOMPLETE,
    STOPPED,
    TABLE_FORMATS,
    PluginOption,
    StudyName,
    WorkersOption,
    among,
    app,
    at_least,
    end_soon,
    end_with,
    err,
    print_tables,
    say,
    worker_count,
)

if TYPE_CHECKING:
    from ..running.pool import Pool
    from ..running.runner import Progress
    from ..study.study import Study

OutOption = Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")]


@app.command()
def pack(study: StudyName, out_folder: OutOption = None) -> None:
    """Put a study's records into one file a point. Every command reads them; a run measures what is missing beside them."""
    from ..study.folder import pack_study
    from ..study.study import find_study

    target, complaints = find_study(study, out_folder), []
    packed = pack_study(target, complaints.append)
    say([f"{target.name}: {packed.records:,} records in {packed.packs:,} packs; {packed.files:,} files are gone"])
    end_with(complaints)


@app.command()
def merge(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY...", help="Studies whose records are copied.")],
    into: Annotated[Path, typer.Option(help="The folder that receives them; made where it is missing.")],
) -> None:
    """Copy the records of several studies into one: parts measured on machines that share nothing become one study."""
    from ..running.merging import merge as merging
    from ..study.study import find_study

    merged = merging([find_study(study) for study in studies], into)
    say([f"{into}: {merged.copied:,} files copied, {merged.there:,} were there"])
    end_with(merged.remarks)


@app.command()
def status(
    study: StudyName,
    out_folder: OutOption = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Where a study stands, also while a run goes on: for each point what is done, what failed, and the time left."""
    from ..auditing.status import status as standing
    from ..study.study import find_study

    among("--format", form, TABLE_FORMATS)
    print_tables([standing(find_study(study, out_folder)).table], form)


@app.command()
def verify(
    study: StudyName,
    rows: Annotated[int, typer.Option(help="How many rows, drawn at random from all points and images.")] = 300,
    every: Annotated[bool, typer.Option("--all", help="All rows, and the hash of all images, too.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed draws other rows.")] = 0,
    workers: WorkersOption = None,
    out_folder: OutOption = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Measure stored rows again on this machine, and say which are not as recorded; writes nothing."""
    from ..auditing.verifying import verify as verifying
    from ..study.study import find_study

    among("--format", form, TABLE_FORMATS)
    at_least("--rows", rows, 1)
    at_least("--workers", workers, 0)
    target = find_study(study, out_folder)
    with _measuring(target, workers) as (pool, progress):
        verified = verifying(target, pool, None if every else rows, seed, progress)
    print_tables([verified.table], form)
    if verified.differences or verified.left_out:
        raise typer.Exit(INCOMPLETE)


@app.command()
def profile(
    study: StudyName,
    images: Annotated[int, typer.Option(help="How many images of each data set.")] = 50,
    workers: WorkersOption = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Where the time of a study goes, stage by stage, and what would cut it: measures some images, and keeps nothing."""
    from ..auditing.profiling import profile as profiling
    from ..study.study import find_study

    among("--format", form, TABLE_FORMATS)
    at_least("--images", images, 1)
    at_least("--workers", workers, 0)
    target = find_study(study)
    with _measuring(target, workers) as (pool, progress):
        found = profiling(target, pool, images, progress)
    print_tables([found.table], form)


@contextmanager
def _measuring(study: Study, workers: int | None) -> Iterator[tuple[Pool, Progress]]:
    """A pool, and progress that is shown, for what keeps nothing of what it measures; the pool ends with it."""
    from ..running import executors
    from .progress import Shown

    pool = executors.make(worker_count(workers), None)
    with Shown(err, study.name) as shown:
        try:
            yield pool, shown.progress
        except KeyboardInterrupt:
            shown.close()
            end_soon("stopped; nothing is kept of it", STOPPED)
        finally:
            pool.stop()
