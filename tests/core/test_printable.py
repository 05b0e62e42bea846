"""Names of whatever kind are shown as names: on a terminal, in tables of every format, and in figures."""

import io
import re

import pandas as pd
import pytest
from hostile import GOOD, TEXTS
from hypothesis import given
from hypothesis import strategies as st
from rabench.core.escapes import csv_of
from rabench.core.printable import LONGEST, printable, printable_all, shortened
from rabench.core.tables import Kind, Table

STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def table_of(name):
    return Table(name, pd.DataFrame({"name": [name, name], "n": ["-0.5", "1"]}, dtype=object), KINDS, (name,), name)


KINDS = {"name": Kind.NAME, "n": Kind.NUMBER}


@given(st.text(st.characters()))
def test_no_text_steers_and_what_is_printable_stays(text):
    shown = printable(text)
    assert not STEERING.search(shown) and printable(shown) == shown
    assert shown.encode().decode() == shown
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize("name", GOOD)
def test_good_names_stay_as_they_are(name):
    assert printable(name) == name
    table = table_of(name)
    assert f"| {name} |" in table.markdown() and f"\n{name},-0.5\n" in table.csv() and f">{name}</td>" in table.html()


@pytest.mark.parametrize("name", TEXTS.values(), ids=TEXTS)
def test_no_format_is_steered(name):
    table = table_of(name)
    for text in (table.markdown(), table.latex(), table.csv(), table.html()):
        assert not STEERING.search(text.replace("\n", ""))
        assert text.encode()


@pytest.mark.parametrize("name", TEXTS.values(), ids=TEXTS)
def test_a_cell_is_no_formula(name):
    text = csv_of(pd.DataFrame({"name": pd.Series([name, "-0.5", "-"], dtype=object), "n": [-0.5, 1e-9, 2]}))
    found = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)
    assert not found.name[0].startswith(("=", "+", "-", "@", "\t", "\r", "\uff1d"))
    assert found.name[0].removeprefix("'") == printable(name)
    assert found.name[1] == "-0.5" and found.n[0] == "-0.5"


@pytest.mark.parametrize("name", [*TEXTS.values(), "\\<script>", "\\\\<script>", "`<img>", "\\|x"], ids=repr)
def test_markdown_holds_neither_html_nor_links_nor_more_cells(name):
    text = table_of(name).markdown()
    assert not re.search(r"<[A-Za-z/!?]|](?=[(\[])", text)
    for line in text.splitlines():
        if line.startswith("| ") and line.endswith(" |"):
            assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3


@pytest.mark.parametrize("name", TEXTS.values(), ids=TEXTS)
def test_latex_has_no_command_of_a_name(name):
    rows = table_of(name).latex().split("\\midrule\n")[1].split("\\bottomrule")[0]
    commands = set(re.findall(r"\\([A-Za-z]+)", rows))
    assert commands <= {"textbackslash", "textasciitilde", "textasciicircum"}
    assert not re.search(r"(?<!\\)[%#$&_](?!.*&)", rows.replace(" & ", "")) and not re.search(r"^[\[*]", rows, re.M)


def test_of_a_long_text_the_ends_are_shown():
    assert shortened("a" * LONGEST) == "a" * LONGEST
    assert len(shortened("a" * 999)) == LONGEST


def test_texts_deep_in_json_are_printable():
    assert printable_all({"a\x1b": [("\u202e", 1, None)]}) == {"a\\x1b": [["\\u202e", 1, None]]}
