"""Tables as people read them: a title, text cells, what kind each column is, notes; and how each format writes them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from .escapes import csv_of, latex, latex_row, markdown, markdown_prose
from .printable import printable

if TYPE_CHECKING:
    import pandas as pd


class Kind(Enum):
    """How a column is set, whatever the format."""

    NUMBER = "number"
    """Figures: to the right, never broken over lines."""
    NAME = "name"
    """Short names: to the left, never broken over lines."""
    TEXT = "text"
    """Longer text: to the left, broken where there is little room."""
    LINES = "lines"
    """Text of several lines: to the left, broken where there is little room."""
    DETAIL = "detail"
    """Figures that are left out where there is little room, as on a terminal."""

    @property
    def to_the_right(self) -> bool:
        return self in (Kind.NUMBER, Kind.DETAIL)


@dataclass(frozen=True)
class Table:
    """A table of text, ready to be written in any format, whatever the names in it hold."""

    title: str
    frame: pd.DataFrame
    """Every cell a string, as it is shown."""
    kinds: Mapping[str, Kind]
    """The kind of each column, by its name."""
    notes: tuple[str, ...] = ()
    """What must be said beside the table, a sentence or two each."""
    legend: str = ""
    """What the columns mean, for formats that are read away from the documentation."""

    def __post_init__(self) -> None:
        if unknown := [c for c in self.frame.columns if c not in self.kinds]:
            raise ValueError(f"{self.title}: columns without a kind: {', '.join(unknown)}")
        for name in ("title", "legend"):
            object.__setattr__(self, name, printable(getattr(self, name)))
        object.__setattr__(self, "notes", tuple(map(printable, self.notes)))

    def short(self) -> Table:
        """The table without its details."""
        details = [c for c in self.frame.columns if self.kinds[c] is Kind.DETAIL]
        return replace(self, frame=self.frame.drop(columns=details))

    def markdown(self) -> str:
        """A section of a Markdown page."""
        columns = list(self.frame.columns)
        lines = [
            f"## {markdown(self.title)}",
            "",
            *[f"- {markdown_prose(note)}" for note in self.notes],
            *([""] if self.notes else []),
            "| " + " | ".join(map(markdown, columns)) + " |",
            "| " + " | ".join("---:" if self.kinds[c].to_the_right else ":---" for c in columns) + " |",
            *("| " + " | ".join(map(markdown, row)) + " |" for row in self.rows()),
            "",
            *([markdown_prose(self.legend), ""] if self.legend else []),
        ]
        return "\n".join(lines)

    def latex(self) -> str:
        """A table environment; needs the package booktabs."""
        columns = list(self.frame.columns)
        caption = " ".join([f"{latex(self.title)}.", *map(latex, self.notes), latex(self.legend)]).strip()
        lines = [
            r"\begin{table}",
            r"\centering\small",
            r"\begin{tabular}{" + "".join("r" if self.kinds[c].to_the_right else "l" for c in columns) + "}",
            r"\toprule",
            latex_row(columns),
            r"\midrule",
            *map(latex_row, self.rows()),
            r"\bottomrule",
            r"\end{tabular}",
            rf"\caption{{{caption}}}",
            r"\end{table}",
            "",
        ]
        return "\n".join(lines)

    def csv(self) -> str:
        """The cells, comma-separated, under one line of column names."""
        return csv_of(self.frame, [c for c in self.frame.columns if not self.kinds[c].to_the_right])

    def html(self) -> str:
        """The table, with its title and notes, for a page or a notebook."""
        sides = {c: "right" if self.kinds[c].to_the_right else "left" for c in self.frame.columns}
        head = "".join(f'<th style="text-align:{side}">{html.escape(c)}</th>' for c, side in sides.items())
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="text-align:{side}">{html.escape(cell)}</td>'
                for cell, side in zip(row, sides.values(), strict=True)
            )
            + "</tr>"
            for row in self.rows()
        )
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        return (
            f"<table><caption style='text-align:left'>{html.escape(self.title)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + (f"<ul>{notes}</ul>" if notes else "")
        )

    def _repr_html_(self) -> str:
        return self.html()

    def rows(self) -> list[list[str]]:
        """The cells as they may be shown anywhere; line breaks stay in columns of LINES alone."""
        broken = [self.kinds[c] is Kind.LINES for c in self.frame.columns]
        return [
            [printable(str(cell), lines) for cell, lines in zip(row, broken, strict=True)]
            for row in self.frame.to_numpy()
        ]
