"""What-if: any draft or version on any run, and against another; the cases are decided anew, never the lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from compensation import tallies
from compensation.cases import sql as case_sql
from compensation.cases.facts import facts_to_json
from compensation.cases.group_sql import AREA, with_before_sql, with_cases_sql
from compensation.cases.groups import list_groups
from compensation.cases.incident_facts import incident_facts_of
from compensation.decision.function import FastDecision
from compensation.document.reading import PolicyDocument, load_policy
from compensation.facts import Fact
from compensation.policies import list_attribute_facts
from compensation.simulation.credited_before import find_credited_before
from compensation.simulation.lost_before import find_lost_before
from compensation.simulation.places import get_place
from compensation.simulation.trials import AFFECTED, Side, Trial, Tried
from compensation.simulation.whatif_results import ComparedCase, Example, Part, WhatIf
from compensation.tallies import Kind, Tally
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from outage.models import ImpactRun

DIMENSIONS: Mapping[str, str] = {
    "segment": "segment",
    "brand": "brand",
    "payment type": "payment_type",
    "plan": "plan",
    "area": AREA,
}
"""By what a result can be split: the name people read and the column."""

_MOST_PARTS = 200


class Simulation:
    """One policy, or two, over the groups of one run by all columns that either reads."""

    def __init__(self, store: SnapshotStore, run: ImpactRun, now: Tried, before: Tried | None = None) -> None:
        """Raises RefusedError for two policies that pay different currencies."""
        if before is not None and before.document.currency != now.document.currency:
            one, two = now.document, before.document
            raise RefusedError(
                f"{one.name} pays {one.currency}, {two.name} pays {two.currency}",
                accepted="two policies of one currency",
            )
        self._store, self._run = store, run
        self.now, self.before = now, before
        self._tried = [tried for tried in (now, before) if tried is not None]
        self._trials = [trial for tried in self._tried for trial in tried.trials]
        everyone = any(trial.everyone for trial in self._trials)
        facts = [fact for trial in self._trials for fact in trial.situation.own_facts]
        population = case_sql.population_sql(now.release.situation.files, everyone=everyone, facts=facts)
        self._population = self._told(population)
        columns = [column for trial in self._trials for column in trial.columns]
        # Only where one looks at everyone and the other does not must the two kinds of line be told apart.
        mixed = [AFFECTED] if everyone and not all(trial.everyone for trial in self._trials) else []
        self._columns = tuple(dict.fromkeys([*columns, *mixed]))

    def _told(self, population: str) -> str:
        """The population with each line's case where accounts matter, and else with what was given it before."""
        cases = {trial.columns[0]: self._store.source(trial.lines_file) for trial in self._trials if trial.lines_file}
        before = {trial.key: trial.before for trial in self._trials if trial.before is not None}
        return with_before_sql(with_cases_sql(population, cases), before)

    @property
    def catalogue(self) -> Mapping[str, Fact]:
        """All that either policy may read."""
        return {name: fact for trial in self._trials for name, fact in trial.document.catalogue.items()}

    def groups(self, *more: str) -> Iterator[tuple[dict[str, object], int]]:
        """The values of each group by column, with its lines; `more` columns split the groups further."""
        columns = tuple(dict.fromkeys([*self._columns, *more]))
        for group in list_groups(self._store, self._run, self._population, columns):
            yield dict(zip(columns, group.values, strict=True)), group.lines

    def decided(self) -> list[tuple[FastDecision | None, int]]:
        """The decision on every group with its lines, as an assessment would make it."""
        return [(self.now.release.decide(values), lines) for values, lines in self.groups()]

    def decided_pairs(self) -> Iterator[tuple[FastDecision | None, FastDecision | None, int]]:
        """Both decisions on every group with its lines; the other policy's is None without one."""
        before = None if self.before is None else self.before.release
        for values, lines in self.groups():
            yield self.now.release.decide(values), _decide(before, values), lines

    def cases(self) -> Iterator[ComparedCase]:
        """Every case that either policy looks at, for a list of all of them."""
        compared = self.before is not None
        for values, lines in self.groups():
            now, before = self._by_rules(values)
            if now is None and before is None:
                continue
            release, before_release = self._to_release(values)
            yield ComparedCase(
                facts=self._facts(values),
                lines=lines,
                kind=tallies.kind_of(now, before) if compared else None,
                outcome=now.outcome if now is not None else "not looked at",
                now_minor=tallies.cost_of(now),
                release_minor=tallies.cost_of(release),
                before_outcome=(before.outcome if before is not None else "not looked at") if compared else None,
                before_minor=tallies.cost_of(before) if compared else None,
                before_release_minor=tallies.cost_of(before_release) if compared else None,
            )

    def _by_rules(self, values: Mapping[str, object]) -> tuple[FastDecision | None, FastDecision | None]:
        return self.now.rules.decide(values), _decide(None if self.before is None else self.before.rules, values)

    def _to_release(self, values: Mapping[str, object]) -> tuple[FastDecision | None, FastDecision | None]:
        return self.now.release.decide(values), _decide(None if self.before is None else self.before.release, values)

    def _facts(self, values: Mapping[str, object]) -> dict[str, object]:
        facts = {name: value for trial in self._trials for name, value in trial.facts_of(values).items()}
        return facts_to_json(dict(sorted(facts.items())))

    def whatif(self, *, by: Iterable[str] = (), examples: int = 0) -> WhatIf:
        """All that is shown; `examples` of each kind, `by` are names of `DIMENSIONS`."""
        rows = list(self.groups())
        by_rules = [(*self._by_rules(values), lines) for values, lines in rows]
        side = self._side(self.now, rows, [(now, lines) for now, _, lines in by_rules])
        against, moved = None, None
        if self.before is not None:
            against = self._side(self.before, rows, [(before, lines) for _, before, lines in by_rules])
            moved = tallies.shift(by_rules)
        return WhatIf(
            run_id=self._run.id,
            currency=self.now.document.currency,
            side=side,
            against=against,
            shift=moved,
            parts=tuple(self._parts(tuple(by))),
            examples=tuple(self._examples(rows, examples)) if examples else (),
            reasons=self._reasons(rows, examples) if examples else (),
            notes=tuple(dict.fromkeys(note for trial in self._trials for note in trial.notes)),
        )

    def _side(
        self,
        tried: Tried,
        rows: Sequence[tuple[dict[str, object], int]],
        by_rules: Sequence[tuple[FastDecision | None, int]],
    ) -> Side:
        tally, differences = tallies.tally(by_rules), tallies.NOTHING_WITHHELD
        release = tally
        if tried.rules is not tried.release:
            decided = [(tried.release.decide(values), lines) for values, lines in rows]
            pairs = zip(by_rules, decided, strict=True)
            differences = tallies.withheld((rules, found, lines) for (rules, lines), (found, _) in pairs)
            release = self._with_absent(tried, tallies.tally(decided))
        stopped = tried.release.stopped_by(release)
        return Side(tried.document.name, tried.document.title, tally, release, differences, stopped)

    def _with_absent(self, tried: Tried, release: Tally) -> Tally:
        """With the lines that keep all they were credited, for the policy does not look at them any more."""
        if tried.absent is None:
            return release
        lines = minor = 0
        for group in list_groups(self._store, self._run, tried.absent, ("credited_minor",)):
            lines += group.lines
            minor += group.lines * int(str(group.values[0]))
        return replace(release, over_lines=release.over_lines + lines, over_minor=release.over_minor + minor)

    def _parts(self, dimensions: Sequence[str]) -> Iterator[Part]:
        """One grouping for all that a run keeps; the mirror of the base is joined only for what stands there."""
        kept = [dimension for dimension in dimensions if DIMENSIONS[dimension] != AREA]
        for together in (kept, [dimension for dimension in dimensions if dimension not in kept]):
            sums: dict[str, dict[object, list[int]]] = {dimension: {} for dimension in together}
            for values, lines in self.groups(*(DIMENSIONS[dimension] for dimension in together)) if together else ():
                now, before = self._by_rules(values)
                if now is None and before is None:
                    continue
                entitled = lines if now is not None and now.outcome == "entitled" else 0
                costs = [tallies.cost_of(one) for one in (now, before, self.now.release.decide(values))]
                added = (lines, entitled, *(lines * cost for cost in costs))
                for dimension, by_value in sums.items():
                    total = by_value.setdefault(values[DIMENSIONS[dimension]], [0, 0, 0, 0, 0])
                    total[:] = [one + more for one, more in zip(total, added, strict=True)]
            for dimension, by_value in sums.items():
                yield from self._parts_of(dimension, by_value)

    def _parts_of(self, dimension: str, by_value: Mapping[object, Sequence[int]]) -> Iterator[Part]:
        dearest = sorted(by_value.items(), key=lambda item: (-item[1][2], -item[1][0], str(item[0])))
        for value, (lines, entitled, cost, before, release) in dearest[:_MOST_PARTS]:
            yield Part(
                dimension=dimension,
                value=None if value is None else str(value),
                lines=lines,
                entitled=entitled,
                cost_minor=cost,
                against_minor=before if self.before is not None else None,
                release_minor=release,
            )

    def _examples(self, rows: Sequence[tuple[dict[str, object], int]], most: int) -> Iterator[Example]:
        """The cases with most lines of each kind that differs, or of any when there is nothing to compare with."""
        found: dict[Kind, list[tuple[int, dict[str, object]]]] = {}
        for values, lines in rows:
            now, before = self._by_rules(values)
            kind = tallies.kind_of(now, before) if self.before is not None else Kind.SAME
            if kind is not Kind.SAME or (self.before is None and now is not None):
                found.setdefault(kind, []).append((lines, values))
        for kind in Kind:
            for lines, values in sorted(found.get(kind, []), key=lambda each: -each[0])[:most]:
                yield self._example(kind, lines, values)

    def _example(self, kind: Kind, lines: int, values: Mapping[str, object]) -> Example:
        now, before = self._by_rules(values)
        return Example(
            kind=kind,
            lines=lines,
            facts=self._facts(values),
            now_minor=tallies.cost_of(now),
            before_minor=tallies.cost_of(before) if self.before is not None else None,
            release_minor=tallies.cost_of(self.now.release.decide(values)),
            now=self.now.rules.explain(values),
            before=self.before.rules.explain(values) if self.before is not None else (),
        )

    def _reasons(self, rows: Sequence[tuple[dict[str, object], int]], most: int) -> tuple[tuple[str, int], ...]:
        sums: dict[str, int] = {}
        for values, lines in rows:
            now = self.now.rules.decide(values)
            if now is not None and now.outcome == "undetermined":
                reason = now.reason or ""
                sums[reason] = sums.get(reason, 0) + lines
        return tuple(sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:most])


