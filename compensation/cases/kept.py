"""Cases that are kept in a snapshot, for people: pages of them, one of them, and the case of one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from compensation.cases.account_sql import COLUMNS, numbered_sql
from compensation.cases.facts import facts_to_json
from compensation.cases.situation import Situation, stored_value
from compensation.cases.words import rules_of, searched_text
from compensation.models import Assessment, Case, CaseSummary
from foundation.errors import NotFoundError
from foundation.snapshots import SnapshotStore

ORDERS = {
    "number": "number",
    "lines": "lines",
    "outcome": "outcome",
    "rule": "rules",
    "one": "cost_minor",
    "all": "lines * cost_minor",
}
"""By what kept cases can be put in order."""


@dataclass(frozen=True, slots=True)
class KeptPage:
    """Some of the kept cases that a wish finds, and how many cases, lines and minor units it finds in all."""

    cases: Sequence[Case]
    found: int
    lines: int
    cost_minor: int


def list_summaries(session: Session, assessment_id: int) -> Sequence[CaseSummary]:
    """The summaries of an assessment whose cases are kept in a snapshot, the dearest first; none of any other."""
    statement = select(CaseSummary).where(CaseSummary.assessment_id == assessment_id)
    return session.scalars(statement.order_by(CaseSummary.cost_minor.desc(), CaseSummary.number)).all()


def list_kept(
    store: SnapshotStore,
    situation: Situation,
    assessment: Assessment,
    *,
    by: str = "all",
    falling: bool = True,
    outcome: str = "",
    words: str = "",
    limit: int = 50,
    offset: int = 0,
) -> KeptPage:
    """A page of the kept cases as `Case` objects of no session, with facts and traces; `situation` is the assessment's.

    `words` are sought in rules, reason, rewards and the values that tell cases apart.
    """
    source = store.source(str(assessment.cases_snapshot))
    conditions = ["outcome = ?"] if outcome else []
    params: list[Any] = [outcome] if outcome else []
    groups = ", ".join(f"g{place}::VARCHAR" for place in range(len(situation.columns)))
    for word in words.lower().split():
        conditions.append(f"contains(lower(concat_ws(' ', rules, reason, rewards, {groups})), ?)")
        params.append(word)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    order = f"{ORDERS.get(by, ORDERS['number'])} {'DESC' if falling else 'ASC'}, number"
    with store.connect() as workspace:
        ((found, lines, cost),) = workspace.fetch_rows(
            f"FROM {source} SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(lines * cost_minor), 0) {where}",
            params,
        )
        rows = workspace.fetch_rows(
            f"FROM {source} {where} ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}", params
        )
    cases = [_case(situation, assessment, row) for row in rows]
    return KeptPage(cases, int(found), int(lines), int(cost))


def get_kept(store: SnapshotStore, situation: Situation, assessment: Assessment, number: int) -> Case:
    """One kept case, explained by the reference interpreter; raises NotFoundError."""
    source = store.source(str(assessment.cases_snapshot))
    with store.connect() as workspace:
        rows = workspace.fetch_rows(f"FROM {source} WHERE number = {int(number)}")
    if not rows:
        raise NotFoundError("no such case", value=number, accepted="a number from the assessment's list")
    return _case(situation, assessment, rows[0])


def _case(situation: Situation, assessment: Assessment, row: tuple[Any, ...]) -> Case:
    width = len(situation.columns) + (len(COLUMNS) if situation.standings.concerns_accounts else 0)
    number, values, lines = row[0], row[1 : width + 1], row[width + 1]
    outcome, reason, rewards, text_name, _rules, cost, amount, over, _gives = row[width + 2 :]
    trace = situation.decide_group(number, values, lines).decision.trace.to_json()
    given = json.loads(rewards) if rewards else []
    return Case(
        assessment_id=assessment.id,
        number=number,
        facts=facts_to_json(situation.facts_of(values[: len(situation.columns)])),
        group_values=[stored_value(value) for value in values],
        lines=lines,
        outcome=outcome,
        reason=reason,
        rewards=given,
        text_name=text_name,
        cost_minor=cost,
        amount_minor=amount,
        over_minor=over,
        trace=trace,
        rules="; ".join(rules_of(trace)),
        searched=searched_text(outcome, reason, given, trace),
    )


def account_values(
    session: Session, store: SnapshotStore, assessment: Assessment, line_id: int
) -> tuple[object, ...] | None:
    """What was known of a line's account when it was assessed (nothing: empty); None when it had no case."""
    if assessment.lines_snapshot is None:
        return ()
    with store.connect() as workspace:
        lines = store.source(assessment.lines_snapshot)
        found = workspace.fetch_rows(f"FROM {lines} SELECT number WHERE line_id = {int(line_id)}")
        if not found:
            return None
        ((number,),) = found
        if assessment.cases_snapshot is not None:
            cases = store.source(assessment.cases_snapshot)
            told = workspace.fetch_rows(f"FROM {cases} SELECT {', '.join(COLUMNS)} WHERE number = {int(number)}")
            return told[0]
    kept = select(Case.group_values).where(Case.assessment_id == assessment.id, Case.number == int(number))
    return tuple((session.scalars(kept).one())[-len(COLUMNS) :])


@dataclass(frozen=True, slots=True)
class OverCredited:
    """A line that was credited more before than it is owed now, by how many minor units; nothing is taken back.

    `number` is its case, None when the policy does not look at it any more.
    """

    line_id: int
    over_minor: int
    number: int | None = None


def list_over_credited(
    session: Session,
    store: SnapshotStore,
    situation: Situation,
    assessment: Assessment,
    *,
    limit: int = 50,
    offset: int = 0,
) -> list[OverCredited]:
    """Lines that keep more than a revision gives them, the greatest difference first; those it leaves out too."""
    with store.connect() as workspace:
        if assessment.cases_snapshot is not None:
            cases = store.source(assessment.cases_snapshot)
        else:
            workspace.register_arrow("cases", _over_cases(session, assessment))
            cases = "cases"
        if assessment.lines_snapshot is not None:
            numbered = f"FROM {store.source(assessment.lines_snapshot)} SELECT line_id, number"
        elif assessment.cases_snapshot is not None:
            numbered = numbered_sql(situation.population, situation.columns, cases)
        else:
            numbered = numbered_sql(situation.population, situation.columns, f"({situation.numbers})")
        over = f"FROM ({numbered}) x JOIN {cases} c ON c.number = x.number SELECT x.line_id, c.over_minor, c.number"
        absent = f"UNION ALL FROM ({situation.absent}) SELECT *, NULL" if situation.absent is not None else ""
        rows = workspace.fetch_rows(
            f"FROM ({over} WHERE c.over_minor > 0 {absent}) ORDER BY over_minor DESC, line_id "
            f"LIMIT {int(limit)} OFFSET {int(offset)}"
        )
    return [OverCredited(int(line), int(minor), number) for line, minor, number in rows]


def _over_cases(session: Session, assessment: Assessment) -> pa.Table:
    over = select(Case.number, Case.over_minor).where(Case.assessment_id == assessment.id, Case.over_minor > 0)
    rows = [row._asdict() for row in session.execute(over)]
    return pa.Table.from_pylist(rows, schema=pa.schema([("number", pa.int64()), ("over_minor", pa.int64())]))
