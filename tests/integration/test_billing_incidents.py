"""Incidents about bills: no elements, one interval; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import Database
from foundation.errors import InputError, RefusedError
from outage.incidents import incidents
from outage.incidents.outages import OutageStart
from outage.lifecycle import CauseClass, IncidentKind, IncidentStatus, Severity
from outage.models import Incident, NetworkElement, TimelineEntry

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def network(database: Database):
    with database.transaction() as session:
        session.add(NetworkElement(ref="hlr-1", kind="core", name="hlr-1", services=["voice"]))
    with clock.moved_to(NOW):
        yield database


def told(session: Session, incident: Incident) -> list[str]:
    statement = select(TimelineEntry.kind).where(TimelineEntry.incident_id == incident.id).order_by(TimelineEntry.id)
    return list(session.scalars(statement))


def billing(session: Session) -> Incident:
    return incidents.open_incident(
        session,
        title="Bills without calls",
        severity=Severity.MAJOR,
        cause_class=CauseClass.SOFTWARE,
        started_at=NOW - 48 * HOUR,
        outages=(),
        kind=IncidentKind.BILLING,
        actor="nina",
    )


def test_a_billing_incident_is_restored_and_closed_without_outages(network: Database) -> None:
    with network.transaction() as session:
        incident = billing(session)
        assert incidents.restore_elements(session, incident, None, at=NOW - HOUR, actor="nina") == 1
        assert (incident.status, incident.restored_at) == (IncidentStatus.RESTORED, NOW - HOUR)
        assert incidents.restore_elements(session, incident, None, at=NOW, actor="nina") == 0
        assert incidents.reopen_incident(session, incident, actor="nina")
        assert incident.restored_at is None
        assert incidents.restore_elements(session, incident, None, at=NOW, actor="nina") == 1
        assert incidents.close_incident(session, incident, actor="nina")
        assert told(session, incident) == ["opened", "restored", "reopened", "restored", "closed"]


def test_a_billing_incident_takes_no_outages_and_no_end_before_its_start(network: Database) -> None:
    with network.transaction() as session:
        incident = billing(session)
        with pytest.raises(RefusedError, match="about billing"):
            incidents.add_outages(session, incident, [OutageStart("hlr-1")], actor="nina")
        with pytest.raises(RefusedError, match="about billing"):
            incidents.restore_elements(session, incident, ["hlr-1"], at=NOW, actor="nina")
        with pytest.raises(InputError, match="restored before its start"):
            incidents.restore_elements(session, incident, None, at=NOW - 72 * HOUR, actor="nina")
        for given in ({"outages": [OutageStart("hlr-1")]}, {"outages": (), "planned": True}):
            with pytest.raises(RefusedError, match="not planned and has no outages"):
                incidents.open_incident(
                    session,
                    title="Bills",
                    severity=Severity.MAJOR,
                    cause_class=CauseClass.SOFTWARE,
                    started_at=NOW,
                    kind=IncidentKind.BILLING,
                    actor="nina",
                    **given,
                )
