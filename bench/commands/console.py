"""What every command needs: where it prints, how it ends, its options, its tables. Files named cli*.py and this one end the process."""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import rich.table
import typer
from rich.console import Console
from rich.text import Text

from ...core.files import without_folders
from ...core.printable import printable
from ...core.tables import Kind, Table

if TYPE_CHECKING:
    from ..reporting.report import Report
    from ..study.study import Study

app = typer.Typer(
    help="What a bit is worth to a neural network: rate-accuracy benchmarks of image codecs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
WIDTH = None if sys.stdout.isatty() else 240


class Printer(Console):
    """A console on which names are text: no escape sequence, line break, markup or emoji in one has effect."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def print(self, *shown: Any, lines: bool = False, **options: Any) -> None:
        """lines: whether line breaks in texts stay."""
        super().print(*(printable(s, lines) if isinstance(s, str) else s for s in shown), **options)


out = Printer(width=WIDTH)
err = Printer(stderr=True)

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
WorkersOption = Annotated[int | None, typer.Option(help="Worker processes; 0: in this process. Default: one a core.")]
ResultsOption = Annotated[
    Path | None, typer.Option("--out", help="Where results go; default: the study's folder, or runs/NAME.")
]
PSNROption = Annotated[bool, typer.Option("--psnr", help="A PSNR column in the tables.")]


def with_options(*templates: Callable[..., None]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options that templates declare, in their order, after its own; it takes them as ``**options``."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        parameters = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
        for template in templates:
            parameters += inspect.signature(template, eval_str=True).parameters.values()
        command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        return command

    return decorate


TrustOption = Annotated[
    bool, typer.Option("--trust", help="Let the study's own code run, now and later, as long as it stays as it is.")
]


def _trust_option(trust: TrustOption = False) -> None:
    """The template of the option that every command on a study has."""


def with_trust(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command on a study the option --trust; others stay as they are."""
    if not {"study", "studies"} & inspect.signature(command).parameters.keys():
        return command

    @functools.wraps(command)
    def trusting(**options: Any) -> None:
        if options.pop("trust"):
            from ..study.study import find_study

            for name in filter(None, options.get("studies", [options.get("study")])):
                find_study(str(name), options.get("out_folder")).trust()
        command(**options)

    return with_options(_trust_option)(trusting)


def as_options(message: str) -> str:
    """A message of the library as the command line says it: an argument in backticks becomes an option.

    >>> as_options('raise `held_out`, or use `labels="agreement"` or `restart=True`')
    'raise --held-out, or use --labels agreement or --restart'
    """

    def option(match: re.Match[str]) -> str:
        name, value = "--" + match["name"].replace("_", "-"), match["value"]
        return name if value in (None, "True") else f"{name} {value.strip(chr(34))}"

    return _ARGUMENT.sub(option, message)


_ARGUMENT = re.compile(r"`(?P<name>[a-z_]+)(?:=(?P<value>[^`]*))?`")


def command_line() -> str:
    """The command that runs, as run.json keeps it: of paths the names alone."""
    return " ".join(["rabench", *map(without_folders, sys.argv[1:])])


def worker_count(workers: int | None) -> int:
    """The workers asked for; by default one a core."""
    from ..running import executors

    return executors.default_workers() if workers is None else workers


def end(message: str, status: int) -> NoReturn:
    """Says a last line on standard error, and ends."""
    err.print(f"rabench: {message}", soft_wrap=True)
    sys.exit(status)


def say(lines: Iterable[str]) -> None:
    """Says each line on standard error."""
    for line in lines:
        err.print(line, soft_wrap=True)


def end_with(lines: list[str]) -> None:
    """Says what is wrong with records or rows; exit status 3 where anything is."""
    say(lines)
    if lines:
        sys.exit(INCOMPLETE)


def end_soon(message: str, status: int) -> NoReturn:
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


FOLDED = 16
"""Letters a line that a folded name has at the least."""


TABLE_FORMATS = ("text", "markdown", "latex", "csv")
"""What a table can be printed as."""


def print_tables(tables: Iterable[Table], form: str) -> None:
    """Prints tables in one of TABLE_FORMATS."""
    for table in tables:
        if form == "text":
            print_table(table)
        else:
            out.print(getattr(table, form)(), soft_wrap=True, lines=True)


def print_table(table: Table) -> None:
    """A table whose figures are never cut: names are folded, and where that is not enough lines run over the edge."""
    table = table.short()
    shown = rich.table.Table(box=None, header_style="bold", pad_edge=False)
    rows, folded, least = table.rows(), (Kind.TEXT, Kind.LINES), 0
    for place, name in enumerate(table.frame.columns):
        kind = table.kinds[name]
        longest = max([len(name), *(len(row[place]) for row in rows)])
        width = min(longest, FOLDED) if kind in folded else longest
        least += 2 + width
        shown.add_column(
            name,
            justify="right" if kind.to_the_right else "left",
            no_wrap=kind not in folded,
            overflow="fold",
            min_width=width,
        )
    for row in rows:
        shown.add_row(*map(Text, row))
    out.print(table.title, style="italic", soft_wrap=True)
    if len(table.frame.columns):
        # a console drops columns that do not fit its width: here it is as wide as the table
        wide = Printer(file=out.file, width=max(out.width, least), force_terminal=out.is_terminal)
        wide.print(shown)
    for note in table.notes:
        out.print(f"  {note}", soft_wrap=not out.is_terminal)


def print_report(study: Study, axis: str | None, psnr: bool, paper: bool = False) -> Report:
    """Writes a study's report, and prints its tables and what it wrote."""
    from ..reporting.report import report

    written = report(study, axis, psnr, paper)
    for table in written.tables:
        print_table(table)
    for file in written.files:
        out.print(str(file), soft_wrap=True)
    say((*written.left_out, *written.warnings))
    return written
