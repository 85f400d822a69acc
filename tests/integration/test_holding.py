"""The run that holds is the one that the last measurement gave, new or not, on both databases."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage import queries
from outage.models import ImpactRun, Incident, Outage, TimelineEntry
from outage.runs.comparison import describe_change
from outage.runs.deduction import deductions_of
from outage.runs.holding import holding_run, holding_runs
from outage.runs.impact import measure_impact
from outage.web import reads
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
Restored = Callable[[int], ImpactRun]


@pytest.fixture
def restored_at(database: Database, store: SnapshotStore) -> Restored:
    """Says when the outage ended, and measures."""
    with database.transaction() as session:
        worlds.add_elements(session, 1)
        worlds.add_line(session, 1, served_by=1)
        worlds.add_outage(session, worlds.add_incident(session), 1, 0, 600)

    def restore(minute: int) -> ImpactRun:
        with database.transaction() as session:
            session.execute(update(Outage).values(ended_at=worlds.at(minute)))
        return measure_impact(database, store, _REF, actor="nora").run

    return restore


def test_a_world_that_is_corrected_back_lets_the_earlier_run_hold_again(
    database: Database, store: SnapshotStore, restored_at: Restored
) -> None:
    assert [restored_at(minute).number for minute in (600, 300)] == [1, 2]
    with database.reading() as session:
        assert queries.get_run(session, 1).number == 2
    assert restored_at(600).number == 1
    with database.reading() as session:
        incident = session.get_one(Incident, 1)
        held = holding_run(session, incident.id)
        assert held is not None
        assert (held.number, held.held_at >= held.measured_at) == (1, True)
        assert queries.get_run(session, incident.id) is held
        assert queries.get_incident_view(session, _REF).run is held
        assert holding_runs(session, [incident.id, 77]) == {incident.id: held}
        assert [run.number for run in reads.list_runs(session, incident)] == [1, 2]
        (row,) = reads.rows_of(session, [incident])
        assert (row.lines, row.measured_at) == (1, held.measured_at)
        change = describe_change(store, session, held)
        assert change is not None
        assert (change.before, change.after, change.changes.longer.lines) == (2, 1, 1)
        entries = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "impact measured"))
        assert [text.startswith("Impact run 1 holds again") for text in entries] == [False, False, True]
        audit = session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()
        assert (audit.before, (audit.after or {})["run"]) == ({"run": 2}, 1)


def test_measuring_what_holds_already_changes_nothing(database: Database, restored_at: Restored) -> None:
    restored_at(600)
    with database.reading() as session:
        before = session.execute(select(ImpactRun.turn, ImpactRun.held_at)).all()
        entries = session.scalars(select(TimelineEntry.id)).all()
    restored_at(600)
    with database.reading() as session:
        assert session.execute(select(ImpactRun.turn, ImpactRun.held_at)).all() == before
        assert session.scalars(select(TimelineEntry.id)).all() == entries


def test_a_later_incident_leaves_out_what_the_run_that_holds_says(database: Database, restored_at: Restored) -> None:
    for minute in (600, 300, 600):
        restored_at(minute)
    with database.transaction() as session:
        later = worlds.add_incident(session, "INC-2012-00002")
        later.started_at = worlds.at(10)
        worlds.add_outage(session, later, 1, 10, 700)
        (left_out,) = deductions_of(session, later, until=worlds.at(800))
    assert (left_out.incident, left_out.run) == (_REF, 1)
