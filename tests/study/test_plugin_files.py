"""Plug-ins from files: codecs in Python, programs declared in TOML, and what each does when it is broken."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import rabench
from plugin_texts import CODEC, WEIGHTED
from rabench.bench.commands.add import add, comparison_tables
from rabench.bench.comparing.reading import read
from rabench.bench.running import executors, runner
from rabench.bench.study.matrix import find_study
from rabench.bench.study.plugin_files import load_plugins
from rabench.bench.study.records import Records
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, Unavailable
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS
from safetensors.numpy import save_file

MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
{more}
[[points]]
codecs = {codecs}
"""


def python_file(folder, text=CODEC, name="coarse"):
    path = folder / f"{name}.py"
    path.write_text(text.replace("{name}", name))
    return path


def errors_of(study):
    records, bad = Records(study.records).read()
    assert not bad
    return [e for r in records for e in pq.read_table(r.path)["error"].to_pylist() if e]


def test_a_codec_in_a_file_is_a_codec_like_any_other(tmp_path):
    load_plugins(python_file(tmp_path))
    codec = CODECS.make("coarse:bits=3")
    rabench.assert_conforms(codec)
    assert codec.version().startswith("1, coarse.py ")
    assert [c.bits for c in CODECS.sweep("coarse:bits=2..4")] == [2, 3, 4]


def test_edited_code_never_passes_for_the_old(tmp_path):
    load_plugins(path := python_file(tmp_path))
    before = CODECS.make("coarse").version()
    path.write_text(path.read_text().replace("zlib.compress(coarse", "zlib.compress( coarse"))
    load_plugins(path)
    assert CODECS.make("coarse").version() != before


LOADS = {
    "when the file is run": ("STEP = np.load(HERE / 'weights.npy')[0]", "STEP"),
    "at the first image, and keeps it": (
        "@lru_cache\ndef step():\n    return np.load(Path(__file__).with_name('weights.npy'))[0]",
        "step()",
    ),
    "under a name made of parts": ("KIND = 'weights'\nSTEP = np.load(f'{HERE}/{KIND}.npy')[0]", "STEP"),
    "in a folder": ("", "np.load(HERE / 'trained' / 'weights.npy')[0]"),
    "in native code": ("from safetensors.numpy import load_file", "load_file(HERE / 'weights.safetensors')['step'][0]"),
    "at a Location, and keeps it": ("@lru_cache\ndef step(path):\n    return np.load(path)[0]", "step(self.weights)"),
}
"""What a plug-in file does to read a number -> the code before its class, and the number there."""


def write_step(folder, step):
    """The number in each of the files that LOADS read."""
    (folder / "trained").mkdir(exist_ok=True)
    for name in ("weights.npy", "trained/weights.npy"):
        np.save(folder / name, np.array([step], np.uint8))
    save_file({"step": np.array([step], np.uint8)}, folder / "weights.safetensors")


def bytes_coded(study):
    """By the point after the uncompressed images."""
    return read(find_study(str(study))).rows.bytes.tolist()[1]


@pytest.mark.parametrize("load", LOADS)
def test_changed_weights_are_measured_anew(tmp_path, load):
    before, step = LOADS[load]
    (tmp_path / "weighted.py").write_text(WEIGHTED.format(before=before, step=step, version="'1'"))
    codec = "weighted:weights=weights.npy" if "Location" in load else "weighted"
    (tmp_path / "matrix.toml").write_text(
        MATRIX.format(more='[plugins]\nfiles = ["weighted.py"]', codecs=json.dumps([codec]))
    )

    def measured():
        return runner.run(find_study(str(tmp_path)), executors.in_process, limit=4).measured

    write_step(tmp_path, 8)
    assert (measured(), measured()) == (2, 0)  # the uncompressed images come with the first
    before_the_change = bytes_coded(tmp_path)
    write_step(tmp_path, 64)
    (line,) = read(find_study(str(tmp_path))).bad
    assert "weighted.py, or a program or file that it names, is another now" in line
    assert (measured(), measured()) == (1, 0)
    assert bytes_coded(tmp_path) < before_the_change and not read(find_study(str(tmp_path))).bad


