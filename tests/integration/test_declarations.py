"""What customers declare: in time, about the incident, and not against what was seen; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, update

from foundation import clock
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from outage.declarations import list_declarations, record_declaration, withdraw_declaration
from outage.lifecycle import Degree, IncidentStatus
from outage.models import Incident, TimelineEntry
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
_LINE = "+447700900001"
_CELL, _OTHER = 1, 2


@pytest.fixture
def restored(database: Database, store: SnapshotStore) -> Iterator[Database]:
    """A cell out for voice and data from minute 60 to 120 of an incident of 300; line 1 was seen nowhere then."""
    with database.transaction() as session:
        worlds.add_elements(session, _CELL, _OTHER)
        worlds.add_line(session, 1)
        worlds.add_line(session, 2)
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, _CELL, 60, 120, services=["voice", "data"])
        incident.status, incident.restored_at = IncidentStatus.RESTORED, worlds.at(300)
    with clock.moved_to(worlds.at(2000)):
        yield database


def _declare(database: Database, store: SnapshotStore, **said: Any) -> tuple[int, bool]:
    values: dict[str, Any] = {"declared_at": worlds.at(400), "services": ["voice"], **said}
    with database.transaction() as session:
        msisdn = values.pop("msisdn", _LINE)
        recorded, is_new = record_declaration(session, store, _REF, msisdn, actor="nina", **values)
        return recorded.id, is_new


def _see(database: Database, store: SnapshotStore, *sightings: tuple[int, int, int]) -> None:
    with database.transaction() as session:
        worlds.add_sightings(session, store, sightings)


def test_a_declaration_is_evidence_until_it_is_withdrawn(restored: Database, store: SnapshotStore) -> None:
    number, is_new = _declare(restored, store, started_at=worlds.at(30), ended_at=worlds.at(90))
    assert is_new
    run = measure_impact(restored, store, _REF, actor="nora").run
    line = impact_of_line(store, run, 1)
    assert line is not None
    assert (line.evidence, line.sighting_age) == ("declared", None)
    assert line.services == {"voice": ((worlds.seconds(30), worlds.seconds(90)),)}
    with restored.transaction() as session:
        assert withdraw_declaration(session, number, reason="spoke of another line", actor="nina")
        assert not withdraw_declaration(session, number, reason="again", actor="nina")
    second = measure_impact(restored, store, _REF, actor="nora")
    assert (second.is_new, second.run.counts["lines"]) == (True, 0)
    with restored.reading() as session:
        actions = list(session.scalars(select(AuditEntry.action)))
        assert {"incident declared", "declaration withdrawn"} <= set(actions)
        told = session.scalars(select(TimelineEntry.text).where(TimelineEntry.kind == "declared")).one()
        assert _LINE not in told
        assert [(msisdn, one.withdrawn_by) for one, msisdn in list_declarations(session, _REF)] == [(_LINE, "nina")]


def test_the_same_declaration_twice_is_one(restored: Database, store: SnapshotStore) -> None:
    first, _ = _declare(restored, store)
    assert _declare(restored, store) == (first, False)


def test_without_times_the_whole_incident_is_declared(restored: Database, store: SnapshotStore) -> None:
    _declare(restored, store, services=["data", "voice"])
    line = impact_of_line(store, measure_impact(restored, store, _REF, actor="nora").run, 1)
    assert line is not None
    assert line.services == dict.fromkeys(("data", "voice"), ((worlds.seconds(0), worlds.seconds(300)),))


@pytest.mark.parametrize(
    ("services", "sighting", "complaint"),
    [
        (["voice"], (1, _OTHER, 100), r"seen on E2 at 2012-07-11T23:40:00Z, which had voice then"),
        (["voice"], (1, _CELL, 59), r"seen on E1 at 2012-07-11T22:59:00Z, which had voice then"),
        (["voice", "sms"], (1, _CELL, 100), r"seen on E1 .* which had sms then"),
    ],
)
def test_what_a_sighting_contradicts_is_refused_with_the_reason(
    restored: Database, store: SnapshotStore, services: list[str], sighting: tuple[int, int, int], complaint: str
) -> None:
    _see(restored, store, sighting)
    with pytest.raises(RefusedError, match=complaint):
        _declare(restored, store, services=services)


def test_sightings_where_service_was_gone_or_poor_or_at_other_times_contradict_nothing(
    restored: Database, store: SnapshotStore
) -> None:
    _see(restored, store, (1, _CELL, 60), (1, _OTHER, 29), (1, _OTHER, 160), (2, _OTHER, 100), (1, _OTHER, 130))
    with restored.transaction() as session:
        incident = session.scalars(select(Incident)).one()
        worlds.add_outage(session, incident, _OTHER, 125, 140, services=["voice"], degree=Degree.DEGRADED)
    assert _declare(restored, store, started_at=worlds.at(30), ended_at=worlds.at(160))[1]


def test_a_ready_interval_that_outlasts_the_loss_contradicts(restored: Database, store: SnapshotStore) -> None:
    with restored.transaction() as session:
        worlds.add_visits(session, store, [(1, _CELL, 60, 121)])
    with pytest.raises(RefusedError, match="seen on E1"):
        _declare(restored, store)
    assert _declare(restored, store, started_at=worlds.at(60), ended_at=worlds.at(120))[1]


def test_a_sighting_that_comes_in_later_takes_the_declaration_out_of_the_next_run(
    restored: Database, store: SnapshotStore
) -> None:
    _declare(restored, store)
    assert measure_impact(restored, store, _REF, actor="nora").run.counts["evidence"] == {"declared": 1}
    _see(restored, store, (1, _OTHER, 200))
    counts = measure_impact(restored, store, _REF, actor="nora").run.counts
    assert (counts["evidence"], counts["contradicted"]) == ({}, 1)


@pytest.mark.parametrize(
    ("said", "error", "complaint"),
    [
        ({"msisdn": "07700900001"}, InputError, "not an E.164 number"),
        ({"msisdn": "+447700900009"}, NotFoundError, "unknown line"),
        ({"services": ["fax"]}, InputError, "unknown service .got 'fax'"),
        ({"services": []}, InputError, "unknown service"),
        ({"started_at": datetime(2012, 7, 12)}, InputError, "naive timestamp"),  # noqa: DTZ001 - the point of the test
        ({"started_at": worlds.at(-1)}, InputError, "outside of INC-2012-00001"),
        ({"started_at": worlds.at(300)}, InputError, "outside of INC-2012-00001"),
        ({"ended_at": worlds.at(301)}, InputError, "outside of INC-2012-00001"),
        ({"started_at": worlds.at(50), "ended_at": worlds.at(50)}, InputError, "ended_at is not after started_at"),
        ({"ended_at": worlds.at(0)}, InputError, "ended_at is not after started_at"),
        ({"declared_at": worlds.at(-1)}, InputError, "nobody can have said so then"),
        ({"declared_at": worlds.at(2100)}, InputError, "nobody can have said so then"),
        ({"allowed_days": 1, "declared_at": worlds.at(300 + 1441)}, RefusedError, "more than 1 days after"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(
    restored: Database, store: SnapshotStore, said: dict[str, Any], error: type[InputError], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        _declare(restored, store, **said)
    with restored.reading() as session:
        assert list_declarations(session, _REF) == []


def test_a_dismissed_incident_takes_no_declarations(restored: Database, store: SnapshotStore) -> None:
    with restored.transaction() as session:
        session.execute(update(Incident).values(status=IncidentStatus.DISMISSED))
    with pytest.raises(RefusedError, match="dismissed"):
        _declare(restored, store)


def test_withdrawing_needs_a_reason_and_a_declaration(restored: Database, store: SnapshotStore) -> None:
    number, _ = _declare(restored, store)
    with restored.transaction() as session:
        with pytest.raises(InputError, match="reason"):
            withdraw_declaration(session, number, reason=" ", actor="nina")
        with pytest.raises(NotFoundError, match="no such declaration"):
            withdraw_declaration(session, 99, reason="none", actor="nina")
