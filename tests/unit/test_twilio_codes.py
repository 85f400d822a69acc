"""Our reading of Twilio's error codes: each is one of Twilio's own, and has one meaning."""

from __future__ import annotations

import csv

import pytest

from notify.channels.twilio_codes import FAILED, OPTED_OUT, REFUSED_ALL, THROTTLED, WORDS, said
from tests.conftest import SHARED


def test_every_code_is_one_of_twilios_own() -> None:
    path = SHARED / "data" / "twilio_error_codes.csv"
    if not path.exists():
        pytest.skip("the list of Twilio's codes is not beside this checkout")
    with path.open(newline="", encoding="utf-8") as file:
        known = {int(row["code"]) for row in csv.DictReader(file)}
    assert WORDS.keys() - known == set()


def test_a_code_has_one_meaning() -> None:
    kinds = (REFUSED_ALL, THROTTLED, OPTED_OUT, FAILED)
    assert len(WORDS) == sum(len(kind) for kind in kinds)


def test_a_code_is_said_in_words_and_an_unknown_one_by_its_number() -> None:
    assert said(21610) == "Twilio 21610: the recipient opted out"
    assert said(99999) == "Twilio 99999"
    assert said(None) == "Twilio: no code was given"
