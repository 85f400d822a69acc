"""What falls with failed elements at one moment, and which redundancy holds; services are bits of a number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from outage.lifecycle import SERVICES

ALL = (1 << len(SERVICES)) - 1
"""The bits of every service."""

Link = tuple[int, str, int, int]
"""A dependency: element, group, member, and the bits of the services it counts for."""

Members = tuple[tuple[int, int], ...]
"""The members of a redundancy group, each with the bits of the services it counts for."""


def bits(services: Iterable[str]) -> int:
    """The number that stands for these services."""
    return sum(1 << SERVICES.index(service) for service in set(services))


def names(mask: int) -> tuple[str, ...]:
    """The services of such a number, in their canonical order."""
    return tuple(service for place, service in enumerate(SERVICES) if mask >> place & 1)


@dataclass(frozen=True, slots=True)
class Shield:
    """Redundancy that lost members and still holds: `elements` keep the services of `mask` through what is left."""

    group: str
    lost: frozenset[int]
    left: frozenset[int]
    mask: int
    elements: int


class Network:
    """Dependencies of one moment, laid out so that one failure after another can be asked about; never changed.

    `carried`: the services of each element, 0 for one that carries none of its own and so passes on all.
    `groups`: per number of a group its element, name and members, alike members one and the same object.
    """

    def __init__(self, links: Iterable[Link], carried: Mapping[int, int]) -> None:
        members: dict[tuple[int, str], Members] = {}
        # Most groups have one member, and most members of such groups are the same few: they share a tuple.
        alike: dict[Members | tuple[int, int], Members] = {}
        for element, group, member, mask in links:
            one = (member, mask)
            single = alike.get(one) or alike.setdefault(one, (one,))
            found = members.setdefault((element, group), single)
            if found is not single:
                members[(element, group)] = (*found, one)
        self.groups: list[tuple[int, str, Members]] = [
            (element, group, found if len(found) == 1 else alike.setdefault(found, found))
            for (element, group), found in members.items()
        ]
        self._above: defaultdict[int, list[int]] = defaultdict(list)
        for number, (_, _, found) in enumerate(self.groups):
            for member, _ in found:
                self._above[member].append(number)
        self.carried = carried

    @property
    def members(self) -> frozenset[int]:
        """The elements that others depend on."""
        return frozenset(self._above)

    def above(self, member: int) -> Sequence[int]:
        """The numbers of the groups that an element is a member of."""
        return self._above.get(member, ())

    def fall(self, own: Mapping[int, int]) -> dict[int, int]:
        """The services that each element is without when `own` fail: the closure of topology, at one moment."""
        return self.told(self.spread(own), own)

    def spread(self, own: Mapping[int, int]) -> dict[int, int]:
        """As `fall`, with the services that elements only pass on to others."""
        without = {element: mask for element, mask in own.items() if mask}
        changed: Collection[int] = set(without)
        groups, above = self.groups, self._above
        while changed:
            touched = {number for member in changed for number in above.get(member, ())}
            changed = set()
            for number in touched:
                element, _, members = groups[number]
                lost = _lost(members, without)
                before = without.get(element, 0)
                if lost & ~before:
                    without[element] = before | lost
                    changed.add(element)
        return without

    def told(self, without: Mapping[int, int], own: Mapping[int, int]) -> dict[int, int]:
        """What `spread` found, cut to the services that elements carry or fail with themselves."""
        carried = self.carried
        cut = {element: mask & (carried.get(element) or ALL) for element, mask in without.items()}
        for element, mask in own.items():
            cut[element] = cut.get(element, 0) | mask
        return {element: mask for element, mask in cut.items() if mask}

    def shields(self, without: Mapping[int, int]) -> list[Shield]:
        """The redundancy that holds over what `spread` found, that of most elements first, alike groups as one."""
        found: defaultdict[tuple[str, frozenset[int], frozenset[int], int], set[int]] = defaultdict(set)
        known: dict[tuple[int, int], dict[tuple[frozenset[int], frozenset[int]], int]] = {}
        for number in {number for member in without for number in self._above.get(member, ())}:
            element, group, members = self.groups[number]
            if len(members) == 1:
                # Nothing stands in for the only member.
                continue
            safe = (self.carried.get(element) or ALL) & ~without.get(element, 0)
            key = (id(members), safe)
            if key not in known:
                known[key] = _held(members, without, safe)
            for (lost, left), mask in known[key].items():
                found[(group, lost, left, mask)].add(element)
        shields = [Shield(*key, len(elements)) for key, elements in found.items()]
        return sorted(shields, key=lambda one: (-one.elements, one.group, sorted(one.lost), sorted(one.left)))


def _lost(members: Members, without: Mapping[int, int]) -> int:
    """The services for which all members of a group that carry them are without."""
    if len(members) == 1:
        ((member, mask),) = members
        return without.get(member, 0) & mask
    lost, carried = ALL, 0
    for member, mask in members:
        lost &= without.get(member, 0) | ~mask
        carried |= mask
    return lost & carried


def _held(members: Members, without: Mapping[int, int], safe: int) -> dict[tuple[frozenset[int], frozenset[int]], int]:
    """By members lost and left, the safe services that they keep: a group may have lost others of another service."""
    held: defaultdict[tuple[frozenset[int], frozenset[int]], int] = defaultdict(int)
    for place in range(len(SERVICES)):
        bit = 1 << place
        carrying = frozenset(member for member, its in members if its & bit)
        lost = frozenset(member for member in carrying if without.get(member, 0) & bit)
        if safe & bit and lost:
            held[lost, carrying - lost] |= bit
    return dict(held)
