"""Texts as SMPP carries them: the parts that were counted are the parts that are sent, and nothing is cut in two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.channels.smpp_parts import decode_text, encode_text
from notify.segments import BASIC, EXTENSION, count_parts

GSM = st.text(alphabet=sorted(BASIC | EXTENSION), max_size=500)


@given(GSM | st.text(max_size=300))
def test_the_parts_sent_are_the_parts_counted_and_read_back_as_the_text(text):
    encoded = encode_text(text, 7)
    assert len(encoded.parts) == max(1, count_parts(text).parts)
    assert all(len(part) <= (160 if encoded.data_coding == 0 else 140) for part in encoded.parts)
    has_header = encoded.has_header
    read = "".join(decode_text(part, encoded.data_coding, has_header=has_header) for part in encoded.parts)
    assert read == text


def test_several_parts_begin_with_a_header_that_joins_them():
    encoded = encode_text("a" * 300, 0x1FF)
    assert [part[:6] for part in encoded.parts] == [bytes([5, 0, 3, 0xFF, 2, 1]), bytes([5, 0, 3, 0xFF, 2, 2])]
    assert [len(part) for part in encoded.parts] == [6 + 153, 6 + 147]


def test_a_letter_of_two_septets_is_not_cut_by_the_end_of_a_part():
    encoded = encode_text("a" * 152 + "€" + "b" * 20, 1)
    assert encoded.parts[0][6:] == b"a" * 152
    assert encoded.parts[1][6:8] == b"\x1be"


def test_the_paragraph_sign_needs_no_wider_coding():
    assert encode_text("§ 58", 1).data_coding == 0


def test_a_text_of_too_many_parts_is_refused():
    with pytest.raises(ValueError, match="255"):
        encode_text("ж" * 67 * 256, 1)
