"""The liability clock where rewards or caps are per account: the lines of an account are decided together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from compensation.cases.facts import FactValue
from compensation.cases.making import account_values
from compensation.cases.situation import Situation
from compensation.decision.function import FastDecision, PolicyFunction
from compensation.decision.settling import NO_STANDING, Standing
from compensation.facts import Origin
from compensation.feel import names
from compensation.geometry.change_points import changes
from compensation.simulation.account_kinds import AccountKind, AccountKinds
from compensation.simulation.liability_curve import MOST_TURNS, Found, Turn, given_by, parts_of

# Facts that stay as they are while an outage goes on.
_STILL = (Origin.LINE, Origin.ACCOUNT, Origin.HISTORY, Origin.ATTRIBUTE)
_NOTHING_BEFORE = (0, 0, None, None)

FactsAt = Callable[[int, int], Mapping[str, FactValue]]
"""The facts of the lines of a group, by its place among the groups, at an instant."""


class Accounts:
    """The accounts of a run, decided as an assessment does: every line with regard to the others of its account.

    `by_rules`: as if nobody were held out and nothing had been given before.
    """

    def __init__(
        self,
        situation: Situation,
        kinds: AccountKinds,
        groups: Sequence[Mapping[str, object]],
        decide: PolicyFunction,
        facts_at: FactsAt,
    ) -> None:
        self.kinds = kinds
        self._situation = situation
        self._groups = groups
        self._decide = decide
        self._facts_at = facts_at
        self._standings = [situation.standings.of(values) for values in groups]
        document = decide.document
        bare = replace(document, terms=replace(document.terms, caps=()))
        # A cap hides what grows behind it, and on an account that has room left for less it is seen.
        self._uncapped = PolicyFunction(bare, on=decide.on)
        read = {name for cap in document.terms.caps for name in names(cap.amount)}
        still = {one.name for one in document.parameters}
        still |= {name for name, fact in document.catalogue.items() if fact.origin in _STILL}
        self._caps_move = not read <= still

    def at(self, instant: int, *, by_rules: bool = False) -> AccountsAt:
        """All of them at an instant; what it finds out it keeps, so that alike lines are decided once."""
        return AccountsAt(self, instant, by_rules=by_rules)

    def key(self, group: int, instant: int) -> Hashable:
        """All of a group's own that any decision on it comes from: while it is equal, no account changes by it.

        Groups of whom it is equal are as good as each other, but for how their lines stand.
        """
        facts = self._facts_at(group, instant)
        found = self._decide.comes_from(facts)
        if found is not None:
            return found
        # Nothing is known of what decided, so that no other group is like it.
        standing = replace(self._standings[group], given={})
        bare = given_by(self._uncapped(facts, standing))
        return (group, *bare, self._decide(facts, standing).caps) if self._caps_move else (group, *bare)

    def classes(self, key: Callable[[int], Hashable]) -> list[int]:
        """The number of each group's class: groups of one class have the same key and lines that stand alike."""
        numbers: dict[Hashable, int] = {}
        columns = self._situation.standings.columns
        return [
            numbers.setdefault((key(place), *(values.get(name) for name in columns)), len(numbers))
            for place, values in enumerate(self._groups)
        ]


class AccountsAt:
    """Accounts at one instant."""

    def __init__(self, accounts: Accounts, instant: int, *, by_rules: bool) -> None:
        self._accounts = accounts
        self._instant = instant
        self._by_rules = by_rules
        self._facts: dict[int, Mapping[str, FactValue]] = {}
        self._values: dict[int, tuple[tuple[int | None, ...], int, int, int]] = {}
        self._decisions: dict[tuple[int, tuple[object, ...]], FastDecision] = {}

    def decided(self, kind: AccountKind) -> tuple[FastDecision, ...]:
        """The decision on each line of an account of this kind, in the order of its lines."""
        before = _NOTHING_BEFORE if self._by_rules else kind.before
        standings = self._accounts._situation.standings
        known = bool(before[0]) or before[2] is not None or before[3] is not None
        shares = _shares(
            [self._value(group) for group in kind.lines], before, tells_sizes=standings.wants_sizes or known
        )
        return tuple(self._decision(group, share) for group, share in zip(kind.lines, shares, strict=True))

    def alike(self) -> list[AccountKind]:
        """The kinds of accounts, those that are as good as each other at this instant as one."""
        accounts = self._accounts
        return list(accounts.kinds.alike(accounts.classes(lambda group: accounts.key(group, self._instant))))

    def cost(self) -> int:
        """What all accounts cost together."""
        return sum(kind.count * sum(one.cost_minor for one in self.decided(kind)) for kind in self.alike())

    def _standing(self, group: int) -> Standing:
        return NO_STANDING if self._by_rules else self._accounts._standings[group]

    def _facts_of(self, group: int) -> Mapping[str, FactValue]:
        if group not in self._facts:
            self._facts[group] = self._accounts._facts_at(group, self._instant)
        return self._facts[group]

    def _value(self, group: int) -> tuple[tuple[int | None, ...], int, int, int]:
        found = self._values.get(group)
        if found is None:
            standing = self._standing(group)
            decision = self._accounts._decide(self._facts_of(group), replace(standing, given={}))
            found = account_values(self._accounts._situation.standings, standing, decision)
            self._values[group] = found
        return found

    def _decision(self, group: int, share: tuple[object, ...]) -> FastDecision:
        found = self._decisions.get((group, share))
        if found is None:
            values = {} if self._by_rules else self._accounts._groups[group]
            standing = self._accounts._situation.standings.of(values, share)
            found = self._accounts._decide(self._facts_of(group), standing)
            self._decisions[group, share] = found
        return found


