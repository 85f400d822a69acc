"""What-if: any draft or version on any run, and against another; the cases are decided anew, never the lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from compensation import tallies
from compensation.cases import sql as case_sql
from compensation.cases.facts import facts_to_json
from compensation.cases.group_sql import AREA, with_cases_sql
from compensation.cases.groups import list_groups
from compensation.cases.incident_facts import incident_facts_of
from compensation.decision.function import FastDecision
from compensation.document.reading import PolicyDocument, load_policy
from compensation.facts import Fact
from compensation.policies import list_attribute_facts
from compensation.simulation.places import get_place
from compensation.simulation.trials import AFFECTED, Side, Trial
from compensation.tallies import Kind, Shift
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


@dataclass(frozen=True, slots=True)
class Part:
    """One value of one dimension: its lines, those entitled, the cost; `against_minor` is the other policy's cost."""

    dimension: str
    value: str | None
    lines: int
    entitled: int
    cost_minor: int
    against_minor: int | None


@dataclass(frozen=True, slots=True)
class Example:
    """A case that fares differently (or, without another policy, any): its facts as JSON values, both explanations."""

    kind: Kind
    lines: int
    facts: Mapping[str, object]
    now_minor: int
    before_minor: int | None
    now: Sequence[str]
    before: Sequence[str]


@dataclass(frozen=True, slots=True)
class ComparedCase:
    """One case of one policy or two: what they read, its lines, what one line gets now and under the other policy."""

    facts: Mapping[str, object]
    lines: int
    kind: Kind | None
    outcome: str
    now_minor: int
    before_outcome: str | None
    before_minor: int | None


@dataclass(frozen=True, slots=True)
class WhatIf:
    """A policy tried on a run; `against` and `shift` are None without another policy to compare it with.

    `reasons`: why lines are undetermined, with their number; filled when examples are asked for.
    """

    run_id: int
    currency: str
    side: Side
    against: Side | None
    shift: Shift | None
    parts: tuple[Part, ...]
    examples: tuple[Example, ...]
    reasons: tuple[tuple[str, int], ...]
    notes: tuple[str, ...]


