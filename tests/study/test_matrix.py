"""matrix.toml: what it means, and what is said of a mistake in it."""

import pytest
from given_studies import PHOTOS_AS_PNG
from rabench.bench.study.matrix import load
from rabench.bench.study.study import EMBEDDED, find_study
from rabench.core.errors import BadSetting, Unavailable

GOOD = """\
title = "A study"
dataset = "photos"
classifiers = ["small:weights=small-photos"]

[[points]]
quantizers = ["none", "median-cut:colors=2,4"]
codecs = ["png"]

[[points]]
codecs = ["jpeg:quality=10..30/10", "png"]
"""


@pytest.fixture
def matrix(tmp_path):
    def write(text):
        (tmp_path / "matrix.toml").write_text(text)
        return tmp_path / "matrix.toml"

    return write


def test_a_study_is_the_union_of_its_cross_products_each_point_once(matrix):
    study = load(matrix(GOOD))
    assert [str(p) for p in study.points] == [
        "none+png+small:weights=small-photos",
        "median-cut:colors=2+png+small:weights=small-photos",
        "median-cut:colors=4+png+small:weights=small-photos",
        "none+jpeg:quality=10+small:weights=small-photos",
        "none+jpeg:quality=20+small:weights=small-photos",
        "none+jpeg:quality=30+small:weights=small-photos",
    ]
    assert study.title == "A study"


@pytest.mark.parametrize(
    "old, new, line, message",
    [
        ('codecs = ["png"]', 'codec = ["png"]', 7, "no key in [[points]] is named 'codec' (did you mean 'codecs'"),
        ("title =", "titel =", 1, "no key is named 'titel' (did you mean 'title'?)"),
        ('"png"]\n\n', '"pgn"]\n\n', 7, "codecs: no codec is named 'pgn' (did you mean 'png'"),
        ("colors=2,4", "colors=1,4", 6, "quantizers: median-cut: colors must be in 2..256, got 1"),
        ('dataset = "photos"', 'dataset = "photo"', 2, "no data set is named 'photo' (did you mean 'photos'"),
        ('["png"]', '"png', 7, "no valid TOML"),
        ('["png"]', "[3]", 7, "codecs is a text or a list of texts"),
        ('codecs = ["png"]\n', "", 5, "codecs is missing; give it in each [[points]] or once above them"),
    ],
)
def test_a_mistake_names_file_line_key_and_what_was_meant(matrix, old, new, line, message):
    mistaken = GOOD.replace(old, new, 1)
    assert mistaken != GOOD
    path = matrix(mistaken)
    with pytest.raises(BadSetting) as caught:
        load(path)
    error = str(caught.value)
    assert str(path) in error and message in error and f"line {line}" in error
    assert "\n" not in error


def test_points_as_one_table_are_answered_with_how_to_write_them(matrix):
    head = GOOD.split("[[points]]")[0]
    with pytest.raises(BadSetting, match=r"matrix.toml, line 5: points is written as \[\[points\]\]"):
        load(matrix(head + '[points]\ncodecs = ["png"]'))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b'dataset = "caf\xe9"', "no UTF-8 text"), (b"points = []\n", "there is no point to measure")],
)
def test_a_file_that_is_no_matrix_is_refused_in_a_line(tmp_path, content, message):
    (tmp_path / "matrix.toml").write_bytes(content)
    with pytest.raises(BadSetting, match=message) as caught:
        load(tmp_path / "matrix.toml")
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_before_the_text_is_read_over(tmp_path):
    (tmp_path / "matrix.toml").write_text(PHOTOS_AS_PNG, encoding="utf-8-sig")
    assert len(load(tmp_path / "matrix.toml").points) == 1


def test_a_report_axis_is_checked(matrix):
    with pytest.raises(BadSetting, match=r"line 12: report.axis must be one of log2, linear, got 'log10'"):
        load(matrix(GOOD + '[report]\naxis = "log10"\n'))


def test_paths_are_beside_the_matrix_file(matrix, tmp_path):
    (tmp_path / "images").mkdir()
    text = GOOD.replace('"photos"', '"folder:path=images"')
    point = load(matrix(text)).points[0]
    assert point.dataset.spec == f"folder:path={tmp_path / 'images'}:split=test"
    assert point.dataset.label == "folder:path=images:split=test"


def test_two_files_of_one_name_are_refused(matrix, tmp_path):
    for side in ("a", "b"):
        (tmp_path / side / "set").mkdir(parents=True)
    text = GOOD.replace('"photos"', '["folder:path=a/set", "folder:path=b/set"]')
    with pytest.raises(BadSetting, match="would both be called folder:path=set:split=test; rename one of the files"):
        load(matrix(text))


def test_a_study_is_a_folder_else_runs_else_embedded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    embedded = find_study("photos")
    assert embedded.matrix.name == "photos.toml" and str(embedded.folder) == "runs/photos"
    (tmp_path / "runs" / "photos").mkdir(parents=True)
    (tmp_path / "runs" / "photos" / "matrix.toml").write_text(GOOD)
    assert str(find_study("photos").matrix) == "runs/photos/matrix.toml"
    (tmp_path / "photos").mkdir()
    assert str(find_study("photos").folder) == "runs/photos"  # a folder without a matrix is no study
    (tmp_path / "photos" / "matrix.toml").write_text(GOOD)
    assert str(find_study("photos").folder) == "photos"
    assert str(find_study("photos", tmp_path / "x").folder) == str(tmp_path / "x")


def test_an_unknown_study_is_answered_with_the_near_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Unavailable, match=r"no study is at 'fotos' \(did you mean 'photos'\?\)"):
        find_study("fotos")
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unavailable, match=r"empty holds no matrix.toml; write one, or name an embedded study"):
        find_study("empty")


def test_every_embedded_study_can_be_read():
    paths = list(EMBEDDED.glob("*.toml"))
    assert "photos.toml" in {path.name for path in paths}
    assert all(load(path).points for path in paths)
