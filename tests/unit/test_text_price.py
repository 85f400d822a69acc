"""What texts cost by their parts."""

from __future__ import annotations

import pytest

from foundation.errors import InputError
from foundation.money import Money
from notify.text_price import read_price


def test_a_price_finer_than_a_penny_is_rounded_once_for_all_parts():
    price = read_price(" 0.0392 GBP ")
    assert price is not None
    assert [price.of(parts) for parts in (1, 1000)] == [Money(4, "GBP"), Money(3920, "GBP")]
    yen = read_price("7.5 JPY")
    assert yen is not None
    assert yen.of(3) == Money(23, "JPY")


def test_without_a_setting_there_is_no_price():
    assert read_price("") is None


@pytest.mark.parametrize("said", ["a lot", "0.04", "GBP 0.04", "-1 GBP", "0.04 XYZ", "1e3 GBP", "٤ GBP"])
def test_what_is_no_price_is_refused_by_the_settings_name(said):
    with pytest.raises(InputError, match="OUTAGE_TEXT_PRICE"):
        read_price(said)
