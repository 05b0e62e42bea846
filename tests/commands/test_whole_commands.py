"""Whole commands, from the first run of a study to its comparison: what they print, write and end with."""

import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from command_line import ENVIRONMENT, MATRIX, rabench
from image_files import encoded
from processes import wait_until
from rabench.classifiers import weights

pytestmark = pytest.mark.slow


@pytest.mark.long
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
    drawn = rabench("show", "mine", "--image", "7", cwd=study)
    assert drawn.stdout.strip() == "mine/show-7.png"
    assert (study / "mine" / "show-7.png").stat().st_size > 20_000


def test_a_mistake_ends_the_program_without_a_traceback(study):
    done = rabench("run", "fotos", cwd=study)
    assert done.returncode == 2
    assert done.stderr.startswith("rabench: no study is at 'fotos'") and done.stderr.count("\n") == 1


@pytest.mark.long
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


def test_a_dry_run_of_what_cannot_run_says_each_reason_once(study):
    matrix = MATRIX.replace("small-photos", "nowhere.safetensors")
    (study / "mine" / "matrix.toml").write_text(matrix)
    done = rabench("run", "mine", "--dry-run", cwd=study)
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.count("no weights at 'nowhere.safetensors'") == 1
    assert "and 6 more" in done.stderr


@pytest.mark.long
def test_results_elsewhere_are_a_study_of_their_own(study):
    folder = study / "mine"
    shutil.copy(weights.find("small-photos"), folder / "w.safetensors")
    (folder / "matrix.toml").write_text(MATRIX.replace("small-photos", "w.safetensors").replace("2..6", "2"))
    options = ("--limit", "5", "--workers", "0")
    assert rabench("run", "mine", *options, "--out", "a/b", cwd=study).returncode == 0
    again = rabench("run", "a/b/matrix.toml", *options, cwd=study)
    assert again.returncode == 0 and "0 records measured, 3 were there" in again.stderr
    assert "the first 5 images" in again.stderr
    assert rabench("report", "mine", "--out", "a/b", cwd=study).returncode == 0


@pytest.mark.long
def test_a_file_that_is_no_image_is_named(study):
    patches = study / "images"
    patches.mkdir()
    image = encoded(np.full((32, 32, 3), 90, np.uint8))
    (patches / "good.png").write_bytes(image)
    (patches / "bad.png").write_bytes(image[:60])
    matrix = MATRIX.replace('"photos"', '"folder:path=../images"').replace("2..6", "2")
    (study / "mine" / "matrix.toml").write_text(matrix)
    for _ in range(2):
        done = rabench("run", "mine", "--workers", "0", cwd=study)
        assert done.returncode == 3
        assert "1 image could not be read and is left out of every figure: bad.png: OSError" in done.stderr
        assert "run again" not in done.stderr


@pytest.mark.long
def test_a_script_without_a_main_guard_is_told_what_it_lacks(study):
    script = study / "script.py"
    script.write_text('import rabench\nrabench.run("mine", workers=1, limit=5)\n')
    done = subprocess.run([sys.executable, "script.py"], cwd=study, capture_output=True, text=True, env=ENVIRONMENT)
    assert "worker processes cannot start; in a script, call rabench below" in done.stderr


@pytest.mark.long
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
    wait_until(lambda: len(list(records.glob("*.parquet"))) >= 6 or process.poll() is not None, "nothing is measured")
    assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: parent and workers alike
    error = process.communicate(timeout=30)[1]
    assert process.returncode == 130
    assert "Traceback" not in error
    assert "and kept. The same command goes on from here." in error
    assert not list(records.rglob(".partial*"))


@pytest.mark.long
def test_finetune_run_compare_and_cam_follow_one_another(cli, study):
    text = MATRIX.replace('codecs = ["png"]', 'codecs = ["png"]\ntuned = "tuned"').replace("2..6", "2,3")
    (study / "mine" / "matrix.toml").write_text(text.replace('"none", ', ""))
    options = ("--epochs", "1", "--limit", "400", "--held-out", "0.2", "--workers", "0", "--threads", "1")
    status, output, _ = cli("finetune", "--study", "mine", *options)
    assert status == 0
    assert "mine/tuned/small-photos+median-cut-colors-2+png.safetensors" in output.replace("\n", "")
    status, _, error = cli("finetune", "--study", "mine", *options)
    assert status == 0 and "is there already" in error
    assert cli("run", "mine", "--limit", "60", "--workers", "0")[0] == 0
    status, output, _ = cli("compare", "mine", "--anchor", "median-cut+png", "--format", "markdown")
    assert status == 0
    assert "| median-cut:colors=2 | png | fine-tuned |" in output and "Tango" in output
    status, _, _ = cli("cam", "mine", "--image", "3")
    assert status == 0 and (study / "mine" / "cam-3.png").is_file()