class Simulation:
    """One policy, or two, over the groups of one run by all columns that either reads."""

    def __init__(self, store: SnapshotStore, run: ImpactRun, now: Trial, before: Trial | None = None) -> None:
        """Raises RefusedError for two policies that pay different currencies."""
        if before is not None and before.document.currency != now.document.currency:
            one, two = now.document, before.document
            raise RefusedError(
                f"{one.name} pays {one.currency}, {two.name} pays {two.currency}",
                accepted="two policies of one currency",
            )
        self._store, self._run = store, run
        self.now, self.before = now, before
        self._trials = [trial for trial in (now, before) if trial is not None]
        everyone = any(trial.everyone for trial in self._trials)
        facts = [fact for trial in self._trials for fact in trial.situation.own_facts]
        population = case_sql.population_sql(now.situation.files, everyone=everyone, facts=facts)
        cases = {trial.columns[0]: store.source(trial.lines_file) for trial in self._trials if trial.lines_file}
        self._population = with_cases_sql(population, cases)
        columns = [column for trial in self._trials for column in trial.columns]
        # Only where one looks at everyone and the other does not must the two kinds of line be told apart.
        mixed = [AFFECTED] if everyone and not all(trial.everyone for trial in self._trials) else []
        self._columns = tuple(dict.fromkeys([*columns, *mixed]))

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
        """The decision on every group with its lines."""
        return [(self.now.decide(values), lines) for values, lines in self.groups()]

    def decided_pairs(self) -> Iterator[tuple[FastDecision | None, FastDecision | None, int]]:
        """Both decisions on every group with its lines; the other policy's is None without one."""
        for values, lines in self.groups():
            yield self.now.decide(values), self.before.decide(values) if self.before is not None else None, lines

    def cases(self) -> Iterator[ComparedCase]:
        """Every case that either policy looks at, for a list of all of them."""
        for values, lines in self.groups():
            now = self.now.decide(values)
            before = self.before.decide(values) if self.before is not None else None
            if now is None and before is None:
                continue
            compared = self.before is not None
            yield ComparedCase(
                facts=self._facts(values),
                lines=lines,
                kind=tallies.kind_of(now, before) if compared else None,
                outcome=now.outcome if now is not None else "not looked at",
                now_minor=tallies.cost_of(now),
                before_outcome=(before.outcome if before is not None else "not looked at") if compared else None,
                before_minor=tallies.cost_of(before) if compared else None,
            )

    def _facts(self, values: Mapping[str, object]) -> dict[str, object]:
        facts = {name: value for trial in self._trials for name, value in trial.facts_of(values).items()}
        return facts_to_json(dict(sorted(facts.items())))

    def whatif(self, *, by: Iterable[str] = (), examples: int = 0) -> WhatIf:
        """All that is shown; `examples` of each kind, `by` are names of `DIMENSIONS`."""
        rows = list(self.groups())
        now = [(self.now.decide(values), lines) for values, lines in rows]
        side = self.now.side(tallies.tally(now))
        against, moved = None, None
        if self.before is not None:
            before = [(self.before.decide(values), lines) for values, lines in rows]
            against = self.before.side(tallies.tally(before))
            moved = tallies.shift((one, two, lines) for (one, lines), (two, _) in zip(now, before, strict=True))
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

    def _parts(self, dimensions: Sequence[str]) -> Iterator[Part]:
        """One grouping for all that a run keeps; the mirror of the base is joined only for what stands there."""
        kept = [dimension for dimension in dimensions if DIMENSIONS[dimension] != AREA]
        for together in (kept, [dimension for dimension in dimensions if dimension not in kept]):
            sums: dict[str, dict[object, list[int]]] = {dimension: {} for dimension in together}
            for values, lines in self.groups(*(DIMENSIONS[dimension] for dimension in together)) if together else ():
                now = self.now.decide(values)
                before = self.before.decide(values) if self.before is not None else None
                if now is None and before is None:
                    continue
                entitled = lines if now is not None and now.outcome == "entitled" else 0
                added = (lines, entitled, lines * tallies.cost_of(now), lines * tallies.cost_of(before))
                for dimension, by_value in sums.items():
                    total = by_value.setdefault(values[DIMENSIONS[dimension]], [0, 0, 0, 0])
                    total[:] = [one + more for one, more in zip(total, added, strict=True)]
            for dimension, by_value in sums.items():
                yield from self._parts_of(dimension, by_value)

    def _parts_of(self, dimension: str, by_value: Mapping[object, Sequence[int]]) -> Iterator[Part]:
        dearest = sorted(by_value.items(), key=lambda item: (-item[1][2], -item[1][0], str(item[0])))
        for value, (lines, entitled, cost, before) in dearest[:_MOST_PARTS]:
            yield Part(
                dimension=dimension,
                value=None if value is None else str(value),
                lines=lines,
                entitled=entitled,
                cost_minor=cost,
                against_minor=before if self.before is not None else None,
            )

    def _examples(self, rows: Sequence[tuple[dict[str, object], int]], most: int) -> Iterator[Example]:
        """The cases with most lines of each kind that differs, or of any when there is nothing to compare with."""
        found: dict[Kind, list[tuple[int, dict[str, object]]]] = {}
        for values, lines in rows:
            now = self.now.decide(values)
            before = self.before.decide(values) if self.before is not None else None
            kind = tallies.kind_of(now, before) if self.before is not None else Kind.SAME
            if kind is not Kind.SAME or (self.before is None and now is not None):
                found.setdefault(kind, []).append((lines, values))
        for kind in Kind:
            for lines, values in sorted(found.get(kind, []), key=lambda each: -each[0])[:most]:
                yield self._example(kind, lines, values)

    def _example(self, kind: Kind, lines: int, values: Mapping[str, object]) -> Example:
        return Example(
            kind=kind,
            lines=lines,
            facts=self._facts(values),
            now_minor=tallies.cost_of(self.now.decide(values)),
            before_minor=tallies.cost_of(self.before.decide(values)) if self.before is not None else None,
            now=self.now.explain(values),
            before=self.before.explain(values) if self.before is not None else (),
        )

    def _reasons(self, rows: Sequence[tuple[dict[str, object], int]], most: int) -> tuple[tuple[str, int], ...]:
        sums: dict[str, int] = {}
        for values, lines in rows:
            now = self.now.decide(values)
            if now is not None and now.outcome == "undetermined":
                reason = now.reason or ""
                sums[reason] = sums.get(reason, 0) + lines
        return tuple(sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:most])


def make_simulation(
    session: Session,
    store: SnapshotStore,
    document: PolicyDocument,
    run_id: int,
    against: PolicyDocument | None = None,
) -> Simulation:
    """A policy, and another if one is given, over a run; deciding needs the records no more.

    Raises NotFoundError for an unknown run or a missing file, RefusedError for two currencies.
    """
    run, incident = get_place(session, run_id)

    def trial(one: PolicyDocument) -> Trial:
        return Trial(one, run, incident, store, incident_facts_of(session, store, incident, run, one))

    return Simulation(store, run, trial(document), trial(against) if against is not None else None)


def simulate(
    session: Session,
    store: SnapshotStore,
    document: PolicyDocument,
    run_id: int,
    *,
    against: PolicyDocument | None = None,
    by: Iterable[str] = (),
    examples: int = 0,
) -> WhatIf:
    """Try a checked policy on a run, against another if one is given; nothing is written.

    Raises what `make_simulation` does, and RefusedError for too many cases.
    """
    return make_simulation(session, store, document, run_id, against).whatif(by=by, examples=examples)


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