@pytest.mark.slow
def test_changed_weights_reach_spawned_workers(tmp_path):
    before, step = LOADS["at the first image, and keeps it"]
    (tmp_path / "weighted.py").write_text(WEIGHTED.format(before=before, step=step, version="'1'"))
    (tmp_path / "matrix.toml").write_text(
        MATRIX.format(more='[plugins]\nfiles = ["weighted.py"]', codecs='["weighted"]')
    )
    sizes = []
    for step in (8, 64):
        write_step(tmp_path, step)
        assert runner.run(find_study(str(tmp_path)), lambda: executors.make(2, None), limit=4).measured
        sizes.append(bytes_coded(tmp_path))
    assert sizes[1] < sizes[0]


def test_a_version_that_tells_its_weights_says_no_more(tmp_path):
    version = "__import__('hashlib').sha256(Path(self.weights).read_bytes()).hexdigest()[:16]"
    (tmp_path / "weighted.py").write_text(WEIGHTED.format(before="", step="np.load(self.weights)[0]", version=version))
    write_step(tmp_path, 8)
    load_plugins(tmp_path / "weighted.py")
    codec = CODECS.make(f"weighted:weights={tmp_path / 'weights.npy'}")
    before = codec.version()
    digest = hashlib.sha256((tmp_path / "weights.npy").read_bytes()).hexdigest()
    assert before == f"{digest[:16]}, weighted.py {codec.origin.sha256[:16]}"
    write_step(tmp_path, 64)
    assert codec.version() != before


def test_where_data_files_lie_is_no_part_of_a_version(tmp_path):
    """A worker on another machine has the code with the plug-in, and its data files perhaps elsewhere."""
    before, step = LOADS["at the first image, and keeps it"]
    versions = []
    for name in ("here", "there"):
        (folder := tmp_path / name).mkdir()
        (folder / "weighted.py").write_text(WEIGHTED.format(before=before, step=step, version="'1'"))
        write_step(folder, 8)
        load_plugins(folder / "weighted.py")
        versions.append(CODECS.make("weighted").version())
    assert versions[0] == versions[1] and ", weights.npy " in versions[0]
    codec = CODECS.make("weighted")
    (folder / "weights.npy").rename(folder / "elsewhere.npy")
    assert codec.version() == versions[0]
    write_step(folder, 64)
    assert codec.version() != versions[0]  # a worker that has others is refused


def test_a_data_set_in_a_file_is_read_again_where_a_file_that_it_names_has_changed(tmp_path):
    (tmp_path / "greys.py").write_text(
        textwrap.dedent(
            """
            from dataclasses import dataclass
            from pathlib import Path
            import numpy as np
            import rabench

            class Greys:
                classes = ("dark", "light")
                def __len__(self): return 2
                def stamp(self): return "1"
                def read(self, start, stop):
                    images = np.load(Path(__file__).parent / "greys.npy")[start:stop]
                    return rabench.Block(list(images), np.arange(start, stop), [rabench.Source("raw")] * (stop - start))

            @dataclass(frozen=True)
            class MyGreys(rabench.Dataset):
                name = "greys"
                def open(self): return Greys()
            """
        )
    )
    stamps = []
    for level in (10, 20):
        np.save(tmp_path / "greys.npy", np.full((2, 8, 8, 3), level, np.uint8))
        load_plugins(tmp_path / "greys.py")
        stamps.append(DATASETS.make("greys").stamp())
    assert stamps[0] != stamps[1]


