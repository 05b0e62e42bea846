"""Tuning a classifier on coded training images, and the points that pair it with its own images."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from given_studies import measure, photos_matrix, written_study
from plugins_for_tests import Misbehaving
from rabench.bench.figures.rate_accuracy import styles_of
from rabench.bench.measuring.content import describe_block
from rabench.bench.reading.curves import Curve
from rabench.bench.reporting.report import report
from rabench.bench.running import executors
from rabench.bench.study.paths import written
from rabench.bench.trained.encoded import EncodedSet, TrainingImages, code_block
from rabench.bench.training.finetune import RECIPE, Tuning, finetune
from rabench.bench.training.targets import Target, targets
from rabench.classifiers import CLASSIFIERS, weights
from rabench.codecs import CODECS
from rabench.core.errors import BadSetting, Refused, Unavailable, UnknownName
from rabench.core.files import locked
from rabench.core.learning import Checkpoint, held_out_split
from rabench.core.networks import read_weights
from rabench.core.progress import TrainingProgress
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS

MATRIX = photos_matrix(
    'quantizers = ["none"]\ncodecs = ["jpeg:quality=5"]\ntuned = "tuned"',
    'quantizers = ["median-cut:colors=2,4"]\ncodecs = ["png"]',
)


@pytest.fixture
def study(tmp_path):
    return written_study(tmp_path, MATRIX)


def stop(_):
    """On the first epoch, Ctrl-C."""
    raise KeyboardInterrupt


def a_tuning(study, **changed):
    (target,) = targets(study, None, [], None, changed.pop("out", None))
    return replace(Tuning(study, target, replace(RECIPE, epochs=2), held_out=0.2, limit=600), **changed)


def encoded_set(folder, quantizer="median-cut:colors=2", codec="png"):
    images = DATASETS.make("photos:split=train")
    return EncodedSet(images, QUANTIZERS.make(quantizer), CODECS.make(codec), folder)


def set_with_a_bad_image(folder):
    """Coded by a codec that fails of the fourth image."""
    images = DATASETS.make("photos:split=train")
    image = images.load(3, 4).images[0]
    assert isinstance(image, np.ndarray)
    red, green, blue = (int(v) for v in image[0, 0])
    codec = Misbehaving("encode", red << 16 | green << 8 | blue)
    return EncodedSet(images, QUANTIZERS.make("none"), codec, folder)


def test_coded_images_are_those_of_the_chain_and_are_made_once(tmp_path):
    coded = encoded_set(tmp_path, codec="jpeg:quality=30")
    (file,) = coded.make(50, TrainingImages(coded.folder, executors.in_process()))
    before = file.stat().st_mtime_ns
    assert coded.make(50, TrainingImages(coded.folder, executors.in_process())) == [file]
    assert file.stat().st_mtime_ns == before
    images, places, reasons = coded.load([file], 32)
    block = coded.dataset.load(0, 50)
    for i, source in enumerate(block.images):
        (quantized,) = coded.quantizer.quantize([source])
        np.testing.assert_array_equal(images.pixels[i], coded.codec.decode(coded.codec.encode(quantized)))
    np.testing.assert_array_equal(images.labels, block.labels)
    assert places.tolist() == list(range(50)) and not reasons


def test_other_settings_make_other_files(tmp_path):
    two_colors, four_colors = (encoded_set(tmp_path, f"median-cut:colors={n}") for n in (2, 4))
    assert two_colors.make(20, TrainingImages(two_colors.folder, executors.in_process())) != four_colors.make(
        20, TrainingImages(four_colors.folder, executors.in_process())
    )
    assert len(list(tmp_path.glob("*.parquet"))) == 2


def test_images_that_cannot_be_coded_are_left_out_and_told(tmp_path):
    coded = set_with_a_bad_image(tmp_path)
    table = code_block(coded, 0, 40, describe_block(coded.dataset, 0, 40)["sha256"])
    assert table["error"][3].as_py() == "encoder: RuntimeError: no more ink"
    images, places, reasons = coded.load(coded.make(40, TrainingImages(coded.folder, executors.in_process())), 32)
    assert 3 not in places and len(images) == len(places) == 40 - len(reasons)


@pytest.mark.slow
def test_tuning_raises_accuracy_on_its_own_images_and_says_what_it_did(study):
    tuning = a_tuning(study)
    about = finetune(tuning, executors.in_process)
    training = about.training
    assert training["held_out_accuracy"] > training["held_out_accuracy_before"]
    assert about.tuned_on == "none+jpeg:chroma=420:optimize=yes:progressive=no:quality=5"
    assert training["from"] == "small:precision=fp32:weights=small-photos"
    assert training["images"] + training["held_out_images"] == 600
    assert "--epochs 2" in training["command"] and "--point none+jpeg:quality=5" in training["command"]
    assert tuning.beside("training.png").is_file()
    assert weights.about(tuning.file) == about


@pytest.mark.slow
def test_weights_it_began_with_stay_where_nothing_is_better(study):
    training = finetune(a_tuning(study, recipe=replace(RECIPE, epochs=1, lr=1.0)), executors.in_process).training
    assert training["epoch"] == 0
    assert training["held_out_accuracy"] == training["held_out_accuracy_before"]


@pytest.mark.long
def test_a_stopped_tuning_goes_on_to_the_same_weights(study):
    undisturbed = a_tuning(study, out=study.folder / "undisturbed")
    about = finetune(undisturbed, executors.in_process)

    with pytest.raises(KeyboardInterrupt):
        finetune(a_tuning(study), executors.in_process, progress=TrainingProgress(on_epoch=stop))
    resumed = finetune(a_tuning(study), executors.in_process)
    assert resumed.training["held_out_accuracy"] == about.training["held_out_accuracy"]
    assert a_tuning(study).file.read_bytes() == undisturbed.file.read_bytes()


@pytest.mark.long
def test_a_matrix_shows_frozen_and_tuned_side_by_side(study):
    finetune(a_tuning(study), executors.in_process)
    assert measure(study, limit=200).complete
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


@pytest.mark.slow
def test_a_point_refuses_a_classifier_tuned_on_another_and_one_that_is_not_there(study):
    (point,) = [p for p in study.load().points if p.tuned_from]
    with pytest.raises(Unavailable, match=r"is not there yet; .rabench finetune --study STUDY. makes it"):
        point.check()
    tuning = a_tuning(study)
    other = replace(tuning.point, codec=CODECS.make("jpeg:quality=6"))
    finetune(replace(tuning, target=Target(other, tuning.file)), executors.in_process)
    with pytest.raises(Refused, match=r"was tuned on none.jpeg.*quality=6.*, not on none.jpeg.*quality=5"):
        point.check()


def test_what_is_held_out_is_so_for_every_limit():
    kept, held_out = held_out_split(1000, 0.1)
    kept_of_300, held_out_of_300 = held_out_split(1000, 0.1, 300)
    assert kept_of_300.tolist() == [i for i in kept if i < 300]
    assert held_out_of_300.tolist() == [i for i in held_out if i < 300]
    assert set(held_out_split(1000, 0.05)[1]) < set(held_out)


@pytest.mark.parametrize(
    ("texts", "classifier", "message"),
    [
        (["median-cut:colors=2+png"], None, "`point` needs `classifier`"),
        (["median-cut:colors=2"], "small:weights=small-photos", "quantizer.codec, such as"),
        (["median-cut:colours=2+png"], "small:weights=small-photos", "did you mean 'colors'"),
    ],
)
def test_points_that_cannot_be_tuned_are_told(study, texts, classifier, message):
    judge = CLASSIFIERS.make(classifier) if classifier else None
    with pytest.raises((BadSetting, UnknownName), match=message):
        targets(study, judge, texts, None, None)


def test_a_sweep_names_several_points(study):
    judge = CLASSIFIERS.make("small:weights=small-photos")
    tuned = targets(study, judge, ["median-cut:colors=2,4+png", "none+jpeg:quality=5"], None, None)
    assert [t.point.quantizer.short for t in tuned] == ["median-cut:colors=2", "median-cut:colors=4", "none"]


def test_a_study_without_tuned_points_says_what_to_name(tmp_path):
    study = written_study(tmp_path, MATRIX.replace('tuned = "tuned"', ""))
    with pytest.raises(BadSetting, match=r"pairs no point .* median-cut:colors=2.png"):
        targets(study, None, [], None, None)


@pytest.mark.slow
def test_a_tuning_that_is_done_is_left_alone(study):
    about, messages = finetune(a_tuning(study), executors.in_process), []
    file = a_tuning(study).file
    before = file.stat().st_mtime_ns
    assert finetune(a_tuning(study), executors.in_process, progress=TrainingProgress(say=messages.append)) == about
    assert file.stat().st_mtime_ns == before and messages == [f"{file} is there already"]
    finetune(a_tuning(study, recipe=replace(RECIPE, epochs=1), restart=True), executors.in_process)
    assert file.stat().st_mtime_ns != before


@pytest.mark.slow
def test_nothing_is_there_until_a_tuning_is_done(study):
    with pytest.raises(KeyboardInterrupt):
        finetune(a_tuning(study, limit=200), executors.in_process, progress=TrainingProgress(on_epoch=stop))
    assert not a_tuning(study).file.exists()


@pytest.mark.long
def test_a_kill_between_the_weights_and_the_checkpoint_loses_nothing(study, monkeypatch):
    undisturbed = finetune(a_tuning(study, out=study.folder), executors.in_process)
    save, saves = Checkpoint.save, []

    def dying(self, *arguments):
        saves.append(arguments)
        if len(saves) == 2:
            raise KeyboardInterrupt
        save(self, *arguments)

    monkeypatch.setattr(Checkpoint, "save", dying)
    with pytest.raises(KeyboardInterrupt):
        finetune(a_tuning(study), executors.in_process)
    monkeypatch.undo()
    resumed = finetune(a_tuning(study), executors.in_process)
    assert resumed == replace(undisturbed, training=resumed.training)
    assert resumed.training["held_out_accuracy"] == undisturbed.training["held_out_accuracy"]


TWO_CLASSIFIERS = MATRIX.replace(
    '["small:weights=small-photos"]', '["small:weights=small-photos", "small:weights=other.safetensors"]'
)


def test_two_classifiers_have_a_file_each(study):
    shutil.copy(weights.find("small-photos"), study.folder / "other.safetensors")
    (study.folder / "matrix.toml").write_text(TWO_CLASSIFIERS.replace('tuned = "tuned"', 'tuned = "mine"'))
    tuned = targets(study, None, [], None, None)
    assert [t.file.name for t in tuned] == [
        "small-photos+none+jpeg-quality-5.safetensors",
        "other+none+jpeg-quality-5.safetensors",
    ]
    assert {t.file.parent.name for t in tuned} == {"mine"}
    (named,) = targets(study, tuned[0].point.classifier, ["none+jpeg:quality=9"], None, None)
    assert named.file.parent.name == "mine"


@pytest.mark.slow
def test_weights_tuned_from_others_of_the_same_name_are_refused(study):
    tuning = a_tuning(study)
    finetune(tuning, executors.in_process)
    (point,) = [p for p in study.load().points if p.tuned_from]
    point.check()
    base = study.folder / "small-photos.safetensors"
    state = {**read_weights(weights.find("small-photos"))}
    state["0.weight"] = state["0.weight"] + 1
    weights.write(base, state, weights.about(weights.find("small-photos")))
    moved = replace(point, tuned_from=replace(point.tuned_from, weights=str(base)))
    with pytest.raises(
        Refused, match=r"tuned with other weights of small:weights=small-photos .sha256 .*, now sha256 "
    ):
        moved.check()


def test_the_recorded_command_names_paths_as_they_lie_beside_the_study(study):
    classifier = CLASSIFIERS.make(f'small:weights="{study.folder}/nets/a.safetensors"')
    assert written(classifier, study.base()) == "small:weights=nets/a.safetensors"
    assert written(QUANTIZERS.make("colorcnn:colors=4"), study.base()) == "colorcnn:colors=4"


def test_two_tunings_of_one_file_do_not_meet(study):
    tuning = a_tuning(study)
    tuning.file.parent.mkdir()
    with (
        locked(tuning.beside("lock"), "taken"),
        pytest.raises(Unavailable, match="is being made by another 'rabench finetune'; wait for it"),
    ):
        finetune(tuning, executors.in_process)


def test_a_block_with_passing_failures_is_coded_again(tmp_path):
    coded = set_with_a_bad_image(tmp_path)
    (first,) = coded.make(40, TrainingImages(coded.folder, executors.in_process()))
    assert first.suffix == ".failed"
    before = first.stat().st_mtime_ns
    (again,) = coded.make(40, TrainingImages(coded.folder, executors.in_process()))
    assert again == first and first.stat().st_mtime_ns != before
    first.write_bytes(b"PAR1")
    with pytest.raises(Refused, match=r"is damaged .*; delete it and run again"):
        coded.load([first], 32)


def test_no_two_curves_of_a_figure_look_alike():
    quantizers = [f"colorcnn:colors={n}" for n in (2, 4, 8)]
    styles = styles_of([Curve(q, c, (0,), t) for q in quantizers for c in ("bpg", "png") for t in (False, True)])
    assert len(set(map(str, styles.values()))) == len(styles) == 12
