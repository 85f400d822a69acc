"""Planned work from its announcement to its end, and what runs over; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import find_broken_entry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.incidents import incidents, planned_work
from outage.incidents.outages import OutageStart
from outage.incidents.planned_work import DueSteps
from outage.lifecycle import Degree, IncidentStatus
from outage.models import Incident, NetworkElement, Outage, TimelineEntry
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line
from tests import impact_worlds as worlds

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = (NOW + 10 * HOUR, NOW + 14 * HOUR)


@pytest.fixture
def network(database: Database) -> Iterator[Database]:
    with database.transaction() as session:
        for ref, services in (("hlr-1", ["voice", "sms", "data"]), ("mme-1", ["data"]), ("power-1", [])):
            session.add(NetworkElement(ref=ref, kind="core", name=ref, services=services))
    with clock.moved_to(NOW):
        yield database


def announced(session: Session, *elements: str, window: planned_work.Window = WINDOW) -> Incident:
    return planned_work.announce_planned_work(
        session, title="New software", window=window, elements=elements or ("hlr-1", "mme-1"), actor="nina"
    )


def spans(session: Session, incident: Incident) -> list[tuple[str, str, datetime, datetime | None]]:
    rows = session.execute(
        select(NetworkElement.ref, Outage.service, Outage.started_at, Outage.ended_at)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .where(Outage.incident_id == incident.id)
        .order_by(NetworkElement.ref, Outage.service)
    )
    return [(ref, service, started, ended) for ref, service, started, ended in rows]


def due_at(database: Database, moment: datetime) -> DueSteps:
    with clock.moved_to(moment), database.transaction() as session:
        return planned_work.begin_due_planned_work(session)


def told(session: Session, incident: Incident) -> list[str]:
    statement = select(TimelineEntry.kind).where(TimelineEntry.incident_id == incident.id).order_by(TimelineEntry.id)
    return list(session.scalars(statement))


def fresh(session: Session, incident: Incident) -> Incident:
    return session.get_one(Incident, incident.id)


def test_announced_work_has_its_outages_and_has_not_begun(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session)
        assert (work.status, work.planned, work.started_at, work.announced_end_at) == (
            IncidentStatus.ANNOUNCED,
            True,
            *WINDOW,
        )
        assert spans(session, work) == [
            *(("hlr-1", service, *WINDOW) for service in ("data", "sms", "voice")),
            ("mme-1", "data", *WINDOW),
        ]
        assert told(session, work) == ["announced"]
        assert [one.id for one in planned_work.list_planned_work(session)] == [work.id]


def test_work_begins_and_ends_when_due_and_doing_it_again_changes_nothing(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session)
    assert due_at(network, WINDOW[0] - HOUR) == DueSteps(0, 0, 0)
    assert due_at(network, WINDOW[0]) == DueSteps(1, 0, 0)
    with network.reading() as session:
        assert fresh(session, work).status == IncidentStatus.OPENED
    assert due_at(network, WINDOW[0] + HOUR) == DueSteps(0, 0, 0)
    assert due_at(network, WINDOW[1]) == DueSteps(0, 1, 0)
    assert due_at(network, WINDOW[1] + HOUR) == DueSteps(0, 0, 0)
    with network.transaction() as session:
        done = fresh(session, work)
        assert (done.status, done.restored_at) == (IncidentStatus.RESTORED, WINDOW[1])
        assert told(session, work) == ["announced", "begun", "restored"]
        assert planned_work.list_planned_work(session) == []
        assert [one.id for one in planned_work.list_planned_work(session, past=True)] == [work.id]
        assert incidents.close_incident(session, done, actor="nina")
        assert find_broken_entry(session) is None


def test_a_window_that_passed_while_nobody_looked_is_opened_and_restored_at_its_own_times(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session)
    assert due_at(network, WINDOW[1] + 3 * HOUR) == DueSteps(1, 1, 0)
    with network.reading() as session:
        entries = session.execute(select(TimelineEntry.kind, TimelineEntry.at).order_by(TimelineEntry.id)).all()
        assert [(kind, at) for kind, at in entries[1:]] == [("begun", WINDOW[0]), ("restored", WINDOW[1])]
        assert fresh(session, work).restored_at == WINDOW[1]


def test_rescheduling_moves_the_outages_or_names_others(network: Database) -> None:
    later = (WINDOW[0] + 24 * HOUR, WINDOW[1] + 24 * HOUR)
    with network.transaction() as session:
        work = announced(session, "mme-1")
        assert planned_work.reschedule_planned_work(session, work, window=later, actor="nina")
        assert spans(session, work) == [("mme-1", "data", *later)]
        change = planned_work.reschedule_planned_work
        assert change(session, work, elements=["hlr-1"], services=["voice"], actor="nina")
        assert spans(session, work) == [("hlr-1", "voice", *later)]
        assert (work.started_at, work.announced_end_at) == later
        assert not change(session, work, actor="nina")
    assert due_at(network, WINDOW[0]) == DueSteps(0, 0, 0)
    assert due_at(network, later[0]) == DueSteps(1, 0, 0)
    with network.transaction() as session, pytest.raises(RefusedError, match="is opened, not announced"):
        planned_work.reschedule_planned_work(session, fresh(session, work), window=later, actor="nina")


def test_cancelled_work_does_not_begin(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session)
        assert planned_work.cancel_planned_work(session, work, reason="Vendor not ready", actor="nina")
        assert not planned_work.cancel_planned_work(session, work, reason="Vendor not ready", actor="nina")
        assert work.status == IncidentStatus.DISMISSED
    assert due_at(network, WINDOW[0]) == DueSteps(0, 0, 0)
    with network.transaction() as session:
        begun = announced(session, "mme-1")
    due_at(network, WINDOW[0])
    with network.transaction() as session, pytest.raises(RefusedError, match="not announced"):
        planned_work.cancel_planned_work(session, fresh(session, begun), reason="too late", actor="nina")


def test_work_that_has_not_begun_is_not_restored_reopened_or_given_outages(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session, "mme-1")
        for step in (
            lambda: incidents.restore_elements(session, work, None, at=NOW, actor="nina"),
            lambda: incidents.reopen_incident(session, work, actor="nina"),
            lambda: incidents.add_outages(session, work, [OutageStart("hlr-1")], actor="nina"),
            lambda: planned_work.overrun_planned_work(session, work, actor="nina"),
            lambda: incidents.close_incident(session, work, actor="nina"),
        ):
            with pytest.raises(RefusedError):
                step()
        incidents.add_note(session, work, "Vendor confirmed", actor="nina")
        assert incidents.dismiss_incident(session, work, actor="nina")


@pytest.mark.parametrize(
    ("window", "complaint"),
    [
        ((WINDOW[1], WINDOW[0]), "ends before it starts"),
        ((WINDOW[0], WINDOW[0]), "ends before it starts"),
        ((NOW, WINDOW[1]), "announced ahead"),
        ((NOW - HOUR, WINDOW[1]), "announced ahead"),
        ((WINDOW[0].replace(tzinfo=None), WINDOW[1]), "naive timestamp"),
        ((WINDOW[0], WINDOW[1].replace(tzinfo=None)), "naive timestamp"),
    ],
)
def test_a_window_that_cannot_be_is_refused(network: Database, window: planned_work.Window, complaint: str) -> None:
    with network.transaction() as session, pytest.raises(InputError, match=complaint):
        announced(session, window=window)


def test_bad_elements_titles_and_services_are_refused(network: Database) -> None:
    def announce(session: Session, **given: object) -> Incident:
        values = {"title": "Work", "window": WINDOW, "elements": ["mme-1"], "actor": "nina", **given}
        return planned_work.announce_planned_work(session, **values)  # type: ignore[arg-type]

    with network.transaction() as session:
        for given, complaint in (
            ({"elements": []}, "no elements named"),
            ({"title": "  "}, "not a title"),
            ({"services": ["voice"]}, "does not carry"),
        ):
            with pytest.raises(InputError, match=complaint):
                announce(session, **given)
        with pytest.raises(NotFoundError, match="hlr-9"):
            announce(session, elements=["hlr-9"])
        work = announced(session, "mme-1")
        with pytest.raises(InputError, match="services without elements"):
            planned_work.reschedule_planned_work(session, work, services=["data"], actor="nina")


def test_what_overruns_is_an_incident_of_its_own_from_the_announced_end_on(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session)
    due_at(network, WINDOW[0])
    with clock.moved_to(WINDOW[1] - HOUR), network.transaction() as session:
        found = fresh(session, work)
        assert planned_work.overrun_planned_work(session, found, elements=["mme-1"], actor="nina") is None
        with pytest.raises(InputError, match="power-1"):
            planned_work.overrun_planned_work(session, found, elements=["power-1"], actor="nina")
    assert due_at(network, WINDOW[1]) == DueSteps(0, 1, 1)
    assert due_at(network, WINDOW[1] + HOUR) == DueSteps(0, 0, 0)
    with clock.moved_to(WINDOW[1] + 2 * HOUR), network.transaction() as session:
        over = session.scalars(select(Incident).where(Incident.overrun_of_id == work.id)).one()
        assert (over.status, over.planned, over.started_at) == (IncidentStatus.OPENED, False, WINDOW[1])
        assert spans(session, over) == [("mme-1", "data", WINDOW[1], None)]
        done = fresh(session, work)
        assert (done.status, done.restored_at) == (IncidentStatus.RESTORED, WINDOW[1])
        assert {ended for *_, ended in spans(session, work)} == {WINDOW[1]}
        incidents.restore_elements(session, over, None, at=WINDOW[1] + HOUR, actor="nina")
        assert (over.status, over.restored_at) == (IncidentStatus.RESTORED, WINDOW[1] + HOUR)
        assert find_broken_entry(session) is None


def test_work_done_early_ends_its_outages_there(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session, "mme-1")
    due_at(network, WINDOW[0])
    with clock.moved_to(WINDOW[0] + 2 * HOUR), network.transaction() as session:
        found = fresh(session, work)
        with pytest.raises(InputError, match="done before it began"):
            planned_work.finish_planned_work(session, found, at=WINDOW[0] - HOUR, actor="nina")
        with pytest.raises(InputError, match="in the future"):
            planned_work.finish_planned_work(session, found, at=WINDOW[1], actor="nina")
        assert planned_work.finish_planned_work(session, found, at=WINDOW[0] + HOUR, actor="nina")
        assert (found.status, found.restored_at) == (IncidentStatus.RESTORED, WINDOW[0] + HOUR)
        assert spans(session, work) == [("mme-1", "data", WINDOW[0], WINDOW[0] + HOUR)]
        with pytest.raises(RefusedError, match="not announced work under way"):
            planned_work.finish_planned_work(session, found, at=WINDOW[0] + HOUR, actor="nina")
    assert due_at(network, WINDOW[1]) == DueSteps(0, 0, 0)


def test_an_overrun_told_after_the_end_opens_the_incident_at_once_and_more_of_it_joins(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session)
    due_at(network, WINDOW[1])
    with clock.moved_to(WINDOW[1] + HOUR), network.transaction() as session:
        found = fresh(session, work)
        first = planned_work.overrun_planned_work(session, found, elements=["mme-1"], actor="nina")
        second = planned_work.overrun_planned_work(session, found, actor="nina")
        assert first is not None
        assert second is not None
        assert first.id == second.id
        assert [(ref, service) for ref, service, *_ in spans(session, first)] == [
            *(("hlr-1", service) for service in ("data", "sms", "voice")),
            ("mme-1", "data"),
        ]
        assert found.status == IncidentStatus.RESTORED


def test_outages_added_beyond_the_announced_end_are_split_off_too(network: Database) -> None:
    with network.transaction() as session:
        work = announced(session, "mme-1")
    due_at(network, WINDOW[0])
    with clock.moved_to(WINDOW[0] + HOUR), network.transaction() as session:
        later = OutageStart("hlr-1", ("voice",), WINDOW[0], ended_at=WINDOW[1] + HOUR)
        after = OutageStart("hlr-1", ("sms",), WINDOW[1] + HOUR, Degree.DEGRADED, ended_at=WINDOW[1] + 2 * HOUR)
        incidents.add_outages(session, fresh(session, work), [later, after], actor="nina")
    assert due_at(network, WINDOW[1] + 5 * HOUR) == DueSteps(0, 1, 1)
    with network.reading() as session:
        over = session.scalars(select(Incident).where(Incident.overrun_of_id == work.id)).one()
        assert spans(session, over) == [
            ("hlr-1", "sms", WINDOW[1] + HOUR, WINDOW[1] + 2 * HOUR),
            ("hlr-1", "voice", WINDOW[1], WINDOW[1] + HOUR),
        ]
        assert spans(session, work) == [("hlr-1", "voice", *WINDOW), ("mme-1", "data", *WINDOW)]
        assert over.status == IncidentStatus.RESTORED


def test_an_overrun_is_paid_and_the_announced_window_is_not(database: Database, store: SnapshotStore) -> None:
    with clock.moved_to(worlds.at(-60)), database.transaction() as session:
        worlds.add_elements(session, 1)
        worlds.add_line(session, 1, served_by=1)
        window = worlds.at(0), worlds.at(60)
        work = planned_work.announce_planned_work(session, title="W", window=window, elements=["E1"], actor="nina")
    with clock.moved_to(worlds.at(-60)):
        hits = measure_impact(database, store, work.ref, actor="nina").run
    assert hits.counts["user_minutes"] == 60
    with clock.moved_to(worlds.at(90)), database.transaction() as session:
        planned_work.begin_due_planned_work(session)
        over = planned_work.overrun_planned_work(session, fresh(session, work), actor="nina")
        assert over is not None
        incidents.restore_elements(session, over, None, at=worlds.at(80), actor="nina")
        storm = worlds.add_incident(session, "INC-2012-00099")
        worlds.add_outage(session, storm, 1, 30, 100)
    run = measure_impact(database, store, over.ref, actor="nina").run
    assert run.counts["user_minutes"] == 20
    left = impact_of_line(store, measure_impact(database, store, "INC-2012-00099", actor="nina").run, 1)
    assert left is not None
    # By its record the storm began at minute 0, before the overrun did: the overrun gives way to it.
    assert left.services["voice"] == ((worlds.seconds(60), worlds.seconds(100)),)
    again = measure_impact(database, store, over.ref, actor="nina").run
    assert again.counts["user_minutes"] == 0
