"""Networks of [[training]] blocks: coded once, trained under a budget, resumed after a kill, and never trained twice."""

import errno
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from given_studies import written_study
from PIL import Image
from processes import needs_proc, wait_until
from rabench.bench.reading.groups import read
from rabench.bench.running import executors
from rabench.bench.trained import encoded, networks, training_run
from rabench.bench.trained import run as train_and_measure
from rabench.bench.trained.networks import Training, train_network
from rabench.bench.trained.results import results_of
from rabench.bench.trained.training_run import train_missing
from rabench.core.errors import Refused, Unavailable
from rabench.core.networks import read_weights
from rabench.core.subsets import within_budget
from rabench.datasets import DATASETS

HEAD = 'dataset = "photos"\n'
PHOTOS = DATASETS.make("photos")
BLOCK = '[[training]]\nnetworks = ["small"]\ncodecs = ["jpeg:quality=10"]\nlimit = 200\nepochs = 1\n'


def run(study, limit=60, workers=0):
    return train_and_measure(study, lambda: executors.make(workers, None), limit)


def about(study, name):
    return json.loads((study.folder / "trainings" / f"{name}.json").read_text())


@pytest.mark.long
def test_a_network_is_trained_measured_and_not_trained_again(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK + "seeds = [0, 1]\n")
    lines = []
    trained = train_missing(study, executors.in_process, lines.append)
    assert trained.trained == 2 and not trained.failed
    assert lines[0].startswith("2 networks to train on 1 training set; at most ") and "MB of disk" in lines[0]
    facts = about(study, "small+none+jpeg-quality-10+seed0")
    coded = Training(study.load().trained[0].network, study.folder).coded
    sizes = coded.files(sorted((study.folder / "coded").glob("*.parquet")))[2]
    assert facts["images"] == 200 and facts["bytes"] == sizes.sum() and facts["epochs"] == 1
    outcome = run(study)
    assert outcome.complete and outcome.measured == 4
    assert train_missing(study, executors.in_process).there == 2
    assert run(study).measured == 0


@pytest.mark.long
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path):
    found = {}
    for folder in ("a", "b"):
        study = written_study(tmp_path / folder, HEAD + BLOCK + "seeds = [0, 1]\n")
        train_missing(study, executors.in_process)
        found[folder] = [about(study, f"small+none+jpeg-quality-10+seed{s}")["weights"] for s in (0, 1)]
    assert found["a"] == found["b"] and found["a"][0] != found["a"][1]


@pytest.mark.long
def test_a_change_of_the_recipe_trains_anew(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK)
    train_missing(study, executors.in_process)
    study.matrix.write_text(HEAD + BLOCK.replace("epochs = 1", "epochs = 2"))
    assert train_missing(study, executors.in_process).trained == 1


@pytest.mark.long
def test_a_network_that_is_measured_needs_its_weights_no_more(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK)
    run(study)
    (weights,) = (tmp_path / "trained").iterdir()
    weights.unlink()
    assert run(study).complete and not weights.exists()
    for record in study.records.glob("*.parquet"):
        record.unlink()
    assert run(study).measured == 2 and weights.is_file()


@pytest.mark.slow
def test_a_budget_takes_as_many_images_of_each_class_as_fit(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK + 'budgets = ["20KB", "all"]\nseeds = [0, 1]\n')
    train_missing(study, executors.in_process)
    facts = [about(study, f"small+none+jpeg-quality-10+20KB+seed{seed}") for seed in (0, 1)]
    for f in facts:
        assert f["bytes"] <= 20_000 and f["images"] % 8 == 0 and f["images"] > 16
    assert facts[0]["bytes"] != facts[1]["bytes"]  # each seed draws its own


