"""What is kept stays within its weight, and what was not asked for longest goes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outage.network.kept import Kept


def test_what_was_not_asked_for_longest_goes_first():
    kept: Kept[str, int] = Kept(10)
    for name in ("a", "b", "c"):
        kept.keep(name, ord(name), 4)
    assert [kept.find(name) for name in ("a", "b", "c")] == [None, 98, 99]
    assert kept.find("b") == 98
    kept.keep("d", 100, 4)
    assert [kept.find(name) for name in ("b", "c", "d")] == [98, None, 100]


def test_what_is_too_heavy_is_not_kept_and_a_new_value_takes_the_place_of_the_old():
    kept: Kept[str, int] = Kept(10)
    kept.keep("a", 1, 8)
    kept.keep("a", 2, 9)
    assert kept.find("a") == 2
    kept.keep("whale", 3, 11)
    assert kept.find("whale") is None


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), max_size=30))
def test_together_nothing_is_ever_heavier_than_allowed(steps):
    kept: Kept[int, int] = Kept(10)
    weights: dict[int, int] = {}
    for key, weight in steps:
        kept.keep(key, weight, weight)
        weights[key] = weight
        assert sum(weights[key] for key in range(6) if kept.find(key) is not None) <= 10
        assert kept.find(key) == weight
