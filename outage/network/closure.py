"""When each element is without which service: the outages of elements spread over the network, exact to the second."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from outage.intervals import IntervalSet, intersection, union
from outage.lifecycle import SERVICES
from outage.network.reach import ALL, Members, Network
from outage.network.topology import Dependency, check_acyclic

State = tuple[IntervalSet, ...]
"""When an element is without each service, in the order of SERVICES."""

_UP: State = ((),) * len(SERVICES)


@dataclass(frozen=True, slots=True)
class Spread:
    """Which elements are without service, and when: `states`, each once, and the number of each element's.

    A hundred thousand cells behind one element share a state, so that what is asked about time is asked once for all.
    """

    states: tuple[State, ...]
    of: Mapping[int, int]

    def cut(self, until: int) -> Spread:
        """The same up to an instant, in Unix seconds; elements that are only without later are left out."""
        return self.mapped(lambda state: tuple(_until(out, until) for out in state))

    def mapped(self, change: Callable[[State], State]) -> Spread:
        """Each state changed, each once; elements that are left without a loss are left out."""
        states = tuple(change(state) for state in self.states)
        gone = {number for number, state in enumerate(states) if not any(state)}
        if gone.isdisjoint(self.of.values()):
            return Spread(states, self.of)
        return Spread(states, {element: number for element, number in self.of.items() if number not in gone})

    def pairs(self) -> dict[tuple[int, str], IntervalSet]:
        """The same per element and service."""
        per_state = [
            [(service, out) for service, out in zip(SERVICES, state, strict=True) if out] for state in self.states
        ]
        return {(element, service): out for element, number in self.of.items() for service, out in per_state[number]}


NOTHING = Spread((), {})


def spread_of(network: Network, own: Mapping[tuple[int, str], IntervalSet]) -> Spread:
    """W(e,s) = own(e,s) U, per group of e, the intersection of W(m,s) over its members that carry s.

    `own`: the outages of the elements themselves, normalised intervals of Unix seconds. An element that carries some
    services is never without another, except by its own outage; it passes on all the same what takes that other one.
    The work is that of the elements above a failed one. Raises InputError, naming the ids, when those elements depend
    on each other in a cycle.
    """
    return _Closing(network, own).close()


def together(spreads: Sequence[Spread]) -> Spread:
    """What all of these tell, each combination of states united once."""
    states = _Numbered((_UP,))
    numbers: dict[tuple[int, ...], int] = {}
    of: dict[int, int] = {}
    for element in {element for spread in spreads for element in spread.of}:
        key = tuple(spread.of.get(element, -1) for spread in spreads)
        if key not in numbers:
            told = [spread.states[number] for spread, number in zip(spreads, key, strict=True) if number >= 0]
            numbers[key] = states.number(tuple(union(*sets) for sets in zip(*told, strict=True)))
        of[element] = numbers[key]
    return Spread(tuple(states), of)


class _Closing:
    """One closure; states are numbered, 0 for one without any loss, so that each combination is worked out once."""

    def __init__(self, network: Network, own: Mapping[tuple[int, str], IntervalSet]) -> None:
        self._network = network
        self._states = _Numbered((_UP,))
        self._own: dict[int, int] = {}
        failed: defaultdict[int, dict[str, IntervalSet]] = defaultdict(dict)
        for (element, service), out in own.items():
            if out:
                failed[element][service] = out
        for element, lost in failed.items():
            self._own[element] = self._states.number(tuple(lost.get(service, ()) for service in SERVICES))
        self._whole: dict[int, int] = {}
        self._united: dict[tuple[int, ...], int] = {}
        self._shared: dict[tuple[int, ...], int] = {}
        self._cut: dict[tuple[int, int], int] = {}

    def close(self) -> Spread:
        whole, groups = self._whole, self._network.groups
        needs, unmet = self._affected()
        ready = [element for element, count in unmet.items() if not count]
        while ready:
            element = ready.pop()
            del unmet[element]
            whole[element] = self._state(element, needs.get(element, ()))
            for number in self._network.above(element):
                over = groups[number][0]
                unmet[over] -= 1
                if not unmet[over]:
                    ready.append(over)
        if unmet:
            self._refuse_cycle(unmet, needs)
        return self._told()

    def _affected(self) -> tuple[dict[int, list[int]], dict[int, int]]:
        """The groups that a failure may reach, by element, and how many of their members each element waits for."""
        groups, above = self._network.groups, self._network.above
        needs: dict[int, list[int]] = {}
        unmet = dict.fromkeys(self._own, 0)
        touched: set[int] = set()
        waiting = list(self._own)
        while waiting:
            for number in above(waiting.pop()):
                over = groups[number][0]
                if over not in unmet:
                    unmet[over] = 0
                    waiting.append(over)
                unmet[over] += 1
                if number not in touched:
                    touched.add(number)
                    needs.setdefault(over, []).append(number)
        return needs, unmet

    def _state(self, element: int, needs: list[int] | tuple[()]) -> int:
        groups, whole = self._network.groups, self._whole
        parts = {self._own.get(element, 0)}
        for number in needs:
            members = groups[number][2]
            if len(members) == 1:
                ((member, mask),) = members
                parts.add(whole[member] if mask == ALL else self._masked(whole[member], mask))
            else:
                parts.add(self._group(members))
        parts.discard(0)
        if len(parts) < 2:
            return parts.pop() if parts else 0
        key = tuple(sorted(parts))
        if key not in self._united:
            together = zip(*(self._states[part] for part in key), strict=True)
            self._united[key] = self._states.number(tuple(union(*sets) for sets in together))
        return self._united[key]

    def _group(self, members: Members) -> int:
        """The state that a group of several takes its element to: what all members that carry a service are without."""
        states = [self._whole.get(member, 0) for member, _ in members]
        key = (*states, *(mask for _, mask in members))
        if key not in self._shared:
            lost = [(self._states[state], mask) for state, (_, mask) in zip(states, members, strict=True)]
            self._shared[key] = self._states.number(
                tuple(
                    _common([state[place] for state, mask in lost if mask >> place & 1])
                    for place in range(len(SERVICES))
                )
            )
        return self._shared[key]

    def _masked(self, state: int, mask: int) -> int:
        key = (state, mask)
        if key not in self._cut:
            lost = self._states[state]
            self._cut[key] = self._states.number(
                tuple(out if mask >> place & 1 else () for place, out in enumerate(lost))
            )
        return self._cut[key]

    def _told(self) -> Spread:
        carried, own, states = self._network.carried, self._own, self._states
        told: dict[int, int] = {}
        for element, state in self._whole.items():
            mask = carried.get(element) or ALL
            if mask != ALL and element in own:
                mask |= sum(1 << place for place, out in enumerate(states[own[element]]) if out)
            kept = state if mask == ALL else self._masked(state, mask)
            if kept:
                told[element] = kept
        return Spread(tuple(states), told)

    def _refuse_cycle(self, unmet: Mapping[int, int], needs: Mapping[int, list[int]]) -> None:
        groups = self._network.groups
        check_acyclic(
            Dependency(element, groups[number][1], member)
            for element in unmet
            for number in needs[element]
            for member, _ in groups[number][2]
        )


class _Numbered:
    """States in the order in which they were first asked about."""

    def __init__(self, known: tuple[State, ...]) -> None:
        self._states = list(known)
        self._numbers = {state: number for number, state in enumerate(known)}

    def number(self, state: State) -> int:
        found = self._numbers.setdefault(state, len(self._states))
        if found == len(self._states):
            self._states.append(state)
        return found

    def __getitem__(self, number: int) -> State:
        return self._states[number]

    def __iter__(self) -> Iterator[State]:
        return iter(self._states)


def _common(sets: list[IntervalSet]) -> IntervalSet:
    return intersection(*sets) if sets else ()


def _until(out: IntervalSet, until: int) -> IntervalSet:
    if not out or out[-1][1] <= until:
        return out
    return tuple((start, min(end, until)) for start, end in out if start < until)