def _shares(
    lines: Sequence[tuple[tuple[int | None, ...], int, int, int]], before: Sequence[object], *, tells_sizes: bool
) -> list[tuple[object, ...]]:
    """`account_sql.COLUMNS` of each line of one account, as `account_sql.placed_sql` says them.

    A line is what it gives per account (None: not), the cash of its own, what of that it was given, its account's cap.
    """
    carried = []
    sizes = []
    for values in zip(*(given for given, _, _, _ in lines), strict=True):
        greatest = max((value for value in values if value is not None), default=None)
        carried.append(values.index(greatest) if greatest is not None else None)
        sizes.append("" if greatest is None else str(greatest))
    said = ",".join(sizes) if tells_sizes else ""
    places = _places(lines)
    return [
        ("".join("1" if one == index else "0" for one in carried), said, places[index], *before)
        for index in range(len(lines))
    ]


def _places(lines: Sequence[tuple[object, int, int, int]]) -> dict[int, int]:
    """What counts against the account's cap before each line; the greatest come first, the lowest id among equal."""
    order = sorted(range(len(lines)), key=lambda index: (-lines[index][1], index))
    had = [0, *accumulate(lines[index][2] for index in order)]
    more = [0, *accumulate(max(lines[index][1] - lines[index][2], 0) for index in order)]
    given = had[-1]
    found = {}
    for place, index in enumerate(order):
        _, _, own, cap = lines[index]
        placed = had[place] + min(more[place], max(cap - given, 0))
        later = given - had[place] - own
        found[index] = min(placed + later, max(placed, cap - own), cap)
    return found


# --- one hour


@dataclass(frozen=True, slots=True)
class Moves:
    """When all that decisions on a group come from changes, and whether it climbs all the time besides."""

    turns: tuple[int, ...]
    climbs: bool


def moves_of(key: Callable[[int], object], stretches: Sequence[tuple[int, int]]) -> Moves | None:
    """The moves of a group by its key at an instant; None for one that stands still.

    `stretches` follow on one another to the second; within each no threshold is crossed.
    """
    turns: list[int] = []
    before: int | None = None
    for start, end in stretches:
        if before is not None and key(start) != key(before):
            turns.append(start)
        before = end
        if key(start) == key(end) == key((start + end) // 2):
            continue
        inner = None
        if any(key(one) == key(two) for one, two in pairwise(parts_of(start, end))):
            inner = changes(key, start, end, most=MOST_TURNS)
        if inner is None:
            return Moves(tuple(start for start, _ in stretches[1:]), climbs=True)
        turns += inner
    return Moves(tuple(turns), climbs=False) if turns else None


class AccountWalk:
    """Goes through an hour from turn to turn, and with one kind of account after another where something climbs.

    Alike lines of an instant are decided once, and so are accounts of which all lines are as good as each other.
    """

    def __init__(self, accounts: Accounts, moves: Mapping[int, Moves], why: Callable[[int, int], str]) -> None:
        """`moves` are those of the groups that move, `why` says what happens to a group at an instant."""
        self._accounts = accounts
        self._moves = moves
        self._climbing = {group for group, one in moves.items() if one.climbs}
        self._why = functools.cache(why)
        self._at = functools.cache(accounts.at)
        self._key = functools.cache(accounts.key)

    def look(self, first: int, last: int, found: Found) -> Iterator[None]:
        """Notes what turns and climbs in the hour, step by step."""
        turning: dict[int, set[int]] = {}
        for group in self._moves.keys() - self._climbing:
            for at in self._moves[group].turns:
                turning.setdefault(at, set()).add(group)
        for at in sorted(turning):
            yield
            self._turn(at, turning[at], found)
        # What climbs gets another amount at every instant: nothing is as good as it.
        classes = self._accounts.classes(lambda group: group)
        for kind in self._accounts.kinds.alike(classes, self._climbing):
            yield
            self._climb(kind, first, last, found)

    def _turn(self, at: int, groups: Collection[int], found: Found) -> None:
        """What turns at an instant for accounts that have a line of these groups, and none that climbs."""

        def goes(group: int) -> Hashable:
            return self._key(group, at - 1), self._key(group, at), self._why(group, at) if group in groups else ""

        for kind in self._accounts.kinds.alike(self._accounts.classes(goes), groups, self._climbing):
            self._step(kind, at, dict.fromkeys(group for group in kind.lines if group in groups), found)

    def _step(self, kind: AccountKind, at: int, turning: Iterable[int], found: Found) -> None:
        before, now = self._at(at - 1).decided(kind), self._at(at).decided(kind)
        changed = _changed(before, now)
        if changed:
            why = " and ".join(dict.fromkeys(self._why(group, at) for group in turning))
            found.turns.append(Turn(at, why, changed * kind.count, (_cost(now) - _cost(before)) * kind.count))

    def _climb(self, kind: AccountKind, first: int, last: int, found: Found) -> None:
        moving = {group: self._moves[group] for group in kind.lines if group in self._moves}
        turns = {at for one in moving.values() for at in one.turns}
        edges = {edge for at in turns for edge in (at - 1, at)}
        for before, at in pairwise(sorted({first, last, *edges, *parts_of(first, last)})):
            if at in turns and before == at - 1:
                self._step(kind, at, [group for group in moving if at in moving[group].turns], found)
                continue
            one, two = self._at(before).decided(kind), self._at(at).decided(kind)
            if _cost(one) != _cost(two):
                start, end = _cost(one) * kind.count, _cost(two) * kind.count
                found.climb(before, at, start, end, _changed(one, two) * kind.count)


def _changed(before: Sequence[FastDecision], now: Sequence[FastDecision]) -> int:
    return sum(given_by(one) != given_by(two) for one, two in zip(before, now, strict=True))


def _cost(decisions: Sequence[FastDecision]) -> int:
    return sum(one.cost_minor for one in decisions)