def _decide(trial: Trial | None, values: Mapping[str, object]) -> FastDecision | None:
    return None if trial is None else trial.decide(values)


def make_simulation(
    session: Session,
    store: SnapshotStore,
    document: PolicyDocument,
    run_id: int,
    against: PolicyDocument | None = None,
    *,
    credited: bool = True,
) -> Simulation:
    """A policy, and another if one is given, over a run; deciding needs the records no more.

    `credited`: whether what was credited before counts, as the records say now; what was lost before always does.
    Raises NotFoundError for an unknown run or a missing file, RefusedError for two currencies.
    """
    run, incident = get_place(session, run_id)
    lost = find_lost_before(session, store, [one for one in (document, against) if one is not None], incident)

    def tried(one: PolicyDocument, key: str) -> Tried:
        facts = incident_facts_of(session, store, incident, run, one)
        history = find_credited_before(session, store, one, incident) if credited else None
        return Tried(one, run, incident, store, facts, history=history, earlier=lost, key=key)

    return Simulation(store, run, tried(document, "now"), tried(against, "other") if against is not None else None)


def simulate(
    session: Session,
    store: SnapshotStore,
    document: PolicyDocument,
    run_id: int,
    *,
    against: PolicyDocument | None = None,
    by: Iterable[str] = (),
    examples: int = 0,
    credited: bool = True,
) -> WhatIf:
    """Try a checked policy on a run, against another if one is given; nothing is written.

    Raises what `make_simulation` does, and RefusedError for too many cases.
    """
    simulation = make_simulation(session, store, document, run_id, against, credited=credited)
    return simulation.whatif(by=by, examples=examples)


def simulate_text(
    session: Session,
    store: SnapshotStore,
    text: str,
    run_id: int,
    *,
    against: PolicyDocument | None = None,
    by: Iterable[str] = (),
    examples: int = 0,
) -> WhatIf:
    """Try a policy's YAML as it is being written, not saved; raises PolicyError too, with every problem found."""
    document = load_policy(text, attributes=list_attribute_facts(session))
    return simulate(session, store, document, run_id, against=against, by=by, examples=examples)
