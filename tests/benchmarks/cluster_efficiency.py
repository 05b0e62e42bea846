"""How well a Dask cluster is used: a run whose tasks sleep as long as the recorded work took, on 1 to 256 workers.

    python tests/benchmarks/cluster_efficiency.py --study results/imagenet-sample --out docs/cluster-efficiency

Everything but the work is real: the batches, the scheduler, the workers' connections, what comes back over them, the
pieces and records on disk. The workers, each with one thread, share eight processes, as they have nothing to do.
Efficiency is the seconds slept, over the workers times the seconds that the run took.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rabench.bench.figures.style import plain, save
from rabench.bench.measuring.task import Task
from rabench.bench.records.format import BLOCK, COLUMNS, STAGES, Identity, Rows
from rabench.bench.records.pieces import content_hash
from rabench.bench.records.records import Records
from rabench.bench.running.plan import Missing
from rabench.bench.running.pool import Pool
from rabench.bench.running.runner import Progress, Runner
from rabench.bench.study.matrix import all_points
from rabench.bench.study.points import Point
from rabench.bench.study.study import find_study

PROCESSES = 8
"""The processes that workers share."""
SECONDS = 60.0
"""How long a run would take if no worker ever waited."""
PIXELS = 500 * 375
"""The pixels of an image."""


def digests(start: int, stop: int) -> list[bytes]:
    """Made-up digests of images."""
    return [position.to_bytes(32, "big") for position in range(start, stop)]


def slept(start: int, stop: int, seconds: list[float]) -> list[Rows]:
    """What a task gives that took so many seconds an image for each of its points."""
    time.sleep(sum(seconds) * (stop - start))
    results = []
    for an_image in seconds:
        columns = {name: np.zeros(stop - start, kind) for name, kind in COLUMNS.items()}
        columns["image"] = np.arange(start, stop, dtype=np.int32)
        spent = dict.fromkeys(STAGES, 0.0) | {"encode": an_image * (stop - start)}
        results.append(Rows(columns, {}, spent, {}, digests(start, stop)))
    return results


class Sleeping(Pool):
    """A cluster's pool whose tasks sleep."""

    def __init__(self, client, seconds: dict[tuple, float]) -> None:
        workers = sum(client.nthreads().values())
        super().__init__(client.get_executor, lambda: workers)
        self.seconds, self.slept = seconds, 0.0

    def submit(self, function, task: Task):
        own = [self.seconds[task.quantizer, codec, judge] for codec, judge in task.pairs]
        self.slept += sum(own) * task.images
        return super().submit(slept, task.start, task.stop, own)


def recorded(folder: Path) -> dict[Point, float]:
    """The seconds an image that a study's records tell of its points."""
    study, found = find_study(str(folder)), {}
    for record in Records(study.records).read()[0]:
        found[record.identity.key] = sum(record.about["seconds"].values()) / record.images
    return {p: found[p.key] for p in all_points(study.load()) if p.key in found and not p.size}


def missing(points: Iterable[Point], images: int) -> list[Missing]:
    """The records of all points on so many images that are not there."""
    found: list[Missing] = []
    for start in range(0, images, BLOCK):
        stop = min(start + BLOCK, images)
        content = content_hash(digests(start, stop), [0] * (stop - start))
        for p in points:
            identity = Identity(p.labels, p.key, ("1", "1", "1"), content)
            found.append(Missing(p, identity, start, stop, content, PIXELS * (stop - start)))
    return found


def run_on(address: str, points: dict[Point, float], workers: int) -> tuple[float, float]:
    """The efficiency of one run that takes about SECONDS, and the seconds that it took."""
    from distributed import Client

    with Client(address, timeout=60) as client, tempfile.TemporaryDirectory() as folder:
        client.wait_for_workers(workers, timeout=120)
        records = Records(Path(folder))
        records.create()
        pool = Sleeping(client, {(p.quantizer, p.codec, p.judge): s for p, s in points.items()})
        runner = Runner(pool, records, Progress())
        todo = missing(points, math.ceil(SECONDS * workers / sum(points.values())))
        begun = time.monotonic()
        runner.run(todo)
        seconds = time.monotonic() - begun
        assert runner.kept == len(todo)
        return pool.slept / (workers * seconds), seconds


async def host(address: str, count: int) -> None:
    """Some workers of one thread in this process."""
    from distributed import Worker

    workers = [await Worker(address, nthreads=1, dashboard=False, memory_limit=0) for _ in range(count)]
    await asyncio.gather(*(worker.finished() for worker in workers))


def measure(points: dict[Point, float], workers: int) -> tuple[float, float]:
    """One run on a cluster of its own."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        processes = [subprocess.Popen([*scheduler, "--host", "127.0.0.1", "--scheduler-file", str(file)], **quiet)]
        try:
            while not file.exists():
                time.sleep(0.1)
            address = json.loads(file.read_text())["address"]
            for number in range(min(PROCESSES, workers)):
                count = workers // PROCESSES + (number < workers % PROCESSES)
                command = [sys.executable, str(Path(__file__)), "--host-of", address, "--count", str(count)]
                processes.append(subprocess.Popen(command, **quiet))
            return run_on(address, points, workers)
        finally:
            for process in processes:
                process.kill()
                process.wait()


def draw(rows: list[tuple[int, float]], path: Path) -> None:
    """The figure: efficiency over the number of workers."""
    figure = Figure(figsize=(4.5, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([w for w, _ in rows], [100 * e for _, e in rows], marker="o")
    axes.axhline(90, color="0.6", linestyle="--", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_xticks([w for w, _ in rows], [str(w) for w, _ in rows])
    axes.set(xlabel="Dask workers", ylabel="efficiency (%)", ylim=(0, 103))
    plain(axes)
    save(figure, path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=Path("results/imagenet-sample"))
    parser.add_argument("--workers", default="1,2,4,8,16,32,64,128,256")
    parser.add_argument("--out", type=Path, default=Path("runs/cluster-efficiency"))
    parser.add_argument("--host-of", help=argparse.SUPPRESS)
    parser.add_argument("--count", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.host_of:
        asyncio.run(host(options.host_of, options.count))
        sys.exit()
    measured, given = [], recorded(options.study)
    print(f"{len(given)} points, {sum(given.values()):.2f} s an image")
    for workers in map(int, options.workers.split(",")):
        share, seconds = measure(given, workers)
        measured.append((workers, share))
        print(f"{workers} workers: {100 * share:.1f} % in {seconds:.0f} s", flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with open(options.out.with_suffix(".csv"), "w", newline="") as file:
        csv.writer(file).writerows([("workers", "efficiency"), *((w, f"{e:.4f}") for w, e in measured)])
    draw(measured, options.out.with_suffix(".png"))
