"""Runs on evidence beside links and sightings: ranges of numbers, ready intervals, home areas, claims; precedence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from sqlalchemy import update

from foundation import clock
from foundation.db import Database
from foundation.errors import InputError
from foundation.snapshots import SnapshotStore
from outage.models import Incident, NumberRange
from outage.presence.presence import forget_presence
from outage.runs.impact import measure_impact
from outage.runs.lines import LineImpact, impact_of_line, sample_lines
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
_HLR, _NORTH, _NORTH_2, _SOUTH = 1, 2, 3, 4


def _fill(database: Database) -> None:
    """An HLR, two cells in the north, one in the south; the HLR out from 0 to 60, a northern cell from 0 to 120."""
    with database.transaction() as session:
        worlds.add_elements(session, _HLR)
        worlds.add_elements(session, _NORTH, _NORTH_2, area="North")
        worlds.add_elements(session, _SOUTH, area="South")
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, _HLR, 0, 60, services=["voice"])
        worlds.add_outage(session, incident, _NORTH, 0, 120, services=["voice"])


def _span(start: int, end: int) -> tuple[tuple[int, int], ...]:
    return ((worlds.seconds(start), worlds.seconds(end)),)


def _measure(database: Database, store: SnapshotStore, share: Fraction = Fraction(1)) -> dict[int, LineImpact]:
    run = measure_impact(database, store, _REF, actor="nora", home_area_share=share).run
    return {line.line_id: line for line in sample_lines(store, run)}


def test_a_link_goes_before_an_imsi_range_and_that_before_an_msisdn_range(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database)
    with database.transaction() as session:
        worlds.add_line(session, 1, served_by=_SOUTH)
        worlds.add_line(session, 2)
        worlds.add_line(session, 3)
        worlds.add_line(session, 4)
        worlds.add_range(session, "imsi", "234100000000001", "234100000000002", _HLR)
        worlds.add_range(session, "imsi", "234100000000003", "234100000000003", _SOUTH)
        worlds.add_range(session, "msisdn", "+447700900003", "+447700900004", _HLR)
    lines = _measure(database, store)
    assert {number: line.evidence for number, line in lines.items()} == {2: "served_by", 4: "served_by"}
    assert lines[2].services == {"voice": _span(0, 60)}


def test_a_range_counts_if_it_is_valid_when_the_incident_starts(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    with database.transaction() as session:
        worlds.add_line(session, 1)
        worlds.add_range(session, "imsi", "234100000000001", "234100000000001", _HLR)
        session.execute(update(NumberRange).values(valid_from=worlds.START + timedelta(seconds=1)))
    assert _measure(database, store) == {}
    with database.transaction() as session:
        session.execute(update(NumberRange).values(valid_from=worlds.START))
    assert list(_measure(database, store)) == [1]


def test_a_ready_interval_is_presence_and_ends_an_older_sighting(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    with database.transaction() as session:
        worlds.add_line(session, 1)
        worlds.add_line(session, 2)
        worlds.add_visits(session, store, [(1, _NORTH, 30, 50), (2, _SOUTH, 40, 60)])
        worlds.add_sightings(session, store, [(2, _NORTH, -30)])
    lines = _measure(database, store)
    assert (lines[1].evidence, lines[1].sighting_age, lines[1].services) == ("present", 0, {"voice": _span(30, 50)})
    assert (lines[2].evidence, lines[2].sighting_age, lines[2].services) == ("present", 1800, {"voice": _span(0, 40)})


def test_a_home_area_counts_for_lines_not_seen_elsewhere(database: Database, store: SnapshotStore) -> None:
    _fill(database)
    with database.transaction() as session:
        for number in (1, 2, 3):
            worlds.add_line(session, number, home_area="North")
        worlds.add_line(session, 4, home_area="South")
        worlds.add_line(session, 5)
        worlds.add_sightings(session, store, [(2, _SOUTH, -60), (3, _SOUTH, -7 * 60)])
    assert _measure(database, store) == {}
    lines = _measure(database, store, Fraction(1, 2))
    assert {number: line.evidence for number, line in lines.items()} == {1: "home_area", 3: "home_area"}
    assert lines[1].services == {"voice": _span(0, 120)}
    with database.transaction() as session:
        incident = session.get_one(Incident, 1)
        worlds.add_outage(session, incident, _NORTH_2, 100, 150, services=["voice"])
    assert _measure(database, store)[1].services == {"voice": _span(100, 120)}


def test_measured_evidence_keeps_out_every_other_and_the_stronger_claim_wins(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database)
    with database.transaction() as session:
        for number in (1, 2, 3):
            worlds.add_line(session, number, home_area="North", served_by=_HLR if number == 1 else None)
        incident = session.get_one(Incident, 1)
        incident.restored_at = worlds.at(200)
        worlds.add_declaration(session, incident, 1, ["data"])
        worlds.add_declaration(session, incident, 2, ["data"], (150, 400))
        worlds.add_listing(session, store, incident, [(number, None, ["sms"], None) for number in (1, 2, 3)])
    lines = _measure(database, store, Fraction(1, 2))
    found = {number: (line.evidence, line.services) for number, line in lines.items()}
    assert found == {
        1: ("served_by", {"voice": _span(0, 60)}),
        2: ("declared", {"data": _span(150, 200)}),
        3: ("listed", {"sms": _span(0, 200)}),
    }


def test_claims_on_an_open_incident_are_measured_as_of_the_given_instant(
    database: Database, store: SnapshotStore
) -> None:
    with database.transaction() as session:
        worlds.add_line(session, 1)
        worlds.add_declaration(session, worlds.add_incident(session), 1, ["voice"])
    runs = [measure_impact(database, store, _REF, actor="nora", as_of=worlds.at(end)) for end in (60, 90, 60)]
    assert [one.is_new for one in runs] == [True, True, False]
    line = impact_of_line(store, runs[1].run, 1)
    assert line is not None
    assert (line.services, runs[1].run.as_of) == ({"voice": _span(0, 90)}, worlds.at(90))


def test_presence_of_other_times_makes_no_new_run_and_forgotten_presence_is_told(
    database: Database, store: SnapshotStore
) -> None:
    _fill(database)
    with database.transaction() as session:
        worlds.add_line(session, 1)
        worlds.add_sightings(session, store, [(1, _NORTH, 30)])
    assert measure_impact(database, store, _REF, actor="nora").run.counts["evidence"] == {"present": 1}
    with database.transaction() as session:
        worlds.add_sightings(session, store, [(1, _NORTH, 5000)])
    assert not measure_impact(database, store, _REF, actor="nora").is_new
    with clock.moved_to(datetime(2012, 7, 31, 12, tzinfo=UTC)), database.transaction() as session:
        forget_presence(session, older_than_days=10, actor="nora")
    counts = measure_impact(database, store, _REF, actor="nora").run.counts
    assert (counts["lines"], counts["presence_forgotten_before"]) == (0, "2012-07-21")


@pytest.mark.parametrize("share", [Fraction(0), Fraction(-1, 2), Fraction(11, 10)])
def test_a_share_that_is_none_is_refused(sqlite_database: Database, store: SnapshotStore, share: Fraction) -> None:
    with sqlite_database.transaction() as session:
        worlds.add_incident(session)
    with pytest.raises(InputError, match="home_area_share"):
        measure_impact(sqlite_database, store, _REF, actor="nora", home_area_share=share)
