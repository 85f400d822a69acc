"""Which evidence counts, and when a share of an area's cells is out."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outage.evidence import MEASURED, PRECEDENCE, WORDS, Evidence, alike, area_losses, joined, lost_by_share
from outage.intervals import IntervalSet, intersection, normalise, union

_ALL, _HALF = Fraction(1), Fraction(1, 2)


def test_what_the_network_shows_goes_before_what_people_say_and_home_comes_last() -> None:
    assert [str(one) for one in PRECEDENCE] == ["served_by", "present", "declared", "listed", "home_area"]
    assert PRECEDENCE[:2] == MEASURED
    assert WORDS.keys() == set(Evidence)


@pytest.mark.parametrize(
    ("losses", "cells", "share", "expected"),
    [
        ([((0, 10),), ((5, 15),)], 2, _ALL, ((5, 10),)),
        ([((0, 10),), ((5, 15),)], 2, _HALF, ((0, 15),)),
        ([((0, 10),)], 2, _ALL, ()),
        ([((0, 10),), ((10, 20),)], 2, _HALF, ((0, 20),)),
        ([((0, 10),), ((10, 20),)], 2, _ALL, ()),
        ([((0, 10),), ((0, 10),)], 5, Fraction(2, 5), ((0, 10),)),
        ([((0, 10),), ((0, 10),)], 5, Fraction(41, 100), ()),
        ([((0, 10),)], 1000, Fraction(1, 1_000_000), ((0, 10),)),
        ([], 3, _HALF, ()),
    ],
    ids=str,
)
def test_an_area_is_out_while_enough_of_its_cells_are(
    losses: list[IntervalSet], cells: int, share: Fraction, expected: IntervalSet
) -> None:
    assert lost_by_share(losses, cells, share) == expected


_sets = st.lists(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9)), max_size=4).map(
        lambda pairs: normalise((start, start + length) for start, length in pairs)
    ),
    min_size=1,
    max_size=4,
)


@given(losses=_sets, share=st.fractions(Fraction(1, 100), 1))
def test_any_share_agrees_with_counting_second_by_second(losses: list[IntervalSet], share: Fraction) -> None:
    def is_out(second: int) -> bool:
        out = sum(any(start <= second < end for start, end in one) for one in losses)
        return out > 0 and Fraction(out, len(losses)) >= share

    found = lost_by_share(losses, len(losses), share)
    assert found == normalise((second, second + 1) for second in range(40) if is_out(second))
    if share == 1:
        assert found == intersection(*losses)


def test_cells_that_do_not_carry_a_service_do_not_count_for_it() -> None:
    cells = {1: ("North", ("voice", "data")), 2: ("North", ("voice",)), 3: ("South", ()), 4: ("South", ())}
    lost = {(1, "voice"): ((0, 10),), (1, "data"): ((0, 10),), (3, "voice"): ((0, 10),)}
    assert area_losses(lost, cells, _ALL) == {"North": {"data": ((0, 10),)}}
    assert area_losses(lost, cells, _HALF) == {
        "North": {"data": ((0, 10),), "voice": ((0, 10),)},
        "South": {"voice": ((0, 10),)},
    }


def test_two_footprints_are_joined_and_services_that_go_together_are_grouped() -> None:
    one, other = {(1, "voice"): ((0, 10),)}, {(1, "voice"): ((5, 20),), (2, "data"): ((0, 1),)}
    assert joined(one, other) == {(1, "voice"): union(((0, 10),), ((5, 20),)), (2, "data"): ((0, 1),)}
    assert alike([["voice", "sms", "data"]]) == [["data", "sms", "voice"]]
    assert alike([["voice", "sms"], ["sms", "data"]]) == [["data"], ["sms"], ["voice"]]
    assert alike([]) == []
