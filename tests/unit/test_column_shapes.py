"""A shape never accepts a text that its check would refuse or change."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InputError
from outage.imports.column_checks import Check, text_of
from outage.imports.column_shapes import Shape, plain_imsi, plain_msisdn, plain_text
from outage.msisdn import check_imsi, check_msisdn

_NUMBERS = st.one_of(
    st.text("+0123456789 ", max_size=18),
    st.builds("+{}{}".format, st.sampled_from(["44", "1", "81", "999", "0"]), st.text("0123456789", max_size=14)),
)
_TEXTS = st.one_of(st.text(max_size=6), st.text(" a\n\t\u00a0é", max_size=6))
_CASES: list[tuple[Shape, Check]] = [
    (plain_msisdn, check_msisdn),
    (plain_imsi, check_imsi),
    (plain_text(4), text_of(4)),
]


@pytest.mark.parametrize(("shape", "check"), _CASES)
@given(texts=st.lists(st.one_of(_NUMBERS, _TEXTS), max_size=30))
def test_what_a_shape_accepts_the_check_gives_back(shape: Shape, check: Check, texts: list[str]) -> None:
    accepted = shape(pa.array(texts, pa.string())).to_pylist()
    assert len(accepted) == len(texts)
    for text, is_accepted in zip(texts, accepted, strict=True):
        if is_accepted:
            assert check(text) == text


def test_shapes_accept_what_is_common() -> None:
    assert plain_msisdn(pa.array(["+447700900123", "+447700900124", "07700900123"])).to_pylist() == [True, True, False]
    assert plain_imsi(pa.array(["234100000000001", "23410"])).to_pylist() == [True, False]
    assert plain_text(64)(pa.array(["A1", "Ann Ltd", " x"])).to_pylist() == [True, True, False]
    with pytest.raises(InputError):
        check_msisdn("07700900123")
