"""Group the lines of an impact run by the facts a policy reads; decide each case once; join back."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pyarrow as pa

from compensation.cases import account_sql, standing_sql
from compensation.cases import sql as case_sql
from compensation.cases.facts import NO_LOSS, FactValue, IncidentFacts, Pattern, case_facts
from compensation.cases.sql import LOST_BEFORE
from compensation.cases.standings import Standings
from compensation.decision.decide import Decision, decide
from compensation.decision.earlier import read_before, told_before
from compensation.decision.measuring import Measuring
from compensation.decision.settling import NO_STANDING, Standing
from compensation.document.reading import PolicyDocument
from compensation.facts import OF_LOST_TIME, Fact, Origin
from compensation.feel import FeelType
from compensation.periods import read_name
from foundation import clock
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from foundation.workspaces import Workspace
from outage.models import ImpactRun, Incident
from outage.runs.lines import patterns_of
from outage.runs.patterns import spans_source

# Where no two lines get the same, each becomes a dozen Python objects on its way.
_LINES_AT_ONCE = 20_000
_MOST_KNOWN = 50_000


@dataclass(frozen=True)
class DecidedCase:
    """One distinct situation: number from 1, the group's values, its facts, how many lines, and the decision."""

    number: int
    group: tuple[object, ...]
    facts: Mapping[str, FactValue]
    lines: int
    decision: Decision


