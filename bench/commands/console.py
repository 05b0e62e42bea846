"""What every command needs: where it prints, how it ends, its options, its tables. Files named cli*.py and this one print or exit."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from threading import Timer
from typing import Annotated, Any

import typer
from rich.console import Console

app = typer.Typer(
    help="What a bit is worth to a neural network: rate-accuracy benchmarks of image codecs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
WIDTH = None if sys.stdout.isatty() else 240
out = Console(highlight=False, width=WIDTH)
err = Console(stderr=True, highlight=False)

USER, INCOMPLETE, STOPPED = 2, 3, 130
PATIENCE = 5.0
"""Seconds that the interpreter has to end once a run is stopped."""


StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="A folder with a matrix.toml, or an embedded study.")]
AxisOption = Annotated[
    str | None, typer.Option(metavar="log2|linear", help="Rate axis of the figures; default: as the matrix says.")
]
LabelsOption = Annotated[
    str | None,
    typer.Option(
        metavar="dataset|agreement",
        help="agreement: right is what the uncompressed image gives; default: the data set's labels where it has any.",
    ),
]


def load_each(files: list[Path] | None) -> list[Path] | None:
    from ..study.plugin_files import load_plugins

    for file in files or []:
        load_plugins(file)
    return files


PluginOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        callback=load_each,
        help="A .py file of plug-ins, or a .toml file of programs; may be repeated.",
    ),
]
PSNROption = Annotated[bool, typer.Option("--psnr", help="A PSNR column in the tables.")]


def end(message: str, status: int) -> None:
    err.print(f"rabench: {message}", soft_wrap=True, markup=False)
    sys.exit(status)


def end_soon(message: str, status: int) -> None:
    """Ends, after PATIENCE even where a thread still speaks with a process that is gone."""
    last = Timer(PATIENCE, os._exit, (status,))
    last.daemon = True
    last.start()
    end(message, status)


def at_least(option: str, value: float | None, low: int) -> None:
    if value is not None and value < low:
        end(f"{option} must be {low} or more, got {value:g}", USER)


def among(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        end(f"{option} must be one of {', '.join(allowed)}, got {value!r}", USER)


LEFT = {
    "quantizer",
    "codec",
    "classifier",
    "curve",
    "against",
    "measured",
    "name",
    "settings",
    "here",
    "what",
    "promise",
    "",
}
FOLDED = 16
"""Letters a line that a folded name has at the least."""
NARROW = {"curve", "against", "promise"}


def print_table(title: str, table: Any, notes: list[str]) -> None:
    """A table whose figures are never cut: names are folded, and where that is not enough lines run over the edge."""
    from rich.table import Table

    shown = Table(box=None, header_style="bold", pad_edge=False)
    least = 0
    for column in table.columns:
        left, kept = column in LEFT, column not in LEFT or column in NARROW
        longest = max([len(column), *(len(str(cell)) for cell in table[column])])
        least += 2 + (longest if kept else min(longest, FOLDED))
        shown.add_column(
            column,
            justify="left" if left else "right",
            no_wrap=kept,
            overflow="fold",
            min_width=longest if kept else min(longest, FOLDED),
        )
    for row in table.to_numpy():
        shown.add_row(*(str(cell).replace("[", "\\[") for cell in row))
    out.print(title, style="italic", soft_wrap=True, markup=False)
    if len(table.columns):
        # a console drops columns that do not fit its width: here it is as wide as the table
        wide = Console(file=out.file, width=max(out.width, least), force_terminal=out.is_terminal, highlight=False)
        wide.print(shown)
    for note in notes:
        out.print(f"  {note}", soft_wrap=not out.is_terminal, markup=False)
