"""Amounts as people write them, and as numbers from Python."""

import pytest
from rabench.bench.choosing.quantities import names, rate, seconds
from rabench.core.errors import BadSetting


def test_texts_and_numbers_name_the_same_amounts():
    assert seconds("20min") == seconds(1200) == 1200 and seconds("1.5h") == seconds(5400.0) == 5400
    assert rate("0.5bpp", None, None) == rate(0.5, None, None) == (0.5, None)
    expected = (None, pytest.approx(8 * 200e9 / 1.2e6))
    assert rate(None, "200GB", "1.2M") == rate(None, 200e9, 1_200_000) == expected


@pytest.mark.parametrize("amount", [0, -1.0, "0s", "soon", "20 parsecs"])
def test_what_is_no_amount_is_told(amount):
    with pytest.raises(
        BadSetting, match=r"`budget` is a number above 0 and its unit \(s, min, h, d\), such as 20min, got"
    ):
        seconds(amount)


def test_names_come_as_a_text_or_as_several():
    assert names("jpeg, webp") == names(["jpeg", "webp"]) == ("jpeg", "webp") and names(None) == names(()) == ()
