"""Group the lines of an impact run by the facts a policy reads; decide each case once; join back."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from compensation import case_sql
from compensation.case_facts import NO_LOSS, FactValue, IncidentFacts, Pattern, case_facts
from compensation.decide import Decision, decide
from compensation.document import PolicyDocument
from compensation.facts import Fact, Origin
from foundation import clock
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore, Workspace
from outage.lines import patterns_of
from outage.models import ImpactRun, Incident

# Each line becomes up to a dozen Python objects on its way to credits and deliveries.
_LINES_AT_ONCE = 10_000


@dataclass(frozen=True)
class DecidedCase:
    """One distinct situation: number from 1, the group's values, its facts, how many lines, and the decision."""

    number: int
    group: tuple[object, ...]
    facts: Mapping[str, FactValue]
    lines: int
    decision: Decision


@dataclass(frozen=True)
class CaseLines:
    """The lines of the cases in Arrow batches: number, line_id, account_id, account_ref, msisdn, language, brand."""

    batches: Iterator[pa.RecordBatch]


class Situation:
    """A policy over one impact run: what it reads, how lines are grouped, what each group is owed."""

    def __init__(self, document: PolicyDocument, run: ImpactRun, incident: Incident, store: SnapshotStore) -> None:
        self.document = document
        self.facts: tuple[Fact, ...] = tuple(document.catalogue[name] for name in document.facts_read())
        self.columns = case_sql.group_columns(self.facts)
        self._store = store
        self.run = run
        self._base = store.source(run.base_snapshot)
        files = case_sql.RunFiles(lines=str(store.path(run.lines_snapshot)), base=self._base)
        self._population = case_sql.population_sql(files, everyone=document.population == "everyone")
        self.incident = IncidentFacts(
            cause_class=incident.cause_class,
            planned=incident.planned,
            outage_date=clock.local_date(incident.started_at, document.zone),
        )

    @functools.cached_property
    def _patterns(self) -> Mapping[str, Pattern]:
        asked = any(fact.origin is Origin.PATTERN for fact in self.facts)
        return patterns_of(self._store, self.run) if asked else {}

    def decide_cases(self) -> list[DecidedCase]:
        """Every case of the run, in a fixed order, each decided once."""
        with self._store.connect() as workspace:
            rows = workspace.fetch_rows(case_sql.cases_sql(self._population, self.columns))
        return [self._decide_case(row) for row in rows]

    def _decide_case(self, row: Sequence[object]) -> DecidedCase:
        number, *group, lines = row
        facts = self.facts_of(group)
        return DecidedCase(int(str(number)), tuple(group), facts, int(str(lines)), self._decision(facts))

    def facts_of(self, group: Sequence[object]) -> dict[str, FactValue]:
        """The facts of a group by its values, in the order of `columns`."""
        values = dict(zip(self.columns, group, strict=True))
        pattern = self._patterns.get(str(values.get("pattern")), NO_LOSS)
        return case_facts(self.facts, values, pattern, self.incident, self.document.zone)

    def _decision(self, facts: Mapping[str, FactValue]) -> Decision:
        return decide(self.document, facts, on=self.incident.outage_date)

    def decide_line(self, line_id: int) -> DecidedCase | None:
        """The decision on one line from its facts as they were; None when the policy does not look at the line."""
        with self._store.connect() as workspace:
            rows = workspace.fetch_rows(case_sql.line_sql(self._population, self.columns, line_id))
        if not rows:
            return None
        facts = self.facts_of(rows[0])
        return DecidedCase(0, tuple(rows[0]), facts, 1, self._decision(facts))

    def join_lines(self, workspace: Workspace, expected: Mapping[int, tuple[list[object], int]]) -> CaseLines:
        """Stream the lines of all cases; `expected` maps each number to its group's values (as JSON) and its lines.

        Raises RefusedError when the snapshots no longer give the very cases that were decided.
        """
        query = case_sql.cases_sql(self._population, self.columns)
        workspace.execute(f"CREATE OR REPLACE TEMP TABLE case_numbers AS {query}")
        found = {
            int(str(number)): ([stored_value(value) for value in group], int(str(lines)))
            for number, *group, lines in workspace.fetch_rows("SELECT * FROM case_numbers ORDER BY number")
        }
        if found != dict(expected):
            raise RefusedError("the snapshots no longer give the cases that were assessed", accepted="assess again")
        joined = case_sql.joined_sql(self._population, self.columns, self._base, "case_numbers")
        return CaseLines(workspace.fetch_batches(joined, size=_LINES_AT_ONCE))


def stored_value(value: object) -> object:
    """A group's value as it is kept in JSON: dates ISO, all else as it is."""
    return value.isoformat() if hasattr(value, "isoformat") else value
