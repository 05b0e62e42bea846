"""What a user types and reads: exit status, one clear line for a mistake, no traceback."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
quantizers = ["none", "median-cut:colors=2..6"]
codecs = ["png"]
"""
ENVIRONMENT = {**os.environ, "COLUMNS": "120", "PYTHONWARNINGS": "default"}


def rabench(*words, cwd, **environment):
    command = [sys.executable, "-m", "rabench", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=ENVIRONMENT | environment)


@pytest.fixture
def here(study, monkeypatch, capsys):
    """The command line in this process: (exit status, standard output, standard error)."""
    from rabench.bench.commands import cli

    def run(*words):
        monkeypatch.chdir(study)
        monkeypatch.setattr(sys, "argv", ["rabench", *words])
        with pytest.raises(SystemExit) as end:
            cli.main()
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "matrix.toml").write_text(MATRIX)
    return tmp_path


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_figure_of_a_table_is_cut_on_a_narrow_terminal(width, monkeypatch):
    import io

    import pandas as pd
    from rabench.bench.commands import console
    from rabench.core.tables import Kind, Table
    from rich.console import Console

    table = pd.DataFrame(
        {
            "curve": ["octree:dither=floyd-steinberg+png", "none+jpeg"],
            "codec": ["jpeg:chroma=444:quality=30", "png"],
            "bpp": ["0.854", "24.102"],
            "accuracy %": ["88.35 [86.36, 90.08]", "90.17 [88.32, 91.76]"],
            "BD-rate": ["+127.30 % [+102.08, +156.14]", "-"],
        }
    )
    said = io.StringIO()
    monkeypatch.setattr(console, "out", Console(file=said, width=width, highlight=False))
    kinds = dict(zip(table, (Kind.NAME, Kind.TEXT, *[Kind.NUMBER] * 3), strict=True))
    console.print_table(Table("A title", table, kinds, ("a note",)))
    for cell in [*table.curve, *table.bpp, *table["accuracy %"], *table["BD-rate"], "jpeg:chroma=444"]:
        assert cell in said.getvalue()


