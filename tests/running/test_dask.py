"""Tasks on a Dask cluster that exists: here, a scheduler and two worker processes of the test's own."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rabench
from given_studies import photos_matrix
from plugin_texts import CODEC, WEIGHTED, python_file
from processes import wait_until
from rabench.bench.measuring.task import Task
from rabench.bench.running import cluster as cluster_module
from rabench.bench.running.runner import Progress
from rabench.classifiers import CLASSIFIERS
from rabench.codecs import CODECS
from rabench.datasets import DATASETS
from rabench.quantizers import QUANTIZERS

HELPERS = str(Path(__file__).parents[1] / "helpers")
MATRIX = photos_matrix(
    'quantizers = ["none", "octree:colors=2,4"]\ncodecs = ["png", "jpeg:quality=30", "coarse:bits=3", "weighted"]',
    more='[plugins]\nfiles = ["coarse.py", "weighted.py"]\n',  # whose bytes go to the workers
)
SCHEDULER = ["-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--host", "127.0.0.1"]
WORKER = ["-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard", "--no-nanny"]


@pytest.fixture
def environment():
    paths = [HELPERS, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "120"}


@pytest.fixture
def processes():
    """The processes of the cluster: a scheduler and two workers."""
    return []


@pytest.fixture
def start(tmp_path, environment, processes):
    """Starts a process of the cluster, given its words."""

    def start(words):
        command = [sys.executable, *words, "--scheduler-file", str(tmp_path / "scheduler.json")]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen(command, env=environment, cwd=tmp_path, **quiet))

    return start


def wait_for_workers(address, count):
    code = f"from distributed import Client; Client('{address}').wait_for_workers({count}, timeout=50)"
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


@pytest.fixture
def cluster(tmp_path, start, processes):
    """The address of a scheduler with two workers, which end with the test."""
    pytest.importorskip("distributed", reason="distributed is not installed: pip install -c constraints.txt '.[dask]'")
    file = tmp_path / "scheduler.json"
    try:
        start(SCHEDULER)
        start(WORKER)
        start(WORKER)
        wait_until(file.exists, "the scheduler does not start")
        address = json.loads(file.read_text())["address"]
        wait_for_workers(address, 2)
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(10)


@pytest.mark.long
def test_a_cluster_gives_what_one_process_gives(tmp_path, cluster, environment):
    (tmp_path / "matrix.toml").write_text(MATRIX)
    python_file(tmp_path, CODEC)
    step = "np.load(HERE / 'weights.npy')[0]"
    (tmp_path / "weighted.py").write_text(WEIGHTED.format(before="", step=step, version="'1'"))
    np.save(tmp_path / "weights.npy", np.array([8], np.uint8))

    def summary(out, *words):
        command = [sys.executable, "-m", "rabench", "run", str(tmp_path), "--limit", "300", "--out", str(out), *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        return (out / "summary.csv").read_bytes()

    assert summary(tmp_path / "far", "--dask", cluster) == summary(tmp_path / "near", "--workers", "0")


def test_workers_that_join_later_are_counted(monkeypatch):
    now, workers = [0.0], {"first": {"nthreads": 1, "resources": {}}}
    monkeypatch.setattr(cluster_module, "monotonic", lambda: now[0])
    scheduler = SimpleNamespace(identity=lambda n_workers: {"workers": dict(workers)})
    client = SimpleNamespace(scheduler=scheduler, sync=lambda call, **options: call(**options))
    known = cluster_module._Workers(client)
    workers["second"] = {"nthreads": 2, "resources": {"GPU": 1}}
    assert known.slots() == 1 and not known.some_have_gpus()  # asked a moment ago
    now[0] = cluster_module.ASKED_EVERY
    assert known.slots() == 3 and known.some_have_gpus()


@pytest.mark.long
def test_what_runs_on_a_gpu_goes_to_workers_that_have_one(cluster, start):
    def worker(_):
        import time

        from distributed import get_worker

        time.sleep(0.2)  # long enough that both workers get some
        return get_worker().name

    def names(pool, on_gpu):
        calls = [pool.submit(worker, SimpleNamespace(on_gpu=on_gpu)) for _ in range(10)]
        return {call.result(60) for call in calls}

    pool = cluster_module.dask(cluster)
    assert len(names(pool, True)) == 2  # no worker says that it has one: any will do
    start([*WORKER, "--resources", "GPU=1", "--name", "with-gpu"])
    wait_for_workers(cluster, 3)
    pool.close()
    pool = cluster_module.dask(cluster)
    assert names(pool, True) == {"with-gpu"} and len(names(pool, False)) > 1
    pool.close()


def test_tasks_know_whether_they_run_on_a_gpu():
    png, photos, octree = CODECS.make("png"), DATASETS.make("photos"), QUANTIZERS.make("octree:colors=2")
    network, none = CLASSIFIERS.make("small:weights=small-photos"), CLASSIFIERS.make("none")
    task = Task(photos, 0, 10, "", octree, ((png, none),), ())
    assert not task.on_gpu and replace(task, pairs=((png, none), (png, network))).on_gpu
    assert replace(task, quantizer=QUANTIZERS.make("colorcnn:colors=2:weights=photos")).on_gpu


LONG = photos_matrix('quantizers = ["median-cut:colors=2,4,8,16"]\ncodecs = ["png"]')


def begun(tmp_path, environment, cluster):
    """A run on the cluster, once it has kept something."""
    study = tmp_path / "study"
    study.mkdir(exist_ok=True)
    (study / "matrix.toml").write_text(LONG)
    command = [sys.executable, "-m", "rabench", "run", str(study), "--dask", cluster, "--limit", "600"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environment)
    pieces = study / "records" / "pieces"
    wait_until(lambda: any(pieces.glob("*.parquet")) or process.poll() is not None, "nothing is kept", 200)
    return study, process


@pytest.mark.long
def test_a_worker_that_is_killed_costs_nothing_and_a_scheduler_the_tasks_under_way(
    tmp_path, cluster, environment, processes
):
    study, process = begun(tmp_path, environment, cluster)
    processes[1].kill()
    errors = process.communicate(timeout=300)[1]
    assert process.returncode == 0, errors
    after_a_worker = (study / "summary.csv").read_bytes()
    shutil.rmtree(study)
    study, process = begun(tmp_path, environment, cluster)
    processes[0].kill()
    errors = process.communicate(timeout=100)[1]
    assert process.returncode == 2 and "Traceback" not in errors, errors
    assert errors.splitlines()[-1].startswith(f"rabench: the Dask scheduler at {cluster} is gone")
    kept, progress = sum(p.done for p in rabench.status(study).points), Progress()
    assert kept and rabench.run(study, limit=600, progress=progress).complete
    assert progress.done == 5 * 600 - kept
    rabench.report(study)
    alone = study.with_name("alone")
    alone.mkdir()
    (alone / "matrix.toml").write_text(LONG)
    rabench.run(alone, limit=600)
    rabench.report(alone)
    undisturbed = (alone / "summary.csv").read_bytes()
    assert after_a_worker == undisturbed and (study / "summary.csv").read_bytes() == undisturbed
