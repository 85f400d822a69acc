"""What falls with failed elements at one moment, and which redundancy holds; services are bits of a number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from outage.lifecycle import SERVICES

ALL = (1 << len(SERVICES)) - 1
"""The bits of every service."""

Link = tuple[int, str, int, int]
"""A dependency: element, group, member, and the bits of the services it counts for."""

_Group = tuple[int, str, tuple[tuple[int, int], ...]]


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
    """Dependencies of one moment, laid out so that one failure after another can be asked about.

    `carried`: the services of each element, 0 for one that carries none of its own and so passes on all.
    """

    def __init__(self, links: Iterable[Link], carried: Mapping[int, int]) -> None:
        members: dict[tuple[int, str], tuple[tuple[int, int], ...]] = {}
        # Most groups have one member, and most members of such groups are the same few: they share a tuple.
        alone: dict[tuple[int, int], tuple[tuple[int, int], ...]] = {}
        for element, group, member, mask in links:
            one = (member, mask)
            single = alone.setdefault(one, (one,))
            found = members.setdefault((element, group), single)
            if found is not single:
                members[(element, group)] = (*found, one)
        self._groups: list[_Group] = [(*key, found) for key, found in members.items()]
        self._above: defaultdict[int, list[int]] = defaultdict(list)
        for number, (_, _, found) in enumerate(self._groups):
            for member, _ in found:
                self._above[member].append(number)
        self._carried = carried
        self._asked: tuple[dict[int, int], dict[int, int]] = ({}, {})

    @property
    def members(self) -> Collection[int]:
        """The elements that others depend on."""
        return self._above.keys()

    def fall(self, own: Mapping[int, int]) -> dict[int, int]:
        """The services that each element is without when `own` fail: the closure of topology, at one moment."""
        without = self._spread(own)
        told = {
            element: mask & (self._carried.get(element) or ALL) | own.get(element, 0)
            for element, mask in without.items()
        }
        return {element: mask for element, mask in told.items() if mask}

    def shields(self, own: Mapping[int, int]) -> list[Shield]:
        """The redundancy that holds when `own` fail, that of most elements first, alike groups as one."""
        without = self._spread(own)
        found: defaultdict[tuple[str, frozenset[int], frozenset[int], int], set[int]] = defaultdict(set)
        for number in {number for member in without for number in self._above.get(member, ())}:
            element, group, members = self._groups[number]
            safe = (self._carried.get(element) or ALL) & ~without.get(element, 0)
            for (lost, left), mask in _held(members, without, safe).items():
                found[(group, lost, left, mask)].add(element)
        shields = [Shield(*key, len(elements)) for key, elements in found.items()]
        return sorted(shields, key=lambda one: (-one.elements, one.group, sorted(one.lost), sorted(one.left)))

    def _spread(self, own: Mapping[int, int]) -> dict[int, int]:
        # What falls and what holds are asked about one after the other.
        if self._asked[0] != own:
            self._asked = (dict(own), self._spread_anew(own))
        return self._asked[1]

    def _spread_anew(self, own: Mapping[int, int]) -> dict[int, int]:
        without = {element: mask for element, mask in own.items() if mask}
        changed = set(without)
        while changed:
            touched = {number for member in changed for number in self._above.get(member, ())}
            changed = set()
            for number in touched:
                element, _, members = self._groups[number]
                lost = _lost(members, without)
                before = without.get(element, 0)
                if lost & ~before:
                    without[element] = before | lost
                    changed.add(element)
        return without


def _lost(members: tuple[tuple[int, int], ...], without: Mapping[int, int]) -> int:
    """The services for which all members of a group that carry them are without."""
    lost, carried = ALL, 0
    for member, mask in members:
        lost &= without.get(member, 0) | ~mask
        carried |= mask
    return lost & carried


def _held(
    members: tuple[tuple[int, int], ...], without: Mapping[int, int], safe: int
) -> dict[tuple[frozenset[int], frozenset[int]], int]:
    """By members lost and left, the safe services that they keep: a group may have lost others of another service."""
    held: defaultdict[tuple[frozenset[int], frozenset[int]], int] = defaultdict(int)
    for place in range(len(SERVICES)):
        bit = 1 << place
        carrying = frozenset(member for member, its in members if its & bit)
        lost = frozenset(member for member in carrying if without.get(member, 0) & bit)
        if safe & bit and lost:
            held[lost, carrying - lost] |= bit
    return held