def test_images_within_a_budget():
    generator = np.random.default_rng(0)
    labels, sizes = generator.integers(0, 5, 1000), generator.integers(100, 200, 1000)
    kept = within_budget(labels, sizes, 30_000, 0, "set")
    counts = np.bincount(labels[kept])
    assert set(counts) == {counts[0]} and sizes[kept].sum() <= 30_000 < sizes[kept].sum() + 5 * 200
    assert (np.diff(kept) > 0).all() and kept.tolist() != within_budget(labels, sizes, 30_000, 1, "set").tolist()
    assert len(within_budget(labels, sizes, 10**9, 0, "set")) == 1000
    with pytest.raises(Refused, match="a budget of 300 bytes is below one image of each class, which takes"):
        within_budget(labels, sizes, 300, 0, "set")


@pytest.mark.long
def test_what_cannot_be_trained_is_told_and_the_others_go_on(tmp_path):
    block = BLOCK + 'budgets = ["1KB", "all"]\n'
    study = written_study(tmp_path, HEAD + block + BLOCK + 'lr = 1e9\nbatch = 8\nname = "steep"\n')
    outcome = run(study)
    reasons = sorted({reason for _, reason in outcome.impossible})
    assert len(reasons) == 2 and outcome.measured == 2 and not outcome.complete
    assert reasons[0].startswith("small+none+jpeg:quality=10+1KB+seed0: a budget of 1,000 bytes is below one image")
    assert "the loss is" in reasons[1] and "in epoch 1" in reasons[1]
    again = run(study)
    assert "remove" in max((reason for _, reason in again.impossible), key=len)
    assert again.measured == 0


@pytest.mark.slow
def test_training_images_that_cannot_be_stored_so_are_told(tmp_path):
    block = '[[training]]\nnetworks = ["small"]\nsizes = ["short=16"]\ncodecs = ["jpegxl-recompress", "png"]\nlimit = 60\nepochs = 1\n'
    outcome = run(written_study(tmp_path, HEAD + block))
    (reason,) = {reason for _, reason in outcome.impossible}
    assert "takes the stored file, which has no other size than full" in reason and outcome.measured == 2


@pytest.mark.slow
def test_what_a_training_raises_fails_it_alone(tmp_path):
    block = BLOCK.replace('["small"]', '["small", "alexnet"]') + "side = 8\n"
    outcome = run(written_study(tmp_path, HEAD + block))
    (reason,) = {reason for _, reason in outcome.impossible}
    assert reason.startswith("alexnet+none+jpeg:quality=10+seed0: ") and outcome.measured == 2


@pytest.mark.long
def test_results_of_another_recipe_are_not_shown(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK)
    run(study)
    assert len(results_of(read(study, trained=True), study.folder)) == 2
    study.matrix.write_text(HEAD + BLOCK.replace("epochs = 1", "epochs = 2"))
    assert results_of(read(study, trained=True), study.folder) == []
    run(study)
    assert len(results_of(read(study, trained=True), study.folder)) == 2


@pytest.mark.slow
def test_networks_learn_from_as_many_examples_as_are_asked_for(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK.replace("epochs = 1", "examples = 250"))
    run(study)
    file = tmp_path / "trainings" / "small+none+jpeg-quality-10+seed0.json"
    facts = json.loads(file.read_text())
    assert (facts["images"], facts["epochs"], facts["examples"]) == (200, 2, 250)
    # As versions before did it, in whole epochs
    del facts["examples"]
    file.write_text(json.dumps(facts | {"epochs": 1}))
    assert results_of(read(study, trained=True), study.folder) == []
    trained = train_missing(study, executors.in_process)
    assert (trained.trained, trained.there) == (1, 0) and len(results_of(read(study, trained=True), study.folder)) == 2
    facts = json.loads(file.read_text())
    del facts["examples"]
    file.write_text(json.dumps(facts | {"images": 125}))  # two whole epochs are as long as asked
    assert train_missing(study, executors.in_process).there == 1


@pytest.mark.long
def test_a_network_measured_on_fewer_images_needs_its_weights(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK)
    run(study, limit=60)
    (weights,) = (tmp_path / "trained").iterdir()
    weights.unlink()
    assert run(study, limit=60).measured == 0
    assert run(study, limit=100).measured == 2 and weights.is_file()


