"""Cycles in a network: found, told from their smallest id, and refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.errors import InputError
from outage.network.topology import Dependency, check_acyclic, find_cycle


@pytest.mark.parametrize(
    ("edges", "cycle"),
    [
        ([(1, 2), (2, 3)], None),
        ([(4, 4)], [4]),
        ([(5, 9), (9, 3), (3, 5), (1, 5)], [3, 5, 9]),
        ([(1, 2), (1, 3), (2, 4), (3, 4), (4, 5)], None),
        ([(1, 2), (2, 3), (3, 4), (4, 2), (1, 4)], [2, 3, 4]),
    ],
)
def test_a_cycle_is_found_and_told_from_its_smallest_id(edges, cycle):
    assert find_cycle([Dependency(element, "g", member) for element, member in edges]) == cycle


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14))
def test_a_cycle_is_found_exactly_when_an_element_can_reach_itself(edges):
    reach = {n: {m for e, m in edges if e == n} for n in range(7)}
    for _ in range(7):
        reach = {n: ms.union(*(reach[m] for m in ms)) for n, ms in reach.items()}
    cycle = find_cycle([Dependency(element, "g", member) for element, member in edges])
    assert (cycle is not None) == any(n in reach[n] for n in reach)
    if cycle:
        assert all(pair in edges for pair in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


def test_a_cycle_is_refused_with_its_ids():
    needs = [Dependency(5, "g", 9), Dependency(9, "g", 3), Dependency(3, "g", 5), Dependency(3, "h", 1)]
    with pytest.raises(InputError, match="3 -> 5 -> 9 -> 3"):
        check_acyclic(needs)


def test_a_cycle_of_fifty_thousand_elements_needs_no_deep_recursion():
    chain = [Dependency(n + 1, "g", n) for n in range(50_000)]
    assert find_cycle(chain) is None
    assert find_cycle([*chain, Dependency(0, "g", 50_000)]) == [0, *range(50_000, 0, -1)]
