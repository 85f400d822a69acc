"""Which element needs which, in redundancy groups, and the cycles that a network must not have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from foundation.errors import InputError


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
