"""The conformance kit fails each codec for the promise that it breaks, and no other codec at all."""

import subprocess
import sys

import numpy as np
import pytest
import rabench
from broken_codecs import BROKEN, Honest
from plugin_texts import WEIGHTED
from rabench.bench.conformance import fresh_process, promises
from rabench.bench.study.plugin_files import load_plugins
from rabench.codecs import CODECS


def broken_promises(codec):
    return {c.promise: c.seen for c in rabench.check_codec(codec) if not c.passed}


def try_alone(promise, monkeypatch):
    """The others take time."""
    monkeypatch.setattr(promises, "PROMISES", [p for p in promises.PROMISES if p.name == promise])


@pytest.mark.slow
def test_an_honest_codec_keeps_every_promise():
    rabench.assert_conforms(Honest())


@pytest.mark.slow
@pytest.mark.parametrize(("codec", "promise", "message"), BROKEN, ids=lambda value: getattr(value, "name", None))
def test_each_broken_codec_fails_for_its_own_reason(codec, promise, message, monkeypatch):
    monkeypatch.setattr(fresh_process, "PATIENCE", 5.0)
    try_alone(promise, monkeypatch)
    broken = broken_promises(codec)
    assert promise in broken and message in broken[promise], broken
    with pytest.raises(AssertionError, match=promise):
        rabench.assert_conforms(codec)


def test_a_codec_that_cannot_code_at_all_is_told_once_with_the_line_of_its_file(tmp_path):
    (tmp_path / "failing.py").write_text(
        "import rabench\nclass Failing(rabench.Codec):\n    name = 'failing'\n    def version(self): return '1'\n"
        "    def encode(self, image):\n        return 1 / 0\n    def decode(self, data): ...\n"
    )
    load_plugins(tmp_path / "failing.py")
    checks = rabench.check_codec(CODECS.make("failing"))
    assert [c.promise for c in checks if not c.passed] == ["codes a photograph"] and len(checks) == 2
    assert "32x32: encode raises ZeroDivisionError: division by zero (failing.py, line 6)" in checks[1].seen


@pytest.mark.parametrize(
    ("before", "step", "message"),
    [
        ("", "np.load(HERE / 'weights.npy')[0]", "tells weights.npy"),
        ("", "np.load(self.weights)[0]", "tells weights.npy"),
        ("STEP = np.load(HERE / '.'.join(('weights', 'npy')))[0]", "STEP", "it reads {}, whose content its version"),
        ("", "np.load(HERE / '.'.join(('weights', 'npy')))[0]", "it reads {}, whose content its version does not tell"),
        ("", "8 + 0 * (HERE / 'log.txt').write_text('coded')", "its code names log.txt, changed as it codes"),
        ("", "8", "names and reads none"),
    ],
)
@pytest.mark.slow
def test_a_plug_in_file_has_a_version_that_tells_what_it_reads(tmp_path, monkeypatch, before, step, message):
    np.save(tmp_path / "weights.npy", np.array([8], np.uint8))
    (tmp_path / "weighted.py").write_text(WEIGHTED.format(before=before, step=step, version="'1'"))
    load_plugins(tmp_path / "weighted.py")
    try_alone("has a version that tells its data files", monkeypatch)
    weights = f":weights={tmp_path / 'weights.npy'}" if "self.weights" in step else ""
    check = rabench.check_codec(CODECS.make(f"weighted{weights}"))[-1]
    assert message.format(tmp_path / "weights.npy") in check.seen
    assert check.passed == message.startswith(("tells", "names"))


@pytest.mark.long
def test_a_script_that_spawns_while_it_is_imported_is_told_so(tmp_path):
    (tmp_path / "script.py").write_text("import rabench\nprint(rabench.check('png').broken)\n")
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True)
    assert "worker processes cannot start; in a script, call rabench below" in done.stderr
    assert "Check(" not in done.stdout
