"""What falls at one moment, against the closure over intervals, and the redundancy that holds."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from outage.lifecycle import SERVICES
from outage.network.reach import ALL, Network, bits, names
from outage.network.topology import Dependency, find_lasting_cycle
from tests.networks import closed

SETS = st.sets(st.sampled_from(SERVICES))


@st.composite
def networks(draw):
    size = draw(st.integers(1, 9))
    links = []
    for element in range(1, size):
        for group in range(draw(st.integers(0, 2))):
            members = draw(st.sets(st.integers(0, element - 1), min_size=1, max_size=3))
            links += [(element, f"g{group}", member, draw(st.none() | SETS)) for member in members]
    own = draw(st.dictionaries(st.integers(0, size - 1), SETS, max_size=4))
    carried = {element: draw(SETS) for element in range(size)}
    return draw(st.permutations(links)), own, carried


def network_of(links, carried) -> Network:
    plain = [(e, g, m, ALL if services is None else bits(services)) for e, g, m, services in links]
    return Network(plain, {element: bits(services) for element, services in carried.items()})


@settings(max_examples=400, deadline=None)
@given(networks())
def test_what_falls_is_the_closure_cut_to_what_elements_carry(world):
    links, own, carried = world
    needs = [Dependency(e, g, m, None if s is None else frozenset(s)) for e, g, m, s in links]
    outages = {(element, service): ((0, 1),) for element, services in own.items() for service in services}
    wanted = {
        key for key in closed(outages, needs) if key in outages or not carried[key[0]] or key[1] in carried[key[0]]
    }
    fallen = network_of(links, carried).fall({element: bits(services) for element, services in own.items()})
    assert {(element, service) for element, mask in fallen.items() for service in names(mask)} == wanted
    assert all(fallen.values())


@settings(max_examples=200, deadline=None)
@given(networks())
def test_a_shield_names_members_that_are_gone_and_members_that_stand(world):
    links, own, carried = world
    network = network_of(links, carried)
    masks = {element: bits(services) for element, services in own.items()}
    for shield in network.shields(network.spread(masks)):
        assert shield.lost
        assert shield.left
        assert not shield.lost & shield.left
        # Without the members that are left, the service they keep would be gone.
        before = network.fall(masks)
        after = network.fall({**masks, **dict.fromkeys(shield.left, ALL)})
        gone = [key for key, mask in after.items() if key not in shield.left and mask & ~before.get(key, 0)]
        assert len(gone) >= shield.elements


def test_a_pool_holds_until_its_last_member():
    links = [(cell, "pool", member, ALL) for cell in (10, 11) for member in (1, 2, 3)]
    network = Network(links, {})
    assert network.fall({1: ALL}) == {1: ALL}
    (shield,) = network.shields(network.spread({1: bits(["data"])}))
    assert (shield.group, shield.lost, shield.left, names(shield.mask), shield.elements) == (
        "pool",
        frozenset({1}),
        frozenset({2, 3}),
        ("data",),
        2,
    )
    assert network.fall({1: ALL, 2: ALL, 3: 1}) == {1: ALL, 2: ALL, 3: 1, 10: 1, 11: 1}
    assert set(network.members) == {1, 2, 3}


def test_services_and_bits_are_the_same_thing():
    assert names(bits(["data", "voice", "data"])) == ("voice", "data")
    assert names(ALL) == SERVICES
    assert names(0) == ()


TIMES = st.one_of(st.none(), st.integers(0, 6))


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), TIMES, TIMES), max_size=9))
def test_a_lasting_cycle_is_one_that_stands_at_some_instant(rows):
    needs = [Dependency(element, "g", member, None, start, end) for element, member, start, end in rows]

    def stands(instant: int) -> bool:
        valid = [
            (one.element, one.member)
            for one in needs
            if (one.valid_from is None or one.valid_from <= instant)
            and (one.valid_to is None or one.valid_to > instant)
        ]
        reach = {n: {m for e, m in valid if e == n} for n in range(5)}
        for _ in range(5):
            reach = {n: found.union(*(reach[m] for m in found)) for n, found in reach.items()}
        return any(n in reach[n] for n in reach)

    cycle = find_lasting_cycle(needs)
    assert (cycle is not None) == any(stands(instant) for instant in range(-1, 8))
    if cycle:
        pairs = {(one.element, one.member) for one in needs}
        assert all(pair in pairs for pair in zip(cycle, [*cycle[1:], cycle[0]], strict=True))
