"""A worker's memory does not grow with the data set."""

import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = Path(__file__).parents[1] / "helpers"
PROGRAM = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from plugins_for_tests import Brightness, Noise
from rabench.bench.running import content
from rabench.bench.running import task as tasks
from rabench.bench.running.executors import one_thread
from rabench.bench.running.task import Task
from rabench.codecs import CODECS
from rabench.quantizers import QUANTIZERS
one_thread()
count = int(sys.argv[2])
dataset = Noise(images=count, side=64)
pairs = tuple((CODECS.make(t), Brightness()) for t in ("jpeg:quality=30", "raw"))
for start in range(0, count, 1000):
    block = content.describe_block(dataset, start, start + 1000)["sha256"]
    tasks.run(Task(dataset, start, start + 1000, block, QUANTIZERS.make("octree:colors=4"), pairs, ()))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak(images):
    """KiB"""
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(HELPERS), str(images)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
def test_the_peak_memory_of_a_worker_is_flat_between_1000_and_50000_images():
    few, many = peak(1000), peak(50_000)
    assert many / few < 1.1  # ten percent, as promised in the documentation
