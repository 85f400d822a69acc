"""Assessments that an earlier release of this program kept are read as it wrote them."""

from __future__ import annotations

from sqlalchemy import select

from compensation.assessment import situation_of
from compensation.models import Assessment
from foundation.db import Database
from foundation.snapshots import SnapshotStore, catalogue
from tests.credit_world import make_world


def test_an_assessment_whose_history_counted_outages_itself_is_explained_by_what_stands_there(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1, 2])
    fact = "outages in the last 90 days"
    body = f"rewards: [{{name: again, kind: bill_credit, when: {fact} >= 2, amount: 1.00}}]\n"
    ref = world.assess(world.save(body))
    # As they were written before what was lost in earlier incidents had a snapshot of its own.
    columns = (
        "0 AS h_other, 0 AS h_month, 0 AS h_own_month, 0 AS h_own, "
        "NULL::VARCHAR AS h_given, NULL::VARCHAR AS h_account_given"
    )
    history = f"SELECT 1 AS line_id, 1 AS account_id, {columns}, 3 AS h_outages_90"
    with store.connect() as workspace:
        written = store.write_query(workspace, "history", history)
    with database.transaction() as session:
        assessment = session.scalars(select(Assessment).where(Assessment.ref == ref)).one()
        assert (assessment.totals["credits"], assessment.earlier_snapshot) == (0, None)
        assessment.history_snapshot = catalogue(session, written)
    with database.reading() as session:
        situation = situation_of(session, store, world.get(ref))
    told = {line: situation.decide_line(line) for line in (1, 2)}
    assert {line: (case.facts[fact], case.decision.outcome) for line, case in told.items() if case is not None} == {
        1: (3, "entitled"),
        2: (0, "nothing"),
    }
    assert [(case.facts[fact], case.lines) for case in situation.decide_cases()] == [(0, 1), (3, 1)]
