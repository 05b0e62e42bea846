"""What a user types and reads: exit status, one clear line for a mistake, no traceback."""

import io

import pandas as pd
import pytest
from command_line import MATRIX, rabench
from plugin_texts import OTHER_FAMILIES, python_file
from rabench import __version__
from rabench.bench.commands import console
from rabench.core.tables import Kind, Table
from rich.console import Console


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_figure_of_a_table_is_cut_on_a_narrow_terminal(width, monkeypatch):
    table = pd.DataFrame(
        {
            "curve": ["octree:dither=floyd-steinberg+png", "none+jpeg"],
            "codec": ["jpeg:chroma=444:quality=30", "png"],
            "bpp": ["0.854", "24.102"],
            "accuracy %": ["88.35 [86.36, 90.08]", "90.17 [88.32, 91.76]"],
            "BD-rate": ["+127.30 % [+102.08, +156.14]", "-"],
        }
    )
    printed = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=printed, width=width, highlight=False))
    kinds = dict(zip(table, (Kind.NAME, Kind.TEXT, *[Kind.NUMBER] * 3), strict=True))
    console.print_table(Table("A title", table, kinds, ("a note",)))
    for cell in [*table.curve, *table.bpp, *table["accuracy %"], *table["BD-rate"], "jpeg:chroma=444"]:
        assert cell in printed.getvalue()


@pytest.mark.parametrize(
    "words, message",
    [
        (("run", "fotos"), "no study is at 'fotos' (did you mean 'photos'?)"),
        (("report", "mine"), "mine holds no records of its matrix; measure it: rabench run mine"),
        (("show", "mine", "--image", "99999"), "photos has images 0..1149, got --image 99999"),
        (("list", "codec"), "no family is named 'codec' (did you mean 'codecs'"),
        (
            ("train", "classifier", "--network", "smal", "--dataset", "photos", "--out", "x.safetensors"),
            "no trainable network is named 'smal' (did you mean 'small'",
        ),
        (
            ("train", "classifier", "--network", "small", "--dataset", "photos", "--out", "x.pt"),
            "--out must end in .safetensors, got x.pt",
        ),
        (
            ("train", "classifier", "--network", "small", "--dataset", "foto", "--out", "x.safetensors"),
            "no data set is named 'foto' (did you mean 'photos'",
        ),
        (("run", "mine", "--workers", "-1"), "--workers must be 0 or more, got -1"),
        (("run", "mine", "--limit", "0"), "--limit must be 1 or more, got 0"),
        (("report", "mine", "--axis", "log10"), "--axis must be one of log2, linear, got 'log10'"),
        (
            ("train", "classifier", "--network", "small", "--dataset", "photos", "--out", "nowhere/x.safetensors"),
            "nowhere/x.safetensors: there is no folder nowhere; make it, or name another",
        ),
        pytest.param(
            ("run", "mine", "--dask", "tcp://127.0.0.1:9"),
            "no Dask scheduler answers at tcp://127.0.0.1:9",
            marks=pytest.mark.slow,  # waits ten seconds for an answer
        ),
    ],
)
def test_a_mistake_is_one_clear_line_and_exit_status_2(cli, words, message):
    status, _, error = cli(*words)
    assert status == 2
    assert message in error.strip().splitlines()[-1]


@pytest.mark.parametrize("words", [("run",), ("rum",), ("run", "mine", "--wrokers", "2")])
def test_a_wrong_option_is_refused(cli, words):
    assert cli(*words)[0] == 2


def test_a_matrix_with_a_typo_names_file_line_and_key(study, cli):
    (study / "mine" / "matrix.toml").write_text(MATRIX.replace("codecs", "codexs"))
    status, _, error = cli("run", "mine")
    assert status == 2
    assert "mine/matrix.toml, line 6: no key in [[points]] is named 'codexs' (did you mean 'codecs'" in error


def test_a_folder_that_cannot_be_written_is_one_clear_line(study, cli):
    (study / "file").write_text("in the way")
    status, _, error = cli("run", "mine", "--out", "file/below")
    assert status == 2
    assert "cannot be written" in error and "--out" in error


def test_list_tells_settings_and_availability(cli):
    status, output, _ = cli("list")
    assert status == 0
    for word in (
        "jpeg",
        "quality*",
        "in 1..100",
        "median-cut",
        "floyd-steinberg",
        "small-photos",
        "photos",
        "fetched on first use",
    ):
        assert word in output, word
    status, output, _ = cli("list", "codecs")
    assert status == 0 and "jpeg" in output and "octree" not in output


def test_version_and_help(study, cli):
    assert rabench("--version", cwd=study).stdout.strip() == __version__
    status, output, _ = cli("--help")
    assert status == 0 and "rate-accuracy" in output
    status, output, _ = cli()
    assert status == 2 and "rate-accuracy" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("compare", "mine", "--anchor", "png"), "mine holds no records of its matrix; measure it: rabench run mine"),
        (
            ("compare", "mine", "--anchor", "a", "--format", "html"),
            "--format must be one of text, markdown, latex, csv, json, got 'html'",
        ),
        (("finetune", "--study", "mine"), "mine pairs no point with a tuned classifier; name points with --point"),
        (("finetune", "--study", "mine", "--point", "none+png"), "--point needs --classifier"),
        (("finetune", "--study", "mine", "--dtype", "int8"), "--dtype must be one of fp16, fp32, got 'int8'"),
        (("cam", "mine", "--image", "99999"), "photos has images 0..1149, got --image 99999"),
        (
            (
                "train",
                "colorcnn",
                "--dataset",
                "photos",
                "--classifier",
                "small:weights=small-photos",
                "--out",
                "mine/matrix.toml",
            ),
            "is a file, not a folder; name another",
        ),
    ],
)
def test_mistakes_with_networks_are_one_clear_line(cli, words, message):
    status, _, error = cli(*words)
    assert status == 2
    assert message in error.replace("\n", " ") and "Traceback" not in error


def test_check_of_another_family_says_what_it_checks(cli, study):
    python_file(study, OTHER_FAMILIES, "own")
    status, _, error = cli("check", "grid", "--plugin", "own.py")
    assert status == 2 and "grid is a quantizer; check is for codecs" in error


def test_too_few_images_to_hold_some_out_are_told(cli):
    words = ("train", "colorcnn", "--dataset", "photos", "--classifier", "small:weights=small-photos", "--out", "c")
    status, _, error = cli(*words, "--limit", "3", "--held-out", "0")
    assert status == 2 and "3 images to train on and 0 held out to judge by are too few" in error.replace("\n", " ")


def test_a_matrix_that_is_no_toml_is_told_of_by_finetune_too(cli, study):
    (study / "mine" / "matrix.toml").write_text("dataset = [")
    status, _, error = cli("finetune", "--study", "mine")
    assert status == 2 and "no valid TOML" in error
