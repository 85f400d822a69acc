"""Late facts on outages: what changes, what follows, what is refused, and what the next run says of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.incidents import corrections, incidents
from outage.incidents.outages import OutageStart
from outage.lifecycle import CauseClass, IncidentStatus, Severity
from outage.models import Incident, Outage, TimelineEntry
from outage.runs.comparison import Change, describe_change
from outage.runs.impact import measure_impact
from tests import impact_worlds as worlds

_BY: dict[str, Any] = {"actor": "nora", "reason": "the counter of the HLR was read late"}


def _open(session: Session, *outages: tuple[str, int, int | None], started: int = 0) -> Incident:
    """An incident of voice outages: element, first and last minute."""
    starts = [
        OutageStart(element, ("voice",), worlds.at(start), ended_at=None if end is None else worlds.at(end))
        for element, start, end in outages
    ]
    return incidents.open_incident(
        session,
        title="HLR down",
        severity=Severity.CRITICAL,
        cause_class=CauseClass.SOFTWARE,
        started_at=worlds.at(started),
        outages=starts,
        actor="nora",
    )


def _spans(session: Session, incident: Incident) -> list[tuple[datetime, datetime | None]]:
    found = select(Outage.started_at, Outage.ended_at).where(Outage.incident_id == incident.id)
    return [(start, end) for start, end in session.execute(found.order_by(Outage.started_at))]


def _said(session: Session) -> list[str]:
    return list(session.scalars(select(TimelineEntry.text).order_by(TimelineEntry.id)))


@pytest.fixture
def network(database: Database) -> Database:
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2)
        worlds.add_line(session, 1, served_by=1)
        worlds.add_line(session, 2, served_by=1)
    return database


def test_a_start_that_is_corrected_moves_the_incidents_start_and_is_on_record(network: Database) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, 60))
        done = corrections.correct_outage(session, incident, "E1", "voice", started_at=worlds.at(10), **_BY)
        assert done is not None
        assert done.outages == ((worlds.at(10), worlds.at(60)),)
        assert incident.started_at == worlds.at(10)
        assert _spans(session, incident) == [(worlds.at(10), worlds.at(60))]
        assert (
            "Outage corrected: voice on E1, 2012-07-11T22:00:00Z to 2012-07-11T23:00:00Z is now "
            "2012-07-11T22:10:00Z to 2012-07-11T23:00:00Z. Reason: the counter of the HLR was read late"
        ) in _said(session)
        audited = session.scalars(select(AuditEntry).where(AuditEntry.action == "incident outage corrected")).one()
        assert audited.actor == "nora"
        again = corrections.correct_outage(session, incident, "E1", "voice", started_at=worlds.at(10), **_BY)
        assert again is None


def test_an_earlier_start_moves_the_incident_back_and_one_of_its_own_stays(network: Database) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 20, 60), ("E2", 30, 60), started=5)
        corrections.correct_outage(session, incident, "E1", "voice", started_at=worlds.at(25), **_BY)
        assert incident.started_at == worlds.at(5)
        corrections.correct_outage(session, incident, "E2", "voice", started_at=worlds.at(-5), **_BY)
        assert incident.started_at == worlds.at(-5)


def test_an_end_that_is_corrected_moves_the_restoration(network: Database) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, 60))
        assert (incident.status, incident.restored_at) == (IncidentStatus.RESTORED, worlds.at(60))
        corrections.correct_outage(session, incident, "E1", "voice", ended_at=worlds.at(45), **_BY)
        assert (incident.status, incident.restored_at) == (IncidentStatus.RESTORED, worlds.at(45))


def test_an_outage_that_has_not_ended_opens_the_incident_again(network: Database) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, 60), ("E2", 0, 30))
        assert corrections.reopen_outage(session, incident, "E2", "voice", **_BY) is not None
        assert (incident.status, incident.restored_at) == (IncidentStatus.OPENED, None)
        assert corrections.reopen_outage(session, incident, "E2", "voice", **_BY) is None


def test_a_gap_splits_an_outage(network: Database) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, None))
        gap: dict[str, Any] = {"restored_at": worlds.at(10), "lost_at": worlds.at(20)}
        corrections.split_outage(session, incident, "E1", "voice", **gap, **_BY)
        assert _spans(session, incident) == [(worlds.at(0), worlds.at(10)), (worlds.at(20), None)]
        with pytest.raises(InputError, match="several outages"):
            corrections.correct_outage(session, incident, "E1", "voice", ended_at=worlds.at(9), **_BY)
        which: dict[str, Any] = {"which": worlds.at(20)}
        corrections.correct_outage(session, incident, "E1", "voice", ended_at=worlds.at(30), **which, **_BY)
        assert incident.status == IncidentStatus.RESTORED
        with pytest.raises(RefusedError, match="overlap"):
            corrections.correct_outage(session, incident, "E1", "voice", started_at=worlds.at(5), **which, **_BY)
        with pytest.raises(InputError, match="not inside"):
            corrections.split_outage(session, incident, "E1", "voice", **which, **gap, **_BY)


def test_an_outage_entered_by_mistake_goes_and_its_incident_follows(network: Database) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, None), ("E2", 10, 60))
        corrections.remove_outage(session, incident, "E1", "voice", **_BY)
        assert (incident.status, incident.started_at) == (IncidentStatus.RESTORED, worlds.at(10))
        assert any("never was" in text for text in _said(session))
        with pytest.raises(RefusedError, match="only outage"):
            corrections.remove_outage(session, incident, "E2", "voice", **_BY)


def test_a_closed_incident_stays_frozen(network: Database) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, 60))
        incidents.close_incident(session, incident, actor="nora")
        with pytest.raises(RefusedError, match="frozen"):
            corrections.correct_outage(session, incident, "E1", "voice", ended_at=worlds.at(45), **_BY)
        with pytest.raises(RefusedError, match="frozen"):
            corrections.reopen_outage(session, incident, "E1", "voice", **_BY)


@pytest.mark.parametrize(
    ("element", "service", "times", "complaint"),
    [
        ("E9", "voice", {"ended_at": worlds.at(9)}, "unknown network element"),
        ("E1", "data", {"ended_at": worlds.at(9)}, "no outage of this service"),
        ("E1", "voice", {"ended_at": worlds.at(-9)}, "ended_at is before started_at"),
        ("E1", "voice", {"ended_at": worlds.at(9).replace(tzinfo=None)}, "naive"),
        ("E1", "voice", {"ended_at": worlds.at(9), "which": worlds.at(1)}, "no outage starts then"),
        ("E1", "voice", {"ended_at": worlds.at(9), "reason": "  "}, "not a reason"),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    network: Database, element: str, service: str, times: dict[str, Any], complaint: str
) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, 60))
        with pytest.raises(InputError, match=complaint):
            corrections.correct_outage(session, incident, element, service, **(_BY | times))
        assert _spans(session, incident) == [(worlds.at(0), worlds.at(60))]


def test_each_correction_makes_a_run_that_says_what_changed(network: Database, store: SnapshotStore) -> None:
    with network.transaction() as session:
        incident = _open(session, ("E1", 0, 60))
    measure_impact(network, store, incident.ref, actor="nora")
    with network.transaction() as session:
        found = incidents.get_incident(session, incident.ref)
        corrections.correct_outage(session, found, "E1", "voice", started_at=worlds.at(-10), **_BY)
    run = measure_impact(network, store, incident.ref, actor="nora").run
    with network.reading() as session:
        change = describe_change(store, session, run)
    assert change is not None
    assert change.changes.longer == Change(2, 1200, (1, 2))
