"""External programs: whatever they do, a clean error, no child, no file left behind. Fakes stand in for them."""

import os
import shutil
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from processes import needs_proc, runs, wait_until
from rabench.bench.running import executors
from rabench.codecs import CODECS, programs
from rabench.core.errors import Unavailable
from rabench.core.images import IndexedImage

pytestmark = pytest.mark.skipif(os.name != "posix", reason="fake programs begin with #!")

FAKE_ENCODER = """
import sys
import numpy as np
from PIL import Image
from rabench.codecs import CODECS
words = sys.argv[1:]
if words == ["-h"]:
    print("BPG Image Encoder version 0.9.8\\nusage: bpgenc ...")
    sys.exit(1)
asked = dict(zip(words[:-1:2], words[1:-1:2]))
assert set(asked) == {"-q", "-f", "-e", "-m", "-b", "-c", "-o"}, asked
image = Image.open(words[-1])
assert image.format == "PNG" and image.mode == "RGB"
file = CODECS.make(f"bpg:qp={asked['-q']}:chroma={asked['-f']}:effort={asked['-m']}").encode(np.array(image))
open(asked["-o"], "wb").write(file)
"""
FAKE_DECODER = """
import sys
if sys.argv[1:] == ["-h"]:
    print("BPG Image Decoder version 0.9.8")
    sys.exit(1)
from PIL import Image
from rabench.codecs import CODECS
_, target, source = sys.argv[1:]
Image.fromarray(CODECS.make("bpg").decode(open(source, "rb").read())).save(target)
"""


