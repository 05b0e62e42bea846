"""What padding of batches costs is spent, but is no image's own time: the pace of a point does not depend on a task's size."""

import time

import numpy as np
import pytest
from plugins_for_tests import Brightness
from rabench.bench.measuring.classify import BatchedInference
from rabench.codecs import CODECS


class Slow(Brightness):
    """Takes a tenth of a second a batch of 64."""

    @property
    def batch(self):
        return 64

    def logits_of_batch(self, images):
        time.sleep(0.1)
        return super().logits_of_batch(images)


@pytest.mark.parametrize("images", [1, 64, 96])
def test_an_image_takes_its_share_of_a_full_batch(images):
    inference, raw = BatchedInference(Slow()), CODECS.make("raw")
    for row in range(images):
        inference.add((raw, row), row.to_bytes(4, "big"), np.full((8, 8, 3), row, np.uint8))
    inference.flush()
    batches = -(-images // 64)
    assert inference.seconds >= 0.1 * batches
    assert 0.1 * images / 64 <= inference.unpadded_seconds < inference.seconds - 0.1 * (batches - images / 64) + 0.01
