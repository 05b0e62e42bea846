"""Names as commands print them have no effect: no markup, no emoji, no escape sequence and no second line."""

import io

import pandas as pd
import pytest
from hostile import GOOD, TEXTS
from rabench.bench.commands import console, progress
from rabench.core.printable import printable
from rabench.core.tables import Kind, Table


@pytest.fixture
def out(monkeypatch):
    """Where a terminal of 4,000 columns is written to."""
    written = io.StringIO()
    monkeypatch.setattr(console, "out", console.Printer(file=written, width=9000, force_terminal=True))
    monkeypatch.setattr(console, "err", console.Printer(file=written, width=9000, force_terminal=True))
    return written


@pytest.mark.parametrize("name", [*TEXTS.values(), *GOOD], ids=[*TEXTS, *GOOD])
def test_a_table_shows_names(out, name):
    frame = pd.DataFrame({"name": [name], "text": [name]}, dtype=object)
    console.print_table(Table(name, frame, {"name": Kind.NAME, "text": Kind.NAME}, (name,)))
    assert out.getvalue().count(printable(name)) == 4
    assert not set("\x07\x08\r\x00\x9b\u202e") & set(out.getvalue()) and "\x1b]" not in out.getvalue()


@pytest.mark.parametrize("name", [*TEXTS.values(), *GOOD], ids=[*TEXTS, *GOOD])
def test_an_error_is_one_line(out, name):
    with pytest.raises(SystemExit):
        console.end(name, 2)
    assert out.getvalue() == f"rabench: {printable(name)}\n"


@pytest.mark.parametrize("name", [*TEXTS.values(), *GOOD], ids=[*TEXTS, *GOOD])
def test_a_bar_shows_names(out, name):
    with progress.Shown(console.err, name) as shown:
        shown.progress.total = 5
        shown._report(shown.progress)
    assert printable(name) in out.getvalue()
    assert not set("\x07\x08\x00\x9b\u202e") & set(out.getvalue()) and "\x1b]" not in out.getvalue()


def test_settings_of_several_lines_stay_so(out):
    console.print_table(Table("t", pd.DataFrame({"a": ["one\ntwo"]}), {"a": Kind.LINES}))
    assert [line.strip() for line in out.getvalue().splitlines()[-2:]] == ["one", "two"]
