"""How far two runs of `rabench time` differ while something else keeps every core busy."""

import os
import subprocess
import sys

import numpy as np
from given_studies import written_study
from rabench.bench.running import executors
from rabench.bench.timing.timing import Extent, time_study

MATRIX = """
dataset = "photos"
classifiers = ["small:weights=small-photos"]
[[points]]
codecs = ["png", "jpeg:quality=20,50,80", "webp:quality=20,50,80"]
[[points]]
quantizers = ["median-cut:colors=2,16", "octree:colors=2,16"]
codecs = ["png"]
"""
BURNING = "while True: sum(range(10000))"


def test_two_runs_beside_other_work(benchmark, tmp_path):
    study = written_study(tmp_path / "s", MATRIX)
    burners = [subprocess.Popen([sys.executable, "-c", BURNING]) for _ in range(os.cpu_count() or 1)]
    found = []

    def timed():
        found.append(time_study(study, lambda: executors.make(1, None), Extent(images=16, budget=30.0)).times[0])

    try:
        benchmark.pedantic(timed, rounds=2)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()
    logs = [np.log([t.encode(name).milliseconds for name in t.names]) for t in found]
    apart = logs[0] - logs[1]
    pairs = np.abs(np.expm1(apart[:, None] - apart))[np.triu_indices(len(apart), 1)]
    benchmark.extra_info["ratios of all pairs of points: median and largest difference, percent"] = [
        round(100 * float(np.median(pairs)), 1),
        round(100 * float(pairs.max()), 1),
    ]
    benchmark.extra_info["waiting"] = [round(t.waiting, 2) for t in found]