def program(folder, name, code):
    """A program of that name on its own."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{textwrap.dedent(code)}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@pytest.fixture
def fake_bpg(tmp_path, monkeypatch):
    """bpgenc and bpgdec on the PATH, and a folder for temporary files that must end empty."""
    pytest.importorskip("av", reason="the fakes code with PyAV")
    folder, scratch = tmp_path / "bin", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    program(folder, "bpgenc", FAKE_ENCODER)
    program(folder, "bpgdec", FAKE_DECODER)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr("tempfile.tempdir", None)
    yield folder
    assert not list(scratch.iterdir())


def test_a_program_that_is_missing_is_unavailable_with_the_remedy(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        Unavailable, match=r"bpgenc is not on the PATH; build it from libbpg 0\.9\.8 .* or use the codec"
    ):
        CODECS["bpgenc"]().version()


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; print('error while loading shared libraries'); sys.exit(127)", "exit status 127: error while"),
        ("print('another bpgenc')", "is not libbpg's: 'another bpgenc'"),
        ("import os; os.abort()", "ended by signal 6"),
    ],
)
def test_programs_that_do_not_run_are_unavailable_not_a_version(fake_bpg, code, reason):
    program(fake_bpg, "bpgdec", code)
    with pytest.raises(Unavailable, match=reason):
        CODECS["bpgenc"]().version()


def test_folders_of_killed_processes_are_swept_by_the_next_process(tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    left, living = (tmp_path / f"rabench-{process}-x" for process in (gone.pid, os.getpid()))
    left.mkdir()
    living.mkdir()
    code = "from rabench.codecs import programs\nwith programs.scratch(): pass"
    subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "TMPDIR": str(tmp_path)})
    assert list(tmp_path.iterdir()) == [living]


@pytest.mark.slow
@needs_proc
def test_a_worker_that_is_stopped_takes_its_program_along(tmp_path):
    pool = executors.processes(1)
    number = tmp_path / "number"
    code = f"import os, time; open({str(number)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    pool.submit(programs.run, [program(tmp_path, "sleeper", code)], 60)
    wait_until(lambda: number.exists() and number.read_text(), "the program does not start")
    assert runs(number.read_text())
    pool.stop()
    wait_until(lambda: not runs(number.read_text()), "a program outlives its worker")


@pytest.mark.slow
def test_bpgenc_asks_as_documented_and_gives_the_files_back(fake_bpg):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    codec = CODECS.make("bpgenc:qp=33:chroma=444:level=3")
    assert codec.version() == "bpgenc 0.9.8 and bpgdec 0.9.8"
    same = CODECS.make("bpg:qp=33:chroma=444:effort=3:grey=no")
    files = codec.encode_batch([image, image[::-1].copy()])
    assert files == same.encode_batch([image, image[::-1].copy()])
    for decoded, file in zip(codec.decode_batch(files), files, strict=True):
        np.testing.assert_array_equal(decoded, same.decode(file))
    assert codec.byte_breakdown(files[0]) == same.byte_breakdown(files[0])
    indexed = IndexedImage(np.zeros((20, 30), np.uint8), np.array([[9, 80, 200]], np.uint8))
    assert codec.encode(indexed) == same.encode(indexed)


def test_bpgenc_of_jctvc_knows_no_settings_alike():
    assert CODECS.make("bpgenc:qp=1").canonical() == CODECS.make("bpgenc:qp=3")
    assert CODECS.make("bpgenc:qp=1:encoder=jctvc").canonical() == CODECS.make("bpgenc:qp=1:encoder=jctvc")


def test_a_crash_of_the_encoder_is_an_error_with_command_signal_and_words(fake_bpg):
    program(
        fake_bpg,
        "bpgenc",
        "import os, sys; print('out of chroma', file=sys.stderr, flush=True); os.kill(os.getpid(), 11)",
    )
    with pytest.raises(programs.ProgramError) as caught:
        CODECS["bpgenc"]().encode(np.zeros((8, 8, 3), np.uint8))
    error = str(caught.value)
    assert "bpgenc -q 29 -f 420 -e x265 -m 8 -b 8 -c ycbcr -o" in error
    assert "ended by signal 11 (SIGSEGV): out of chroma" in error


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import sys; sys.exit('bad weather')", "exit status 1: bad weather"),
        ("", "ended with status 0 but wrote nothing"),
        ("open('{target}', 'w')", "ended with status 0 but wrote nothing"),
        ("import sys; print('x' * 10_000_000, file=sys.stderr); sys.exit(9)", "exit status 9: xxx"),
        ("import time; time.sleep(60)", "gave no result in 0.5 s and was ended"),
    ],
)
def test_what_goes_wrong_is_told_briefly(tmp_path, code, reason):
    target = tmp_path / "target"
    command = [program(tmp_path, "codec", code.format(target=target)), "it's; touch hacked"]
    begin = time.monotonic()
    with pytest.raises(programs.ProgramError, match=reason) as caught:
        programs.output(command, target, 0.5 if "sleep" in code else 30)
    assert len(str(caught.value)) < 3000
    assert "'it'\"'\"'s; touch hacked'" in str(caught.value)  # as a shell would have to be given it
    assert time.monotonic() - begin < 30
    assert not Path("hacked").exists()


@pytest.mark.slow
@needs_proc
@pytest.mark.parametrize("hangs", [False, True])
def test_children_are_ended_with_the_program(tmp_path, hangs):
    number = tmp_path / "number"
    code = f"""
        import subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open({str(number)!r}, "w").write(str(child.pid))
        time.sleep({60 if hangs else 0})
    """
    command = [program(tmp_path, "parent", code)]
    if hangs:
        with pytest.raises(programs.ProgramError, match="gave no result"):
            programs.run(command, 2)
    else:
        programs.run(command, 30)
    wait_until(lambda: not runs(number.read_text()), "a child outlives its program", 10)


def test_a_file_of_a_forbidden_size_never_reaches_the_decoder(fake_bpg):
    with pytest.raises(ValueError, match="16383x16383 pixels"):
        CODECS["bpgenc"]().decode(b"BPG\xfb\x20\x00\xff\x7f\xff\x7f\x00" + bytes(40))


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("bpgenc") is None or shutil.which("bpgdec") is None, reason="bpgenc is not on the PATH"
)
@pytest.mark.parametrize("side", [32, 64, 224])
def test_sizes_are_those_of_bpgenc_and_its_files_are_read(side):
    from skimage import data

    source = data.astronaut()
    cuts = [source[y : y + side, x : x + side] for y in range(0, 512 - side, 101) for x in range(0, 512 - side, 101)]
    images = [np.ascontiguousarray(cut) for cut in cuts[:20]]
    for qp in (10, 20, 29, 35, 41, 47):
        theirs = CODECS.make(f"bpgenc:qp={qp}")
        files, ours = theirs.encode_batch(images), CODECS.make(f"bpg:qp={qp}").encode_batch(images)
        off = sum(map(len, ours)) / sum(map(len, files)) - 1
        assert abs(off) < (0.01 if qp <= 35 else 0.025), f"QP {qp}: {100 * off:+.2f} %"
        for codec in (theirs, CODECS.make(f"bpgenc:qp={qp}:encoder=jctvc")):
            for file in codec.encode_batch(images[:3]):
                np.testing.assert_array_equal(CODECS["bpg"]().decode(file), codec.decode(file))
