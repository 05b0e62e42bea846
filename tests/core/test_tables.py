"""Tables: every format sets a column by its kind."""

import pandas as pd
import pytest
from rabench.core.tables import Kind, Table

KINDS = {"codec": Kind.TEXT, "bpp": Kind.NUMBER, "overhead": Kind.DETAIL}
TABLE = Table("A & B", pd.DataFrame([("a|b", "1.5", "50 %")], columns=list(KINDS)), KINDS, ("a note < b",), "a legend")


def test_figures_stand_to_the_right_in_every_format():
    assert "| :--- | ---: | ---: |" in TABLE.markdown()
    assert r"\begin{tabular}{lrr}" in TABLE.latex()
    assert '<td style="text-align:right">1.5</td>' in TABLE.html() and 'left">codec' in TABLE.html()


def test_what_a_format_would_read_is_escaped():
    assert r"a\|b" in TABLE.markdown()
    assert r"50 \%" in TABLE.latex() and r"A \& B." in TABLE.latex()
    assert "A &amp; B" in TABLE.html() and "a note &lt; b" in TABLE.html()


def test_a_short_table_has_no_details_and_csv_has_every_cell():
    assert list(TABLE.short().frame) == ["codec", "bpp"]
    assert TABLE.csv() == "codec,bpp,overhead\na|b,1.5,50 %\n"


def test_a_column_without_a_kind_is_refused():
    with pytest.raises(ValueError, match="columns without a kind: overhead"):
        Table("t", TABLE.frame, {"codec": Kind.TEXT, "bpp": Kind.NUMBER})
