"""Which lines of a release nothing tells apart."""

from __future__ import annotations

import pyarrow as pa

from compensation.release_shapes import distinct_rows


def test_distinct_rows_are_numbered_as_they_appear_and_null_is_a_value_like_others() -> None:
    names, sizes = pa.array(["b", "a", None, "b", None, "b"]), pa.array([1, 1, 1, 2, 1, 1])
    assert distinct_rows([names, sizes]) == ([0, 1, 2, 3, 2, 0], [0, 1, 2, 3])
    assert distinct_rows([pa.array([], pa.string())]) == ([], [])
