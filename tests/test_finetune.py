"""Tuning a classifier on coded training images, and the points that pair it with its own images."""

from dataclasses import replace

import numpy as np
import pytest
from plugins_for_tests import Misbehaving
from rabench.bench import executors, runner
from rabench.bench.coded import Coded, code_block
from rabench.bench.finetune import RECIPE, Tuning, finetune, points_to_tune
from rabench.bench.matrix import find_study
from rabench.bench.points import tuned_file
from rabench.bench.report import report
from rabench.classifiers import CLASSIFIERS, weights
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, Refused, Unavailable
from rabench.core.learning import held_out_split
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS

MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
quantizers = ["none"]
codecs = ["jpeg:quality=5"]
tuned = "tuned"
[[points]]
quantizers = ["median-cut:colors=2,4"]
codecs = ["png"]
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "matrix.toml").write_text(MATRIX)
    return find_study(str(tmp_path))


def a_tuning(study, **changed):
    (point,) = points_to_tune(study, None, [], None)
    out = study.folder / "tuned"
    return replace(Tuning(study, point, out, replace(RECIPE, epochs=2), 0.2, 600), **changed)


def a_coded(tmp_path, quantizer="median-cut:colors=2", codec="png"):
    images = DATASETS.make("photos:split=train")
    return Coded(images, QUANTIZERS.make(quantizer), CODECS.make(codec), tmp_path / "coded")


def test_coded_images_are_those_of_the_chain_and_are_made_once(tmp_path):
    coded = a_coded(tmp_path, codec="jpeg:quality=30")
    (file,) = coded.make(50, executors.in_process())
    written = file.stat().st_mtime_ns
    assert coded.make(50, executors.in_process()) == [file]
    assert file.stat().st_mtime_ns == written
    images, places, reasons = coded.load([file], 32)
    block = coded.dataset.load(0, 50)
    for i, source in enumerate(block.images):
        (quantized,) = coded.quantizer.quantize([source])
        np.testing.assert_array_equal(images.pixels[i], coded.codec.decode(coded.codec.encode(quantized)))
    np.testing.assert_array_equal(images.labels, block.labels)
    assert places.tolist() == list(range(50)) and not reasons


def test_other_settings_make_other_files(tmp_path):
    one, other = a_coded(tmp_path), a_coded(tmp_path, "median-cut:colors=4")
    assert one.make(20, executors.in_process()) != other.make(20, executors.in_process())
    assert len(list((tmp_path / "coded").iterdir())) == 2


def test_images_that_cannot_be_coded_are_left_out_and_told(tmp_path):
    images = DATASETS.make("photos:split=train")
    image = images.load(3, 4).images[0]
    assert isinstance(image, np.ndarray)
    red, green, blue = (int(v) for v in image[0, 0])
    codec = Misbehaving("encode", red << 16 | green << 8 | blue)
    table = code_block(images, 0, 40, QUANTIZERS.make("none"), codec)
    assert table["error"][3].as_py() == "encoder: RuntimeError: no more ink"
    coded = Coded(images, QUANTIZERS.make("none"), codec, tmp_path / "coded")
    found, places, reasons = coded.load(coded.make(40, executors.in_process()), 32)
    assert 3 not in places and len(found) == len(places) == 40 - len(reasons)


def test_tuning_raises_accuracy_on_its_own_images_and_says_what_it_did(study):
    tuning = a_tuning(study)
    said = finetune(tuning, executors.in_process)
    training = said.training
    assert training["held_out_accuracy"] > training["held_out_accuracy_before"]
    assert said.tuned_on == "none+jpeg:chroma=420:optimize=yes:progressive=no:quality=5"
    assert training["from"] == "small:precision=fp32:weights=small-photos"
    assert training["images"] + training["held_out_images"] == 600
    assert "--epochs 2" in training["command"] and "--point none+jpeg:quality=5" in training["command"]
    assert tuning.figure.is_file()
    assert weights.about(tuning.file) == said


