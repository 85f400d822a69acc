"""Dates and bills in the customer's own language."""

from __future__ import annotations

import pytest

from notify.phrases import bill_in_words, date_in_words


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "your September 2012 bill"),
        ("en-US", "your September 2012 bill"),
        ("es", "su factura de septiembre de 2012"),
        ("de", "Ihre Rechnung für September 2012"),
        ("xx", "your September 2012 bill"),
    ],
)
def test_a_month_is_that_months_bill(language: str, said: str) -> None:
    assert bill_in_words("2012-09", language) == said


@pytest.mark.parametrize("text", ["your next bill", "2012-13", "", "2012-9"])
def test_other_words_go_out_as_they_stand(text: str) -> None:
    assert bill_in_words(text, "de") == text


@pytest.mark.parametrize(
    ("language", "said"), [("en", "1 September 2012"), ("es", "1 de septiembre de 2012"), ("de", "1. September 2012")]
)
def test_a_date_is_written_as_the_language_does(language: str, said: str) -> None:
    assert date_in_words("2012-09-01", language) == said
