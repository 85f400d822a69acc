"""One policy over the run of an open incident, carried on in time: what lines are owed, and when that turns."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise

from compensation.cases import sql as case_sql
from compensation.cases.facts import FactValue, IncidentFacts, Pattern, case_facts
from compensation.cases.groups import list_groups, run_patterns
from compensation.cases.situation import Situation
from compensation.cases.sql import LOST_BEFORE
from compensation.decision.function import FastDecision, PolicyFunction
from compensation.decision.measuring import Measuring
from compensation.decision.settling import NO_STANDING, Standing
from compensation.document.reading import PolicyDocument
from compensation.facts import OF_LOST_TIME
from compensation.geometry.change_points import Cell, changes, extended, goes_in_steps, is_open, thresholds_of
from compensation.simulation.account_kinds import list_kinds
from compensation.simulation.liability_accounts import Accounts, AccountWalk, Moves, moves_of
from compensation.simulation.liability_curve import MOST_TURNS, Climb, Curve, Found, Turn, gathered, given_by, parts_of
from foundation import clock
from foundation.snapshots import SnapshotStore
from outage.intervals import IntervalSet
from outage.models import ImpactRun, Incident

CHUNK = 3600
"""Seconds that are looked at at once: a clock that runs out of time has whole hours to show."""

_GROWS = "time lost grows"
_MOST_TOLD = 5_000
# What all users together lose grows with every line that is out: by so many seconds for one of the unit.
_GROWING = {"user minutes": 60, "user hours": 3600}


@dataclass(frozen=True)
class _Group:
    """Lines that share all that the policy reads and the pattern of their loss; `before`: facts that do not move.

    `place` is where they stand among all groups, from 0.
    """

    place: int
    values: Mapping[str, object]
    pattern: str
    lines: int
    standing: Standing
    before: Mapping[str, int]


class Clock:
    """The cost of an incident that is not over, for a policy, at each instant from the run's `as_of` on.

    What was lost when the run was measured stays lost until the instant; nothing else changes. Lines that are held out
    and what was given before count as they would in an assessment. It is carried on hour by hour and remembers how far
    it got; who carries it on holds `carrying`.
    """

    def __init__(
        self,
        document: PolicyDocument,
        run: ImpactRun,
        incident: Incident,
        store: SnapshotStore,
        incident_facts: IncidentFacts,
        *,
        history: str | None = None,
        earlier: str | None = None,
    ) -> None:
        """`history`: the snapshot of what was credited before, `earlier` of what was lost before; None for nothing."""
        self.document = document
        self.start = clock.to_unix(run.as_of)
        situation = Situation(
            document, run, incident, store, incident_facts=incident_facts, history=history, earlier=earlier
        )
        self._facts = situation.own_facts
        self._incident = situation.incident
        self._on = situation.incident.outage_date
        self._decide = PolicyFunction(document, on=self._on)
        self._thresholds = thresholds_of(document, self._on)
        self._patterns = run_patterns(store, run)
        self._moving = [fact for fact in self._facts if fact.origin in OF_LOST_TIME or fact.name in _GROWING]
        network = any(one.count.is_network for one in document.measures)
        self._all_move = network or any(fact.name in _GROWING for fact in self._moving)
        self._lines_out = self._count_lines_out(store, run, situation) if self._all_move else 0
        self._steps = {fact.name: goes_in_steps(fact) for fact in self._moving}
        self._columns, self._situation = situation.columns, situation
        self._groups = self._list_groups(store, run)
        self.open_groups = self._by_pattern()
        self._accounts = self._list_accounts(store)
        self.notes = tuple(self._notes())
        self.carrying = threading.Lock()
        self.until = self.start
        self._found = Found()
        self._curve: Curve | None = None
        self._hour: tuple[int, Found, Iterator[None]] | None = None
        self.base_minor = self._decided_cost(self.start)

    @property
    def open_lines(self) -> int:
        """How many lines are without service still, as far as the policy tells lines apart by it."""
        return sum(group.lines for groups in self.open_groups.values() for group in groups)

    def curve(self) -> Curve:
        """The cost as far as it was carried on; made once an hour, for a page asks for it again and again."""
        if self._curve is None or self._curve.until != self.until:
            self._curve = Curve(
                start=self.start,
                until=self.until,
                base_minor=self.base_minor,
                turns=gathered(self._found.turns),
                climbs=tuple(Climb(start, end, *total) for (start, end), total in sorted(self._found.climbs.items())),
            )
        return self._curve

    def carry_on(self, until: int, may_go_on: Callable[[], bool]) -> bool:
        """Look further, hour by hour up to `until`, as long as `may_go_on`; returns whether it got there.

        An hour that was begun and not ended is not shown; the next call goes on within it.
        """
        while self.until < until:
            if self._hour is None:
                found = Found()
                end = min(self.until + CHUNK, until)
                look = self._look_at_groups if self._accounts is None else self._look_at_accounts
                self._hour = end, found, look(self.until, end, found)
            end, found, steps = self._hour
            for _ in steps:
                if not may_go_on():
                    return False
            self._found.turns += gathered(found.turns)
            for (start, last), total in found.climbs.items():
                self._found.climb(start, last, *total)
            self.until, self._hour = end, None
        return True

    def cost_at(self, at: int) -> int:
        """What restoration at an instant from `start` on costs.

        Every group is decided anew. Accounts are not where the curve has what they come to: that is as exact, but where
        it climbs. Where too many different accounts climb, the curve says it as far as it goes.
        """
        if self._accounts is None:
            return self._decided_cost(at)
        if at <= self.until and not self._climbs_at(at):
            return self.curve().cost_at(at)
        if len(self._accounts.at(at).alike()) > _MOST_TOLD:
            return self.curve().cost_at(min(at, self.until))
        return self._decided_cost(at)

    def _climbs_at(self, at: int) -> bool:
        return any(start < at < end for start, end in self._found.climbs)

    def _decided_cost(self, at: int) -> int:
        if self._accounts is not None:
            return self._accounts.at(at).cost()
        measuring = Measuring(self.document, self._on)
        return sum(group.lines * self._decision(group, at, measuring).cost_minor for group in self._groups)

    def owed_at(self, at: int) -> int:
        """As `cost_at`, by the rules alone: as if nobody were held out and nothing had been given before."""
        if self._accounts is not None:
            return self._accounts.at(at, by_rules=True).cost()
        measuring = Measuring(self.document, self._on)
        bare = [replace(group, standing=NO_STANDING) for group in self._groups]
        return sum(group.lines * self._decision(group, at, measuring).cost_minor for group in bare)

    @property
    def is_settled(self) -> bool:
        """Whether any line is held out or was given something before, so that both figures may differ.

        Not where there are too many different accounts to decide them twice for a page.
        """
        if self._accounts is not None and len(self._accounts.at(self.start).alike()) > _MOST_TOLD:
            return False
        return any(group.standing is not NO_STANDING for group in self._groups)

    def _decision(self, group: _Group, at: int, measuring: Measuring) -> FastDecision:
        return self._decide(self._facts_at(group, at, measuring), group.standing)

    def _notes(self) -> list[str]:
        if not self._situation.standings.concerns_accounts or self._accounts is not None:
            return []
        return [
            f"{self.document.name} gives or caps per account, and there are too many different accounts: "
            "here each line counts as if it were alone on its account."
        ]

    # --- one hour

    def _look_at_groups(self, first: int, last: int, found: Found) -> Iterator[None]:
        for groups in self.open_groups.values():
            yield from self._look(groups, first, last, found)

    def _look(self, groups: Sequence[_Group], first: int, last: int, found: Found) -> Iterator[None]:
        measuring = Measuring(self.document, self._on)
        for alike in self._alike(groups):

            def cells(at: int, group: _Group = alike[0]) -> tuple[Cell, ...]:
                return self._cells(self._facts_at(group, at, measuring))

            corners = changes(cells, first, last) or []
            starts = [first, *corners]
            ends = [*(corner - 1 for corner in corners), last]
            for group in alike:
                yield
                self._turns(group, starts, ends, measuring, found)

    def _turns(
        self, group: _Group, starts: Sequence[int], ends: Sequence[int], measuring: Measuring, found: Found
    ) -> None:
        def decision(at: int) -> FastDecision:
            return self._decision(group, at, measuring)

        before: FastDecision | None = None
        for start, end in zip(starts, ends, strict=True):
            now = decision(start)
            if before is not None and given_by(now) != given_by(before):
                self._turn(group, start, before, now, measuring, found)
            before = self._between(group, start, end, now, decision, measuring, found)

    def _between(
        self,
        group: _Group,
        start: int,
        end: int,
        first: FastDecision,
        decision: Callable[[int], FastDecision],
        measuring: Measuring,
        found: Found,
    ) -> FastDecision:
        """What turns while no threshold is crossed: money that is computed from time. Gives back the last decision."""
        last = decision(end)
        middle = decision((start + end) // 2)
        if given_by(first) == given_by(last) == given_by(middle):
            return last
        turns = None
        parts = [(at, decision(at)) for at in parts_of(start, end)]
        if any(given_by(one) == given_by(two) for (_, one), (_, two) in pairwise(parts)):
            turns = changes(lambda at: given_by(decision(at)), start, end, most=MOST_TURNS)
        if turns is None:
            for (begin, one), (stop, two) in pairwise(parts):
                found.climb(begin, stop, one.cost_minor * group.lines, two.cost_minor * group.lines, group.lines)
            return last
        for at in turns:
            self._turn(group, at, decision(at - 1), decision(at), measuring, found)
        return last

    def _turn(
        self, group: _Group, at: int, before: FastDecision, now: FastDecision, measuring: Measuring, found: Found
    ) -> None:
        delta = (now.cost_minor - before.cost_minor) * group.lines
        found.turns.append(Turn(at, self._why(group, at, measuring), group.lines, delta))

    def _why(self, group: _Group, at: int, measuring: Measuring) -> str:
        """What the facts of a group did on their way to an instant, in words."""
        old, new = (self._facts_at(group, instant, measuring) for instant in (at - 1, at))
        crossed = (
            self._thresholds.crossed(fact.name, old[fact.name], new[fact.name], steps=self._steps[fact.name])
            for fact in self._moving
        )
        return " and ".join(said for said in crossed if said) or _GROWS

    # --- one hour, where the lines of an account have to do with each other

    def _look_at_accounts(self, first: int, last: int, found: Found) -> Iterator[None]:
        if self._accounts is None:
            return
        measuring = Measuring(self.document, self._on)
        moves: dict[int, Moves] = {}
        for groups in self.open_groups.values():
            for alike in self._alike(groups):
                yield from self._note_moves(alike, first, last, measuring, moves)
        walk = AccountWalk(self._accounts, moves, lambda group, at: self._why(self._groups[group], at, measuring))
        yield from walk.look(first, last, found)

    def _note_moves(
        self, alike: Sequence[_Group], first: int, last: int, measuring: Measuring, moves: dict[int, Moves]
    ) -> Iterator[None]:
        """When all that decisions on these groups come from changes, for those where it does."""
        if self._accounts is None:
            return

        def cells(at: int) -> tuple[Cell, ...]:
            return self._cells(self._facts_at(alike[0], at, measuring))

        corners = changes(cells, first, last) or []
        stretches = list(zip([first, *corners], [*(corner - 1 for corner in corners), last], strict=True))
        for group in alike:
            yield
            key = functools.cache(functools.partial(self._accounts.key, group.place))
            if found := moves_of(key, stretches):
                moves[group.place] = found

    # --- facts at an instant

    def _list_groups(self, store: SnapshotStore, run: ImpactRun) -> list[_Group]:
        groups: Iterable[tuple[Sequence[object], int]]
        if self._situation.standings.concerns_accounts:
            # In the order of their numbers, by which accounts name them.
            with store.connect() as workspace:
                rows = workspace.fetch_rows(f"FROM ({self._situation.numbers}) ORDER BY number")
            groups = [(values, int(lines)) for _number, *values, lines in rows]
        else:
            found = list_groups(store, run, self._situation.population, self._columns)
            groups = [(group.values, group.lines) for group in found]
        return [self._group(place, values, lines) for place, (values, lines) in enumerate(groups)]

    def _list_accounts(self, store: SnapshotStore) -> Accounts | None:
        if not self._situation.standings.concerns_accounts:
            return None
        kinds = list_kinds(self._situation, store)
        if kinds is None:
            return None
        measuring = Measuring(self.document, self._on)

        def facts_at(group: int, at: int) -> dict[str, FactValue]:
            return self._facts_at(self._groups[group], at, measuring)

        return Accounts(self._situation, kinds, [group.values for group in self._groups], self._decide, facts_at)

    def _group(self, place: int, values: Sequence[object], lines: int) -> _Group:
        by_column = dict(zip(self._columns, values, strict=True))
        standing = self._situation.standing_of(values, self._situation.standings.alone(by_column))
        before = {fact.name: int(str(by_column.get(str(fact.column)) or 0)) for fact in self._situation.history_facts}
        return _Group(place, by_column, str(by_column.get("pattern")), lines, standing, before)

    def _by_pattern(self) -> dict[str, list[_Group]]:
        """The groups whose facts move on, by their pattern; the greatest first, so that they are seen first."""
        if not self._moving:
            return {}
        found: dict[str, list[_Group]] = {}
        for group in self._groups:
            if self._all_move or is_open(self._patterns.get(group.pattern, {}), self.start):
                found.setdefault(group.pattern, []).append(group)
        return dict(sorted(found.items(), key=lambda item: -sum(group.lines for group in item[1])))

    def _count_lines_out(self, store: SnapshotStore, run: ImpactRun, situation: Situation) -> int:
        lines = case_sql.population_sql(situation.files, everyone=False)
        groups = list_groups(store, run, lines, ("pattern",))
        return sum(group.lines for group in groups if is_open(self._patterns.get(str(group.values[0]), {}), self.start))

    def _alike(self, groups: Sequence[_Group]) -> list[list[_Group]]:
        """Groups of one pattern by the facts that measures go by besides time: their time moves on alike."""
        names = sorted({name for one in self.document.measures for name in one.facts})
        looks_back = any(one.looks_back for one in self._facts)
        found: dict[tuple[object, ...], list[_Group]] = {}
        for group in groups:
            facts = self._facts_at(group, self.start, Measuring(self.document, self._on)) if names else {}
            before = group.values.get(LOST_BEFORE) if looks_back else None
            found.setdefault((before, *(facts.get(name) for name in names)), []).append(group)
        return list(found.values())

    def _facts_at(self, group: _Group, at: int, measuring: Measuring) -> dict[str, FactValue]:
        pattern: Pattern = extended(self._patterns.get(group.pattern, {}), self.start, at)
        # A measure is taken once per lost time, by this name of it.
        values = {**group.values, "pattern": (group.pattern, at)}
        facts = case_facts(self._facts, values, pattern, self._incident_at(at), self.document.zone, measuring)
        return {**facts, **group.before} if group.before else facts

    def _incident_at(self, at: int) -> IncidentFacts:
        """The incident as it will be: elements out until then, and all that users lost by then."""
        if not self._all_move:
            return self._incident
        network = {
            kind: {_later(lost, self.start, at): count for lost, count in elements.items()}
            for kind, elements in self._incident.network.items()
        }
        seconds = self._lines_out * (at - self.start)
        scale = {
            name: value if value is None or name not in _GROWING else value + Fraction(seconds, _GROWING[name])
            for name, value in self._incident.scale.items()
        }
        return replace(self._incident, network=network, scale=scale)

    def _cells(self, facts: Mapping[str, FactValue]) -> tuple[Cell, ...]:
        return tuple(self._thresholds.cell(facts[name], steps=steps) for name, steps in self._steps.items())


def _later(lost: IntervalSet, start: int, at: int) -> IntervalSet:
    return extended({"": lost}, start, at)[""]
