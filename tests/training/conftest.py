"""What tests of training share."""

import numpy as np
import pytest
from rabench.core.learning import Images
from rabench.datasets import DATASETS


@pytest.fixture(scope="session")
def training_photos():
    """700 photographs to train on."""
    block = DATASETS.make("photos:split=train").load(0, 700)
    return Images(np.stack(block.images), block.labels)
