"""Matrices and specs that somebody made up: each is read, or refused in one line."""

import json

import pytest
from fuzzing import json_values, some
from hypothesis import example, given
from hypothesis import strategies as st
from rabench.bench.study.matrix import MOST_POINTS, POINT_KEYS, TOP_KEYS, load
from rabench.bench.study.sizes import Size
from rabench.bench.study.trust import Access, brought
from rabench.codecs import CODECS
from rabench.core import specs
from rabench.core.errors import BadSetting, RabenchError
from rabench.core.toml_files import TomlFile
from rabench.datasets import DATASETS
from rabench.datasets.webdataset import expanded

WORDS = (
    "jpeg",
    "png",
    "quality",
    "chroma",
    "*",
    "..",
    "/",
    "0",
    "9" * 30,
    "10",
    ",",
    ":",
    "=",
    '"',
    " ",
    "-",
    "+",
    "e",
)
SPECS = st.text(max_size=12) | st.lists(st.sampled_from(WORDS), max_size=9).map("".join)
TEXTS = ("photos", "png", "jpeg:quality=10..90/40", "median-cut:colors=2", "small:weights=small-photos", "full", "psnr")
READING = Access(code=False, paths=False)


def one_line(error):
    assert "\n" not in str(error)


@pytest.mark.slow
@some(100)
@given(SPECS)
@example("jpeg:quality=1.." + "9" * 5000)
@example("jpeg:quality=0..99999999999999999999")
@example("jpeg:quality=" + "9" * 5000)
@example("jpeg:quality=1..100:quality=*")
@example("avif:quality=*:speed=*:chroma=*:lossless=*")
def test_a_spec_is_read_or_refused(text):
    try:
        assert CODECS.sweep(text)
    except RabenchError as error:
        one_line(error)


@some(60)
@given(SPECS)
@example("~0")
def test_parts_of_specs_are_read_or_refused(text):
    for read in (specs.parse, Size.parse, specs.integer_range, expanded, lambda t: DATASETS.make(f"folder:path={t}")):
        try:
            read(text)
        except RabenchError as error:
            one_line(error)
        except RuntimeError:  # of a path alone; a plug-in refuses it
            assert read is expanded and text.startswith("~")


@pytest.mark.parametrize("path", ["a-{0..999999999}.tar", "{0..9999}{0..9999}.tar", "{0.." + "9" * 5000 + "}.tar"])
def test_a_path_of_shards_has_an_end(path):
    with pytest.raises(BadSetting, match="the most is 100,000 shards"):
        expanded(path)


def toml_of(value):
    """A value as TOML; what TOML cannot hold is left as JSON has it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {toml_of(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_of, value)) + "]"
    return json.dumps(value).replace("Infinity", "inf").replace("NaN", "nan")


KEYS = st.sampled_from((*TOP_KEYS, *POINT_KEYS, "axis", "cam", "published", "files", "png"))
VALUES = json_values(TEXTS) | st.sampled_from(TEXTS) | st.lists(st.sampled_from(TEXTS), max_size=3)
BLOCKS = st.dictionaries(st.sampled_from(POINT_KEYS), VALUES, max_size=5)
GOOD = {"dataset": "photos", "classifiers": ["small:weights=small-photos"], "codecs": ["png"]}
MATRICES = st.one_of(
    st.dictionaries(KEYS, VALUES, max_size=6),
    st.dictionaries(KEYS, VALUES, max_size=3).map(lambda more: {**GOOD, **more}),
    st.lists(BLOCKS, max_size=3).map(lambda blocks: {**GOOD, "points": blocks}),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("matrix")


def read(folder, text):
    (folder / "matrix.toml").write_bytes(text if isinstance(text, bytes) else text.encode(errors="replace"))
    try:
        brought([(TomlFile.open(folder / "matrix.toml"), folder)])
        load(folder / "matrix.toml", access=READING)
    except RabenchError as error:
        one_line(error)


@pytest.mark.slow
@some(100)
@given(MATRICES)
@example({**GOOD, "base": "\0"})
@example({**GOOD, "dataset": "folder:path=\0"})
@example({**GOOD, "tuned": "\0"})
@example({**GOOD, "plugins": {"files": ["\0", "a" * 5000]}})
@example({**GOOD, "base": "a" * 5000})
@example({**GOOD, "report": {"published": {"png": "\0"}}})
@example({**GOOD, "report": {"published": {"png": "."}}})
@example({**GOOD, "report": {"cam": [True, 10**30]}})
def test_a_matrix_is_read_or_refused(folder, content):
    read(folder, "\n".join(f"{key} = {toml_of(value)}" for key, value in content.items()))


@some(60)
@given(st.binary(max_size=60) | st.text(max_size=60))
def test_text_is_a_matrix_or_refused(folder, content):
    read(folder, content)


@pytest.mark.parametrize(
    "deep", ["a = " + "[" * 100_000, "a = " + "{b=" * 100_000, "[" + "a." * 100_000 + "a]", "a." * 9000 + "a=1"]
)
def test_what_is_nested_too_deeply_is_refused(folder, deep):
    read(folder, deep)
    with pytest.raises(RabenchError):
        load(folder / "matrix.toml", access=READING)


def test_a_file_without_end_is_refused_before_it_is_read(tmp_path):
    with (tmp_path / "matrix.toml").open("wb") as file:
        file.truncate(100_000_000)
    with pytest.raises(BadSetting, match="100,000,000 bytes; the most is 1,000,000"):
        TomlFile.open(tmp_path / "matrix.toml")


def test_a_block_of_too_many_points_is_refused(tmp_path):
    codecs = ["jpeg:quality=*:chroma=*:optimize=*:progressive=*"]
    quantizers = ["median-cut:colors=*", "octree:colors=*"]
    (tmp_path / "matrix.toml").write_text(
        f"dataset = 'photos'\nclassifiers = []\ncodecs = {codecs}\nquantizers = {quantizers}"
    )
    with pytest.raises(BadSetting, match=f"points; the most is {MOST_POINTS:,}"):
        load(tmp_path / "matrix.toml", access=READING)


def test_a_circle_of_links_leads_nowhere(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for line in ("tuned = 'loop'", "base = 'loop'", "report.published = {png = 'loop'}"):
        read(tmp_path, f"{line}\ndataset = 'folder:path=loop'\nclassifiers = ['small']\ncodecs = ['png']\n")
