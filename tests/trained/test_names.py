"""The names that training sets have in tables and figures."""

from rabench.bench.trained.results import short_names
from rabench.bench.trained.tables import COLUMNS, summary


def test_names_are_without_their_files_where_that_tells_them_apart():
    first, second = (f"shared:colors=4:file={n}.safetensors+png" for n in ("a", "b"))
    assert short_names(["none+png, 4MB", first, "none+raw"]) == {
        "none+png, 4MB": "png, 4MB",
        first: "shared:colors=4+png",
        "none+raw": "raw",
    }
    # Two of one setting keep their files; the others stay short
    assert short_names([first, second, first, "none+png"]) == {first: first, second: second, "none+png": "png"}


def test_no_results_are_a_table_of_the_same_columns():
    assert summary([]).columns.tolist() == list(COLUMNS)
