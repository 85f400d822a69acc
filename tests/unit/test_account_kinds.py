"""Kinds of accounts are put together by the classes of their lines, and none is lost or counted twice."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from compensation.simulation.account_kinds import AccountKinds

GROUPS = 9
BEFORE = st.tuples(st.integers(0, 1), st.just(0), st.none(), st.sampled_from([None, "money 4"]))
LINES = st.lists(st.integers(0, GROUPS - 1), min_size=1, max_size=30).map(tuple)
KINDS = st.dictionaries(st.tuples(LINES, BEFORE), st.integers(1, 2**40), max_size=40)


def kinds_of(kinds: dict[tuple[tuple[int, ...], tuple[object, ...]], int]) -> AccountKinds:
    lines = pa.array([[group + 1 for group in lines] for lines, _ in kinds], pa.list_(pa.int64()))
    before = list(zip(*(before for _, before in kinds), strict=True)) or [()] * 4
    types = (pa.int64(), pa.int64(), pa.string(), pa.string())
    columns = [pa.array(values, kind) for values, kind in zip(before, types, strict=True)]
    arrays = [lines, *columns, pa.array(kinds.values(), pa.int64())]
    return AccountKinds(pa.Table.from_arrays(arrays, names=["lines", *"abcd", "accounts"]))


@settings(max_examples=60)
@given(
    KINDS,
    st.lists(st.integers(0, GROUPS - 1), min_size=GROUPS, max_size=GROUPS),
    st.none() | st.sets(st.integers(0, GROUPS - 1)),
    st.sets(st.integers(0, GROUPS - 1)),
)
def test_kinds_whose_lines_are_of_the_same_classes_are_one(kinds, classes, among, without) -> None:
    found = kinds_of(kinds)
    assert len(found) == len(kinds)
    wanted: Counter[tuple[object, ...]] = Counter()
    for (lines, before), count in kinds.items():
        if (among is None or not among.isdisjoint(lines)) and without.isdisjoint(lines):
            wanted[before, tuple(classes[group] for group in lines)] += count
    alike = list(found.alike(classes, among, without))
    told = {(one.before, tuple(classes[group] for group in one.lines)): one.count for one in alike}
    assert len(told) == len(alike)
    assert told == wanted
    assert all((one.lines, one.before) in kinds for one in alike)
