"""The public Python API."""

import doctest
import shutil
import subprocess
import sys

import pytest
import rabench
from given_studies import PHOTOS_AS_PNG, measured_fixture, photos_matrix
from rabench.bench.commands import console
from rabench.bench.commands.cli import app
from rabench.bench.commands.cli_training import train_app
from rabench.bench.commands.console import as_options
from rabench.core import plugins

MATRIX = photos_matrix('quantizers = ["octree:colors=2,4"]\ncodecs = ["png"]', 'codecs = ["jpeg:quality=5,20,50"]')
measured = measured_fixture(MATRIX, limit=60)


def test_the_examples_in_docstrings_are_true():
    for module in (rabench, plugins):
        result = doctest.testmod(module, optionflags=doctest.IGNORE_EXCEPTION_DETAIL)
        assert result.failed == 0 and result.attempted > 0


@pytest.mark.slow
def test_a_study_runs_and_reports_from_python(tmp_path):
    (tmp_path / "matrix.toml").write_text(PHOTOS_AS_PNG)
    assert rabench.run(tmp_path, limit=30).measured == 2
    summary = rabench.report(tmp_path).summary
    assert summary.images.tolist() == [30, 30]


def test_importing_rabench_imports_nothing_heavy():
    code = "import sys, rabench; sys.exit(any(m in sys.modules for m in ('torch', 'pandas', 'numpy', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(AttributeError, match="rabench has no 'CODEC'; it has AnyImage, BadImage, Block"):
        _ = rabench.CODEC


@pytest.fixture(scope="module")
def study(measured):
    return measured.folder


def test_every_command_is_a_function_of_the_package():
    names = {c.name or getattr(c.callback, "__name__", "") for c in app.registered_commands}
    trainings = {f"train_{command.name}" for command in train_app.registered_commands}
    for name in names | trainings:
        function = getattr(rabench, name)
        assert callable(function) and function.__doc__, name
    assert {"run", "report", "compare", "points", "add", "show", "cam", "list", "check", "finetune"} <= names


def test_loaded_points_have_a_column_for_everything_their_labels_say(study):
    points = rabench.load(study).points.set_index("point")
    jpeg = points.loc["none+jpeg:quality=50"]
    assert (jpeg.codec_name, jpeg.quality_parameter, jpeg.quality) == ("jpeg", "quality", 50)
    assert (jpeg.curve, jpeg.quantizer_name) == ("none+jpeg", "none") and jpeg.encode_ms > 0
    octree = points.loc["octree:colors=4+png"]
    assert (octree.quality_parameter, octree.quality) == ("colors", 4)


def test_loaded_images_name_their_classes(study):
    images = rabench.load(study).images
    assert set(images.label_class) == set(rabench.DATASETS.make("photos").classes)
    assert ((images.label == images.prediction) == (images.label_class == images.prediction_class)).all()


@pytest.mark.slow
def test_what_a_notebook_shows_is_a_table_and_not_the_records(study):
    loaded = rabench.load(study)
    assert len(repr(loaded)) < 200 and "6 points, 60 images" in repr(loaded)
    shown = {
        "loaded": loaded,
        "comparison": rabench.compare(study, "jpeg"),
        "report": rabench.report(study),
        "points": rabench.points(study, at_least=50),
        "table": rabench.list_plugins("codecs")[0],
    }
    for name, value in shown.items():
        assert "<table>" in value._repr_html_(), name
    assert "<svg" in shown["report"]._repr_html_()
    assert "octree+png" in shown["comparison"]._repr_html_()


@pytest.mark.slow
def test_show_cam_and_points_give_what_the_commands_write(study, tmp_path):
    (picture,) = rabench.show(study, image=3, out=tmp_path / "a.png")
    (maps,) = rabench.cam(study, image=3, out=tmp_path / "b.png")
    assert picture.read_bytes()[:4] == maps.read_bytes()[:4] == b"\x89PNG" and picture.read_bytes() != maps.read_bytes()
    assert rabench.points(study, at_most=1.5).tables[0].title.endswith("bpp <= 1.5")
    with pytest.raises(rabench.RabenchError, match="`at_most` is a rate in bits per pixel above 0"):
        rabench.points(study, at_most=-1)


def test_add_measures_one_codec_more(study, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(study, copy)
    assert rabench.add("webp:quality=10,60", copy).outcome.measured == 2
    assert "none+webp" in set(rabench.load(copy).points.curve)


@pytest.mark.long
def test_trainings_give_what_the_weights_say_of_themselves(tmp_path):
    about = rabench.train_classifier("small", "photos", tmp_path / "s.safetensors", epochs=1, width=4, limit=300)
    assert about.network == "small" and about.training["recipe"]["epochs"] == 1
    with pytest.raises(rabench.RabenchError, match=r"no option is named 'epoch' .did you mean 'epochs'"):
        rabench.train_classifier("small", "photos", tmp_path / "s.safetensors", epoch=1)
    with pytest.raises(rabench.RabenchError, match=r"`out` must end in \.safetensors"):
        rabench.train_classifier("small", "photos", tmp_path / "s.pt")
    (color,) = rabench.train_colorcnn(
        "photos",
        f"small:weights={tmp_path / 's.safetensors'}",
        tmp_path / "colors",
        2,
        "adamw",
        epochs=1,
        width=4,
        limit=300,
    )
    assert (color.colors, color.width) == (2, 4)


def test_messages_name_arguments_and_the_command_line_says_options(study):
    with pytest.raises(rabench.RabenchError, match="`labels` must be one of dataset, agreement") as caught:
        rabench.compare(study, "jpeg", labels="mine")
    assert as_options(str(caught.value)).startswith("--labels must be one of")
    assert doctest.testmod(console).failed == 0
