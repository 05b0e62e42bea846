"""Tasks on a Dask cluster that exists: here, a scheduler and two worker processes of the test's own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from plugin_texts import CODEC, WEIGHTED

HELPERS = str(Path(__file__).parents[1] / "helpers")


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives(tmp_path):
    pytest.importorskip("distributed", reason="distributed is not installed: pip install -c constraints.txt '.[dask]'")
    environment = {**os.environ, "PYTHONPATH": HELPERS, "COLUMNS": "120"}
    file = tmp_path / "scheduler.json"
    quiet = {"env": environment, "cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    scheduler = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--port",
        "0",
        "--no-dashboard",
        "--host",
        "127.0.0.1",
    ]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", "--nthreads", "1", "--no-dashboard", "--no-nanny"]
    processes = [subprocess.Popen([*scheduler, "--scheduler-file", str(file)], **quiet)]
    try:
        processes += [subprocess.Popen([*worker, "--scheduler-file", str(file)], **quiet) for _ in range(2)]
        deadline = time.monotonic() + 60
        while not file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.1)
        import json

        address = json.loads(file.read_text())["address"]
        (tmp_path / "matrix.toml").write_text(
            'dataset = "photos"\nclassifiers = ["small:weights=small-photos"]\n'
            '[plugins]\nfiles = ["coarse.py", "weighted.py"]\n'  # whose bytes go to the workers
            '[[points]]\nquantizers = ["none", "octree:colors=2,4"]\n'
            'codecs = ["png", "jpeg:quality=30", "coarse:bits=3", "weighted"]\n'
        )
        (tmp_path / "coarse.py").write_text(CODEC.replace("{name}", "coarse"))
        step = "np.load(HERE / 'weights.npy')[0]"
        (tmp_path / "weighted.py").write_text(WEIGHTED.format(before="", step=step, version="'1'"))
        np.save(tmp_path / "weights.npy", np.array([8], np.uint8))

        def run(*words):
            command = [sys.executable, "-m", "rabench", "run", str(tmp_path), "--limit", "300", *words]
            return subprocess.run(command, capture_output=True, text=True, env=environment)

        _wait_for_workers(address, deadline)
        far = run("--dask", address, "--out", str(tmp_path / "far"))
        assert far.returncode == 0, far.stderr
        near = run("--workers", "0", "--out", str(tmp_path / "near"))
        assert near.returncode == 0, near.stderr
        assert (tmp_path / "far" / "summary.csv").read_bytes() == (tmp_path / "near" / "summary.csv").read_bytes()
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(10)


def _wait_for_workers(address, deadline):
    code = f"from distributed import Client; Client('{address}').wait_for_workers(2, timeout=50)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
    assert time.monotonic() < deadline + 60
