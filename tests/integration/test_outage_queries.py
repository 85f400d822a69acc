"""What of the outage package is read by pages, commands and other packages, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from foundation import clock
from foundation.db import Database
from foundation.errors import InputError, NotFoundError
from outage import queries
from outage.incidents import incidents
from outage.incidents.incidents import OutageStart
from outage.lifecycle import CauseClass, Degree, IncidentStatus, Severity
from outage.models import Dependency, Incident, NetworkElement
from outage.network.footprint import footprint
from outage.runs.holding import holding_run

STARTED = datetime(2012, 7, 11, 12, 0, tzinfo=UTC)
AT = clock.to_unix(STARTED)
HOUR = 3600


@pytest.fixture
def network(database: Database) -> Database:
    with database.transaction() as session:
        elements = {
            ref: NetworkElement(ref=ref, kind="core", name=ref, services=services, valid_to=valid_to)
            for ref, services, valid_to in (
                ("power", [], None),
                ("mme-1", ["data"], None),
                ("mme-2", ["data"], None),
                ("mme-old", ["data"], STARTED - timedelta(days=1)),
                ("cell", ["voice", "data"], None),
            )
        }
        session.add_all(elements.values())
        session.flush()
        for element, group, member, services in (
            ("cell", "pool", "mme-1", ["data"]),
            ("cell", "pool", "mme-2", ["data"]),
            ("cell", "pool", "mme-old", ["data"]),
            ("mme-1", "power", "power", None),
        ):
            session.add(
                Dependency(
                    element_id=elements[element].id,
                    group=group,
                    member_id=elements[member].id,
                    services=services,
                )
            )
    return database


def opened(database: Database, title: str, *starts: OutageStart) -> Incident:
    with database.transaction() as session:
        return incidents.open_incident(
            session,
            title=title,
            severity=Severity.MAJOR,
            cause_class=CauseClass.POWER,
            started_at=STARTED,
            outages=starts,
            actor="nina",
        )


def losses(database: Database, incident: Incident, hours: int, degree: Degree = Degree.LOST):
    with database.reading() as session:
        refs = {row.id: row.ref for row in session.scalars(select(NetworkElement))}
        found = footprint(session, incident.id, STARTED + timedelta(hours=hours), degree=degree)
        return {(refs[element], service): out for (element, service), out in found.items()}


def test_the_footprint_follows_dependencies_and_leaves_redundant_and_foreign_services_alone(network: Database):
    incident = opened(network, "Power", OutageStart("power"))
    found = losses(network, incident, 2)
    # Not the cell, for mme-2 still serves it; and the MME, which carries data only, lost no voice.
    assert set(found) == {("power", "voice"), ("power", "sms"), ("power", "data"), ("mme-1", "data")}
    assert found[("mme-1", "data")] == ((AT, AT + 2 * HOUR),)


def test_a_group_fails_while_all_members_valid_at_the_start_are_out(network: Database):
    later = OutageStart("mme-2", started_at=STARTED + timedelta(hours=1), ended_at=STARTED + timedelta(hours=3))
    incident = opened(network, "Pool", OutageStart("power"), later)
    assert losses(network, incident, 5)[("cell", "data")] == ((AT + HOUR, AT + 3 * HOUR),)
    assert losses(network, incident, 2)[("cell", "data")] == ((AT + HOUR, AT + 2 * HOUR),)
    assert ("cell", "data") not in losses(network, incident, 1)


def test_degraded_elements_are_asked_for_apart(network: Database):
    incident = opened(network, "Slow", OutageStart("mme-2", degree=Degree.DEGRADED))
    assert losses(network, incident, 1) == {}
    assert losses(network, incident, 1, Degree.DEGRADED) == {("mme-2", "data"): ((AT, AT + HOUR),)}


def test_incidents_are_listed_by_status_and_text_in_pages(network: Database):
    first = opened(network, "Power at 100% of sites", OutageStart("power"))
    second = opened(network, "MME pool", OutageStart("mme-2"))
    with network.transaction() as session:
        incidents.restore_elements(
            session, incidents.get_incident(session, first.ref), None, at=STARTED + timedelta(hours=1), actor="nina"
        )
    with network.reading() as session:
        found = queries.list_incidents
        assert [one.ref for one in found(session)] == [second.ref, first.ref]
        assert [one.ref for one in found(session, IncidentStatus.OPENED)] == [second.ref]
        assert [one.ref for one in found(session, search="100%")] == [first.ref]
        assert [one.ref for one in found(session, search="mme POOL")] == [second.ref]
        assert [one.ref for one in found(session, limit=1, offset=1)] == [first.ref]
        assert [one.ref for one in queries.list_restored_incidents(session)] == [first.ref]


def test_the_view_of_an_incident_holds_outages_and_timeline_in_order(network: Database):
    incident = opened(network, "MME pool", OutageStart("mme-2"))
    with network.reading() as session:
        view = queries.get_incident_view(session, incident.ref)
        assert [(row.element, row.service, row.ended_at) for row in view.outages] == [("mme-2", "data", None)]
        assert [entry.kind for entry in view.timeline] == ["opened", "outages added"]
        assert (view.run, list(view.alarms)) == (None, [])


def test_runs_and_lines_that_are_not_there_are_said_so(network: Database):
    incident = opened(network, "MME pool")
    with network.reading() as session:
        assert holding_run(session, incident.id) is None
        with pytest.raises(NotFoundError, match="no such impact run"):
            queries.get_run(session, incident.id)
        with pytest.raises(NotFoundError, match="no such impact run"):
            queries.get_run(session, incident.id, 7)
        assert queries.find_subscriber(session, "+447700900123") is None
        with pytest.raises(InputError, match=r"not an E\.164 number"):
            queries.find_subscriber(session, "07700900123")
