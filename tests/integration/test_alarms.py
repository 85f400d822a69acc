"""Alarms, the incidents they open and the outages they end, on both databases."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from foundation.db import Database
from foundation.errors import InputError
from outage.feeds.alertmanager import read_webhook
from outage.feeds.notice import AlarmNotice
from outage.incidents import incidents
from outage.incidents.alarms import RecordedAlarm, record_alarm, record_alarms
from outage.lifecycle import Degree, IncidentStatus, Severity
from outage.models import Alarm, Dependency, Incident, NetworkElement, Outage, TimelineEntry

RAISED = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CELLS = ("cell-234-10-16625-124", "cell-234-10-49904-110")


@pytest.fixture
def network(database: Database) -> Database:
    with database.transaction() as session:
        elements = [
            NetworkElement(ref=ref, kind="core", name=ref, services=["voice", "sms", "data"])
            for ref in ("hlr-slough-1", "mme-1", "cell-a", "cell-b", *CELLS)
        ]
        session.add_all(elements)
        session.flush()
        _, mme, cell_a, *_ = elements
        session.add(Dependency(element_id=cell_a.id, group="g", member_id=mme.id, services=["data"]))
    return database


def notice(name: str = "1", element: str = "mme-1", **changes: object) -> AlarmNotice:
    values = {
        "source": "test",
        "external_id": name,
        "element": element,
        "severity": Severity.CRITICAL,
        "probable_cause": "down",
        "summary": f"{element} unreachable",
        "raised_at": RAISED,
        "cleared_at": None,
        "services": None,
        "payload": {},
    }
    return AlarmNotice(**{**values, **changes})  # type: ignore[arg-type]


def told(database: Database, *notices: AlarmNotice) -> list[RecordedAlarm]:
    with database.transaction() as session:
        return record_alarms(session, notices, actor="alertmanager")


def test_an_alarm_opens_an_incident_and_its_repeat_is_only_counted(network: Database):
    (first,) = told(network, notice())
    assert (first.is_new, first.opened, first.restored) == (True, True, False)
    assert first.incident is not None
    assert (first.incident.title, first.incident.severity) == ("mme-1 unreachable", Severity.CRITICAL)
    (second,) = told(network, notice())
    assert (second.is_new, second.opened, second.restored) == (False, False, False)
    assert second.reason == "repeated, received 2 times"
    with network.reading() as session:
        assert session.scalar(select(Alarm.received)) == 2
        assert session.scalar(select(func.count()).select_from(Incident)) == 1
        assert sorted(_outages(session)) == [
            ("mme-1", service, Degree.LOST, RAISED, None) for service in ("data", "sms", "voice")
        ]


def test_clearing_ends_the_outages_at_that_time_and_restores(network: Database):
    told(network, notice())
    cleared = notice(cleared_at=RAISED + 5 * MINUTE)
    (done,) = told(network, cleared)
    assert done.restored
    assert done.incident is not None
    assert (done.incident.status, done.incident.restored_at) == (IncidentStatus.RESTORED, RAISED + 5 * MINUTE)
    (again,) = told(network, cleared)
    assert not again.restored
    (late,) = told(network, notice())
    assert late.alarm.cleared_at == RAISED + 5 * MINUTE
    with network.reading() as session:
        assert {row[4] for row in _outages(session)} == {RAISED + 5 * MINUTE}


def test_the_services_of_the_alarm_are_taken_when_it_names_them(network: Database):
    told(network, notice(services=("data",)))
    with network.reading() as session:
        assert [row[1] for row in _outages(session)] == ["data"]


def test_minor_alarms_degrade_and_a_critical_one_then_takes_the_service(network: Database):
    told(network, notice("1", services=("data",), severity=Severity.WARNING))
    told(network, notice("2", services=("data",), raised_at=RAISED + MINUTE))
    with network.reading() as session:
        assert _outages(session) == [
            ("mme-1", "data", Degree.DEGRADED, RAISED, RAISED + MINUTE),
            ("mme-1", "data", Degree.LOST, RAISED + MINUTE, None),
        ]


def test_related_alarms_join_one_incident_and_unrelated_ones_open_their_own(network: Database):
    mme, cell_a, cell_b = told(
        network, notice("1"), notice("2", "cell-a", raised_at=RAISED + MINUTE), notice("3", "cell-b")
    )
    assert mme.incident is cell_a.incident
    assert cell_a.reason.startswith("belongs to INC-")
    assert cell_b.incident is not mme.incident
    assert cell_b.opened


def test_an_element_stays_out_while_another_alarm_of_the_incident_holds_it(network: Database):
    told(network, notice("1"), notice("2", services=("voice",), raised_at=RAISED + MINUTE))
    (first,) = told(network, notice("1", cleared_at=RAISED + 5 * MINUTE))
    assert not first.restored
    with network.reading() as session:
        assert [row[1] for row in _outages(session) if row[4] is None] == ["voice"]
    (second,) = told(
        network, notice("2", services=("voice",), raised_at=RAISED + MINUTE, cleared_at=RAISED + 9 * MINUTE)
    )
    assert second.restored
    assert second.incident is not None
    assert second.incident.restored_at == RAISED + 9 * MINUTE


def test_clearings_told_out_of_order_end_at_the_last_one(network: Database):
    told(network, notice("1"), notice("2"))
    told(network, notice("1", cleared_at=RAISED + 9 * MINUTE))
    (last,) = told(network, notice("2", cleared_at=RAISED + 5 * MINUTE))
    assert last.incident is not None
    assert last.incident.restored_at == RAISED + 9 * MINUTE


def test_an_alarm_first_heard_of_when_it_is_over_makes_a_restored_incident(network: Database):
    (one,) = told(network, notice(cleared_at=RAISED + MINUTE))
    assert (one.opened, one.restored) == (True, True)
    assert one.incident is not None
    assert one.incident.status == IncidentStatus.RESTORED
    (instant,) = told(network, notice("2", cleared_at=RAISED))
    assert instant.incident is None
    assert "cleared in the second it was raised" in instant.reason


def test_a_second_alarm_adds_only_the_time_that_is_not_covered(network: Database):
    told(network, notice("0", "cell-a", services=("data",)))
    told(network, notice("1", services=("data",), cleared_at=RAISED + MINUTE))
    told(network, notice("2", services=("data",), raised_at=RAISED - MINUTE, cleared_at=RAISED + 2 * MINUTE))
    with network.reading() as session:
        assert sorted(row[3:] for row in _outages(session) if row[0] == "mme-1") == [
            (RAISED - MINUTE, RAISED),
            (RAISED, RAISED + MINUTE),
            (RAISED + MINUTE, RAISED + 2 * MINUTE),
        ]
        assert session.scalars(select(Incident.started_at)).one() == RAISED - MINUTE


def test_an_alarm_on_an_unknown_element_is_kept_and_tried_again(network: Database):
    (unknown,) = told(network, notice(element="new-1"))
    assert unknown.incident is None
    assert unknown.reason == "no incident: the inventory has no element 'new-1'"
    with network.transaction() as session:
        session.add(NetworkElement(ref="new-1", kind="cell", name="new", services=["voice"]))
    (known,) = told(network, notice(element="new-1"))
    assert (known.is_new, known.opened) == (False, True)


def test_an_alarm_about_services_the_element_does_not_carry_opens_nothing(network: Database):
    with network.transaction() as session:
        session.add(NetworkElement(ref="data-1", kind="cell", name="d", services=["data"]))
    (one,) = told(network, notice(element="data-1", services=("voice",)))
    assert one.incident is None
    assert "carries none of voice" in one.reason


def test_a_clearing_after_the_incident_was_closed_leaves_it_frozen(network: Database):
    (one,) = told(network, notice())
    with network.transaction() as session:
        assert one.incident is not None
        incident = incidents.get_incident(session, one.incident.ref)
        incidents.restore_elements(session, incident, None, at=RAISED + MINUTE, actor="nina")
        incidents.close_incident(session, incident, actor="nina")
        entries = session.scalar(select(func.count()).select_from(TimelineEntry))
    (late,) = told(network, notice(severity=Severity.MINOR, cleared_at=RAISED + 9 * MINUTE))
    assert late.alarm.cleared_at == RAISED + 9 * MINUTE
    with network.reading() as session:
        assert session.scalar(select(func.count()).select_from(TimelineEntry)) == entries
        assert {row[4] for row in _outages(session)} == {RAISED + MINUTE}


def test_texts_longer_than_the_records_hold_are_refused(network: Database):
    with pytest.raises(InputError, match="external id: too long"):
        told(network, notice("x" * 129))


def test_two_webhooks_at_the_same_time_open_one_incident(network: Database):
    start = threading.Barrier(2)
    failures: list[BaseException] = []

    def take(name: str) -> None:
        try:
            start.wait()
            with network.transaction() as session:
                record_alarm(session, notice(name), actor="alertmanager")
        except BaseException as error:
            failures.append(error)

    for round_ in range(5):
        threads = [threading.Thread(target=take, args=(f"{round_}-{name}",)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    with network.reading() as session:
        assert session.scalar(select(func.count()).select_from(Alarm)) == 10
        assert session.scalar(select(func.count()).select_from(Incident)) == 1


def test_each_observed_webhook_twice_makes_one_alarm_and_one_incident_and_the_resolved_one_restores(
    network: Database, shared: Path
):
    lines = (shared / "data" / "alertmanager_0.25_webhooks_observed.jsonl").read_text().splitlines()
    recorded = [told(network, *read_webhook(json.loads(line)["body"])) for line in lines for _ in range(2)]
    hlr = recorded[-1][0]
    with network.reading() as session:
        assert session.scalar(select(func.count()).select_from(Alarm)) == 3
        assert session.scalar(select(func.count()).select_from(Incident)) == 3
        incident = session.get_one(Incident, hlr.alarm.incident_id)
        assert incident.title == "HLR hlr-slough-1 unreachable"
        assert incident.status == IncidentStatus.RESTORED
        assert incident.restored_at == datetime(2026, 11, 21, 23, 14, 5, tzinfo=UTC)
        assert session.get_one(Alarm, hlr.alarm.id).received == 4
        still_open = session.scalars(select(Incident.title).where(Incident.status == IncidentStatus.OPENED)).all()
        assert sorted(still_open) == ["cell out of service", "x"]


def _outages(session) -> list[tuple[object, ...]]:
    statement = (
        select(NetworkElement.ref, Outage.service, Outage.degree, Outage.started_at, Outage.ended_at)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .order_by(NetworkElement.ref, Outage.service, Outage.started_at)
    )
    return [tuple(row) for row in session.execute(statement)]
