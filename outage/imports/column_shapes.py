"""Which texts of a whole column are what they must be, as they stand: asked at once, the others one by one."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from foundation.errors import InputError
from outage.msisdn import check_msisdn

Shape = Callable[[pa.Array], pa.Array]
"""Takes a column of texts, returns where its check would give back the very text; false where that is not certain."""


def plain_text(longest: int) -> Shape:
    """Printable ASCII of up to `longest` characters with no space at either end."""
    pattern = f"^[!-~]([ -~]{{0,{longest - 2}}}[!-~])?$"
    return lambda texts: pc.match_substring_regex(texts, pattern)


def plain_imsi(texts: pa.Array) -> pa.Array:
    """IMSIs of 14 or 15 digits."""
    return pc.match_substring_regex(texts, "^[0-9]{14,15}$")


def plain_msisdn(texts: pa.Array) -> pa.Array:
    """E.164 numbers: the answer depends on the first digits and the length alone, so one of each kind is asked."""
    kinds = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(texts, 0, 4), pc.cast(pc.utf8_length(texts), pa.string()), " "
    ).dictionary_encode()
    accepted = pa.array([_is_number(texts[pc.index(kinds.indices, at).as_py()].as_py()) for at in _numbers(kinds)])
    of_known_kind = accepted.take(kinds.indices) if len(accepted) else pa.array([], pa.bool_())
    return pc.and_(of_known_kind, pc.match_substring_regex(texts, r"^\+[1-9][0-9]{6,14}$"))


def _numbers(kinds: pa.DictionaryArray) -> list[pa.Scalar]:
    return [pa.scalar(number, kinds.indices.type) for number in range(len(kinds.dictionary))]


def _is_number(text: str) -> bool:
    try:
        check_msisdn(text)
    except InputError:
        return False
    return True
