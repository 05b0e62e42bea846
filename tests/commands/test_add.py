"""`rabench add`: a codec more in a study that is measured."""

import shutil

import pytest
import rabench
from given_studies import PHOTOS_AS_PNG, measured_study, photos_matrix, times_of, written_study
from plugin_texts import CODEC, python_file
from rabench.bench.commands.add import add, comparison_tables
from rabench.bench.running import executors
from rabench.bench.study.plugin_files import load_plugins
from rabench.bench.study.study import find_study
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, Unavailable

pytestmark = pytest.mark.slow


@pytest.fixture
def measured(tmp_path):
    """A study of JPEG and WebP that is measured."""
    matrix = photos_matrix('codecs = ["jpeg:quality=5,20,50", "webp:quality=5,50"]')
    return measured_study(tmp_path / "study", matrix, limit=100)


@pytest.mark.long
def test_a_codec_is_added_without_measuring_the_others_again(measured, tmp_path):
    before = times_of(measured)
    done = add(measured, "coarse:bits=1..8", ["none"], [python_file(tmp_path)], executors.in_process)
    outcome = done.outcome
    assert (outcome.measured, outcome.finished) == (8, 0)
    after = times_of(measured)
    assert before.items() <= after.items() and len(after) == len(before) + 8
    (table,) = comparison_tables(rabench.report(measured.folder).groups, done)
    assert set(table.frame.curve) == {"none+coarse"} and "none+jpeg" in set(table.frame.against)
    again = find_study(str(measured.folder))
    assert len(again.load().points) == 5 + 8
    assert add(again, "coarse:bits=1..8", ["none"], [], executors.in_process).outcome.measured == 0


@pytest.mark.long
def test_without_a_word_on_the_quality_parameter_rates_lie_where_the_studys_curves_do(measured, tmp_path):
    """The steps, of 200, that cost more than JPEG at its best are not measured."""
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
    done = add(measured, "jpegxl", ["none"], [], executors.in_process)  # a quality parameter of floats
    assert len(done.codecs) > 4 and done.chosen.startswith("distance=")


@pytest.mark.long
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
    with pytest.raises(Unavailable, match="is not measured yet; measure it first: rabench run"):
        add(written_study(tmp_path, PHOTOS_AS_PNG), "png", ["none"], [], executors.in_process)


def test_a_codec_known_in_this_process_alone_is_refused_where_the_study_does_not_name_its_file(measured, tmp_path):
    load_plugins(python_file(tmp_path))
    with pytest.raises(
        BadSetting, match=r"coarse comes from coarse\.py, which the study does not name; give it as `plugin`"
    ):
        add(measured, "coarse:bits=4", ["none"], [], executors.in_process)
    assert not measured.added.exists()
