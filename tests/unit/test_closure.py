"""The closure against a naive minute-by-minute model, redundancy, staged restoration, what elements carry, and size."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foundation.errors import InputError
from outage.intervals import IntervalSet, normalise
from outage.network.closure import Spread, spread_of
from outage.network.reach import bits
from outage.network.topology import Dependency
from tests.networks import closed, network_of

SERVICES = ("voice", "data")
MINUTES = 12


@st.composite
def networks(draw):
    """Up to eight elements; a higher id may depend on lower ones, so that there is never a cycle."""
    size = draw(st.integers(1, 8))
    dependencies = []
    for element in range(1, size):
        for group in range(draw(st.integers(0, 2))):
            for member in draw(st.sets(st.integers(0, element - 1), min_size=1, max_size=3)):
                services = draw(st.sampled_from([None, None, frozenset({"voice"}), frozenset(SERVICES)]))
                dependencies.append(Dependency(element, f"g{group}", member, services))
    pairs = st.lists(st.tuples(st.integers(0, MINUTES), st.integers(0, MINUTES)).map(sorted).map(tuple), max_size=3)
    keys = st.tuples(st.integers(0, size - 1), st.sampled_from(SERVICES))
    own = {key: normalise(found) for key, found in draw(st.dictionaries(keys, pairs, max_size=5)).items()}
    renamed = draw(st.permutations(range(size)))
    return (
        size,
        {(renamed[element], service): out for (element, service), out in own.items()},
        draw(
            st.permutations(
                [Dependency(renamed[d.element], d.group, renamed[d.member], d.services) for d in dependencies]
            )
        ),
    )


def is_down(element, service, minute, own, dependencies) -> bool:
    if any(start <= minute < end for start, end in own.get((element, service), ())):
        return True
    groups: dict[str, list[int]] = {}
    for d in dependencies:
        if d.element == element and (d.services is None or service in d.services):
            groups.setdefault(d.group, []).append(d.member)
    return any(all(is_down(m, service, minute, own, dependencies) for m in ms) for ms in groups.values())


@settings(max_examples=300, deadline=None)
@given(networks())
def test_the_closure_agrees_with_asking_each_element_each_minute(network):
    size, own, dependencies = network
    wanted = {}
    for element in range(size):
        for service in SERVICES:
            down = [(m, m + 1) for m in range(MINUTES) if is_down(element, service, m, own, dependencies)]
            if down:
                wanted[(element, service)] = normalise(down)
    assert closed(own, dependencies) == wanted


def test_staged_restoration_gives_each_cell_its_own_end():
    hlr, cell_a, cell_b = 1, 2, 3
    own = {(hlr, "voice"): ((0, 600),), (cell_a, "voice"): ((0, 900),), (cell_b, "voice"): ((100, 700),)}
    needs = [Dependency(cell_a, "hlr", hlr), Dependency(cell_b, "hlr", hlr)]
    assert closed(own, needs) == {
        (hlr, "voice"): ((0, 600),),
        (cell_a, "voice"): ((0, 900),),
        (cell_b, "voice"): ((0, 700),),
    }


def test_a_pool_loses_service_only_while_all_its_members_are_down():
    pool = [Dependency(9, "mme", member) for member in (1, 2, 3)]
    down: dict[tuple[int, str], IntervalSet] = {(1, "data"): ((0, 100),), (2, "data"): ((50, 200),)}
    assert (9, "data") not in closed(down, pool)
    down[(3, "data")] = ((60, 80), (90, 300))
    assert closed(down, pool)[(9, "data")] == ((60, 80), (90, 100))


def test_groups_of_the_same_name_on_two_elements_are_two_groups():
    needs = [Dependency(8, "core", 1), Dependency(9, "core", 2)]
    assert set(closed({(1, "sms"): ((0, 5),)}, needs)) == {(1, "sms"), (8, "sms")}


def test_a_dependency_for_some_services_carries_only_those():
    needs = [Dependency(2, "smsc", 1, frozenset({"sms"}))]
    own = {(1, service): ((0, 5),) for service in ("voice", "sms", "data")}
    assert {key for key in closed(own, needs) if key[0] == 2} == {(2, "sms")}


def test_a_member_that_does_not_carry_the_service_cannot_keep_it_alive():
    needs = [Dependency(3, "core", 1), Dependency(3, "core", 2, frozenset({"data"}))]
    assert closed({(1, "voice"): ((0, 5),)}, needs)[(3, "voice")] == ((0, 5),)


def test_a_few_failures_among_a_hundred_thousand_elements_take_seconds_at_most_and_share_their_intervals():
    # 100 controllers of 1,000 cells each; every cell also needs one of a pool of four.
    needs = [Dependency(1000 + n, "controller", n % 100) for n in range(100_000)]
    needs += [Dependency(1000 + n, "pool", 500 + p) for n in range(100_000) for p in range(4)]
    own = {(7, service): ((0, 60),) for service in ("voice", "sms", "data")} | {(500, "data"): ((10, 20),)}
    started = time.perf_counter()
    without = closed(own, needs)
    assert time.perf_counter() - started < 120
    assert len(without) == 3 + 1 + 3 * 1000
    assert len({id(out) for (element, _), out in without.items() if element >= 1000}) <= 3


def test_a_chain_of_fifty_thousand_elements_needs_no_deep_recursion():
    chain = [Dependency(n + 1, "g", n) for n in range(50_000)]
    assert closed({(0, "voice"): ((0, 5),)}, chain)[(50_000, "voice")] == ((0, 5),)


def test_a_cycle_above_a_failed_element_is_refused_with_its_ids():
    needs = [Dependency(5, "g", 9), Dependency(9, "g", 3), Dependency(3, "g", 5), Dependency(3, "h", 1)]
    with pytest.raises(InputError, match="3 -> 5 -> 9 -> 3"):
        closed({(1, "voice"): ((0, 5),)}, needs)
    assert closed({(4, "voice"): ((0, 5),)}, needs) == {(4, "voice"): ((0, 5),)}


def test_an_element_is_without_what_it_carries_and_passes_on_the_rest():
    needs = [Dependency(2, "power", 1), Dependency(3, "site", 2)]
    network = network_of(needs, {2: bits(["data"]), 3: bits(["voice", "data"])})
    own = {(1, "voice"): ((0, 5),), (1, "data"): ((0, 9),)}
    assert spread_of(network, own).pairs() == {
        (1, "voice"): ((0, 5),),
        (1, "data"): ((0, 9),),
        (2, "data"): ((0, 9),),
        (3, "voice"): ((0, 5),),
        (3, "data"): ((0, 9),),
    }
    # Its own outage is told, whatever the inventory says that it carries.
    assert spread_of(network, {(2, "sms"): ((0, 5),)}).pairs() == {(2, "sms"): ((0, 5),)}


def test_a_spread_is_cut_at_an_instant_and_forgets_what_only_comes_later():
    spread = spread_of(network_of([]), {(1, "voice"): ((0, 5), (20, 30)), (2, "voice"): ((10, 15),)})
    assert spread.cut(10).pairs() == {(1, "voice"): ((0, 5),)}
    assert spread.cut(25).pairs() == {(1, "voice"): ((0, 5), (20, 25)), (2, "voice"): ((10, 15),)}
    assert isinstance(spread.cut(0), Spread)
    assert spread.cut(0).pairs() == {}