@pytest.mark.long
def test_a_begun_training_of_another_recipe_is_no_obstacle(tmp_path, monkeypatch):
    study = written_study(tmp_path, HEAD + BLOCK.replace("epochs = 1", "epochs = 3"))
    written = networks.weights.write
    monkeypatch.setattr(networks.weights, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train_missing(study, executors.in_process)
    assert len(list((tmp_path / "trained").glob("*.checkpoint.*"))) == 1
    monkeypatch.setattr(networks.weights, "write", written)
    study.matrix.write_text(HEAD + BLOCK)
    assert train_missing(study, executors.in_process).trained == 1
    assert not list((tmp_path / "trained").glob("*.checkpoint.*"))


@pytest.mark.long
def test_a_resumed_training_says_no_time(tmp_path, monkeypatch):
    study, lines = written_study(tmp_path, HEAD + BLOCK), []
    written = networks.weights.write
    monkeypatch.setattr(networks.weights, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train_missing(study, executors.in_process)
    monkeypatch.setattr(networks.weights, "write", written)
    assert train_missing(study, executors.in_process, lines.append).trained == 1
    (about,) = (json.loads(file.read_text()) for file in (tmp_path / "trainings").iterdir())
    assert "seconds" not in about and about["epochs"] == 1
    assert "1 epoch, resumed; 1 of 1" in lines[-1]


def photos_in_folders(root):
    """A data set of 16 photos as files, eight to train on and eight to test."""
    block = PHOTOS.load(0, 16)
    for number, (image, label) in enumerate(zip(block.images, block.labels, strict=True)):
        file = root / ("train" if number < 8 else "test") / f"class{label % 2}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(file)
    return sorted((root / "train").glob("*/*.png"))


@pytest.mark.slow
def test_training_images_that_change_under_their_names_are_trained_on_anew(tmp_path):
    first, second = photos_in_folders(tmp_path / "images")[:2]
    study = written_study(tmp_path, f'dataset = "folder:path={tmp_path / "images"}"\n' + BLOCK)
    run(study)
    (before,) = [about.read_text() for about in (study.folder / "trainings").iterdir()]
    first.write_bytes(first.read_bytes())
    os.utime(first, (1, 1))  # as after a copy: another stamp, the same images
    assert train_missing(study, executors.in_process).there == 1
    first.write_bytes(second.read_bytes())
    lines = []
    assert "1 network to train" in training_run.foretold(study, None, 1, lines.append)[0][0]
    assert train_missing(study, executors.in_process, lines.append).trained == 1
    assert lines.count(
        "small+none+jpeg:quality=10+seed0: its training images are others than before; it is trained anew"
    )
    (after,) = [about.read_text() for about in (study.folder / "trainings").iterdir()]
    assert json.loads(before)["content"] != json.loads(after)["content"]


@pytest.mark.slow
def test_images_are_for_training_or_for_testing(tmp_path):
    block = PHOTOS.load(0, 16)
    rows = [
        {"image": {"bytes": png(image), "path": None}, "label": int(label)}
        for image, label in zip(block.images, block.labels, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "all.parquet")
    study = written_study(tmp_path / "study", f'dataset = "parquet:path={tmp_path / "all.parquet"}"\n' + BLOCK)
    with pytest.raises(
        Refused, match="its training split begins with its test images; an image is for training or for testing"
    ):
        run(study)


def png(image):
    data = io.BytesIO()
    Image.fromarray(image).save(data, "PNG")
    return data.getvalue()


@pytest.mark.slow
def test_weights_that_cannot_be_written_are_told_before_anything_is_coded(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK + 'weights = "matrix.toml"\n')
    with pytest.raises(Unavailable, match="is a file, not a folder; name another"):
        run(study)
    assert not list((study.folder / "coded").glob("*.parquet"))


@pytest.mark.slow
def test_a_network_of_before_its_images_were_noted_by_content_stays_trained(tmp_path):
    study = written_study(tmp_path, HEAD + BLOCK)
    train_missing(study, executors.in_process)
    (file,) = (study.folder / "trainings").iterdir()
    facts = json.loads(file.read_text())
    del facts["content"]
    file.write_text(json.dumps(facts))
    assert train_missing(study, executors.in_process).there == 1


def test_a_data_set_without_a_training_split_is_told(tmp_path):
    (tmp_path / "images").mkdir()
    study = written_study(tmp_path, 'dataset = "folder:path=images"\n' + BLOCK)
    with pytest.raises(Refused, match=r"no point can be measured here: small.*: folder: "):
        run(study)


def deadly_at_seed_0(training, files):
    """Trains, but for seed 0, whose process is killed."""
    if training.network.seed == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return train_network(training, files)


@pytest.mark.long
def test_a_training_whose_worker_dies_takes_no_other_with_it(tmp_path, monkeypatch):
    monkeypatch.setattr(training_run, "train_network", deadly_at_seed_0)
    study = written_study(tmp_path, HEAD + BLOCK + "seeds = [0, 1, 2]\n")
    done = train_missing(study, lambda: executors.processes(2))
    assert done.trained == 2
    ((network, reason),) = done.failed.items()
    assert network.seed == 0 and "its worker process died twice, perhaps for want of memory" in reason
    monkeypatch.undo()
    assert train_missing(study, executors.in_process).trained == 1  # the next run tries it again


@pytest.mark.long
@needs_proc
def test_a_kill_loses_no_network_and_resumed_weights_are_those_of_an_undisturbed_run(tmp_path):
    longer = BLOCK.replace("limit = 200", "limit = 1000").replace("epochs = 1", "examples = 5_700")
    text = HEAD + longer + "seeds = [0, 1, 2]\n"
    undisturbed = written_study(tmp_path / "undisturbed", text)
    run(undisturbed, workers=2)
    killed = written_study(tmp_path / "killed", text)
    command = [sys.executable, "-m", "rabench", "run", str(killed.folder), "--workers", "2", "--limit", "60"]
    checkpoints, finished = killed.folder / "trained", killed.folder / "trainings"
    for wanted in (lambda: list(checkpoints.glob("*.checkpoint.*")), lambda: list(finished.glob("*.json"))):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(
            lambda wanted=wanted, process=process: wanted() or process.poll() is not None, "nothing was trained", 120
        )
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    before = {f.name: f.stat().st_mtime_ns for f in finished.glob("*.json")}
    assert before
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert {f.name: f.stat().st_mtime_ns for f in finished.glob("*.json")}.items() >= before.items()
    for file in sorted((tmp_path / "undisturbed" / "trained").glob("*.safetensors")):
        own = read_weights(killed.folder / "trained" / file.name)
        for name, tensor in read_weights(file).items():
            assert (own[name] == tensor).all(), (file.name, name)
    assert not list(Path(killed.folder / "trained").glob("*.checkpoint.*"))


@pytest.mark.slow
def test_coded_images_of_sets_that_are_not_in_use_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(training_run, "DISK", 1000)
    block = BLOCK.replace('["jpeg:quality=10"]', '["jpeg:quality=10", "jpeg:quality=20", "png"]')
    study = written_study(tmp_path, HEAD + block + "seeds = [0, 1]\n")
    assert train_missing(study, executors.in_process).trained == 6
    assert len(list((study.folder / "coded").glob("*.parquet"))) == 1


@pytest.mark.long
def test_a_disk_that_fills_while_coding_keeps_what_is_coded(tmp_path, monkeypatch):
    study = written_study(tmp_path, HEAD + BLOCK.replace("limit = 200", "limit = 3000"))
    write, written = encoded.pq.write_table, []

    def full(table, path, **options):
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        written.append(path)
        write(table, path, **options)

    monkeypatch.setattr(encoded.pq, "write_table", full)
    with pytest.raises(OSError, match="No space left"):
        train_missing(study, executors.in_process)
    kept = {file.name: file.stat().st_mtime_ns for file in (study.folder / "coded").glob("*.parquet")}
    assert len(kept) == 2
    monkeypatch.setattr(encoded.pq, "write_table", write)
    assert train_missing(study, executors.in_process).trained == 1
    now = {file.name: file.stat().st_mtime_ns for file in (study.folder / "coded").glob("*.parquet")}
    assert len(now) == 3 and now.items() > kept.items()
