"""Memory grows neither with the number of images nor with their size or shapes."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from plugins_for_tests import Brightness
from rabench.bench.measuring import classify, content
from rabench.codecs import CODECS
from rabench.datasets.base import RAW, Block

HELPERS = Path(__file__).parents[1] / "helpers"


def test_a_large_image_after_small_ones_does_not_come_with_two_hundred_others():
    counts = []

    class Growing:
        label = "growing"

        def load(self, start, stop):
            counts.append(stop - start)
            side = 8 if start < 100 else 2000
            images = [np.zeros((side, side, 3), np.uint8)] * (stop - start)
            return Block(images, np.zeros(stop - start, np.int64), [RAW] * (stop - start))

    assert sum(len(b.images) for b in content.chunks(Growing(), 0, 240)) == 240
    # Nobody knows of the first large ones; from then on 32 MB at a time, and they have 12 MB each.
    assert max(counts) == 100 and counts[-10:] == [2] * 10
    assert all(b <= 2 * a for a, b in itertools.pairwise(counts))


class Counting(Brightness):
    """Counts the bytes that wait; images are told from padding by their bytes, which are not black."""

    waiting = 0

    def prepare(self, image):
        type(self).waiting += image.nbytes
        return image

    def logits_of_batch(self, images):
        type(self).waiting -= images[0].nbytes * int((images[:, 0, 0, 0] > 0).sum())
        return super().logits_of_batch(images)


def test_images_of_many_shapes_do_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(classify, "WAITING_BYTES", 3000)
    monkeypatch.setattr(Counting, "waiting", 0)
    inference, codec = classify.BatchedInference(Counting()), CODECS.make("raw")
    images = [np.full((5 + row, 5, 3), 1 + row * 8, np.uint8) for row in range(30)]
    for row, image in enumerate(images):
        inference.add((codec, row), bytes([row]), image)
        assert Counting.waiting <= 3000
    assert Counting.waiting > 0  # the last ones wait still
    inference.flush()
    assert Counting.waiting == 0
    predicted, *_ = inference.of(codec, np.full(30, -1), {})
    assert predicted.tolist() == [Brightness().logits([image])[0].argmax() for image in images]


PROGRAM = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from plugins_for_tests import Brightness, Noise
from rabench.bench.measuring import content
from rabench.bench.measuring import task as tasks
from rabench.bench.measuring.threads import one_thread
from rabench.bench.measuring.task import Task
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


@pytest.mark.long
def test_the_peak_memory_of_a_worker_is_flat_between_1000_and_20000_images():
    assert peak(20_000) / peak(1000) < 1.1  # ten percent, as promised in the documentation
