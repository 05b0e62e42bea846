"""Amounts as people write them, and as numbers from Python."""

import pytest
from rabench.core.errors import BadSetting
from rabench.core.quantities import counted, loss, names, rate, seconds


def test_texts_and_numbers_name_the_same_amounts():
    assert seconds("20min") == seconds(1200) == 1200 and seconds("1.5h") == seconds(5400.0) == 5400
    assert rate("0.5bpp", None, None) == rate(0.5, None, None) == (0.5, None)
    expected = (None, pytest.approx(8 * 200e9 / 1.2e6))
    assert rate(None, "200GB", "1.2M") == rate(None, 200e9, 1_200_000) == expected


def test_units_are_known_in_any_case_and_thousands_may_have_commas():
    assert rate(None, "200gb", "1,200,000") == rate(None, "200GB", "1.2M") and seconds("20MIN") == 1200
    assert rate(None, "1GiB", "1k")[1] != rate(None, "1GB", "1k")[1]


def test_a_loss_is_a_number_of_points_or_nats():
    assert loss("0.5") == loss(0.5) == loss("0.5 points") == 0.5 and loss("-1") == -1 and loss(None) is None
    with pytest.raises(BadSetting, match=r"`lose_at_most` is a number above 0 and its unit .* such as 0.5, got '0.5%'"):
        loss("0.5%")


def test_bytes_alone_ask_for_the_images():
    with pytest.raises(BadSetting, match=r"say with `images` how many, such as 1\.2M"):
        rate(None, "1TB", None)


def test_one_is_counted_as_one():
    assert [counted(n, "point") for n in (1, 0.5, 2)] == ["1 point", "0.5 points", "2 points"]


@pytest.mark.parametrize("amount", [0, -1.0, "0s", "soon", "20 parsecs", "1h30m", True, float("inf"), float("nan")])
def test_what_is_no_amount_is_told(amount):
    with pytest.raises(
        BadSetting, match=r"`budget` is a number above 0 and its unit \(s, min, h, d\), such as 20min, got"
    ):
        seconds(amount)


def test_names_come_as_a_text_or_as_several():
    assert names("jpeg, webp") == names(["jpeg", "webp"]) == ("jpeg", "webp") and names(None) == names(()) == ()
