"""The ticks of an axis of rates."""

import pytest
from matplotlib.figure import Figure
from rabench.bench.figures.rate_accuracy import rate_axis


@pytest.mark.parametrize(
    ("rates", "ticks"),
    [
        ([0.12, 0.5, 2.1], [0.125, 0.25, 0.5, 1, 2]),
        ([2.32, 2.37, 2.49], [2, 2.25, 2.5, 2.75, 3]),  # within one power of two
        ([1.0], [0.8, 0.9, 1, 1.1, 1.2]),
    ],
)
def test_an_axis_of_rates_has_ticks_however_close_they_lie(rates, ticks):
    axes = Figure().subplots()
    rate_axis(axes, rates, "log2")
    low, high = axes.get_xlim()
    assert low < min(rates) and max(rates) < high
    assert axes.get_xticks().tolist() == pytest.approx(ticks)
