"""TomlFile: what is read, and where its errors say that a mistake stands."""

import pytest
from rabench.core.errors import BadSetting
from rabench.core.toml_files import TomlFile

TEXT = """\
# codecs are named below
title = "A study"  # codecs
codecs = ["png"]
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "matrix.toml").write_text(TEXT)
    return TomlFile.open(tmp_path / "matrix.toml")


def test_the_line_of_a_text_is_the_first_one_outside_of_comments(file):
    assert file.place("codecs") == f"{file.path}, line 3"


def test_a_text_that_stands_nowhere_has_the_file_alone(file):
    assert file.place("classifiers") == str(file.path)


def test_an_error_names_place_subject_and_mistake(file):
    assert str(file.about("birds").error("title", "it is no title")) == f"{file.path}, line 2: birds: it is no title"


def test_a_key_that_is_not_allowed_is_an_error_with_the_near_ones(file):
    file.check_keys(file.content, ("title", "codecs"))
    with pytest.raises(BadSetting, match=r"line 3: no key in \[points\] is named 'codecs' \(did you mean 'codec'\?\)"):
        file.check_keys(file.content, ("title", "codec"), " in [points]")


def test_what_is_no_table_is_an_error_and_a_missing_table_is_empty(file):
    assert file.table("report") == {}
    with pytest.raises(BadSetting, match=r"line 2: title is a table, written as \[title\]"):
        file.table("title")


def test_a_byte_order_mark_is_passed_over_and_other_encodings_are_refused(tmp_path):
    path = tmp_path / "matrix.toml"
    path.write_bytes(b'\xef\xbb\xbftitle = "A study"')
    assert TomlFile.open(path).content == {"title": "A study"}
    path.write_bytes(b'title = "\xe9tude"')
    with pytest.raises(BadSetting, match=r"matrix.toml: no UTF-8 text .* at byte 9"):
        TomlFile.open(path)
