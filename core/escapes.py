"""Names in CSV, Markdown and LaTeX: they say what they say, and none is a formula, a link, markup or a command there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .printable import printable

if TYPE_CHECKING:
    import pandas as pd

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a spreadsheet takes for the beginning of a formula; tabs and line ends are spelled out before."""
_LINK = re.compile(r"](?=[(\[])")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_LATEX = {
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
}


def csv_of(frame: pd.DataFrame, texts: Sequence[str] | None = None, float_format: str | None = None) -> str:
    """A frame as CSV that a spreadsheet runs nothing of: before a text that begins like a formula stands a single quote.

    texts: the columns of names; default: all that hold text. Numbers stay as they are, also those kept as text.
    """
    names = list(frame.columns) if texts is None else texts
    safe = {name: frame[name].map(_csv_cell) for name in names if frame[name].dtype.kind not in "biufcM"}
    return frame.assign(**safe).to_csv(index=False, float_format=float_format, lineterminator="\n")


def markdown(text: str) -> str:
    """A name in Markdown, as in the cell of a table."""
    for special in ("\\", "|", "`"):
        text = text.replace(special, f"\\{special}")
    return markdown_prose(text)


def markdown_prose(text: str) -> str:
    """Sentences in Markdown that may hold names: code between backticks stays code."""
    return _TAG.sub("&lt;", _LINK.sub(r"]\\", text))  # no backslash: one may stand before it


def latex(text: str) -> str:
    """Text in LaTeX."""
    return "".join(_LATEX.get(c, c) for c in text)


def latex_row(cells: Sequence[str]) -> str:
    r"""A row of a tabular. The ``\\`` or rule before it takes none of it for its own argument."""
    row = " & ".join(map(latex, cells))
    return ("{}" if row.startswith(("[", "*")) else "") + row + r" \\"


def _csv_cell(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = printable(cell)
    return f"'{text}" if text.startswith(_FORMULA) and text != "-" and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
