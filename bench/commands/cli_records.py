"""The commands about what is stored: pack, merge, status."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .console import (
    INCOMPLETE,
    TABLE_FORMATS,
    PluginOption,
    StudyName,
    among,
    app,
    err,
    print_tables,
)

OutOption = Annotated[Path | None, typer.Option("--out", help="Where the run's --out put its records.")]


@app.command()
def pack(study: StudyName, out_folder: OutOption = None) -> None:
    """Put a study's records into one file a point. Every command reads them; a run measures what is missing beside them."""
    from ..study.matrix import find_study
    from ..study.packing import pack_study

    target, complaints = find_study(study, out_folder), []
    packed = pack_study(target, complaints.append)
    err.print(
        f"{target.name}: {packed.records:,} records in {packed.packs:,} packs; {packed.files:,} files are gone",
        soft_wrap=True,
    )
    for line in complaints:
        err.print(line, soft_wrap=True, markup=False)
    if complaints:
        raise typer.Exit(INCOMPLETE)


@app.command()
def merge(
    studies: Annotated[list[str], typer.Argument(metavar="STUDY...", help="Studies whose records are copied.")],
    into: Annotated[Path, typer.Option(help="The folder that receives them; made where it is missing.")],
) -> None:
    """Copy the records of several studies into one: parts measured on machines that share nothing become one study."""
    from ..study.matrix import find_study
    from ..study.merging import merge as merging

    merged = merging([find_study(study) for study in studies], into)
    err.print(f"{into}: {merged.copied:,} files copied, {merged.there:,} were there", soft_wrap=True)
    for line in merged.remarks:
        err.print(line, soft_wrap=True, markup=False)
    if merged.remarks:
        raise typer.Exit(INCOMPLETE)


@app.command()
def status(
    study: StudyName,
    out_folder: OutOption = None,
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or csv")] = "text",
    plugin: PluginOption = None,
) -> None:
    """Where a study stands, also while a run goes on: for each point what is done, what failed, and the time left."""
    from ..running.status import status as standing
    from ..study.matrix import find_study

    among("--format", form, TABLE_FORMATS)
    print_tables([standing(find_study(study, out_folder)).table], form)