def test_weights_it_began_with_stay_where_nothing_is_better(study):
    said = finetune(a_tuning(study, recipe=replace(RECIPE, epochs=1, lr=1.0)), executors.in_process)
    assert said.training["epoch"] == 0
    assert said.training["held_out_accuracy"] == said.training["held_out_accuracy_before"]


def test_a_stopped_tuning_goes_on_to_the_same_weights(study):
    whole = finetune(a_tuning(study, out=study.folder / "whole"), executors.in_process)

    def stop(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(a_tuning(study), executors.in_process, on_epoch=stop)
    again = finetune(a_tuning(study), executors.in_process)
    assert again.training["held_out_accuracy"] == whole.training["held_out_accuracy"]
    assert a_tuning(study).file.read_bytes() == a_tuning(study, out=study.folder / "whole").file.read_bytes()


@pytest.mark.slow
def test_a_matrix_shows_frozen_and_tuned_side_by_side(study):
    finetune(a_tuning(study), executors.in_process)
    assert runner.run(study, executors.in_process, limit=200).complete
    rows = report(study).summary
    assert rows.classifier.nunique() == 2
    coded = rows[rows.codec.str.startswith("jpeg")]
    assert len(coded) == 2 and coded.bpp.nunique() == 1
    frozen, tuned = coded.accuracy
    assert tuned > frozen
    assert "fine-tuned" in (study.folder / "table.md").read_text()
    # The report needs no weights, and one table holds both.
    a_tuning(study).file.unlink()
    assert len(report(study).tables) == 1


def test_a_point_refuses_a_classifier_tuned_on_another_and_one_that_is_not_there(study):
    (point,) = [p for p in study.load().points if p.tuned_from]
    with pytest.raises(Unavailable, match=r"rabench finetune .* --point none.jpeg:quality=5"):
        point.check()
    tuning = a_tuning(study)
    other = replace(tuning.point, codec=CODECS.make("jpeg:quality=6"))
    said = finetune(replace(tuning, point=other), executors.in_process)
    (study.folder / "tuned" / tuned_file(other.quantizer, other.codec)).rename(tuning.file)
    with pytest.raises(Refused, match=r"was tuned on none.jpeg.*quality=6.*, not on none.jpeg.*quality=5"):
        point.check()
    assert said.tuned_on


def test_what_is_held_out_is_so_for_every_limit():
    kept, held = held_out_split(1000, 0.1, 0)
    few, few_held = held_out_split(1000, 0.1, 0, 300)
    assert few.tolist() == [i for i in kept if i < 300]
    assert few_held.tolist() == [i for i in held if i < 300]


@pytest.mark.parametrize(
    ("texts", "classifier", "message"),
    [
        (["median-cut:colors=2+png"], None, "--point needs --classifier"),
        (["median-cut:colors=2"], "small:weights=small-photos", "quantizer.codec, such as"),
        (["median-cut:colours=2+png"], "small:weights=small-photos", "did you mean 'colors'"),
    ],
)
def test_points_that_cannot_be_tuned_are_told(study, texts, classifier, message):
    judge = CLASSIFIERS.make(classifier) if classifier else None
    with pytest.raises(Exception, match=message) as caught:
        points_to_tune(study, judge, texts, None)
    assert isinstance(caught.value, BadSetting | LookupError)


def test_a_sweep_names_several_points(study):
    judge = CLASSIFIERS.make("small:weights=small-photos")
    found = points_to_tune(study, judge, ["median-cut:colors=2,4+png", "none+jpeg:quality=5"], None)
    assert [str(p.quantizer.short) for p in found] == ["median-cut:colors=2", "median-cut:colors=4", "none"]


def test_a_study_without_tuned_points_says_what_to_name(tmp_path):
    (tmp_path / "matrix.toml").write_text(MATRIX.replace('tuned = "tuned"', ""))
    with pytest.raises(BadSetting, match=r"pairs no point .* --point median-cut:colors=2.png"):
        points_to_tune(find_study(str(tmp_path)), None, [], None)
