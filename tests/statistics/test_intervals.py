"""Wilson's interval at its ends."""

import pytest
from rabench.bench.statistics.intervals import wilson


@pytest.mark.parametrize("images", [1, 7, 10, 944, 2999])
def test_wilson_ends_exactly_at_0_and_1(images):
    assert wilson(0, images)[0] == 0 and wilson(images, images)[1] == 1
