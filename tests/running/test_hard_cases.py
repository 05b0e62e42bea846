"""What went wrong once, or would have: each of these was seen failing before it was mended."""

import itertools
import os
import shutil
import sys
import time
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from given_studies import given_study, point
from onnx_files import onnx_classifier
from PIL import Image
from plugins_for_tests import Brightness, Constant, Noise
from rabench.bench.reporting.report import report
from rabench.bench.running import content, executors, runner
from rabench.bench.running import task as tasks
from rabench.bench.running.runner import Progress
from rabench.bench.statistics.intervals import wilson
from rabench.bench.study.matrix import find_study
from rabench.bench.study.records import Index
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.codecs.raw import Raw
from rabench.core.errors import BadSetting, Refused, Unavailable
from rabench.core.plugins import setting
from rabench.datasets import DATASETS
from rabench.datasets.base import RAW, Block
from rabench.quantizers import QUANTIZERS

NONE = QUANTIZERS.make("none")
MATRIX = """
dataset = "photos"
classifiers = ["small:weights={weights}"]
[[points]]
codecs = ["png"]
"""


def measure(study, limit=None, **options):
    return runner.run(study, executors.in_process, limit, Progress(), **options)


def pictures(folder, count=4, junk=()):
    for i, image in enumerate(Noise(images=count).load(0, count).images):
        target = folder / "abc"[i % 3] / f"{i}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(target)
    for name in junk:
        (folder / name).write_bytes(b"junk")
    return DATASETS.make(f'folder:path="{folder}"')


def test_a_block_with_a_junk_file_has_one_hash_and_is_measured_once(tmp_path):
    dataset = pictures(tmp_path / "images", junk=("a/x.jpg",))
    hashes = {content.describe_block(dataset, 0, 5)["sha256"] for _ in range(3)}
    assert len(hashes) == 1
    (tmp_path / "matrix.toml").write_text(
        'dataset = "folder:path=images"\nclassifiers = ["small:weights=small-photos"]\n[[points]]\ncodecs = ["png"]\n'
    )
    study = find_study(str(tmp_path))
    with pytest.raises(Refused, match="knows 8 classes"):
        measure(study)
    for name in "abc":  # unlabelled, so that any classifier will do
        for file in (tmp_path / "images" / name).iterdir():
            file.rename(tmp_path / "images" / file.name)
    outcome = measure(study)
    assert (outcome.measured, outcome.failed_rows) == (2, 2)
    assert measure(study).measured == 0  # trying again would give the same
    written = report(study)
    assert written.summary.failed.tolist() == [1, 1]
    assert "no image that Pillow can read" in written.failures[0]


def test_hidden_files_are_no_images(tmp_path):
    dataset = pictures(tmp_path / "images", junk=("a/._0.png", ".b.jpg"))
    assert len(dataset) == 4


def test_images_are_for_training_or_for_testing(tmp_path):
    dataset = pictures(tmp_path / "birds")
    with pytest.raises(Refused, match=r"for training or for testing, not for both; lay them out as .*/train/CLASS/"):
        len(replace(dataset, split="train"))
    pictures(tmp_path / "split" / "train")
    whole = DATASETS.make(f'folder:path="{tmp_path / "split"}"')
    assert len(replace(whole, split="train")) == 4
    with pytest.raises(Refused, match="has no part named test or val"):
        len(whole)
    assert len(DATASETS.make(f'folder:path="{tmp_path / "split" / "train"}":split=train')) == 4


def parquet(path, labels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    empty = pa.array(
        [{"bytes": b"", "path": None}] * len(labels), pa.struct({"bytes": pa.binary(), "path": pa.string()})
    )
    pq.write_table(pa.table({"image": empty, "label": pa.array(labels, pa.int64())}), path, **options)


def test_parquet_parts_are_told_by_folders_too_and_never_mixed(tmp_path):
    parquet(tmp_path / "default" / "train" / "0000.parquet", [0] * 5)
    parquet(tmp_path / "default" / "test" / "0000.parquet", [1] * 2)
    assert len(DATASETS.make(f'parquet:path="{tmp_path}"')) == 2
    assert len(DATASETS.make(f'parquet:path="{tmp_path}":split=train')) == 5
    parquet(tmp_path / "only" / "part-0.parquet", [0] * 3)
    assert len(DATASETS.make(f'parquet:path="{tmp_path}/only"')) == 3
    with pytest.raises(Unavailable, match="no shard for split=train, such as train-00000-of-00001"):
        len(DATASETS.make(f'parquet:path="{tmp_path}/only":split=train'))


def test_parquet_without_some_labels_is_read(tmp_path):
    parquet(tmp_path / "test.parquet", [2, None, 0])
    dataset = DATASETS.make(f'parquet:path="{tmp_path}"')
    assert dataset.classes == ("0", "1", "2")
    assert dataset.load(0, 3).labels.tolist() == [2, -1, 0]


def test_a_damaged_parquet_row_group_is_one_clear_line(tmp_path):
    path = tmp_path / "test.parquet"
    parquet(path, list(range(4000)), use_dictionary=False, compression="none")
    content = bytearray(path.read_bytes())
    content[4:200] = bytes(196)
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="row group 0 is damaged"):
        DATASETS.make(f'parquet:path="{path}"').load(0, 10)


