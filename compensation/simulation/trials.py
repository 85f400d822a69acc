"""A policy tried on a run, group by group: as it would decide, with its reasons, and what would stop it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from compensation.cases import account_sql, standing_sql
from compensation.cases.facts import FactValue, IncidentFacts
from compensation.cases.groups import run_patterns
from compensation.cases.making import REFINED, tell_accounts_apart
from compensation.cases.situation import Situation
from compensation.decision.decide import decide
from compensation.decision.function import FastDecision, PolicyFunction
from compensation.decision.settling import Standing
from compensation.document.reading import PolicyDocument, Population
from compensation.facts import OF_LOST_TIME
from compensation.tallies import NOTHING_WITHHELD, Tally, Withheld
from foundation.money import Money
from foundation.snapshots import SnapshotStore
from outage.models import ImpactRun, Incident

AFFECTED = "affected"
"""The column that tells lines that lost service from the rest of the base."""


@dataclass(frozen=True, slots=True)
class Side:
    """One policy over the run, and the limits it would be stopped by.

    `tally`: what its rules give, as if nobody were held out and nothing had been given before. `release`: what an
    assessment would come to and release now; `withheld` says what lies between the two.
    """

    policy: str
    title: str
    tally: Tally
    release: Tally
    withheld: Withheld
    stopped: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether less (or, where a cap has room again, more) is released than the rules give."""
        return self.withheld != NOTHING_WITHHELD or self.release.over_minor > 0


class Trial:
    """A policy over a run, decided group by group; the same facts are decided once.

    A policy that was not in force on the day of the outage is tried as if it had been: with its parameters of the
    nearest day on which it is, and `notes` say so. Where the lines of one account have to do with each other (rewards
    or caps per account), each line's case is worked out and written to `lines_file`, and `columns` is its number alone.
    """

    def __init__(
        self,
        document: PolicyDocument,
        situation: Situation,
        store: SnapshotStore,
        *,
        key: str = "now",
        history: str | None = None,
        function: PolicyFunction | None = None,
    ) -> None:
        """`key` tells its columns from those of other trials of the same lines; `function` is the policy's, if made."""
        self.key = key
        self.document = document
        self.situation = situation
        self.everyone = document.population is Population.EVERYONE
        self.on = _nearest_day(document, situation.incident.outage_date)
        self.notes = tuple(self._notes())
        self.function = function or PolicyFunction(document, on=self.on)
        self._known: dict[tuple[object, ...], FastDecision] = {}
        self._refined: dict[object, tuple[Sequence[object], Sequence[object]]] = {}
        self.lines_file: str | None = None
        told = situation.history_columns
        self.columns = tuple(f"{column}_{key}" if column in told else column for column in situation.columns)
        self.before: tuple[str, tuple[str, ...]] | None = None
        if situation.standings.concerns_accounts:
            self._tell_accounts_apart(store, key)
        elif history is not None and told:
            lines = standing_sql.before_sql(store.source(history), situation.history_facts)
            self.before = lines, tuple(sorted(told))

    def decide(self, values: Mapping[str, object]) -> FastDecision | None:
        """The decision on a group by its columns' values; None for lines that the policy does not look at."""
        if not self.everyone and values.get(AFFECTED) is False:
            return None
        key = tuple(values[column] for column in self.columns)
        found = self._known.get(key)
        if found is None:
            group, account = self._group(key)
            standing = self.situation.standing_of(group, account)
            found = self._known[key] = self.function(self.situation.facts_of(group), standing)
        return found

    def facts_of(self, values: Mapping[str, object]) -> dict[str, FactValue]:
        """The facts that it reads of a group; none of lines that it does not look at."""
        return self._told(values)[0] if self.decide(values) is not None else {}

    def explain(self, values: Mapping[str, object]) -> Sequence[str]:
        """The decision on a group as sentences; the reference interpreter words it."""
        if self.decide(values) is None:
            return ("The policy looks only at lines that lost service.",)
        group, _ = self._group(tuple(values[column] for column in self.columns))
        facts, standing = self._told(values)
        told = self.situation.told_of(group, facts)
        return decide(self.document, facts, on=self.on, standing=standing, told=told).trace.explain()

    def stopped_by(self, release: Tally) -> tuple[str, ...]:
        """The limits that would stop an assessment."""
        limit, currency = self.document.limits.total_minor, self.document.currency
        if limit is None or release.cost_minor <= limit:
            return ()
        return (
            f"{Money(release.cost_minor, currency)} in all is over its limit of {Money(limit, currency)}: "
            "an assessment cannot be submitted",
        )

    def _told(self, values: Mapping[str, object]) -> tuple[dict[str, FactValue], Standing]:
        group, account = self._group(tuple(values[column] for column in self.columns))
        return self.situation.facts_of(group), self.situation.standing_of(group, account)

    def _group(self, key: tuple[object, ...]) -> tuple[Sequence[object], Sequence[object]]:
        return self._refined[key[0]] if self.lines_file is not None else (key, ())

    def _tell_accounts_apart(self, store: SnapshotStore, key: str) -> None:
        width = len(self.situation.columns)
        with store.connect() as workspace:
            workspace.execute(f"CREATE TEMP TABLE {account_sql.NUMBERS} AS {self.situation.numbers}")
            self.lines_file = tell_accounts_apart(self.situation, store, workspace).id
            for number, *values, _lines in workspace.fetch_rows(f"FROM {REFINED}"):
                self._refined[number] = (tuple(values[:width]), tuple(values[width:]))
        self.columns = (f"case_{key}",)

    def _notes(self) -> list[str]:
        outage_on = self.situation.incident.outage_date
        if self.on == outage_on:
            return []
        return [f"policy {self.document.name} was not in force on {outage_on}: tried with its values of {self.on}"]


class Tried:
    """A policy over a run twice: `release` as an assessment would decide now, `rules` as its rules alone say.

    Both are one trial where nobody is held out and nothing was before. `absent`: the lines that were credited before
    and are not looked at any more, as SQL; None when nothing was before.
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
        key: str = "now",
    ) -> None:
        """`history`: the snapshot of what was credited before, `earlier` of what was lost before; None for nothing."""
        moving = any(document.catalogue[name].origin in OF_LOST_TIME for name in document.facts_read())
        patterns = run_patterns(store, run) if moving else {}

        def situation(*, by_rules: bool) -> Situation:
            return Situation(
                document,
                run,
                incident,
                store,
                patterns=patterns,
                incident_facts=incident_facts,
                history=history,
                earlier=earlier,
                by_rules=by_rules,
            )

        self.release = Trial(document, situation(by_rules=False), store, key=key, history=history)
        self.rules = self.release
        if history is not None or document.terms.holdout is not None:
            bare, key = situation(by_rules=True), f"{key}_rules"
            self.rules = Trial(document, bare, store, key=key, history=history, function=self.release.function)
        self.document = document
        self.everyone = self.release.everyone
        self.absent = self.release.situation.absent

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The different ones of the two."""
        return (self.release,) if self.rules is self.release else (self.release, self.rules)


def _nearest_day(document: PolicyDocument, day: date) -> date:
    if document.is_in_force(day):
        return day
    if day < document.in_force_from or document.in_force_to is None:
        return document.in_force_from
    return document.in_force_to - timedelta(days=1)
