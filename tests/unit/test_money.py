"""Money is exact on the way in, and said in the customer's own form on the way out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation import money
from foundation.errors import InputError
from foundation.money import Money


@given(st.integers(-(10**12), 10**12), st.sampled_from(["GBP", "JPY", "KWD"]))
def test_an_amount_written_out_reads_back_the_same(amount_minor: int, currency: str) -> None:
    assert money.parse_minor(str(Money(amount_minor, currency).decimal), currency) == amount_minor


@given(st.integers(-(10**9), 10**9), st.sampled_from(["GBP", "JPY", "KWD"]))
def test_exact_major_units_become_minor_units_without_loss(amount_minor: int, currency: str) -> None:
    major = Fraction(amount_minor, 10 ** money.exponent(currency))
    assert money.from_major(major, currency) == amount_minor


@pytest.mark.parametrize(
    "text", ["", "abc", "1,50", "1.505", "NaN", "Infinity", "1e400", "1e2", "1_0", "٣", "--1", "9" * 16]
)
def test_what_is_no_exact_amount_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="accepted"):
        money.parse_minor(text, "GBP", where="fee_list")


def test_an_unrounded_amount_never_becomes_money() -> None:
    with pytest.raises(ValueError, match="never rounded"):
        money.from_major(Fraction(1, 3), "GBP")


def test_two_currencies_are_never_added() -> None:
    with pytest.raises(ValueError, match="cannot add"):
        Money(1, "GBP") + Money(1, "EUR")


@pytest.mark.parametrize(
    ("language", "said"), [("en", "£3.00"), ("de", "3,00\xa0£"), ("es", "3,00\xa0GBP"), ("xx", "3.00 GBP")]
)
def test_amounts_are_written_as_the_language_does(language: str, said: str) -> None:
    assert Money(300, "GBP").text(language) == said


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(InputError, match="ISO 4217"):
        money.check_currency("XXQ")