@dataclass(frozen=True)
class Short(Noise):
    """Says it has more images than it gives."""

    name: ClassVar[str] = "short"

    def __len__(self):
        return 100

    def open(self):
        reader = super().open()
        whole = reader.read
        reader.read = lambda start, stop: (
            whole(start, min(stop, 60)) if start < 60 else Block([], np.empty(0, np.int64), [])
        )
        return reader


def test_a_data_set_that_ends_early_is_an_error_not_a_loop():
    with pytest.raises(Refused, match="ends before image 99 here"):
        content.describe_block(Short(), 0, 100)


def test_a_large_image_after_small_ones_does_not_come_with_two_hundred_others():
    asked = []

    class Growing:
        label = "growing"

        def load(self, start, stop):
            asked.append(stop - start)
            side = 8 if start < 100 else 2000
            images = [np.zeros((side, side, 3), np.uint8)] * (stop - start)
            return Block(images, np.zeros(stop - start, np.int64), [RAW] * (stop - start))

    assert sum(len(b.images) for b in content.chunks(Growing(), 0, 240)) == 240
    # Nobody knows of the first large ones; from then on 32 MB at a time, and they have 12 MB each.
    assert max(asked) == 100 and asked[-10:] == [2] * 10
    assert all(b <= 2 * a for a, b in itertools.pairwise(asked))


@pytest.mark.parametrize("images", [1, 7, 10, 944, 2999])
def test_wilson_ends_exactly_at_0_and_1(images):
    assert wilson(0, images)[0] == 0 and wilson(images, images)[1] == 1


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(CLASSIFIERS.make("small:weights=small-photos").about and _shipped())
    (tmp_path / "study").mkdir()

    def study(name):
        (tmp_path / "study" / "matrix.toml").write_text(MATRIX.format(weights=f"../{name}"))
        return find_study(str(tmp_path / "study"))

    return tmp_path, study


def _shipped():
    from rabench.classifiers import weights

    return weights.find("small-photos").read_bytes()


def test_weights_may_be_renamed_and_the_report_still_finds_their_records(weights):
    folder, study = weights
    measure(study("a.safetensors"), 20)
    (folder / "a.safetensors").rename(folder / "b.safetensors")
    renamed = study("b.safetensors")
    assert measure(renamed, 20).measured == 0
    assert report(renamed).summary.images.tolist() == [20, 20]
    assert "weights=b" in report(renamed).summary.classifier[0]


def test_a_report_never_mixes_two_networks_of_one_name(weights):
    from rabench.classifiers import weights as files
    from rabench.core.networks import read_weights

    folder, study = weights
    made = study("a.safetensors")
    measure(made, 20)
    about = files.about(folder / "a.safetensors")
    state = read_weights(folder / "a.safetensors")
    state["17.bias"] += 1
    files.write(folder / "a.safetensors", state, about)
    measure(made, 20)
    newest = max(made.records.glob("*.parquet"), key=lambda p: p.stat().st_mtime_ns)
    newest.unlink()  # as if the second run had been stopped
    for old in made.records.glob("*.parquet"):
        os.utime(old)
    assert len(report(made).summary) == 1  # the new network's only record, not the old network's beside it


def test_records_copied_to_a_machine_that_never_ran_are_reported(weights, tmp_path):
    _folder, study = weights
    made = study("a.safetensors")
    measure(made, 20)
    index = Index(made.records)
    index.versions.clear()
    index.save()
    assert report(made).summary.images.tolist() == [20, 20]


