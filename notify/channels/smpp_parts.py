"""A text as SMPP carries it: GSM 7-bit or UCS-2 octets, in parts joined by a user data header.

Parts are cut as `notify.segments` counts them, so that nobody is sent, or pays for, more than was shown. (The SMPP
library cuts `€` and its like in two at the end of a part, and does not know `§`.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from notify.segments import BASIC, Encoding, count_parts

# 3GPP TS 23.038, section 6.2.1: the default alphabet in the order of its codes; 0x1B is the escape.
_ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_ESCAPE = 0x1B
_CODES: dict[str, bytes] = {
    **{letter: bytes([code]) for code, letter in enumerate(_ALPHABET) if letter in BASIC},
    **{letter: bytes([_ESCAPE, code]) for letter, code in _EXTENSION.items()},
}
_BY_EXTENSION = {code: letter for letter, code in _EXTENSION.items()}
DATA_CODING = {Encoding.GSM7: 0, Encoding.UCS2: 8}
# Octets of text in each of several parts: 153 septets, 67 UTF-16 units.
_PART_OCTETS = {Encoding.GSM7: 153, Encoding.UCS2: 134}


@dataclass(frozen=True, slots=True)
class EncodedText:
    """The octets of each part, header included, and how they are to be read (SMPP's data_coding)."""

    parts: tuple[bytes, ...]
    data_coding: int

    @property
    def has_header(self) -> bool:
        """Whether each part begins with a user data header."""
        return len(self.parts) > 1


def encode_text(text: str, reference: int) -> EncodedText:
    """The parts of a text; `reference` (its low 8 bits are used) joins them on the handset.

    Raises ValueError for a text of more than 255 parts.
    """
    counted = count_parts(text)
    pieces = list(_cut(text, counted.encoding, counted.parts))
    if len(pieces) > 255:
        raise ValueError("a text has at most 255 parts")
    if len(pieces) > 1:
        # 3GPP TS 23.040, section 9.2.3.24.1: concatenated short messages with an 8-bit reference.
        head = bytes([5, 0, 3, reference & 0xFF, len(pieces)])
        pieces = [head + bytes([number]) + piece for number, piece in enumerate(pieces, start=1)]
    return EncodedText(tuple(pieces), DATA_CODING[counted.encoding])


def decode_text(octets: bytes, data_coding: int, *, has_header: bool) -> str:
    """What a recipient wrote; octets that are no text in their coding become replacement characters."""
    if has_header and octets:
        octets = octets[1 + octets[0] :]
    if data_coding == DATA_CODING[Encoding.UCS2]:
        return octets.decode("utf-16-be", "replace")
    if data_coding:
        return octets.decode("latin-1")
    letters: list[str] = []
    codes = iter(octets)
    for code in codes:
        if code == _ESCAPE:
            letters.append(_BY_EXTENSION.get(next(codes, 0x20), " "))
        else:
            letters.append(_ALPHABET[code] if code < len(_ALPHABET) else "\ufffd")
    return "".join(letters)


def _cut(text: str, encoding: Encoding, parts: int) -> Iterator[bytes]:
    whole = parts <= 1
    limit = _PART_OCTETS[encoding]
    piece = b""
    for letter in text:
        octets = _CODES[letter] if encoding == Encoding.GSM7 else letter.encode("utf-16-be")
        if not whole and len(piece) + len(octets) > limit:
            yield piece
            piece = b""
        piece += octets
    yield piece
