"""A policy tried on a run, group by group: as it would decide, with its reasons, and what would stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from compensation.cases import account_sql
from compensation.cases.facts import FactValue, IncidentFacts
from compensation.cases.groups import run_patterns
from compensation.cases.making import REFINED, tell_accounts_apart
from compensation.cases.situation import Situation
from compensation.decision.decide import decide
from compensation.decision.function import FastDecision, PolicyFunction
from compensation.decision.settling import Standing
from compensation.document.reading import PolicyDocument, Population
from compensation.facts import Origin
from compensation.tallies import Tally
from foundation.money import Money
from foundation.snapshots import SnapshotStore
from outage.models import ImpactRun, Incident

AFFECTED = "affected"
"""The column that tells lines that lost service from the rest of the base."""


@dataclass(frozen=True, slots=True)
class Side:
    """One policy over the run: its totals, and the limits it would be stopped by."""

    policy: str
    title: str
    tally: Tally
    stopped: tuple[str, ...]


class Trial:
    """A policy over a run, decided group by group; the same facts are decided once.

    A policy that was not in force on the day of the outage is tried as if it had been: with its parameters of the
    nearest day on which it is. What was credited before counts as nothing. `notes` say so. Where the lines of one
    account have to do with each other (rewards or caps per account), each line's case is worked out and written to
    `lines_file`, and `columns` is its number alone.
    """

    def __init__(
        self,
        document: PolicyDocument,
        run: ImpactRun,
        incident: Incident,
        store: SnapshotStore,
        incident_facts: IncidentFacts,
    ) -> None:
        moving = any(
            document.catalogue[name].origin in (Origin.PATTERN, Origin.MEASURE) for name in document.facts_read()
        )
        patterns = run_patterns(store, run) if moving else {}
        self.document = document
        self.situation = Situation(document, run, incident, store, patterns=patterns, incident_facts=incident_facts)
        self.everyone = document.population is Population.EVERYONE
        self.on = _nearest_day(document, self.situation.incident.outage_date)
        self.notes = tuple(self._notes())
        self._function = PolicyFunction(document, on=self.on)
        self._known: dict[tuple[object, ...], FastDecision] = {}
        self._refined: dict[object, tuple[Sequence[object], Sequence[object]]] = {}
        self.lines_file: str | None = None
        self.columns = self.situation.columns
        if self.situation.standings.concerns_accounts:
            self._tell_accounts_apart(store)

    def decide(self, values: Mapping[str, object]) -> FastDecision | None:
        """The decision on a group by its columns' values; None for lines that the policy does not look at."""
        if not self.everyone and values.get(AFFECTED) is False:
            return None
        key = tuple(values[column] for column in self.columns)
        found = self._known.get(key)
        if found is None:
            group, account = self._group(key)
            standing = self.situation.standing_of(group, account)
            found = self._known[key] = self._function(self.situation.facts_of(group), standing)
        return found

    def facts_of(self, values: Mapping[str, object]) -> dict[str, FactValue]:
        """The facts that it reads of a group; none of lines that it does not look at."""
        return self._told(values)[0] if self.decide(values) is not None else {}

    def explain(self, values: Mapping[str, object]) -> Sequence[str]:
        """The decision on a group as sentences; the reference interpreter words it."""
        if self.decide(values) is None:
            return ("The policy looks only at lines that lost service.",)
        facts, standing = self._told(values)
        return decide(self.document, facts, on=self.on, standing=standing).trace.explain()

    def side(self, tally: Tally) -> Side:
        """Its totals, with the limits that would stop an assessment."""
        limit, currency = self.document.limits.total_minor, self.document.currency
        stopped = []
        if limit is not None and tally.cost_minor > limit:
            stopped.append(
                f"{Money(tally.cost_minor, currency)} in all is over its limit of {Money(limit, currency)}: "
                "an assessment cannot be submitted"
            )
        return Side(self.document.name, self.document.title, tally, tuple(stopped))

    def _told(self, values: Mapping[str, object]) -> tuple[dict[str, FactValue], Standing]:
        group, account = self._group(tuple(values[column] for column in self.columns))
        return self.situation.facts_of(group), self.situation.standing_of(group, account)

    def _group(self, key: tuple[object, ...]) -> tuple[Sequence[object], Sequence[object]]:
        return self._refined[key[0]] if self.lines_file is not None else (key, ())

    def _tell_accounts_apart(self, store: SnapshotStore) -> None:
        width = len(self.situation.columns)
        with store.connect() as workspace:
            workspace.execute(f"CREATE TEMP TABLE {account_sql.NUMBERS} AS {self.situation.numbers}")
            self.lines_file = tell_accounts_apart(self.situation, store, workspace).id
            for number, *values, _lines in workspace.fetch_rows(f"FROM {REFINED}"):
                self._refined[number] = (tuple(values[:width]), tuple(values[width:]))
        self.columns = (f"case_{self.document.content_hash}",)

    def _notes(self) -> list[str]:
        outage_on, notes = self.situation.incident.outage_date, []
        if self.on != outage_on:
            notes.append(f"{self.document.name} was not in force on {outage_on}: tried with its values of {self.on}")
        if self.document.history_read():
            notes.append(f"{self.document.name} reads what was credited before: tried as if nothing was")
        return notes


def _nearest_day(document: PolicyDocument, day: date) -> date:
    if document.is_in_force(day):
        return day
    if day < document.in_force_from or document.in_force_to is None:
        return document.in_force_from
    return document.in_force_to - timedelta(days=1)
