"""The ready notices: in three languages that ask for the same, within GSM-7, short, without links."""

from __future__ import annotations

import pytest

from notify.notice_texts import NOTICE_TEXTS
from notify.rehearsal import _SAMPLES as SAMPLES
from notify.segments import count_parts, foreign_letters
from notify.wording import PLACEHOLDERS, check_body, render

NAMES = sorted({name for name, _ in NOTICE_TEXTS})


def test_every_placeholder_has_a_sample() -> None:
    assert SAMPLES.keys() == PLACEHOLDERS.keys()


@pytest.mark.parametrize("name", NAMES)
def test_a_notice_is_there_in_three_languages_that_ask_for_the_same(name: str) -> None:
    asked = {language: set(check_body(NOTICE_TEXTS[name, language])) for language in ("en", "es", "de")}
    assert asked["en"] == asked["es"] == asked["de"]
    assert {"brand", "code"} <= asked["en"]


@pytest.mark.parametrize(("name", "language"), sorted(NOTICE_TEXTS))
def test_a_notice_has_at_most_two_parts_of_gsm_7(name: str, language: str) -> None:
    body = NOTICE_TEXTS[name, language]
    assert foreign_letters(body) == ""
    values = SAMPLES | {"services": "data", "next_update": "2026-11-22 18:00 UTC", "estimate": "2026-11-22 20:00 UTC"}
    said = render(body, values, check_body(body))
    assert count_parts(said).parts <= 2, said