class Situation:
    """A policy over one impact run: what it reads, how lines are grouped, what each group is owed."""

    def __init__(
        self,
        document: PolicyDocument,
        run: ImpactRun,
        incident: Incident,
        store: SnapshotStore,
        *,
        patterns: Mapping[str, Pattern] | None = None,
        incident_facts: IncidentFacts | None = None,
        history: str | None = None,
        earlier: str | None = None,
        by_rules: bool = False,
    ) -> None:
        """`patterns` are the run's, for those who have read them before, or as they would be at another instant.

        `incident_facts` says what rules read of the incident; without it how big it is, is not known. `history` is the
        snapshot of what was credited before, `earlier` of what was lost in incidents before this one; without them
        nothing was. `by_rules`: rules read that history, and yet nobody is held out and nothing is taken off for what
        was given.
        """
        self._given_patterns = patterns
        self.document = document
        read = (document.catalogue[name] for name in document.facts_read())
        kept = () if history is None else store.columns(history)
        self.facts: tuple[Fact, ...] = tuple(_as_kept(fact, kept) for fact in read)
        self.history_facts = [fact for fact in self.facts if fact.origin is Origin.HISTORY]
        self.own_facts = [fact for fact in self.facts if fact.origin is not Origin.HISTORY]
        self._known: dict[tuple[object, ...], dict[str, FactValue]] = {}
        self.standings = Standings(document, has_history=history is not None and not by_rules, holds_out=not by_rules)
        known = [str(fact.column) for fact in self.history_facts] if history is not None else []
        self.history_columns = frozenset((*known, *self.standings.history_columns))
        # What only settling needs stands last, so that a policy without it is grouped as ever.
        told = dict.fromkeys((*known, *self.standings.columns))
        self.columns = (*case_sql.group_columns(self.own_facts), *told)
        self._store = store
        self.run = run
        self._base = store.source(run.base_snapshot)
        everyone = document.population == "everyone"
        self.files = _files(run, store, earlier)
        self.population = case_sql.population_sql(self.files, everyone=everyone, facts=self.own_facts)
        self.account_history: str | None = None
        self.absent: str | None = None
        if history is not None:
            self._take_history(store.source(history), by_rules=by_rules)
        self.incident = incident_facts or IncidentFacts(
            cause_class=incident.cause_class,
            planned=incident.planned,
            outage_date=clock.local_date(incident.started_at, document.zone),
        )

    def _take_history(self, source: str, *, by_rules: bool) -> None:
        self.population = standing_sql.with_history(self.population, source, self.history_facts)
        self.account_history = None if by_rules else standing_sql.account_history_sql(source)
        self.absent = standing_sql.absent_sql(self.population, source)

    @functools.cached_property
    def _patterns(self) -> Mapping[str, Pattern]:
        if self._given_patterns is not None:
            return self._given_patterns
        asked = any(fact.origin in OF_LOST_TIME for fact in self.facts)
        return patterns_of(self._store, self.run) if asked else {}

    @property
    def numbers(self) -> str:
        """The query of all groups: number, their values, lines."""
        return case_sql.cases_sql(self.population, self.columns)

    def decide_cases(self) -> list[DecidedCase]:
        """Every case of the run, in a fixed order, each decided once."""
        with self._store.connect() as workspace:
            rows = workspace.fetch_rows(self.numbers)
        return [self._decide_case(row) for row in rows]

    def _decide_case(self, row: Sequence[object]) -> DecidedCase:
        number, *group, lines = row
        return self.decide_group(int(str(number)), group, int(str(lines)))

    def facts_of(self, group: Sequence[object]) -> dict[str, FactValue]:
        """The facts of a group by its values, in the order of `columns`."""
        values = dict(zip(self.columns, group, strict=True))
        pattern = self._patterns.get(str(values.get("pattern")), NO_LOSS)
        own = case_facts(self.own_facts, values, pattern, self.incident, self.document.zone, self._measuring)
        if not self.history_facts:
            return own
        before = {fact.name: int(str(values.get(str(fact.column)) or 0)) for fact in self.history_facts}
        return {fact.name: before[fact.name] if fact.name in before else own[fact.name] for fact in self.facts}

    def facts_quickly(self, group: Sequence[object]) -> dict[str, FactValue]:
        """As `facts_of`, in any order: what does not hang on an amount is made once for all groups that share it."""
        amounts, rest = self._amounts
        key = tuple(group[place] for place in rest)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[key] = self.facts_of(group)
        return {**found, **{name: cast(FactValue, group[place]) for name, place in amounts}}

    @functools.cached_property
    def _amounts(self) -> tuple[tuple[tuple[str, int], ...], tuple[int, ...]]:
        """The facts that are amounts with their places in a group, and the places of all other values."""
        places = {column: place for place, column in enumerate(self.columns)}
        amounts = tuple(
            (fact.name, places[fact.column])
            for fact in self.own_facts
            if fact.type is FeelType.MONEY and fact.column is not None and fact.column in places
        )
        taken = {place for _, place in amounts}
        return amounts, tuple(place for place in places.values() if place not in taken)

    def told_of(self, group: Sequence[object], facts: Mapping[str, object]) -> Mapping[str, str]:
        """From which runs of earlier incidents the facts of a group come, in words, by the fact's name."""
        if LOST_BEFORE not in self.columns:
            return {}
        text = group[self.columns.index(LOST_BEFORE)]
        before = read_before(None if text is None else str(text))
        return told_before(self.document, facts, before, self.incident.outage_date)

    def standing_of(self, group: Sequence[object], account: Sequence[object] = ()) -> Standing:
        """How the lines of a group stand, by its values and by what is known of their accounts."""
        if not self.standings.columns and not account:
            return NO_STANDING
        return self.standings.of(dict(zip(self.columns, group, strict=True)), account)

    @functools.cached_property
    def _measuring(self) -> Measuring:
        return Measuring(self.document, self.incident.outage_date)

    def decide_group(self, number: int, values: Sequence[object], lines: int) -> DecidedCase:
        """The case of a group, by its values and, after them, those of `account_sql.COLUMNS` where accounts matter."""
        group, account = values[: len(self.columns)], values[len(self.columns) :]
        facts, standing = self.facts_of(group), self.standing_of(group, account)
        on, told = self.incident.outage_date, self.told_of(group, facts)
        decision = decide(self.document, facts, on=on, standing=standing, told=told)
        return DecidedCase(number, tuple(values), facts, lines, decision)

    def decide_line(self, line_id: int, account: Sequence[object] = ()) -> DecidedCase | None:
        """The decision on one line from its facts as they were; None when the policy does not look at the line.

        `account` are the values of `account_sql.COLUMNS` where those were kept; without them it is decided as if the
        line carried all that is given per account.
        """
        with self._store.connect() as workspace:
            rows = workspace.fetch_rows(case_sql.line_sql(self.population, self.columns, line_id))
        return self.decide_group(0, (*rows[0], *account), 1) if rows else None

    def join_lines(
        self, workspace: Workspace, expected: Mapping[int, tuple[list[object], int]], giving: Collection[int]
    ) -> Iterator[pa.RecordBatch]:
        """Stream the lines of the cases of `giving` in the columns of release_rows.Line.

        `expected` maps each number to its group (as JSON) and its lines. Raises RefusedError when the snapshots no
        longer give the very cases that were decided.
        """
        workspace.execute(f"CREATE OR REPLACE TEMP TABLE case_numbers AS {self.numbers}")
        found = {
            int(str(number)): ([stored_value(value) for value in group], int(str(lines)))
            for number, *group, lines in workspace.fetch_rows("SELECT * FROM case_numbers ORDER BY number")
        }
        if found != dict(expected):
            raise RefusedError("the snapshots no longer give the cases that were assessed", accepted="assess again")
        numbered = account_sql.numbered_sql(self.population, self.columns, "case_numbers")
        joined = account_sql.case_lines_sql(numbered, self._base, self._lost, None, giving)
        return workspace.fetch_batches(joined, size=_LINES_AT_ONCE)

    @functools.cached_property
    def _lost(self) -> str:
        lines = self.run.lines_snapshot
        pattern = "gross_pattern" if "gross_pattern" in self._store.columns(lines) else "pattern"
        patterns = spans_source(self._store, self.run.patterns_snapshot)
        return account_sql.lost_sql(self._store.source(lines), patterns, pattern)

    def join_kept(
        self, workspace: Workspace, cases: str | None, lines: str | None, giving: Collection[int]
    ) -> Iterator[pa.RecordBatch]:
        """Stream the lines in the same columns, by the snapshots that were kept.

        Those are of the cases (None: they are rows), and of the lines' cases. With the snapshot of the cases each line
        brings `rewards` and `text_name`; without it `giving` says which cases get something. Lines that get nothing are
        left out. Raises NotFoundError when a file is missing.
        """
        kept = None if cases is None else self._store.source(cases)
        if lines is not None:
            numbered = f"FROM {self._store.source(lines)} SELECT line_id, account_id, number"
        else:
            numbered = account_sql.numbered_sql(self.population, self.columns, str(kept))
        joined = account_sql.case_lines_sql(numbered, self._base, self._lost, kept, giving)
        return workspace.fetch_batches(joined, size=_LINES_AT_ONCE)


def _as_kept(fact: Fact, kept: Sequence[str]) -> Fact:
    """The fact as the history of an assessment has it: earlier releases counted outages of the last n days in there."""
    earlier = read_name(fact.name) if fact.origin is Origin.EARLIER else None
    column = f"h_outages_{earlier.days}" if earlier is not None and earlier.counts_incidents else None
    return replace(fact, origin=Origin.HISTORY, column=column, looks_back=False) if column in kept else fact


def _files(run: ImpactRun, store: SnapshotStore, earlier: str | None) -> case_sql.RunFiles:
    reports = run.reports_snapshot
    return case_sql.RunFiles(
        lines=str(store.path(run.lines_snapshot)),
        base=store.source(run.base_snapshot),
        reports=None if reports is None else store.source(reports),
        tells_accounts="account_depth" in store.columns(run.base_snapshot),
        earlier=None if earlier is None else store.source(earlier),
    )


def stored_value(value: object) -> object:
    """A group's value as it is kept in JSON: dates ISO, all else as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value
