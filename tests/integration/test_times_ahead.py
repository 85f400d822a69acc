"""Times that have not come: refused where people say what happened, expected where they announce what will."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import Database
from foundation.errors import InputError
from outage.incidents.corrections import correct_outage, split_outage
from outage.incidents.incidents import add_outages, open_incident
from outage.incidents.outages import OutageStart
from outage.lifecycle import CauseClass, IncidentKind, Severity
from outage.models import Incident
from tests import impact_worlds as worlds

NOW = worlds.at(300)
AHEAD = NOW + timedelta(days=365)


def opened(
    session: Session,
    started_at: datetime,
    *outages: OutageStart,
    planned: bool = False,
    kind: IncidentKind = IncidentKind.NETWORK,
) -> Incident:
    return open_incident(
        session,
        title="HLR-1 down",
        severity=Severity.MAJOR,
        cause_class=CauseClass.UNKNOWN,
        started_at=started_at,
        outages=outages,
        planned=planned,
        kind=kind,
        actor="nora",
    )


def test_what_happened_has_no_time_that_has_not_come(database: Database):
    with clock.moved_to(NOW), database.transaction() as session:
        worlds.add_elements(session, 1, 2)
        for at, outages, kind in (
            (AHEAD, (OutageStart("E1"),), IncidentKind.NETWORK),
            (NOW, (OutageStart("E1", started_at=AHEAD),), IncidentKind.NETWORK),
            (NOW, (OutageStart("E1", ended_at=AHEAD),), IncidentKind.NETWORK),
            (AHEAD, (), IncidentKind.BILLING),
        ):
            with pytest.raises(InputError, match="in the future"), session.begin_nested():
                opened(session, at, *outages, kind=kind)
        incident = opened(session, worlds.at(0), OutageStart("E1", services=("voice",)))
        with pytest.raises(InputError, match="started_at: in the future"):
            add_outages(session, incident, [OutageStart("E2", started_at=AHEAD)], actor="nora")
        with pytest.raises(InputError, match="ended_at: in the future"):
            correct_outage(session, incident, "E1", "voice", ended_at=AHEAD, reason="a slip", actor="nora")
        with pytest.raises(InputError, match="started_at: in the future"):
            split_outage(
                session, incident, "E1", "voice", restored_at=NOW, lost_at=AHEAD, reason="a slip", actor="nora"
            )


def test_clocks_may_differ_a_little_and_planned_work_lies_ahead(database: Database):
    with clock.moved_to(NOW), database.transaction() as session:
        worlds.add_elements(session, 1, 2)
        soon = NOW + timedelta(minutes=4)
        assert opened(session, soon, OutageStart("E1")).started_at == soon
        work = opened(session, AHEAD, OutageStart("E2", ended_at=AHEAD + timedelta(hours=1)), planned=True)
        assert work.started_at == AHEAD
