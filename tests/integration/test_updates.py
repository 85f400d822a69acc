"""Updates by plan: what is due, what was told, material change, overdue ones, and texts to lines; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from foundation import clock
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError, RefusedError
from foundation.settings import read_settings
from foundation.snapshots import SnapshotStore
from notify.models import Delivery, DeliveryState, Purpose
from notify.registry import EMBEDDED, make_routing
from notify.routing import Routing
from notify.texts import save_text
from outage.incidents import incidents
from outage.lifecycle import CauseClass, Severity
from outage.models import Incident, Outage, Subscriber, TimelineEntry
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from outage.updates import updates
from outage.updates.cadence import Audience, UpdateKind
from outage.updates.models import IncidentUpdate
from outage.updates.texts import free_texts, queue_texts
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
NOW = worlds.START


@pytest.fixture
def incident(database: Database, store: SnapshotStore) -> Database:
    """An incident that began now: a register with three lines, and a cell on which a fourth was seen."""
    with clock.moved_to(NOW, stopped=True), database.transaction() as session:
        worlds.add_elements(session, 1, 2)
        for number in (1, 2, 3):
            worlds.add_line(session, number, served_by=1, language="de" if number == 2 else "en")
        worlds.add_line(session, 4)
        worlds.add_sightings(session, store, [(4, 2, -30)])
        found = worlds.add_incident(session)
        worlds.add_outage(session, found, 1, 0, None)
        for language, body in (
            ("en", "{brand}: no service since {outage_date}."),
            ("de", "{brand}: Ausfall"),
        ):
            save_text(session, "outage_update", language, body, author="ann")
    return database


def at(hours: float) -> datetime:
    return NOW + timedelta(hours=hours)


def plan(database: Database, hours: float) -> updates.PlanView:
    with clock.moved_to(at(hours), stopped=True), database.reading() as session:
        return updates.get_plan(session, incidents.get_incident(session, _REF))


def post(database: Database, hours: float, kind: UpdateKind = UpdateKind.UPDATE, text: str = "", **options):
    with clock.moved_to(at(hours), stopped=True), database.transaction() as session:
        found = incidents.get_incident(session, _REF)
        audiences = options.pop("audiences", [Audience.PUBLIC, Audience.AFFECTED])
        return updates.post_update(
            session, found, kind=kind, text=text or f"{kind} at {hours} h", audiences=audiences, actor="nina", **options
        )


def due(database: Database, hours: float) -> tuple[str, float] | None:
    found = plan(database, hours).due
    return None if found is None else (str(found.kind), (found.due_at - NOW).total_seconds() / 3600)


def test_a_bad_outage_is_told_by_the_preset_from_the_first_minute_to_its_end(incident: Database):
    view = plan(incident, 0)
    assert (view.cadence.name, view.is_chosen, view.updates) == ("au_2024", False, [])
    assert due(incident, 0) == ("first", 0)
    post(incident, 0.25, UpdateKind.FIRST)
    assert due(incident, 1) == ("update", 6.25)
    for hours in (6, 12, 18, 24.5):
        post(incident, hours)
    assert due(incident, 25) == ("update", 48.5)
    with clock.moved_to(at(26), stopped=True), incident.transaction() as session:
        incidents.restore_elements(session, incidents.get_incident(session, _REF), None, at=at(26), actor="nina")
    assert due(incident, 26) == ("restored", 26)
    done = post(incident, 27, UpdateKind.RESTORED)
    assert (done.update.number, done.is_new) == (6, True)
    assert due(incident, 28) is None
    with incident.reading() as session:
        told = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "update posted"))
        assert [text.split(":")[0] for text in told][:2] == [
            "Update 1 (first) to affected, public",
            "Update 2 (update) to affected, public",
        ]
        audited = session.scalars(select(AuditEntry.after).where(AuditEntry.action == "incident update posted")).all()
        assert [(after or {})["number"] for after in audited] == [1, 2, 3, 4, 5, 6]


def test_material_change_makes_an_update_due_at_once(incident: Database, store: SnapshotStore):
    with clock.moved_to(at(0.5), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    post(incident, 1, UpdateKind.FIRST)
    assert due(incident, 2) == ("update", 7)
    with clock.moved_to(at(2), stopped=True), incident.transaction() as session:
        worlds.add_outage(session, incidents.get_incident(session, _REF), 2, 0, None)
    with clock.moved_to(at(2.5), stopped=True):
        assert measure_impact(incident, store, _REF, actor="nina").run.counts["lines"] == 4
    found = plan(incident, 3).due
    assert found is not None
    assert (found.due_at, found.reason, found.is_overdue(at(3.1))) == (at(2.5), "1 more lines by run 2", True)
    with clock.moved_to(at(3), stopped=True), incident.transaction() as session:
        assert updates.set_estimate(session, incidents.get_incident(session, _REF), at(9), actor="nina")
        assert not updates.set_estimate(session, incidents.get_incident(session, _REF), at(9), actor="nina")
        incidents.change_cause(session, incidents.get_incident(session, _REF), CauseClass.POWER, actor="nina")
    found = plan(incident, 3).due
    assert found is not None
    assert found.due_at == at(2.5)
    assert "service expected back: 2012-07-12 07:00 UTC" in found.reason
    assert "the cause is power now" in found.reason
    post(incident, 3.5)
    assert due(incident, 4) == ("update", 9.5)
    # Fewer lines are good news, which may wait for its time.
    with clock.moved_to(at(5), stopped=True), incident.transaction() as session:
        session.execute(update(Outage).where(Outage.element_id == 2).values(ended_at=at(4)))
        worlds.add_sightings(session, store, [(4, 1, 90)])
    with clock.moved_to(at(5), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    assert due(incident, 6) == ("update", 9.5)


def test_an_overdue_update_is_written_down_once_a_deadline(incident: Database):
    def mark(hours: float) -> int:
        with clock.moved_to(at(hours), stopped=True), incident.transaction() as session:
            return updates.mark_overdue(session)

    assert [mark(hours) for hours in (0.4, 0.6, 0.7)] == [0, 1, 0]
    post(incident, 1, UpdateKind.FIRST)
    assert [mark(hours) for hours in (7, 7.1, 30)] == [0, 1, 0]
    post(incident, 31)
    # A scheduler that was down for two days tells what is overdue now, not what was.
    assert [mark(hours) for hours in (31.5, 80)] == [0, 1]
    with incident.reading() as session:
        texts = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "update overdue")).all()
    assert [text.rpartition(" ")[2] for text in texts] == [
        at(0).strftime("%Y-%m-%dT%H:%M:%SZ"),
        at(7).strftime("%Y-%m-%dT%H:%M:%SZ"),
        at(55).strftime("%Y-%m-%dT%H:%M:%SZ"),
    ]
    assert due(incident, 80) == ("update", 55)
    assert not plan(incident, 80).is_chosen


def test_people_choose_another_pace_or_none(incident: Database):
    def choose(cadence: str, **options) -> bool:
        with clock.moved_to(at(0.1), stopped=True), incident.transaction() as session:
            found = incidents.get_incident(session, _REF)
            return updates.set_plan(session, found, cadence, actor="nina", **options)

    assert choose("none")
    assert not choose("none")
    assert due(incident, 40) is None
    assert choose("own", every_hours=2, later_every_hours=12, grace_minutes=5)
    post(incident, 0.5, UpdateKind.FIRST)
    assert due(incident, 1) == ("update", 2.5)
    for wrong, message in (
        ({"cadence": "weekly"}, "no such cadence"),
        ({"cadence": "own"}, "without a pace"),
        ({"cadence": "none", "every_hours": 3}, "only an own cadence"),
        ({"cadence": "own", "every_hours": 500}, "not a pace"),
    ):
        with pytest.raises(InputError, match=message):
            choose(**wrong)


def test_minor_planned_and_void_incidents_are_told_by_no_plan(incident: Database):
    with incident.transaction() as session:
        found = incidents.get_incident(session, _REF)
        for changed, name in (({"severity": Severity.MINOR}, "none"), ({"severity": Severity.MAJOR}, "au_2024")):
            session.execute(update(Incident).values(changed))
            session.refresh(found)
            assert updates.get_plan(session, found).cadence.name == name
        found.planned = True
        session.flush()
        assert updates.get_plan(session, found).cadence.name == "none"
        found.planned = False
        incidents.dismiss_incident(session, found, actor="nina")
        assert updates.get_plan(session, found).due is None
        with pytest.raises(RefusedError, match="dismissed"):
            updates.post_update(
                session, found, kind=UpdateKind.FIRST, text="x", audiences=[Audience.PUBLIC], actor="nina"
            )


def test_what_cannot_be_told_is_refused_and_the_same_twice_is_one(incident: Database):
    first = post(incident, 1, UpdateKind.FIRST, "We are looking into it.")
    again = post(incident, 1.1, UpdateKind.FIRST, "We are looking into it. ")
    assert (again.is_new, again.update.id) == (False, first.update.id)
    for options, message in (
        ({"kind": UpdateKind.FIRST}, "a first update already"),
        ({"kind": UpdateKind.RESTORED}, "service is not back"),
    ):
        with pytest.raises(RefusedError, match=message):
            post(incident, 2, **options)
    for wrong, message in (
        ({"text": "x" * 5000}, "not a text"),
        ({"audiences": []}, "nobody to tell"),
        ({"at": at(-1)}, "before the incident's start"),
        ({"at": at(9)}, "in the future"),
        ({"at": datetime(2012, 7, 12, 1)}, "naive timestamp"),  # noqa: DTZ001
    ):
        with pytest.raises(InputError, match=message):
            post(incident, 2, **wrong)
    with incident.reading() as session:
        assert len(session.scalars(select(IncidentUpdate)).all()) == 1


@pytest.mark.parametrize("change", [datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)])
def test_a_plan_counts_hours_over_a_change_of_clocks(database: Database, change: datetime):
    began = change - timedelta(hours=2)
    with clock.moved_to(began, stopped=True), database.transaction() as session:
        worlds.add_elements(session, 1)
        ref = incidents.open_incident(
            session,
            title="Storm",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.UNKNOWN,
            started_at=began,
            outages=[incidents.OutageStart("E1")],
            actor="nina",
        ).ref
        found = incidents.get_incident(session, ref)
        updates.post_update(session, found, kind=UpdateKind.FIRST, text="x", audiences=[Audience.PUBLIC], actor="nina")
    with clock.moved_to(change, stopped=True), database.reading() as session:
        found_due = updates.get_plan(session, incidents.get_incident(session, ref)).due
    assert found_due is not None
    assert found_due.due_at == began + timedelta(hours=6)


def queue(
    database: Database, store: SnapshotStore, hours: float, number: int = 1, *, routing: Routing = EMBEDDED
) -> int:
    with clock.moved_to(at(hours), stopped=True), database.transaction() as session:
        found = incidents.get_incident(session, _REF)
        one = updates.get_update(session, found, number)
        next_at = updates.get_plan(session, found).next_at
        queued = queue_texts(
            session, store, found, one, "outage_update", routing=routing, next_at=next_at, actor="nina"
        )
        return queued.texts


def deliveries(database: Database) -> dict[int, Delivery]:
    with database.reading() as session:
        return {int(row.key.rpartition(":")[2]): row for row in session.scalars(select(Delivery))}


def test_texts_go_once_to_every_line_and_wait_for_those_without_service(incident: Database, store: SnapshotStore):
    post(incident, 1, UpdateKind.FIRST)
    with pytest.raises(RefusedError, match="never measured"):
        queue(incident, store, 1)
    with clock.moved_to(at(1), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    assert queue(incident, store, 1) == 3
    assert queue(incident, store, 1.5) == 0
    rows = deliveries(incident)
    assert set(rows) == {1, 2, 3}
    for line, row in rows.items():
        assert (row.campaign, row.purpose, row.state) == (f"{_REF}-U1", Purpose.SERVICE, DeliveryState.PENDING)
        assert (row.hold, row.expires_at) == (f"service:{_REF}:{line}", at(7))
        assert row.payload["values"]["incident"] == _REF
    assert rows[2].payload["version"] != rows[1].payload["version"] == rows[3].payload["version"]
    with incident.reading() as session:
        one = updates.get_update(session, incidents.get_incident(session, _REF), 1)
        assert (one.texts, one.text_name, one.campaign) == (3, "outage_update", f"{_REF}-U1")


def test_what_goes_by_mail_does_not_wait_for_the_line(incident: Database, store: SnapshotStore):
    with incident.transaction() as session:
        session.get_one(Subscriber, 3).attributes = {"email": "three@example.org", "texts_by": "email"}
        raise_version(session, "base")
    post(incident, 1, UpdateKind.FIRST)
    with clock.moved_to(at(1), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    both = make_routing(read_settings({"OUTAGE_CHANNELS": "spool, email"}))
    assert queue(incident, store, 1, routing=both) == 3
    rows = deliveries(incident)
    assert (rows[2].hold, rows[3].hold) == (f"service:{_REF}:2", None)
    assert rows[3].address == "three@example.org"


def test_a_held_text_goes_when_a_later_run_says_that_its_line_has_service(incident: Database, store: SnapshotStore):
    with clock.moved_to(at(1), stopped=True), incident.transaction() as session:
        worlds.add_outage(session, incidents.get_incident(session, _REF), 2, 0, None)
    with clock.moved_to(at(1), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    post(incident, 1, UpdateKind.FIRST)
    assert queue(incident, store, 1) == 4

    def free(hours: float) -> int:
        with clock.moved_to(at(hours), stopped=True), incident.transaction() as session:
            return free_texts(session, store)

    assert free(1.5) == 0
    with clock.moved_to(at(2), stopped=True), incident.transaction() as session:
        session.execute(update(Outage).where(Outage.element_id == 2).values(ended_at=at(2)))
    with clock.moved_to(at(2.5), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    assert [free(2.6), free(2.7)] == [1, 0]
    assert {line: row.hold is None for line, row in deliveries(incident).items()} == {
        1: False,
        2: False,
        3: False,
        4: True,
    }
    # It lost service again before its text had left.
    with clock.moved_to(at(2.7), stopped=True), incident.transaction() as session:
        session.execute(update(Outage).where(Outage.element_id == 2).values(ended_at=None))
    with clock.moved_to(at(2.8), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    assert free(2.9) == 0
    assert {row.hold for row in deliveries(incident).values()} == {f"service:{_REF}:{line}" for line in range(1, 5)}
    # When all is over an older text must not tell that it is not.
    with clock.moved_to(at(3), stopped=True), incident.transaction() as session:
        incidents.restore_elements(session, incidents.get_incident(session, _REF), None, at=at(3), actor="nina")
    with clock.moved_to(at(3), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    assert free(3.1) == 0
    post(incident, 3.2, UpdateKind.RESTORED)
    assert queue(incident, store, 3.2, number=2) == 4
    with incident.reading() as session:
        back = session.scalars(select(Delivery).where(Delivery.campaign == f"{_REF}-U2")).all()
    assert {(row.hold, row.expires_at) for row in back} == {(None, None)}


def test_a_text_that_asks_for_what_an_update_does_not_know_is_refused(incident: Database, store: SnapshotStore):
    post(incident, 1, UpdateKind.FIRST)
    with clock.moved_to(at(1), stopped=True):
        measure_impact(incident, store, _REF, actor="nina")
    with incident.transaction() as session:
        save_text(session, "outage_update", "de", "{brand}: {credit}", author="ann")
    with pytest.raises(InputError, match="does not know: credit"):
        queue(incident, store, 1)
    assert deliveries(incident) == {}
