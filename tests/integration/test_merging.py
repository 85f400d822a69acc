"""Two incidents that are one: what moves, what stays, and what forbids it; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from foundation import clock
from foundation.audit import find_broken_entry
from foundation.db import Database
from foundation.errors import InputError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.feeds.notice import AlarmNotice
from outage.incidents import incidents
from outage.incidents.alarms import record_alarm
from outage.incidents.merging import merge_incidents
from outage.incidents.outages import OutageStart
from outage.incidents.uniting import Span, unite_rows
from outage.lifecycle import CauseClass, Degree, IncidentKind, IncidentStatus, Severity
from outage.models import Alarm, Declaration, Incident, NetworkElement, Outage, TimelineEntry
from outage.queries import list_restored_incidents
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line
from outage.scale.duties import list_filings, record_filing
from tests import impact_worlds as worlds

STARTED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def network(database: Database) -> Database:
    with database.transaction() as session:
        for ref in ("a", "b", "c"):
            session.add(NetworkElement(ref=ref, kind="cell", name=ref, services=["voice"]))
    return database


def opened(session: Session, *starts: OutageStart, at: datetime = STARTED, title: str = "Storm", **given) -> Incident:
    return incidents.open_incident(
        session,
        title=title,
        severity=Severity.MAJOR,
        cause_class=CauseClass.POWER,
        started_at=at,
        outages=starts,
        actor="nina",
        **given,
    )


def out(ref: str, start: int, end: int | None, degree: Degree = Degree.LOST) -> OutageStart:
    ended_at = None if end is None else STARTED + end * HOUR
    return OutageStart(ref, ("voice",), STARTED + start * HOUR, degree, ended_at)


def hours(session: Session, incident: Incident) -> list[tuple[str, str, int, int | None]]:
    rows = session.execute(
        select(NetworkElement.ref, Outage.degree, Outage.started_at, Outage.ended_at)
        .join(NetworkElement, NetworkElement.id == Outage.element_id)
        .where(Outage.incident_id == incident.id)
        .order_by(NetworkElement.ref, Outage.started_at)
    )
    return [
        (ref, str(degree), (start - STARTED) // HOUR, None if end is None else (end - STARTED) // HOUR)
        for ref, degree, start, end in rows
    ]


def test_outages_move_and_those_of_one_element_are_united(network: Database) -> None:
    with network.transaction() as session:
        keep = opened(session, out("a", 1, 3), out("b", 1, 2), at=STARTED + HOUR)
        absorbed = opened(session, out("a", 0, 2), out("b", 5, 6), out("c", 2, None), title="Storm too")
        assert merge_incidents(session, keep, absorbed, actor="omar", reason="One storm")
        assert hours(session, keep) == [
            ("a", "lost", 0, 3),
            ("b", "lost", 1, 2),
            ("b", "lost", 5, 6),
            ("c", "lost", 2, None),
        ]
        assert hours(session, absorbed) == []
        assert (keep.status, keep.started_at, keep.restored_at) == (IncidentStatus.OPENED, STARTED, None)
        assert (absorbed.status, absorbed.merged_into_id) == (IncidentStatus.MERGED, keep.id)
        assert not merge_incidents(session, keep, absorbed, actor="omar", reason="One storm")
        incidents.restore_elements(session, keep, None, at=STARTED + 9 * HOUR, actor="omar")
        assert [one.id for one in list_restored_incidents(session)] == [keep.id]
        assert find_broken_entry(session) is None


def test_lost_goes_before_degraded_where_both_overlap(network: Database) -> None:
    with network.transaction() as session:
        keep = opened(session, out("a", 0, 6, Degree.DEGRADED))
        absorbed = opened(session, out("a", 2, 4))
        merge_incidents(session, keep, absorbed, actor="omar", reason="One")
        assert hours(session, keep) == [("a", "degraded", 0, 2), ("a", "lost", 2, 4), ("a", "degraded", 4, 6)]
        assert (keep.status, keep.restored_at) == (IncidentStatus.RESTORED, STARTED + 6 * HOUR)


def test_the_timeline_is_kept_with_its_origin_and_the_absorbed_one_is_frozen(network: Database) -> None:
    with network.transaction() as session:
        keep, absorbed = opened(session, out("a", 0, None)), opened(session, out("b", 0, None), title="Second")
        incidents.add_note(session, absorbed, "Generator failed", actor="nina", at=STARTED)
        merge_incidents(session, keep, absorbed, actor="omar", reason="Same generator")
        entries = select(TimelineEntry).order_by(TimelineEntry.id)
        kept = session.scalars(entries.where(TimelineEntry.incident_id == keep.id)).all()
        note = next(one for one in kept if one.kind == "note")
        assert (note.text, note.actor, note.at) == (f"{absorbed.ref}: Generator failed", "nina", STARTED)
        assert kept[-1].text == f"{absorbed.ref} was merged into this incident, with 1 outages: Same generator"
        own = session.scalars(entries.where(TimelineEntry.incident_id == absorbed.id)).all()
        assert [one.kind for one in own] == ["opened", "outages added", "note", "merged"]
        assert own[-1].text == f"Merged into {keep.ref}: Same generator"
        with pytest.raises(RefusedError, match="merged: its record is frozen"):
            incidents.add_note(session, absorbed, "late", actor="nina")


def test_regulators_count_from_when_the_first_of_the_two_was_known_and_what_they_were_given_goes_on_counting(
    network: Database,
) -> None:
    with network.transaction() as session:
        with clock.moved_to(STARTED + HOUR, stopped=True):
            absorbed = opened(session, out("b", 1, None))
        with clock.moved_to(STARTED + 5 * HOUR, stopped=True):
            keep = opened(session, out("a", 0, None), title="Second")

            def given(incident: Incident) -> bool:
                told_at = STARTED + 2 * HOUR
                return record_filing(
                    session, incident, regulator="FCC", what="notification", filed_at=told_at, actor="nina"
                )

            assert given(absorbed)
            merge_incidents(session, keep, absorbed, actor="omar", reason="One")
        assert keep.known_at == STARTED + HOUR
        assert [(one.what, one.incident_id) for one in list_filings(session, keep)] == [("notification", keep.id)]
        assert not given(keep)
        assert find_broken_entry(session) is None


def test_alarms_and_declarations_move_and_a_clearing_ends_the_outage_where_it_went(network: Database) -> None:
    def notice(cleared_at: datetime | None) -> AlarmNotice:
        return AlarmNotice(
            source="test",
            external_id="1",
            element="b",
            severity=Severity.CRITICAL,
            probable_cause=None,
            summary="Cell down",
            services=None,
            raised_at=STARTED,
            cleared_at=cleared_at,
            payload={},
        )

    with network.transaction() as session:
        keep = opened(session, out("a", 0, 1))
        absorbed = record_alarm(session, notice(None), actor="machine").incident
        assert absorbed is not None
        worlds.add_line(session, 1)
        session.add(
            Declaration(
                incident_id=absorbed.id,
                subscriber_id=1,
                services=["voice"],
                declared_at=STARTED,
                recorded_by="nina",
                recorded_at=STARTED,
            )
        )
        session.flush()
        merge_incidents(session, keep, absorbed, actor="omar", reason="One")
        assert list(session.scalars(select(Declaration.incident_id))) == [keep.id]
        assert list(session.scalars(select(Alarm.incident_id))) == [keep.id]
        assert keep.status == IncidentStatus.OPENED
        cleared = record_alarm(session, notice(STARTED + 4 * HOUR), actor="machine")
        assert (cleared.incident, cleared.restored) == (keep, True)
        assert keep.restored_at == STARTED + 4 * HOUR


def test_what_is_closed_or_of_another_kind_or_the_same_is_refused(network: Database) -> None:
    with network.transaction() as session:
        keep, closed = opened(session, out("a", 0, 1)), opened(session, out("b", 0, 1))
        incidents.close_incident(session, closed, actor="nina")
        bills = opened(session, kind=IncidentKind.BILLING)
        work = opened(session, out("c", 0, 1), planned=True)

        def refused(one: Incident, other: Incident, complaint: str, reason: str = "One") -> None:
            with pytest.raises(InputError, match=complaint):
                merge_incidents(session, one, other, actor="omar", reason=reason)

        refused(keep, closed, f"{closed.ref} is closed")
        refused(closed, keep, f"{closed.ref} is closed")
        refused(keep, bills, "they are not one")
        refused(keep, work, "is planned work: they are not one")
        other = opened(session, out("a", 0, 1), planned=True)
        other.announced_end_at = STARTED + HOUR
        refused(work, other, f"{work.ref} was announced to end at no time, {other.ref} at")
        refused(keep, keep, "into itself")
        refused(keep, opened(session, out("c", 0, 1)), "not a reason", "  ")


def test_the_guard_may_forbid_it_and_then_nothing_has_moved(network: Database) -> None:
    def guard(_: Session, absorbed: Incident) -> None:
        raise RefusedError(f"credits were released for {absorbed.ref}", accepted="an incident without released credits")

    with network.transaction() as session:
        keep, absorbed = opened(session, out("a", 0, 1)), opened(session, out("b", 0, 1))
        with pytest.raises(RefusedError, match="credits were released"):
            merge_incidents(session, keep, absorbed, actor="omar", reason="One", guard=guard)
        assert hours(session, absorbed) == [("b", "lost", 0, 1)]
        assert absorbed.status == IncidentStatus.RESTORED


@pytest.mark.parametrize(("ends", "merged"), [((1, 2), 2), ((2, 1), 2), ((1, None), None), ((None, 1), None)])
def test_merged_billing_incidents_are_over_when_both_are(network: Database, ends, merged) -> None:
    with network.transaction() as session:
        pair = []
        for end in ends:
            pair.append(opened(session, kind=IncidentKind.BILLING))
            if end is not None:
                incidents.restore_elements(session, pair[-1], None, at=STARTED + end * HOUR, actor="nina")
        merge_incidents(session, *pair, actor="omar", reason="One")
        assert pair[0].restored_at == (None if merged is None else STARTED + merged * HOUR)
        assert pair[0].status == (IncidentStatus.OPENED if merged is None else IncidentStatus.RESTORED)


def test_the_kept_one_counts_all_minutes_and_the_absorbed_one_none(database: Database, store: SnapshotStore) -> None:
    with database.transaction() as session:
        worlds.add_elements(session, 1)
        worlds.add_line(session, 1, served_by=1)
        keep, absorbed = (worlds.add_incident(session, f"INC-2012-0000{number}") for number in (1, 2))
        worlds.add_outage(session, keep, 1, 0, 60)
        worlds.add_outage(session, absorbed, 1, 30, 90)
    for ref in (keep.ref, absorbed.ref):
        measure_impact(database, store, ref, actor="nina")
    with database.transaction() as session:
        pair = [session.get_one(Incident, one.id) for one in (keep, absorbed)]
        merge_incidents(session, *pair, actor="omar", reason="One")
    run = measure_impact(database, store, keep.ref, actor="nina").run
    found = impact_of_line(store, run, 1)
    assert found is not None
    assert found.services["voice"] == ((worlds.seconds(0), worlds.seconds(90)),)
    assert "deducted" not in run.counts


_SPANS = st.lists(
    st.tuples(st.integers(0, 20), st.none() | st.integers(1, 8), st.sampled_from(list(Degree))), min_size=1, max_size=6
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_SPANS)
def test_united_outages_are_without_service_in_just_the_same_minutes(sqlite_database: Database, spans) -> None:
    with sqlite_database.transaction() as session:
        for table in (Outage, TimelineEntry, Incident, NetworkElement):
            session.execute(delete(table))
        worlds.add_elements(session, 1)
        incident = worlds.add_incident(session)
        wanted: dict[int, Degree] = {}
        for start, length, degree in spans:
            ended_at = None if length is None else worlds.at(start + length)
            unite_rows(session, incident, [Span(1, "voice", degree, worlds.at(start), ended_at)])
            for minute in range(start, 40 if length is None else start + length):
                if wanted.get(minute) != Degree.LOST:
                    wanted[minute] = degree
        found: dict[int, Degree] = {}
        for row in session.scalars(select(Outage)):
            first = (clock.to_unix(row.started_at) - worlds.seconds(0)) // 60
            last = 40 if row.ended_at is None else (clock.to_unix(row.ended_at) - worlds.seconds(0)) // 60
            for minute in range(first, last):
                assert minute not in found
                found[minute] = row.degree
        assert found == wanted
