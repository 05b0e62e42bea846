"""Codecs from Python files: like any other, and when such a file is broken."""

import numpy as np
import pytest
import rabench
from given_studies import measure, photos_matrix, written_study
from plugin_texts import CODEC, python_file
from rabench.bench.study.plugin_files import load_plugins
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, Unavailable


def test_a_codec_in_a_file_is_a_codec_like_any_other(tmp_path):
    load_plugins(python_file(tmp_path))
    codec = CODECS.make("coarse:bits=3")
    assert codec.version().startswith("1, coarse.py ")
    assert [c.bits for c in CODECS.sweep("coarse:bits=2..4")] == [2, 3, 4]


@pytest.mark.slow
def test_a_codec_in_a_file_keeps_every_promise_of_a_codec(tmp_path):
    load_plugins(python_file(tmp_path))
    rabench.assert_conforms(CODECS.make("coarse:bits=3"))


def test_edited_code_never_passes_for_the_old(tmp_path):
    load_plugins(path := python_file(tmp_path))
    before = CODECS.make("coarse").version()
    path.write_text(path.read_text().replace("zlib.compress(coarse", "zlib.compress( coarse"))
    load_plugins(path)
    assert CODECS.make("coarse").version() != before


@pytest.mark.long
def test_a_matrix_names_its_plug_ins_and_spawned_workers_have_them(tmp_path):
    python_file(tmp_path)
    matrix = photos_matrix('codecs = ["coarse:bits=1..8/7"]', more='[plugins]\nfiles = ["coarse.py"]\n')
    outcome = measure(written_study(tmp_path, matrix), limit=40, workers=2)
    assert outcome.complete and outcome.measured == 3
    rows = rabench.report(tmp_path).summary.set_index("codec")
    assert rows.index.tolist() == ["raw", "coarse:bits=1", "coarse:bits=8"]
    assert rows.bpp["coarse:bits=1"] < rows.bpp["coarse:bits=8"]


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
    ],
)
def test_a_broken_plug_in_file_is_one_clear_line(tmp_path, text, message):
    with pytest.raises(BadSetting) as caught:
        load_plugins(python_file(tmp_path, text))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_a_default_that_is_not_allowed_shows_when_the_codec_is_made(tmp_path):
    load_plugins(python_file(tmp_path, CODEC.replace("range(1, 9)", "range(5, 9)")))
    with pytest.raises(BadSetting, match=r"bits must be in 5..8, got 4"):
        CODECS.make("coarse")


def test_a_batch_codec_needs_no_other_methods(tmp_path):
    text = CODEC.replace("{name}", "batchwise").replace(
        "def encode(self, image):",
        "def encode_batch(self, images):\n        return [self._encoded(i) for i in images]\n\n    def _encoded(self, image):",
    )
    load_plugins(python_file(tmp_path, text))
    codec = CODECS.make("batchwise")
    image = np.zeros((3, 4, 3), np.uint8)
    assert codec.decode(codec.encode(image)).shape == (3, 4, 3)
    assert codec.encode(image) == codec.encode_batch([image])[0]
    for wrong in ("[self._encoded(i) for i in images][1:]", "None"):
        load_plugins(python_file(tmp_path, text.replace("[self._encoded(i) for i in images]", wrong)))
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