@pytest.mark.slow
def test_a_matrix_names_its_plug_ins_and_spawned_workers_have_them(tmp_path):
    python_file(tmp_path)
    (tmp_path / "matrix.toml").write_text(
        MATRIX.format(more='[plugins]\nfiles = ["coarse.py"]', codecs='["coarse:bits=1..8/7"]')
    )
    study = find_study(str(tmp_path))
    outcome = runner.run(study, lambda: executors.make(2, None), limit=40)
    assert outcome.complete and outcome.measured == 3
    assert rabench.report(tmp_path).summary.bpp.is_monotonic_increasing is False  # the uncompressed images come first


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "coarse.py, line 1: invalid syntax"),
        ("x = 1\ny = x / 0\n", "coarse.py, line 2: ZeroDivisionError: division by zero"),
        ("import nothing_of_this_name\n", "line 1: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("x = 1\n", "coarse.py holds no plug-in; define a class with a name"),
        (CODEC.replace("{name}", "jpeg"), "the codec name 'jpeg' is taken already; choose another"),
        (
            CODEC.replace("@dataclass(frozen=True)", ""),
            "Coarse is no dataclass, so that bits would be lost; write @dataclass",
        ),
        (CODEC.replace("def decode", "def decoded"), "Coarse lacks decode or decode_batch"),
        (
            CODEC.replace("    def version", "    step: int = 16\n\n    def version", 1),
            "Coarse.step is no setting; write step: int = rabench.setting(DEFAULT, WHAT_IS_ALLOWED)",
        ),
        (
            CODEC.replace("    def version", "    step = 32\n\n    def version", 1),
            "Coarse.step is no setting; write step: int = rabench.setting(32, WHAT_IS_ALLOWED), or _step for a constant",
        ),
        (
            CODEC.replace("    def version", "    def __init__(self):\n        pass\n\n    def version", 1),
            "Coarse has an __init__; leave it out",
        ),
        (
            CODEC.replace("(frozen=True)", ""),
            "cannot inherit non-frozen dataclass from a frozen one; write @dataclass(",
        ),
        (
            CODEC.replace("    def version", "    def spec(self):\n        return 1\n\n    def version", 1),
            "Coarse.spec is a",
        ),
        (CODEC.replace("range(1, 9)", "range(5, 9)").replace("{name}", "coarse"), None),
    ],
)
def test_a_broken_plug_in_file_is_one_clear_line(tmp_path, text, message):
    path = python_file(tmp_path, text)
    if message is None:  # a default that is not allowed shows when the codec is made
        load_plugins(path)
        with pytest.raises(BadSetting, match=r"bits must be in 5..8, got 4"):
            CODECS.make("coarse")
        return
    with pytest.raises(BadSetting) as caught:
        load_plugins(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_batch_codec_needs_no_other_methods(tmp_path):
    text = CODEC.replace("{name}", "batchwise").replace(
        "def encode(self, image):",
        "def encode_batch(self, images):\n        return [self._one(i) for i in images]\n\n    def _one(self, image):",
    )
    load_plugins(python_file(tmp_path, text))
    codec = CODECS.make("batchwise")
    image = np.zeros((3, 4, 3), np.uint8)
    assert codec.decode(codec.encode(image)).shape == (3, 4, 3)
    assert codec.encode(image) == codec.encode_batch([image])[0]
    for wrong in ("[self._one(i) for i in images][1:]", "None"):
        load_plugins(python_file(tmp_path, text.replace("[self._one(i) for i in images]", wrong)))
        with pytest.raises(TypeError, match=r"encode_batch gave .* for a list of 1 image; it gives a list"):
            CODECS.make("batchwise").encode(image)


def test_two_files_may_not_bring_one_name(tmp_path):
    load_plugins(python_file(tmp_path))
    (tmp_path / "other.py").write_text(CODEC.replace("{name}", "coarse"))
    with pytest.raises(BadSetting, match=r"other.py: the codec name 'coarse' is taken by coarse.py; choose another"):
        load_plugins(tmp_path / "other.py")
    with pytest.raises(Unavailable, match="No such file"):
        load_plugins(tmp_path / "none.py")
    (tmp_path / "codec.json").touch()
    with pytest.raises(BadSetting, match=r"give a .py file, or a .toml file"):
        load_plugins(tmp_path / "codec.json")


def test_a_quantizer_comes_from_a_file_too(tmp_path):
    path = tmp_path / "grey.py"
    path.write_text(
        textwrap.dedent(
            '''
            from dataclasses import dataclass
            import numpy as np
            import rabench

            @dataclass(frozen=True)
            class Greys(rabench.Quantizer):
                """Two greys."""
                name = "greys"

                def version(self):
                    return "1"

                def quantize(self, images):
                    palette = np.array([[0, 0, 0], [255, 255, 255]], np.uint8)
                    return [rabench.IndexedImage((i.mean(2) > 127).astype(np.uint8), palette).trimmed() for i in images]
            '''
        )
    )
    load_plugins(path)
    assert len(QUANTIZERS.make("greys").quantize([np.zeros((4, 4, 3), np.uint8)])[0].palette) == 1


# Programs --------------------------------------------------------------------------------------------------------

PROGRAM = """
import sys, time, zlib, subprocess
from PIL import Image
import numpy as np
how, mode, source, target, *more = sys.argv[1:]
step = int(more[0]) if more else 1
if how == "fail": sys.stderr.write("x" * 10_000_000 + "the end\\n"); sys.exit(7)
if how == "hang": time.sleep(600)
if how == "child": subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "left-behind-marker"])
if how == "nothing": sys.exit(0)
if mode == "encode":
    with Image.open(source) as image:
        pixels = np.asarray(image.convert("RGB"))
    if how == "blind": pixels = np.zeros_like(pixels)
    if how == "size": pixels = pixels[:-1]
    with open(target, "wb") as file:
        file.write(np.array(pixels.shape[:2], ">u2").tobytes() + zlib.compress((pixels // step * step).tobytes()))
else:
    data = open(source, "rb").read()
    shape = np.frombuffer(data[:4], ">u2")
    Image.fromarray(np.frombuffer(zlib.decompress(data[4:]), np.uint8).reshape(*shape, 3)).save(target)
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
    return "\n".join(lines)


def test_a_declared_program_is_a_codec_like_any_other(tmp_path):
    (tmp_path / "codecs.toml").write_text(declared(tmp_path))
    load_plugins(tmp_path / "codecs.toml")
    codec = CODECS.make("coder:step=16")
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    assert (codec.decode(codec.encode(image)) == image // 16 * 16).all()
    assert codec.quality_parameter() == "step" and codec.version().startswith("Python 3.")
    with pytest.raises(BadSetting, match=r"coder: step must be in 1..64, got 65"):
        CODECS.make("coder:step=65")


@pytest.mark.slow
def test_a_declaration_in_the_matrix_runs_in_spawned_workers(tmp_path):
    (tmp_path / "matrix.toml").write_text(MATRIX.format(more=declared(tmp_path), codecs='["coder:step=4,32"]'))
    outcome = runner.run(find_study(str(tmp_path)), lambda: executors.make(2, None), limit=4)
    assert outcome.complete and outcome.measured == 3


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("fail", "exit status 7: "),
        ("nothing", "ended with status 0 but wrote nothing"),
        ("size", "gave 31x32x3 for an image of 32x32x3"),
        ("blind", "black and white give the same file: it ignores its input"),
        pytest.param("hang", "gave no result in 1 s and was ended", marks=pytest.mark.slow),
    ],
)
def test_a_program_that_misbehaves_is_a_row_with_its_reason_and_the_run_goes_on(tmp_path, how, message, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    more = declared(tmp_path, how, timeout=1 if how == "hang" else 60)
    (tmp_path / "matrix.toml").write_text(MATRIX.format(more=more, codecs='["coder", "raw"]'))
    study = find_study(str(tmp_path))
    outcome = runner.run(study, executors.in_process, limit=2)
    assert outcome.failed_rows == 2 and outcome.measured == 2
    reasons = errors_of(study)
    assert len(reasons) == 2 and all(message in reason for reason in reasons)
    assert how != "fail" or all(reason.endswith("the end") and len(reason) < 1000 for reason in reasons)
    assert not list(scratch.iterdir())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_children_that_a_program_leaves_behind_are_ended(tmp_path):
    (tmp_path / "codecs.toml").write_text(declared(tmp_path, "child"))
    load_plugins(tmp_path / "codecs.toml")
    CODECS.make("coder").encode(np.zeros((8, 8, 3), np.uint8))
    time.sleep(0.2)
    for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            assert b"left-behind-marker" not in cmdline.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue


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
    path = tmp_path / "codecs.toml"
    path.write_text(declared(tmp_path).replace(*change))
    with pytest.raises(BadSetting) as caught:
        load_plugins(path)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_program_may_write_to_its_standard_output_and_read_y4m(tmp_path):
    (tmp_path / "copy.py").write_text(
        "import sys, shutil; shutil.copyfileobj(open(sys.argv[1], 'rb'), sys.stdout.buffer)"
    )
    (tmp_path / "codecs.toml").write_text(
        """
[programs.copy]
encode = ["python", "{folder}/copy.py", "{input.y4m}"]
decode = ["python", "{folder}/copy.py", "{input.bin}"]
chroma = 444
[programs.copy-png]
encode = ["{python}", "{folder}/copy.py", "{input.png}"]
decode = ["python", "{folder}/copy.py", "{input.bin}"]
lossless = true
""".replace('"python"', json.dumps(sys.executable))
    )
    load_plugins(tmp_path / "codecs.toml")
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    file = CODECS.make("copy").encode(image)
    assert file.startswith(b"YUV4MPEG2 W7 H5 ") and b"C444" in file
    assert np.abs(CODECS.make("copy").decode(file).astype(int) - image).max() <= 2
    codec = CODECS.make("copy-png")
    assert (codec.decode(codec.encode(image)) == image).all()


def test_a_script_that_is_edited_is_another_version(tmp_path):
    """With a version command that says the same as before, and without one; by absolute path and by {folder}."""
    for changes in ({}, {"version": []}):
        (tmp_path / "codecs.toml").write_text(declared(tmp_path, **changes))
        load_plugins(tmp_path / "codecs.toml")
        before = CODECS.make("coder").version()
        (tmp_path / "program.py").write_text(PROGRAM + "# edited")
        assert CODECS.make("coder").version() != before
    (tmp_path / "enc").write_text(f"#!{sys.executable}\n")
    (tmp_path / "enc").chmod(0o755)
    (tmp_path / "own.toml").write_text(
        '[programs.own]\nencode = ["{folder}/enc", "{input.png}"]\ndecode = ["{folder}/enc", "{input.bin}"]\n'
    )
    load_plugins(tmp_path / "own.toml")
    before = CODECS.make("own").version()
    (tmp_path / "enc").write_text(f"#!{sys.executable}\nprint()\n")
    assert CODECS.make("own").version() != before


def test_a_program_that_is_not_here_says_what_to_do(tmp_path):
    (tmp_path / "codecs.toml").write_text(
        declared(tmp_path, encode=["no-such-program", "{input.png}", "{output.bin}"], remedy="apt install it")
    )
    load_plugins(tmp_path / "codecs.toml")
    with pytest.raises(Unavailable, match="no-such-program is not on the PATH; apt install it"):
        CODECS.make("coder").version()


def test_names_of_files_and_settings_never_reach_a_shell(tmp_path):
    evil = tmp_path / "a;touch pwned $(touch pwned)"
    evil.mkdir()
    (evil / "codecs.toml").write_text(declared(evil))
    load_plugins(evil / "codecs.toml")
    CODECS.make("coder").encode(np.zeros((8, 8, 3), np.uint8))
    assert not list(tmp_path.rglob("pwned")) and not Path("pwned").exists()


# Adding ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def measured(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    (folder / "matrix.toml").write_text(MATRIX.format(more="", codecs='["jpeg:quality=5,20,50", "webp:quality=5,50"]'))
    study = find_study(str(folder))
    runner.run(study, executors.in_process, limit=100)
    return study


@pytest.mark.slow
def test_a_codec_is_added_without_measuring_the_others_again(measured, tmp_path):
    before = {f.name: f.stat().st_mtime_ns for f in measured.records.glob("*.parquet")}
    done = add(measured, "coarse:bits=1..8", ["none"], [python_file(tmp_path)], executors.in_process)
    outcome = done.outcome
    assert (outcome.measured, outcome.finished) == (8, 0)
    after = {f.name: f.stat().st_mtime_ns for f in measured.records.glob("*.parquet")}
    assert before.items() <= after.items() and len(after) == len(before) + 8
    (table,) = comparison_tables(rabench.report(measured.folder).groups, done.codecs)
    assert set(table.frame.curve) == {"none+coarse"} and "none+jpeg" in set(table.frame.against)
    again = find_study(str(measured.folder))
    assert len(again.load().points) == 5 + 8
    assert add(again, "coarse:bits=1..8", ["none"], [], executors.in_process).outcome.measured == 0


@pytest.mark.slow
def test_without_a_word_on_the_dial_rates_lie_where_the_studys_curves_do(measured, tmp_path):
    """Of 200 steps most cost more than JPEG at its best: those are not measured."""
    text = (
        CODEC.replace("range(1, 9)", "range(1, 201)")
        .replace("(8 - self.bits)", "(self.bits // 30)")
        .replace("setting(4,", "setting(180,")
    )
    done = add(measured, "coarse", ["none"], [python_file(tmp_path, text)], executors.in_process)
    rows = rabench.load(measured.folder).points
    old, new = rows[rows.codec.str.startswith(("jpeg", "webp"))], rows[rows.codec.str.startswith("coarse")]
    assert 2 <= len(new) == len(done.codecs) <= 8 and "bits=" in done.chosen and "as the study's curves" in done.chosen
    assert new.bpp.min() > 0.8 * old.bpp.min() and new.bpp.max() < 1.5 * old.bpp.max()
    again = add(measured, "coarse", ["none"], [], executors.in_process)
    assert again.codecs == done.codecs and again.outcome.measured == 0 and "has already" in again.chosen
    done = add(measured, "jpegxl", ["none"], [], executors.in_process)  # a dial of floats
    assert len(done.codecs) > 4 and done.chosen.startswith("distance=")


@pytest.mark.slow
def test_a_lost_plug_in_file_says_how_to_go_on(measured, tmp_path):
    add(measured, "coarse:bits=2", ["none"], [path := python_file(tmp_path)], executors.in_process)
    path.write_text(path.read_text() + "# edited\n")
    CODECS.added.clear()
    assert any("coarse: coarse.py is another now than when" in line for line in rabench.report(measured.folder).bad)
    path.unlink()
    with pytest.raises(
        rabench.RabenchError, match=r"No such file.*; or take it and its \[\[points\]\] out of .*added.toml"
    ):
        find_study(str(measured.folder)).load()


def test_what_cannot_be_added_leaves_the_study_as_it_was(measured, tmp_path):
    for text, message in (
        ("jpg", "no codec is named 'jpg'"),
        ("bpgenc", "bpgenc is not on the PATH"),
        ("jpeg2000:rate=0", "jpeg2000"),
    ):
        if text == "bpgenc" and shutil.which("bpgenc"):
            continue
        with pytest.raises(rabench.RabenchError, match=message):
            add(measured, text, ["none"], [], executors.in_process)
        assert not measured.added.exists()
    with pytest.raises(BadSetting, match=r"quantizers: no quantizer is named 'medan-cut'"):
        add(measured, "png", ["medan-cut"], [], executors.in_process)
    assert not measured.added.exists()
    (tmp_path / "matrix.toml").write_text(MATRIX.format(more="", codecs='["png"]'))
    with pytest.raises(Unavailable, match="is not measured yet; measure it first: rabench run"):
        add(find_study(str(tmp_path)), "png", ["none"], [], executors.in_process)


# In the words of the docs ----------------------------------------------------------------------------------------


def blocks(text):
    """(language, file name or nothing, content) of each fenced block."""
    import re

    return re.findall(r"```(\w+) ?(\S*)\n(.*?)```", text, re.S)


@pytest.mark.slow
def test_the_docs_lead_from_an_empty_folder_to_a_curve(tmp_path):
    root = Path(rabench.__file__).parent
    shutil.copytree(root / "examples", tmp_path / "examples")
    threads = {"OMP_NUM_THREADS": "1"}  # threads that wait for each other's cores take minutes
    environment = {**os.environ, **threads, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    outputs = []
    for language, name, content in blocks((root / "docs" / "add-a-codec.md").read_text()):
        if name:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(content)
        elif language == "sh":
            for line in content.replace("\\\n", " ").strip().splitlines():
                command = line.split(" #")[0]
                done = subprocess.run(command.split(), cwd=tmp_path, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, (line, done.stdout[-500:], done.stderr[-500:])
                outputs.append(done.stdout)
    assert sum("every promise kept" in text for text in outputs) == 2
    assert sum("the new against each" in text for text in outputs) == 3
