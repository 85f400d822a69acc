"""Incidents from opening to closing, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation.audit import AuditEntry, find_broken_entry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from outage.incidents import incidents
from outage.incidents.incidents import OutageStart
from outage.lifecycle import CauseClass, Degree, IncidentStatus, Severity
from outage.models import Incident, NetworkElement, Outage, TimelineEntry

STARTED = datetime(2012, 7, 11, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def network(database: Database) -> Database:
    with database.transaction() as session:
        for ref, services in (("hlr-1", ["voice", "sms", "data"]), ("mme-1", ["data"]), ("power-1", [])):
            session.add(NetworkElement(ref=ref, kind="core", name=ref, services=services))
    return database


def opened(session: Session, *starts: OutageStart, started_at: datetime = STARTED) -> Incident:
    return incidents.open_incident(
        session,
        title="HLR-1 down",
        severity=Severity.CRITICAL,
        cause_class=CauseClass.HARDWARE,
        started_at=started_at,
        outages=starts or [OutageStart("hlr-1")],
        actor="nina",
    )


def test_an_incident_opens_with_an_outage_per_service_the_element_carries(network: Database):
    with network.transaction() as session:
        incident = opened(session)
        assert incident.ref.startswith("INC-")
        assert incident.ref.endswith("-00001")
        assert (incident.status, incident.opened_by) == (IncidentStatus.OPENED, "nina")
        rows = session.scalars(select(Outage).order_by(Outage.service)).all()
        assert [(row.service, row.degree, row.started_at, row.ended_at) for row in rows] == [
            (service, Degree.LOST, STARTED, None) for service in ("data", "sms", "voice")
        ]
        assert [row.text for row in _timeline(session)] == [
            "Incident opened: HLR-1 down",
            "3 outages added on hlr-1 (data, sms, voice)",
        ]


def test_an_element_that_carries_nothing_itself_takes_every_service(network: Database):
    with network.transaction() as session:
        opened(session, OutageStart("power-1"))
        assert sorted(session.scalars(select(Outage.service))) == ["data", "sms", "voice"]


def test_restoring_in_stages_ends_at_the_last_one_and_again_changes_nothing(network: Database):
    with network.transaction() as session:
        incident = opened(session, OutageStart("hlr-1"), OutageStart("mme-1", started_at=STARTED + HOUR))
        restore = incidents.restore_elements
        calls = ("voice", "sms")
        assert restore(session, incident, ["hlr-1"], at=STARTED + 2 * HOUR, services=calls, actor="nina") == 2
        assert restore(session, incident, ["hlr-1"], at=STARTED + 3 * HOUR, services=calls, actor="nina") == 0
        assert restore(session, incident, ["mme-1"], at=STARTED + 9 * HOUR, actor="nina") == 1
        assert (incident.status, incident.restored_at) == (IncidentStatus.OPENED, None)
        assert restore(session, incident, None, at=STARTED + 4 * HOUR, actor="nina") == 1
        assert (incident.status, incident.restored_at) == (IncidentStatus.RESTORED, STARTED + 9 * HOUR)
        entries = len(_timeline(session))
        assert restore(session, incident, None, at=STARTED + 5 * HOUR, actor="nina") == 0
        assert len(_timeline(session)) == entries


def test_an_end_before_the_start_is_refused_by_name(network: Database):
    with network.transaction() as session:
        incident = opened(session)
        with pytest.raises(InputError) as refused:
            incidents.restore_elements(session, incident, ["hlr-1"], at=STARTED - HOUR, actor="nina")
        assert str(refused.value) == (
            "hlr-1: ended_at is before started_at (got '2012-07-11T11:30:00Z'); "
            "accepted: a time at or after 2012-07-11T12:30:00Z"
        )
        with pytest.raises(InputError, match="mme-1: ended_at is before started_at"):
            incidents.add_outages(session, incident, [OutageStart("mme-1", ended_at=STARTED - HOUR)], actor="nina")


def test_unknown_elements_services_and_naive_times_are_refused(network: Database):
    with network.transaction() as session:
        with pytest.raises(NotFoundError, match=r"unknown network element .got 'hlr-9'"):
            opened(session, OutageStart("hlr-9"))
        with pytest.raises(InputError, match="unknown service"):
            opened(session, OutageStart("hlr-1", ("fax",)))
        with pytest.raises(InputError, match="mme-1: the element does not carry this service"):
            opened(session, OutageStart("mme-1", ("voice",)))
        with pytest.raises(InputError, match="naive timestamp"):
            opened(session, started_at=datetime(2012, 7, 11, 12, 30))  # noqa: DTZ001 - naive is the subject
        incident = opened(session)
        with pytest.raises(InputError, match="naive timestamp"):
            incidents.restore_elements(session, incident, None, at=datetime(2012, 7, 12), actor="nina")  # noqa: DTZ001
        with pytest.raises(InputError, match=r"unknown network element .got 'hlr-9'"):
            incidents.restore_elements(session, incident, ["hlr-9"], at=STARTED, actor="nina")
        with pytest.raises(InputError, match=r"no outage of INC-\d+-\d+ on this element .got 'mme-1'"):
            incidents.restore_elements(session, incident, ["mme-1"], at=STARTED, actor="nina")
        with pytest.raises(InputError, match="not a title"):
            incidents.open_incident(
                session,
                title="  ",
                severity=Severity.MINOR,
                cause_class=CauseClass.POWER,
                started_at=STARTED,
                outages=(),
                actor="nina",
            )


def test_outages_of_one_element_and_service_may_not_overlap_but_may_follow_each_other(network: Database):
    with network.transaction() as session:
        incident = opened(session, OutageStart("mme-1"))
        again = OutageStart("mme-1", started_at=STARTED + HOUR)
        with pytest.raises(RefusedError, match=r"mme-1: an outage of data from .* overlaps .* still open"):
            incidents.add_outages(session, incident, [again], actor="nina")
        incidents.restore_elements(session, incident, None, at=STARTED + HOUR, actor="nina")
        assert incident.status == IncidentStatus.RESTORED
        assert len(incidents.add_outages(session, incident, [again], actor="nina")) == 1
        with pytest.raises(RefusedError, match="overlaps"):
            incidents.add_outages(session, incident, [OutageStart("hlr-1"), OutageStart("hlr-1")], actor="nina")


def test_service_lost_again_reopens_a_restored_incident(network: Database):
    with network.transaction() as session:
        incident = opened(session, OutageStart("mme-1"))
        incidents.restore_elements(session, incident, None, at=STARTED + HOUR, actor="nina")
        incidents.add_outages(session, incident, [OutageStart("hlr-1", started_at=STARTED + 2 * HOUR)], actor="nina")
        assert (incident.status, incident.restored_at) == (IncidentStatus.OPENED, None)


def test_an_earlier_outage_moves_the_start_back(network: Database):
    with network.transaction() as session:
        incident = opened(session, OutageStart("mme-1"))
        incidents.add_outages(session, incident, [OutageStart("hlr-1", started_at=STARTED - HOUR)], actor="nina")
        assert incident.started_at == STARTED - HOUR


def test_an_incident_entered_after_the_fact_is_restored_at_once(network: Database):
    with network.transaction() as session:
        incident = opened(session, OutageStart("mme-1", ended_at=STARTED + HOUR))
        assert (incident.status, incident.restored_at) == (IncidentStatus.RESTORED, STARTED + HOUR)


def test_reopening_clears_the_restoration_and_restoring_brings_it_back(network: Database):
    with network.transaction() as session:
        incident = opened(session)
        incidents.restore_elements(session, incident, None, at=STARTED + HOUR, actor="nina")
        assert incidents.reopen_incident(session, incident, actor="nina")
        assert (incident.status, incident.restored_at) == (IncidentStatus.OPENED, None)
        assert not incidents.reopen_incident(session, incident, actor="nina")
        assert incidents.restore_elements(session, incident, None, at=STARTED + 2 * HOUR, actor="nina") == 0
        assert (incident.status, incident.restored_at) == (IncidentStatus.RESTORED, STARTED + HOUR)


def test_a_closed_incident_is_frozen_and_closing_again_changes_nothing(network: Database):
    with network.transaction() as session:
        incident = opened(session)
        with pytest.raises(RefusedError, match="opened cannot become closed"):
            incidents.close_incident(session, incident, actor="nina")
        incidents.restore_elements(session, incident, None, at=STARTED + HOUR, actor="nina")
        assert incidents.close_incident(session, incident, actor="nina")
        assert incident.closed_at is not None
        entries = len(_timeline(session))
        assert not incidents.close_incident(session, incident, actor="nina")
        for change in (
            lambda: incidents.add_note(session, incident, "late", actor="nina"),
            lambda: incidents.add_outages(session, incident, [OutageStart("mme-1")], actor="nina"),
            lambda: incidents.restore_elements(session, incident, None, at=STARTED + HOUR, actor="nina"),
            lambda: incidents.change_severity(session, incident, Severity.MINOR, actor="nina"),
            lambda: incidents.change_cause(session, incident, CauseClass.POWER, actor="nina"),
            lambda: incidents.assign_owner(session, incident, "omar", actor="nina"),
            lambda: incidents.reopen_incident(session, incident, actor="nina"),
            lambda: incidents.dismiss_incident(session, incident, actor="nina"),
        ):
            with pytest.raises(RefusedError):
                change()
        assert len(_timeline(session)) == entries


def test_a_dismissed_incident_is_frozen_too(network: Database):
    with network.transaction() as session:
        incident = opened(session)
        assert incidents.dismiss_incident(session, incident, actor="nina")
        assert not incidents.dismiss_incident(session, incident, actor="nina")
        with pytest.raises(RefusedError, match="dismissed: its record is frozen"):
            incidents.add_note(session, incident, "late", actor="nina")


def test_the_cause_that_policies_read_can_be_set_and_setting_it_again_says_so(network: Database):
    with network.transaction() as session:
        incident = opened(session)
        assert incidents.change_cause(session, incident, CauseClass.POWER, actor="nina")
        assert not incidents.change_cause(session, incident, CauseClass.POWER, actor="nina")
        assert "Cause changed from" in _timeline(session)[-1].text


def test_every_change_is_audited_with_before_and_after(network: Database):
    with network.transaction() as session:
        incident = opened(session)
        assert incidents.change_severity(session, incident, Severity.MAJOR, actor="omar")
        assert not incidents.change_severity(session, incident, Severity.MAJOR, actor="omar")
        assert incidents.assign_owner(session, incident, "omar", actor="omar")
        incidents.add_note(session, incident, "Vendor called", actor="omar", at=STARTED)
    with network.reading() as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        assert [(entry.actor, entry.action) for entry in entries] == [
            ("nina", "incident opened"),
            ("nina", "incident outages added"),
            ("omar", "incident severity changed"),
            ("omar", "incident owner changed"),
            ("omar", "incident note"),
        ]
        change = entries[2]
        assert change.subject == incident.ref
        assert change.before is not None
        assert change.after is not None
        assert (change.before["severity"], change.after["severity"]) == ("critical", "major")
        assert find_broken_entry(session) is None


def test_an_unknown_reference_is_not_found(network: Database):
    with network.reading() as session, pytest.raises(NotFoundError, match="no such incident"):
        incidents.get_incident(session, "INC-2012-99999")


def _timeline(session: Session) -> list[TimelineEntry]:
    return list(session.scalars(select(TimelineEntry).order_by(TimelineEntry.id)))
