"""Impact runs: immutable, repeatable, complete or invisible."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, func, select, update

from foundation.audit import AuditEntry, find_broken_entry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import Snapshot, SnapshotStore
from outage.lifecycle import Degree, IncidentStatus
from outage.models import Account, ImpactRun, Incident, Outage, Subscriber, TimelineEntry
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line, patterns_of, sample_lines
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
_HLR, _CELL, _OTHER = 1, 2, 3


def _fill(database: Database, store: SnapshotStore) -> None:
    """HLR from 0 to 1200 with lines 1 and 2; a cell from 60 to 120 with line 3, last seen there two hours before."""
    with database.transaction() as session:
        worlds.add_elements(session, _HLR, _CELL, _OTHER)
        worlds.add_line(session, 1, account=1, served_by=_HLR)
        worlds.add_line(session, 2, account=1, served_by=_HLR)
        worlds.add_line(session, 3)
        worlds.add_line(session, 4)
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, _HLR, 0, 1200)
        worlds.add_outage(session, incident, _CELL, 60, 120, services=["data"])
        worlds.add_sightings(session, store, [(3, _CELL, -60), (3, _OTHER, 90), (4, _OTHER, 30)])


def _span(start: int, end: int) -> tuple[tuple[int, int], ...]:
    return ((worlds.seconds(start), worlds.seconds(end)),)


def test_a_run_says_who_lost_what_and_how_we_know(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    measured = measure_impact(database, store, _REF, actor="nora")
    run = measured.run
    assert (measured.is_new, run.number, run.measured_by, run.as_of) == (True, 1, "nora", worlds.at(1200))
    held, seen = impact_of_line(store, run, 1), impact_of_line(store, run, 3)
    assert held is not None
    assert seen is not None
    assert (held.evidence, held.sighting_age, held.account_id) == ("served_by", None, 1)
    assert held.services == dict.fromkeys(("data", "sms", "voice"), _span(0, 1200))
    assert (held.facts["plan"], held.facts["fee_service_minor"]) == ("Simplicity 30", 2000)
    assert (held.facts["account_lines"], held.facts["attributes"]) == (2, {"loyalty": 'gold, "A"\n%s'})
    assert (seen.evidence, seen.sighting_age, seen.services) == ("present", 7200, {"data": _span(60, 90)})
    assert impact_of_line(store, run, 4) is None
    assert patterns_of(store, run) == {held.pattern: held.services, seen.pattern: seen.services}
    assert [line.line_id for line in sample_lines(store, run, limit=2)] == [1, 2]
    assert run.counts == {
        "lines": 3,
        "accounts": 2,
        "patterns": 2,
        "user_minutes": 2 * 1200 + 30,
        "services": {
            "data": {"lines": 3, "seconds": 2 * 72_000 + 1800},
            "sms": {"lines": 2, "seconds": 2 * 72_000},
            "voice": {"lines": 2, "seconds": 2 * 72_000},
        },
        "evidence": {"present": 1, "served_by": 2},
    }


def test_a_run_is_on_the_timeline_and_in_the_audit(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    measure_impact(database, store, _REF, actor="nora")
    with database.reading() as session:
        entry = session.scalars(select(TimelineEntry).where(TimelineEntry.kind == "impact measured")).one()
        assert (entry.actor, entry.text) == ("nora", "Impact run 1: 3 lines of 2 accounts lost service")
        audited = session.scalars(select(AuditEntry).where(AuditEntry.action == "incident impact measured")).one()
        assert audited.subject == _REF
        assert find_broken_entry(session) is None


def test_measuring_twice_changes_nothing(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    first = measure_impact(database, store, _REF, actor="nora")
    files = sorted(store.directory.rglob("*"))
    again = measure_impact(database, store, _REF, actor="max", as_of=worlds.at(5000))
    assert (again.is_new, again.run.id) == (False, first.run.id)
    assert sorted(store.directory.rglob("*")) == files
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(ImpactRun)) == 1
        kinds = session.scalars(select(TimelineEntry.kind)).all()
        assert list(kinds) == ["impact measured"]


def test_a_later_correction_of_an_end_makes_run_2_and_leaves_run_1(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    first = measure_impact(database, store, _REF, actor="nora").run
    with database.transaction() as session:
        session.execute(update(Outage).where(Outage.element_id == _HLR).values(ended_at=worlds.at(600)))
    second = measure_impact(database, store, _REF, actor="nora")
    assert (second.is_new, second.run.number) == (True, 2)
    before, after = impact_of_line(store, first, 1), impact_of_line(store, second.run, 1)
    assert before is not None
    assert after is not None
    assert (before.services["voice"], after.services["voice"]) == (_span(0, 1200), _span(0, 600))


def test_a_changed_base_makes_a_new_run_and_the_old_one_keeps_the_facts_as_they_were(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database, store)
    first = measure_impact(database, store, _REF, actor="nora").run
    with database.transaction() as session:
        session.execute(update(Subscriber).where(Subscriber.id == 1).values(plan="Other"))
        raise_version(session, "base")
    second = measure_impact(database, store, _REF, actor="nora")
    assert second.is_new
    lines = [impact_of_line(store, run, 1) for run in (first, second.run)]
    assert [line and line.facts["plan"] for line in lines] == ["Simplicity 30", "Other"]


def test_an_open_outage_is_measured_as_of_the_given_instant(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    with database.transaction() as session:
        session.execute(update(Outage).where(Outage.element_id == _HLR).values(ended_at=None))
    runs = [measure_impact(database, store, _REF, actor="nora", as_of=worlds.at(end)) for end in (100, 200, 100)]
    assert [one.is_new for one in runs] == [True, True, False]
    assert runs[2].run.id == runs[0].run.id
    lines = [impact_of_line(store, one.run, 1) for one in runs[:2]]
    assert [line and line.services["sms"] for line in lines] == [_span(0, 100), _span(0, 200)]


def test_a_shorter_hold_leaves_out_older_sightings(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    run = measure_impact(database, store, _REF, actor="nora", hold_hours=1).run
    assert impact_of_line(store, run, 3) is None
    assert run.counts["evidence"] == {"served_by": 2}


def test_degraded_service_and_contracts_of_other_days_do_not_count(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    with database.transaction() as session:
        session.execute(update(Outage).where(Outage.element_id == _CELL).values(degree=Degree.DEGRADED))
        ended = {"contract_ended_on": date(2012, 7, 10)}
        session.execute(update(Subscriber).where(Subscriber.id == 2).values(**ended))
    run = measure_impact(database, store, _REF, actor="nora").run
    assert [line.line_id for line in sample_lines(store, run)] == [1]


def test_an_incident_without_a_loss_has_an_empty_run(database: Database, store: SnapshotStore) -> None:
    with database.transaction() as session:
        worlds.add_incident(session)
    run = measure_impact(database, store, _REF, actor="nora").run
    assert run.counts["lines"] == 0
    assert (patterns_of(store, run), sample_lines(store, run), impact_of_line(store, run, 1)) == ({}, [], None)


def test_a_crash_between_the_files_and_the_records_leaves_only_strays(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)

    def crash(*_: object) -> None:
        raise ConnectionError("power cut")

    event.listen(ImpactRun, "before_insert", crash)
    try:
        with pytest.raises(ConnectionError):
            measure_impact(database, store, _REF, actor="nora")
    finally:
        event.remove(ImpactRun, "before_insert", crash)
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(ImpactRun)) == 0
        assert session.scalar(select(func.count()).select_from(TimelineEntry)) == 0
        kinds = set(session.scalars(select(Snapshot.kind)))
        assert kinds == {"base", "presence"}
        assert store.sweep(session, older_than=timedelta(0)) == 2
    measured = measure_impact(database, store, _REF, actor="nora")
    assert (measured.is_new, measured.run.number) == (True, 1)
    assert impact_of_line(store, measured.run, 1) is not None


def test_a_missing_snapshot_is_named(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    run = measure_impact(database, store, _REF, actor="nora").run
    store.path(run.lines_snapshot).unlink()
    with pytest.raises(NotFoundError, match=run.lines_snapshot):
        impact_of_line(store, run, 1)


def test_a_run_names_no_person(database: Database, store: SnapshotStore) -> None:
    _fill(database, store)
    run = measure_impact(database, store, _REF, actor="nora").run
    with database.reading() as session:
        secrets = list(session.scalars(select(Subscriber.msisdn))) + list(session.scalars(select(Account.name)))
    with store.connect() as workspace:
        text = str(workspace.fetch_rows(f"FROM {store.source(run.lines_snapshot)}"))
    assert not [secret for secret in secrets if secret in text]


@pytest.mark.parametrize(
    ("as_of", "hold_hours", "complaint"),
    [
        (datetime(2012, 7, 11, 23), 6, "naive"),  # noqa: DTZ001 - the point of the test
        (worlds.at(-1), 6, "before the incident's start"),
        (datetime(2999, 1, 1, tzinfo=UTC), 6, "as_of: in the future"),
        (None, -1, "hold_hours"),
        (None, 10_000, "whole hours from 0 to"),
    ],
)
def test_bad_input_is_refused_by_name(
    sqlite_database: Database, store: SnapshotStore, as_of: datetime | None, hold_hours: int, complaint: str
) -> None:
    with sqlite_database.transaction() as session:
        worlds.add_incident(session)
    with pytest.raises(InputError, match=complaint):
        measure_impact(sqlite_database, store, _REF, actor="nora", as_of=as_of, hold_hours=hold_hours)


@pytest.mark.parametrize("status", [IncidentStatus.DISMISSED, IncidentStatus.MERGED])
def test_what_was_none_or_counts_elsewhere_is_not_measured(
    sqlite_database: Database, store: SnapshotStore, status: IncidentStatus
) -> None:
    with sqlite_database.transaction() as session:
        worlds.add_incident(session).status = status
    with pytest.raises(RefusedError, match=f"{_REF} was {status}"):
        measure_impact(sqlite_database, store, _REF, actor="nora")


def test_an_unknown_incident_is_refused_before_any_file_is_written(
    sqlite_database: Database, store: SnapshotStore
) -> None:
    with pytest.raises(NotFoundError, match="INC-1999-00001"):
        measure_impact(sqlite_database, store, "INC-1999-00001", actor="nora")
    assert not store.directory.exists()
    with sqlite_database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Incident)) == 0
