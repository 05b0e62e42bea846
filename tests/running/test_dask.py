"""Tasks on a Dask cluster that exists: here, a scheduler and two worker processes of the test's own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from given_studies import photos_matrix
from plugin_texts import CODEC, WEIGHTED, python_file
from processes import wait_until

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
def cluster(tmp_path, environment):
    """The address of a scheduler with two workers, which end with the test."""
    pytest.importorskip("distributed", reason="distributed is not installed: pip install -c constraints.txt '.[dask]'")
    file = tmp_path / "scheduler.json"
    processes = []

    def start(words):
        command = [sys.executable, *words, "--scheduler-file", str(file)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes.append(subprocess.Popen(command, env=environment, cwd=tmp_path, **quiet))

    try:
        start(SCHEDULER)
        start(WORKER)
        start(WORKER)
        wait_until(file.exists, "the scheduler does not start")
        address = json.loads(file.read_text())["address"]
        code = f"from distributed import Client; Client('{address}').wait_for_workers(2, timeout=50)"
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        yield address
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(10)


@pytest.mark.slow
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
