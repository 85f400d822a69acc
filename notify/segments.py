"""How many SMS parts a text takes: GSM 7-bit (GSM 03.38 with its extension table) or UCS-2."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

# GSM 03.38 default alphabet; the escape (0x1B) itself cannot be written.
BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each of these is sent as the escape and a second septet.
EXTENSION = frozenset("\f^{}\\[~]|€")
_GSM = BASIC | EXTENSION


class Encoding(enum.StrEnum):
    """How the characters of a text are sent."""

    GSM7 = "gsm7"
    UCS2 = "ucs2"


@dataclass(frozen=True)
class Parts:
    """`characters` as they count against the limit (septets, or UTF-16 units), and the SMS `parts` they take."""

    encoding: Encoding
    characters: int
    parts: int


# Encoding: limit of a single part, limit of each of several (the rest is the header that joins them).
_LIMITS = {Encoding.GSM7: (160, 153), Encoding.UCS2: (70, 67)}


def count_parts(text: str) -> Parts:
    """Encoding, counted characters and parts of a text; an empty text takes no part.

    A character of two units (`€` in GSM-7, an emoji in UCS-2) is never cut by the end of a part.
    """
    letters = set(text)
    if letters <= _GSM:
        encoding, wide = Encoding.GSM7, letters & EXTENSION
    else:
        encoding, wide = Encoding.UCS2, {letter for letter in letters if ord(letter) > 0xFFFF}
    characters = len(text) + sum(text.count(letter) for letter in wide)
    single, several = _LIMITS[encoding]
    if characters <= single:
        return Parts(encoding, characters, 1 if text else 0)
    if not wide:
        return Parts(encoding, characters, -(-characters // several))
    return Parts(encoding, characters, _pack((2 if letter in wide else 1 for letter in text), several))


def foreign_letters(text: str) -> str:
    """The characters that force UCS-2, each once, in order: what a writer may want to replace."""
    return "".join(dict.fromkeys(letter for letter in text if letter not in _GSM))


def _pack(widths: Iterable[int], limit: int) -> int:
    parts, used = 1, 0
    for width in widths:
        if used + width > limit:
            parts, used = parts + 1, 0
        used += width
    return parts
