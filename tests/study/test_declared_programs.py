"""Codecs that are programs, declared in TOML: like any other, and whatever such a program does."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from given_studies import measure, photos_matrix, written_study
from processes import needs_proc, runs, wait_until
from rabench.bench.records.records import Records
from rabench.bench.study.plugin_files import load_plugins
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, Unavailable

PROGRAM = """
import sys, time, zlib, subprocess
from PIL import Image
how, mode, source, target, *more = sys.argv[1:]
step = int(more[0]) if more else 1
if how == "fail": sys.stderr.write("x" * 10_000_000 + "the end\\n"); sys.exit(7)
if how == "hang": time.sleep(600)
if how == "child":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    open(__file__ + ".child", "a").write(f"{child.pid}\\n")
if how == "nothing": sys.exit(0)
if mode == "encode":
    with Image.open(source) as image:
        image = image.convert("RGB").point(lambda value: value // step * step)
    if how == "blind": image = image.point(lambda value: 0)
    if how == "size": image = image.crop((0, 0, image.width, image.height - 1))
    with open(target, "wb") as file:
        file.write(image.width.to_bytes(2) + image.height.to_bytes(2) + zlib.compress(image.tobytes()))
else:
    data = open(source, "rb").read()
    size = int.from_bytes(data[:2]), int.from_bytes(data[2:4])
    Image.frombytes("RGB", size, zlib.decompress(data[4:])).save(target)
"""


def declared(folder, how="well", timeout=60, name="coder", **changes):
    """A TOML table of a program that behaves as ``how`` says."""
    program = folder / "program.py"
    program.write_text(PROGRAM)
    table = {
        "encode": [sys.executable, str(program), how, "encode", "{input.png}", "{output.bin}", "{step}"],
        "decode": [sys.executable, str(program), "well", "decode", "{input.bin}", "{output.png}"],
        "version": [sys.executable, "--version"],
        "timeout": timeout,
        "dial": "step",
        **changes,
    }
    lines = [f"[programs.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    lines += [f"[programs.{name}.settings]", "step = { default = 8, from = 1, to = 64 }"]
    return "\n".join(lines) + "\n"


def load(folder, tables):
    """Makes the programs of these tables known, from a file in ``folder``."""
    (folder / "codecs.toml").write_text(tables)
    load_plugins(folder / "codecs.toml")


def test_a_declared_program_is_a_codec_like_any_other(tmp_path):
    load(tmp_path, declared(tmp_path))
    codec = CODECS.make("coder:step=16")
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert (codec.decode(codec.encode(image)) == image // 16 * 16).all()
    assert codec.quality_parameter() == "step" and codec.version().startswith("Python 3.")
    with pytest.raises(BadSetting, match=r"coder: step must be in 1..64, got 65"):
        CODECS.make("coder:step=65")


@pytest.mark.long
def test_a_declaration_in_the_matrix_runs_in_spawned_workers(tmp_path):
    matrix = photos_matrix('codecs = ["coder:step=4,32"]', more=declared(tmp_path))
    outcome = measure(written_study(tmp_path, matrix), limit=4, workers=2)
    assert outcome.complete and outcome.measured == 3


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("fail", "exit status 7: "),
        ("nothing", "ended with status 0 but wrote nothing"),
        ("size", "gave 31x32x3 for an image of 32x32x3"),
        ("blind", "black and white give the same file: it ignores its input"),
        pytest.param("hang", "gave no result in 1 s and was ended", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_a_program_that_misbehaves_is_a_row_with_its_reason_and_the_run_goes_on(tmp_path, how, reason, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    table = declared(tmp_path, how, timeout=1 if how == "hang" else 60)
    study = written_study(tmp_path, photos_matrix('codecs = ["coder", "raw"]', more=table))
    outcome = measure(study, limit=2)
    assert outcome.failed_rows == 2 and outcome.measured == 2
    records, _ = Records(study.records).read()
    errors = [error for r in records for error in r.rows()["error"].to_pylist() if error]
    assert len(errors) == 2 and all(reason in error for error in errors)
    assert how != "fail" or all(error.endswith("the end") and len(error) < 1000 for error in errors)
    assert not list(scratch.iterdir())


@needs_proc
def test_children_that_a_program_leaves_behind_are_ended(tmp_path):
    load(tmp_path, declared(tmp_path, "child"))
    CODECS.make("coder").encode(np.zeros((8, 8, 3), np.uint8))
    children = (tmp_path / "program.py.child").read_text().split()
    assert len(children) == 3  # black and white are coded before the first image
    wait_until(lambda: not any(map(runs, children)), "a child outlives its program", 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('"{step}"', '"{stp}"'), "line 2: coder: {stp} is no setting (did you mean 'step'?); known are input.ENDING"),
        (("encode = ", "encod = "), "no key is named 'encod' (did you mean 'encode'"),
        (('"{input.png}"', '"in.png"'), "encode names its input file as one {input.ENDING}, got 0 endings"),
        (
            ('{input.png}"', '{input.png}", "program.py"'),
            "coder: program.py lies beside this file: write {folder}/program.py",
        ),
        (("timeout = 60", "chroma = 422"), "chroma of {input.y4m} is 420 or 444, got 422"),
        (("{input.png}", "{input.xyz}"), "{input.xyz} is an image, whose ending is one of png, ppm"),
        (('dial = "step"', 'dial = "level"'), "dial names a setting, got 'level'; there are step"),
        (("default = 8", "default = 99"), "the default 99 of step is not among what is allowed"),
        (("default = 8", "default = 8.5"), "default and what is allowed are of one type"),
        (("timeout = 60", "timeout = 0"), "timeout is seconds for one image, above 0, got 0"),
        (("[programs.coder]", "[programs.Coder]"), "a codec's name is of lower-case letters"),
        (("from = 1,", ""), "a setting is a table such as step = "),
        (("[programs.coder]\n", "[[programs]]\n"), "line 1: programs are tables, written as [programs.NAME]"),
        (("[programs.coder]", "[programs.coder"), "no valid TOML"),
    ],
)
def test_a_mistake_in_a_declaration_names_the_line_and_what_is_known(tmp_path, change, message):
    table = declared(tmp_path).replace(*change)
    assert table != declared(tmp_path)
    with pytest.raises(BadSetting) as caught:
        load(tmp_path, table)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_program_may_write_to_its_standard_output_and_read_y4m(tmp_path):
    (tmp_path / "copy.py").write_text(
        "import sys, shutil; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"
    )
    table = """
[programs.copy]
encode = ["python", "{folder}/copy.py", "{input.y4m}"]
decode = ["python", "{folder}/copy.py", "{input.bin}"]
chroma = 444
[programs.copy-png]
encode = ["{python}", "{folder}/copy.py", "{input.png}"]
decode = ["python", "{folder}/copy.py", "{input.bin}"]
lossless = true
"""
    load(tmp_path, table.replace('"python"', json.dumps(sys.executable)))
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    file = CODECS.make("copy").encode(image)
    assert file.startswith(b"YUV4MPEG2 W7 H5 ") and b"C444" in file
    assert np.abs(CODECS.make("copy").decode(file).astype(int) - image).max() <= 2
    codec = CODECS.make("copy-png")
    assert (codec.decode(codec.encode(image)) == image).all()


def test_a_script_that_is_edited_is_another_version(tmp_path):
    """With a version command that says the same as before, and without one; by absolute path and by {folder}."""
    for changes in ({}, {"version": []}):
        load(tmp_path, declared(tmp_path, **changes))
        before = CODECS.make("coder").version()
        (tmp_path / "program.py").write_text(PROGRAM + "# edited")
        assert CODECS.make("coder").version() != before
    (tmp_path / "enc").write_text(f"#!{sys.executable}\n")
    (tmp_path / "enc").chmod(0o755)
    load(
        tmp_path,
        '[programs.own]\nencode = ["{folder}/enc", "{input.png}"]\ndecode = ["{folder}/enc", "{input.bin}"]\n',
    )
    before = CODECS.make("own").version()
    (tmp_path / "enc").write_text(f"#!{sys.executable}\nprint()\n")
    assert CODECS.make("own").version() != before


def test_a_program_that_is_not_here_says_what_to_do(tmp_path):
    missing = ["no-such-program", "{input.png}", "{output.bin}"]
    load(tmp_path, declared(tmp_path, encode=missing, remedy="apt install it"))
    with pytest.raises(Unavailable, match="no-such-program is not on the PATH; apt install it"):
        CODECS.make("coder").version()


def test_names_of_files_and_settings_never_reach_a_shell(tmp_path):
    evil = tmp_path / "a;touch pwned $(touch pwned)"
    evil.mkdir()
    load(evil, declared(evil))
    CODECS.make("coder").encode(np.zeros((8, 8, 3), np.uint8))
    assert not list(tmp_path.rglob("pwned")) and not Path("pwned").exists()