def test_a_damaged_record_is_named_not_believed(weights):
    _folder, study = weights
    made = study("a.safetensors")
    measure(made, 1000)
    victim = sorted(made.records.glob("*.parquet"))[0]
    content = bytearray(victim.read_bytes())
    content[100:400] = bytes(300)
    victim.write_bytes(content)
    written = report(made)
    assert len(written.bad) == 1 and victim.name in written.bad[0]


def test_another_studys_matrix_is_not_overwritten(weights, tmp_path):
    _folder, study = weights
    made = study("a.safetensors")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "matrix.toml").write_text("# written by hand\n")
    with pytest.raises(Refused, match=r"holds another study's matrix\.toml; name another `out`"):
        measure(replace(made, folder=mine), 5)
    assert (mine / "matrix.toml").read_text() == "# written by hand\n"
    (mine / "matrix.toml").unlink()
    assert measure(replace(made, folder=mine), 5).measured == 2
    assert measure(replace(made, folder=mine), 5).measured == 0  # its own copy it may renew


def test_a_run_stopped_halfway_is_in_run_json(weights, monkeypatch):
    import json

    _folder, study = weights
    made = study("a.safetensors")
    from rabench.bench.study.records import Records

    original = Records.write

    def once(self, identity, rows, about):
        original(self, identity, rows, about)
        monkeypatch.setattr(Records, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))

    monkeypatch.setattr(Records, "write", once)
    with pytest.raises(KeyboardInterrupt):
        measure(made, 20, command="rabench run study")
    (entry,) = json.loads((made.folder / "run.json").read_text())["runs"]
    assert entry["records"] == 1 and entry["command"] == "rabench run study"
    assert entry["packages"]["torch"] and entry["machine"]["cpu"]


@dataclass(frozen=True)
class Views(Raw):
    """Hands on a view, as codecs that give BGR do."""

    name: ClassVar[str] = "views"

    def decode(self, data):
        return super().decode(data)[..., ::-1][..., ::-1]


@dataclass(frozen=True)
class Strange(Constant):
    name: ClassVar[str] = "strange"
    how: str = setting("nan", ("nan", "prepare"))

    def prepare(self, image):
        if self.how == "prepare" and image[0, 0, 2] == 3:
            raise MemoryError("too wide")
        return image

    def logits_of_batch(self, images):
        found = super().logits_of_batch(images)
        if self.how == "nan":
            found[images[:, 0, 0, 2] == 3] = np.nan
        return found


def rows_of(codec, classifier, count=10):
    dataset = Noise(images=count)
    block = content.describe_block(dataset, 0, count)["sha256"]
    return tasks.run(tasks.Task(dataset, 0, count, block, NONE, ((codec, classifier),), ()))[0]


def test_a_decoder_may_hand_on_a_view():
    rows = rows_of(Views(), Brightness())
    assert not rows.errors and rows.columns["squared_error"].sum() == 0


@pytest.mark.parametrize(
    "how, told", [("nan", "classifier: logits that are no numbers"), ("prepare", "classifier: MemoryError: too wide")]
)
def test_a_classifiers_failure_on_one_image_is_one_row(how, told):
    assert rows_of(CODECS.make("raw"), Strange(how=how)).errors == {3: told}


def test_images_of_many_shapes_do_not_wait_for_ever(monkeypatch):
    from rabench.bench.running import classify as predictions

    monkeypatch.setattr(predictions, "WAITING_BYTES", 3000)
    waiting = predictions.BatchedInference(Brightness())
    codec = CODECS.make("raw")
    for row in range(30):
        waiting.add((codec, row), bytes([row]), np.full((5 + row, 5, 3), row * 8, np.uint8))
        assert waiting._bytes <= 3000 + 3 * 5 * 35
    waiting.flush()
    predicted, _ = waiting.of(codec, np.full(30, -1), {})
    alone = [Brightness().logits([np.full((5 + r, 5, 3), r * 8, np.uint8)])[0].argmax() for r in range(30)]
    assert predicted.tolist() == alone


@pytest.mark.slow
def test_training_without_momentum_can_be_resumed(tmp_path):
    from rabench.bench.training import classifier as training
    from rabench.classifiers.training import Recipe

    plan = training.Plan(
        "small",
        DATASETS.make("photos:split=train"),
        tmp_path / "w.safetensors",
        Recipe(epochs=2, momentum=0),
        4,
        limit=200,
    )
    training.train_classifier(plan)
    first = plan.out.read_bytes()
    training.train_classifier(plan)  # from the checkpoint: nothing left to do
    assert plan.out.read_bytes() == first


