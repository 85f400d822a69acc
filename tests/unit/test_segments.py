"""Counting SMS parts by GSM 03.38 and UCS-2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.segments import BASIC, EXTENSION, Encoding, Parts, count_parts, foreign_letters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Parts(Encoding.GSM7, 0, 0)),
        ("a" * 160, Parts(Encoding.GSM7, 160, 1)),
        ("a" * 161, Parts(Encoding.GSM7, 161, 2)),
        ("a" * 306, Parts(Encoding.GSM7, 306, 2)),
        ("a" * 307, Parts(Encoding.GSM7, 307, 3)),
        ("ж" * 70, Parts(Encoding.UCS2, 70, 1)),
        ("ж" * 71, Parts(Encoding.UCS2, 71, 2)),
        ("ж" * 134, Parts(Encoding.UCS2, 134, 2)),
        ("ж" * 135, Parts(Encoding.UCS2, 135, 3)),
        ("£3.00 é ñ Ü @", Parts(Encoding.GSM7, 13, 1)),
    ],
)
def test_a_text_takes_the_parts_its_encoding_allows(text, expected):
    assert count_parts(text) == expected


def test_extension_characters_count_twice():
    assert count_parts("€" * 80) == Parts(Encoding.GSM7, 160, 1)
    assert count_parts("€" * 80 + "a") == Parts(Encoding.GSM7, 161, 2)


def test_an_escape_sequence_is_never_cut_by_the_end_of_a_part():
    # 152 septets, then a pair that does not fit into the 153rd: 306 septets need three parts, not two.
    text = "a" * 152 + "€" + "a" * 152
    assert count_parts(text) == Parts(Encoding.GSM7, 306, 3)


def test_an_emoji_is_two_units_and_is_never_cut():
    assert count_parts("😀" * 35) == Parts(Encoding.UCS2, 70, 1)
    assert count_parts("a" * 66 + "😀" + "a" * 66) == Parts(Encoding.UCS2, 134, 3)


def test_the_accents_gsm_lacks_force_ucs2_and_are_named():
    assert count_parts("Código").encoding is Encoding.UCS2
    assert foreign_letters("Código válido, código") == "óá"
    assert foreign_letters("Gutschein über 3 €") == ""


def test_the_alphabet_has_127_characters_besides_the_escape():
    assert len(BASIC) == 127
    assert len(EXTENSION) == 10
    assert not BASIC & EXTENSION


@given(st.text())
def test_parts_always_hold_the_counted_characters(text):
    parts = count_parts(text)
    single, several = (160, 153) if parts.encoding is Encoding.GSM7 else (70, 67)
    assert parts.characters >= len(text)
    if parts.characters <= single:
        assert parts.parts == (1 if text else 0)
    else:
        least = -(-parts.characters // several)
        assert least <= parts.parts <= -(-parts.characters // (several - 1))