@pytest.mark.slow
def test_run_report_show_and_dry_run_on_a_study_of_ones_own(study):
    dry = rabench("run", "mine", "--limit", "50", "--dry-run", cwd=study)
    assert dry.returncode == 0, dry.stderr
    assert "7 points; 0 of 7 records done; about" in dry.stdout and "from a probe" in dry.stdout
    assert not (study / "mine" / "records").exists()

    done = rabench("run", "mine", "--limit", "50", "--workers", "0", cwd=study)
    assert done.returncode == 0, done.stderr
    assert "7 records measured, 0 were there" in done.stderr
    assert "median-cut:colors=2" in done.stdout and "mine/rate-accuracy.png" in done.stdout

    again = rabench("run", "mine", "--limit", "50", cwd=study)
    assert "0 records measured, 7 were there" in again.stderr
    dry = rabench("run", "mine", "--limit", "50", "--dry-run", cwd=study)
    assert "7 of 7 records done; about 0 s left" in dry.stdout

    reported = rabench("report", "mine", "--psnr", "--axis", "linear", cwd=study)
    assert reported.returncode == 0 and "PSNR dB" in reported.stdout
    shown = rabench("show", "mine", "--image", "7", cwd=study)
    assert shown.stdout.strip() == "mine/show-7.png"
    assert (study / "mine" / "show-7.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    "words, told",
    [
        (("run", "fotos"), "no study is at 'fotos' (did you mean 'photos'?)"),
        (("report", "mine"), "mine holds no records of its matrix; measure it: rabench run mine"),
        (("show", "mine", "--image", "99999"), "photos has images 0..1149, got --image 99999"),
        (("list", "codec"), "no family is named 'codec' (did you mean 'codecs'"),
        (
            ("train", "classifier", "--network", "smal", "--dataset", "photos", "--out", "x.safetensors"),
            "no classifier is named 'smal' (did you mean 'small'",
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
def test_a_mistake_is_one_clear_line_and_exit_status_2(here, words, told):
    status, _, error = here(*words)
    assert status == 2
    assert told in error.strip().splitlines()[-1]


@pytest.mark.slow
def test_a_mistake_ends_the_program_without_a_traceback(study):
    done = rabench("run", "fotos", cwd=study)
    assert done.returncode == 2
    assert done.stderr.startswith("rabench: no study is at 'fotos'") and done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("run",), ("rum",), ("run", "mine", "--wrokers", "2")])
def test_a_wrong_option_is_refused(here, words):
    assert here(*words)[0] == 2


def test_a_matrix_with_a_typo_names_file_line_and_key(study, here):
    (study / "mine" / "matrix.toml").write_text(MATRIX.replace("codecs", "codexs"))
    status, _, error = here("run", "mine")
    assert status == 2
    assert "mine/matrix.toml, line 6: no key in [[points]] is named 'codexs' (did you mean 'codecs'" in error


def test_a_folder_that_cannot_be_written_is_one_clear_line(study, here):
    (study / "file").write_text("in the way")
    status, _, error = here("run", "mine", "--out", "file/below")
    assert status == 2
    assert "cannot be written" in error and "--out" in error


@pytest.mark.slow
def test_what_is_impossible_here_is_said_and_the_status_is_3(study):
    matrix = MATRIX.replace(
        '"png"]', '"png"]\n[[points]]\ncodecs = ["png"]\nclassifiers = ["small:weights=nowhere.safetensors"]'
    )
    (study / "mine" / "matrix.toml").write_text(matrix)
    done = rabench("run", "mine", "--limit", "5", "--workers", "0", cwd=study)
    assert done.returncode == 3, done.stderr
    assert "not measured: " in done.stderr and "no weights at 'nowhere.safetensors'" in done.stderr
    assert "median-cut:colors=2" in done.stdout
    assert rabench("run", "mine", "--limit", "5", "--dry-run", cwd=study).returncode == 3


@pytest.mark.slow
def test_a_dry_run_of_what_cannot_run_says_each_reason_once(study):
    matrix = MATRIX.replace("small-photos", "nowhere.safetensors")
    (study / "mine" / "matrix.toml").write_text(matrix)
    done = rabench("run", "mine", "--dry-run", cwd=study)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("no weights at 'nowhere.safetensors'") == 1
    assert "and 6 more" in done.stderr


@pytest.mark.slow
def test_results_elsewhere_are_a_study_of_their_own(study):
    folder = study / "mine"
    (folder / "w.safetensors").write_bytes((ROOT / "classifiers/weights/small-photos.safetensors").read_bytes())
    (folder / "matrix.toml").write_text(MATRIX.replace("small-photos", "w.safetensors").replace("2..6", "2"))
    options = ("--limit", "5", "--workers", "0")
    assert rabench("run", "mine", *options, "--out", "a/b", cwd=study).returncode == 0
    again = rabench("run", "a/b/matrix.toml", *options, cwd=study)
    assert again.returncode == 0 and "0 records measured, 3 were there" in again.stderr
    assert "the first 5 images" in again.stderr
    assert rabench("report", "mine", "--out", "a/b", cwd=study).returncode == 0


@pytest.mark.slow
def test_a_file_that_is_no_image_is_named(study):
    patches = study / "images"
    patches.mkdir()
    for name in ("good.png", "bad.png"):
        Image.new("RGB", (32, 32), "teal").save(patches / name)
    (patches / "bad.png").write_bytes((patches / "bad.png").read_bytes()[:60])
    matrix = MATRIX.replace('"photos"', '"folder:path=../images"').replace("2..6", "2")
    (study / "mine" / "matrix.toml").write_text(matrix)
    for _ in range(2):
        done = rabench("run", "mine", "--workers", "0", cwd=study)
        assert done.returncode == 3
        assert "1 image could not be read and is left out of every figure: bad.png: OSError" in done.stderr
        assert "run again" not in done.stderr


@pytest.mark.slow
def test_a_script_without_a_main_guard_is_told_what_it_lacks(study):
    script = study / "script.py"
    script.write_text('import rabench\nrabench.run("mine", workers=1, limit=5)\n')
    done = subprocess.run([sys.executable, "script.py"], cwd=study, capture_output=True, text=True, env=ENVIRONMENT)
    assert "worker processes cannot start; in a script, call rabench below" in done.stderr


def test_list_tells_settings_and_availability(study):
    done = rabench("list", cwd=study)
    assert done.returncode == 0, done.stderr
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
        assert word in done.stdout, word
    assert "octree" not in rabench("list", "codecs", cwd=study).stdout


@pytest.mark.slow
def test_control_c_stops_cleanly_and_says_how_to_go_on(study):
    matrix = MATRIX.replace("2..6", "2..120")
    (study / "mine" / "matrix.toml").write_text(matrix)
    command = [sys.executable, "-m", "rabench", "run", "mine", "--workers", "2"]
    process = subprocess.Popen(
        command,
        cwd=study,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    records = study / "mine" / "records"
    deadline = time.monotonic() + 60
    while len(list(records.glob("*.parquet"))) < 6:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers alike
    told = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Traceback" not in told
    assert "and kept. The same command goes on from here." in told
    assert not [f for f in records.rglob("*") if f.name.startswith(".partial")]


def test_version_and_help(study):
    from rabench import __version__

    assert rabench("--version", cwd=study).stdout.strip() == __version__
    assert "rate-accuracy" in rabench("--help", cwd=study).stdout
    assert rabench(cwd=study).returncode in (0, 2)


@pytest.mark.slow
def test_finetune_run_compare_and_cam_follow_one_another(here, study):
    text = MATRIX.replace('codecs = ["png"]', 'codecs = ["png"]\ntuned = "tuned"').replace("2..6", "2,3")
    (study / "mine" / "matrix.toml").write_text(text.replace('"none", ', ""))
    options = ("--epochs", "1", "--limit", "400", "--held-out", "0.2", "--workers", "0", "--threads", "1")
    status, said, _ = here("finetune", "--study", "mine", *options)
    assert status == 0
    assert "mine/tuned/small-photos+median-cut-colors-2+png.safetensors" in said.replace("\n", "")
    status, _, told = here("finetune", "--study", "mine", *options)
    assert status == 0 and "is there already" in told
    assert here("run", "mine", "--limit", "60", "--workers", "0")[0] == 0
    status, said, _ = here("compare", "mine", "--anchor", "median-cut+png", "--format", "markdown")
    assert status == 0
    assert "| median-cut:colors=2 | png | fine-tuned |" in said and "Tango" in said
    status, said, _ = here("cam", "mine", "--image", "3")
    assert status == 0 and (study / "mine" / "cam-3.png").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
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
def test_mistakes_with_networks_are_one_clear_line(here, words, told):
    status, _, said = here(*words)
    assert status == 2
    assert told in said.replace("\n", " ") and "Traceback" not in said


def test_too_few_images_to_hold_some_out_are_told(here):
    words = ("train", "colorcnn", "--dataset", "photos", "--classifier", "small:weights=small-photos", "--out", "c")
    status, _, said = here(*words, "--limit", "3", "--held-out", "0")
    assert status == 2 and "3 images to train on and 0 held out to judge by are too few" in said.replace("\n", " ")


def test_a_matrix_that_is_no_toml_is_told_of_by_finetune_too(here, study):
    (study / "mine" / "matrix.toml").write_text("dataset = [")
    status, _, said = here("finetune", "--study", "mine")
    assert status == 2 and "no valid TOML" in said