def test_onnx_weights_kept_beside_the_file_are_part_of_the_version(tmp_path):
    onnx = pytest.importorskip("onnx", reason="onnx is not installed: pip install -c constraints.txt '.[onnx]'")
    h = onnx.helper
    tensor = onnx.TensorProto(name="m", dims=[3, 5], data_type=1, data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="w.data")
    graph = h.make_graph(
        [
            h.make_node("GlobalAveragePool", ["x"], ["p"]),
            h.make_node("Flatten", ["p"], ["f"]),
            h.make_node("MatMul", ["f", "m"], ["y"]),
        ],
        "g",
        [h.make_tensor_value_info("x", 1, ["n", 3, 8, 8])],
        [h.make_tensor_value_info("y", 1, ["n", 5])],
        [tensor],
    )
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=9)
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    classifier = CLASSIFIERS.make(f'onnx:path="{tmp_path / "net.onnx"}"')
    with pytest.raises(Unavailable, match=r"keeps weights in w\.data, which is not beside it"):
        classifier.version()
    versions = set()
    for value in (1, 2):
        (tmp_path / "w.data").write_bytes(np.full((3, 5), value, np.float32).tobytes())
        from rabench.classifiers import onnx as module

        module._sha256_with_weights.cache_clear()
        versions.add(classifier.version())
    assert len(versions) == 2


@pytest.mark.parametrize(
    "settings, told",
    [(":layout=nhwc", "see the settings input and layout"), (":classes_file=none.txt", "no file at 'none.txt'")],
)
def test_onnx_mistakes_are_one_clear_line(settings, told, tmp_path):
    onnx_classifier(tmp_path)
    classifier = CLASSIFIERS.make(f'onnx:path="{tmp_path / "net.onnx"}"{settings}')
    with pytest.raises((Refused, Unavailable)) as caught:
        classifier.version()
        _ = classifier.classes
    assert told in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content, told",
    [
        (b'dataset = "caf\xe9"', "no UTF-8 text"),
        (b"points = []\n", "there is no point to measure"),
        (
            b'\xef\xbb\xbfdataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n[[points]]\ncodecs = ["png"]\n',
            None,
        ),
    ],
)
def test_a_matrix_saved_by_any_editor_is_read_or_refused_in_a_line(tmp_path, content, told):
    (tmp_path / "matrix.toml").write_bytes(content)
    study = find_study(str(tmp_path))
    if told is None:
        assert len(study.load().points) == 1
    else:
        with pytest.raises(BadSetting, match=told):
            study.load()


def test_agreement_pairs_images_by_content_not_by_their_old_place(tmp_path):
    """A block measured as images 0.. of one data set is images 1000.. of another."""
    for name in ("part", "whole"):
        (tmp_path / name).mkdir()
    whole = Noise(images=1300, side=4).load(0, 1300)
    for i, image in enumerate(whole.images):
        Image.fromarray(image).save(tmp_path / "whole" / f"{i:05}.png")
        if i >= 1000:
            shutil.copy(tmp_path / "whole" / f"{i:05}.png", tmp_path / "part")
    text = 'dataset = "folder:path={}"\nclassifiers = ["small:weights=small-photos"]\n[[points]]\ncodecs = ["png"]\n'
    (tmp_path / "matrix.toml").write_text(text.format("part"))
    study = find_study(str(tmp_path))
    assert measure(study).measured == 2
    (tmp_path / "matrix.toml").write_text(text.format("whole"))
    assert measure(study).measured == 2  # the first thousand; the rest is known by content
    rows = report(study).summary
    assert rows.compared.tolist() == rows.agreeing.tolist() == [1300, 1300]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
def test_a_worker_that_hangs_costs_its_block_and_the_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("RABENCH_TEST_HANG", "1")
    from plugins_for_tests import Hanging

    study = given_study(tmp_path, point(CODECS.make("png")), point(Hanging()))
    begin = time.monotonic()
    progress = Progress()
    outcome = runner.run(study, lambda: executors.processes(2), 100, progress, timeout=8)
    assert outcome.failed_rows == 100
    assert time.monotonic() - begin < 100
    rows = report(study).summary.set_index("codec")
    assert rows.images[CODECS.make("png").label] == 100 and rows.failed[Hanging().label] == 100
    assert "gave nothing for 8 s" in report(study).failures[0]
