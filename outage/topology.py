"""From failed network elements to all elements without service, redundancy groups respected."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from foundation.errors import InputError
from outage.intervals import IntervalSet, intersection, union

ServiceOutages = dict[tuple[int, str], IntervalSet]


@dataclass(frozen=True, slots=True)
class Dependency:
    """`element` needs `member` for `services` (None: for every service), as one of the members of `group`.

    Groups are told apart by name within one element. A group fails while all its members that carry the service
    are without it; an element is without it while any of its groups fails. A plain dependency is a group of one.
    Valid in `[valid_from, valid_to)`, Unix seconds, None for no end: `find_lasting_cycle` asks, the rest takes it as
    valid.
    """

    element: int
    group: str
    member: int
    services: frozenset[str] | None = None
    valid_from: int | None = None
    valid_to: int | None = None

    def carries(self, service: str) -> bool:
        """Whether the dependency counts for this service."""
        return self.services is None or service in self.services


def closure(
    own: Mapping[tuple[int, str], IntervalSet],
    dependencies: Collection[Dependency],
    services: Collection[str],
) -> ServiceOutages:
    """When each element is without each service: W(e,s) = own(e,s) U, per group, the intersection of W(m,s).

    `own`: the outages of the elements themselves, normalised intervals of Unix seconds; services that are not
    among `services` are left out. Returns only the elements and services with a non-empty W.
    Cost: two passes over the dependencies, then work only for elements that lie above a failed one.
    Raises InputError, naming the ids, when those elements depend on each other in a cycle; an import asks
    `check_acyclic` about the whole network.
    """
    wanted = frozenset(services)
    without: ServiceOutages = {key: out for key, out in own.items() if out and key[1] in wanted}
    affected = _elements_above({element for element, _ in without}, dependencies)
    needs: defaultdict[int, list[Dependency]] = defaultdict(list)
    for dependency in dependencies:
        if dependency.element in affected:
            needs[dependency.element].append(dependency)
    for element in _members_first(affected, needs):
        for service in wanted:
            out = union(without.get((element, service), ()), *_failed_groups(needs[element], service, without))
            if out:
                without[(element, service)] = out
    return without


def find_cycle(dependencies: Iterable[Dependency]) -> list[int] | None:
    """One cycle as ids, each depending on the next and the last on the first; None when there is none.

    The smallest id of the cycle comes first. Services do not matter: an element that needs another for voice
    and is needed by it for data is a cycle too, since an inventory that says so is drawn wrongly.
    """
    members: defaultdict[int, set[int]] = defaultdict(set)
    for dependency in dependencies:
        members[dependency.element].add(dependency.member)
    finished: set[int] = set()
    for start in sorted(members):
        cycle = _cycle_below(start, members, finished)
        if cycle:
            turn = cycle.index(min(cycle))
            return cycle[turn:] + cycle[:turn]
    return None


def find_lasting_cycle(dependencies: Iterable[Dependency]) -> list[int] | None:
    """A cycle, as `find_cycle` tells it, whose dependencies are all valid at some one instant; None when there is none.

    Two dependencies in opposite directions, one valid only after the other, are a network that was rebuilt.
    """
    suspects = _in_cycles(dependencies)
    # The dependencies of a cycle begin to be valid together when the last of them does.
    starts = {dependency.valid_from for dependency in suspects}
    for start in sorted(starts, key=lambda instant: (instant is not None, instant or 0)):
        cycle = find_cycle(dependency for dependency in suspects if _is_valid_from(dependency, start))
        if cycle is not None:
            return cycle
    return None


def check_acyclic(dependencies: Iterable[Dependency]) -> None:
    """Raise InputError that names the ids of a cycle, if the dependencies hold one."""
    cycle = find_cycle(dependencies)
    if cycle is None:
        return
    raise InputError(
        "the dependencies form a cycle",
        where="dependencies",
        value=" -> ".join(map(str, [*cycle, cycle[0]])),
        accepted="dependencies in which no element depends on itself, directly or through others",
    )


def _in_cycles(dependencies: Iterable[Dependency]) -> list[Dependency]:
    """The dependencies that are left when, again and again, those at an end of the network are taken away."""
    left = [
        one for one in dependencies if one.valid_to is None or one.valid_from is None or one.valid_from < one.valid_to
    ]
    for here, there in ((_element, _member), (_member, _element)):
        left = _without_ends(left, here, there)
    return left


def _element(dependency: Dependency) -> int:
    return dependency.element


def _member(dependency: Dependency) -> int:
    return dependency.member


def _without_ends(
    dependencies: list[Dependency], here: Callable[[Dependency], int], there: Callable[[Dependency], int]
) -> list[Dependency]:
    """Peel off, seen from `here`, every element that has nothing more `there`."""
    arriving: defaultdict[int, list[Dependency]] = defaultdict(list)
    leaving: defaultdict[int, int] = defaultdict(int)
    for dependency in dependencies:
        arriving[there(dependency)].append(dependency)
        leaving[here(dependency)] += 1
    ends = [element for element in arriving if not leaving[element]]
    gone: set[int] = set()
    while ends:
        end = ends.pop()
        gone.add(end)
        for dependency in arriving.get(end, ()):
            leaving[here(dependency)] -= 1
            if not leaving[here(dependency)]:
                ends.append(here(dependency))
    return [dependency for dependency in dependencies if there(dependency) not in gone]


def _is_valid_from(dependency: Dependency, start: int | None) -> bool:
    """Whether it is valid at that instant; None: before any."""
    if start is None:
        return dependency.valid_from is None
    begun = dependency.valid_from is None or dependency.valid_from <= start
    return begun and (dependency.valid_to is None or dependency.valid_to > start)


def _elements_above(failed: set[int], dependencies: Iterable[Dependency]) -> set[int]:
    """The failed elements and all that depend on them, at any distance."""
    dependents: defaultdict[int, list[int]] = defaultdict(list)
    for dependency in dependencies:
        dependents[dependency.member].append(dependency.element)
    reached, waiting = set(failed), list(failed)
    while waiting:
        for element in dependents.get(waiting.pop(), ()):
            if element not in reached:
                reached.add(element)
                waiting.append(element)
    return reached


def _members_first(affected: set[int], needs: Mapping[int, list[Dependency]]) -> Iterator[int]:
    """The affected elements, each after all affected members it depends on; refuses a cycle among them."""
    above: defaultdict[int, list[int]] = defaultdict(list)
    unmet = dict.fromkeys(affected, 0)
    for element, its_needs in needs.items():
        for member in {dependency.member for dependency in its_needs} & affected:
            above[member].append(element)
            unmet[element] += 1
    ready = [element for element, count in unmet.items() if count == 0]
    while ready:
        member = ready.pop()
        yield member
        del unmet[member]
        for element in above[member]:
            unmet[element] -= 1
            if unmet[element] == 0:
                ready.append(element)
    if unmet:
        check_acyclic(dependency for element in unmet for dependency in needs[element])


def _failed_groups(its_needs: Iterable[Dependency], service: str, without: ServiceOutages) -> Iterator[IntervalSet]:
    """For each group of one element: when all its members are without the service."""
    groups: defaultdict[str, list[IntervalSet]] = defaultdict(list)
    for dependency in its_needs:
        if dependency.carries(service):
            groups[dependency.group].append(without.get((dependency.member, service), ()))
    for members in groups.values():
        yield intersection(*members)


def _cycle_below(start: int, members: Mapping[int, set[int]], finished: set[int]) -> list[int] | None:
    """Depth-first from one element without recursion; adds to `finished` what is known to hold no cycle."""
    path: list[int] = []
    on_path: set[int] = set()
    # An element stands on the stack a second time, marked, to be left once all below it has been seen.
    stack = [(start, False)]
    while stack:
        element, leaving = stack.pop()
        if leaving:
            path.pop()
            on_path.discard(element)
            finished.add(element)
        elif element in on_path:
            return path[path.index(element) :]
        elif element not in finished:
            path.append(element)
            on_path.add(element)
            stack.append((element, True))
            stack.extend((member, False) for member in sorted(members.get(element, ()), reverse=True))
    return None
