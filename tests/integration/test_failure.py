"""What breaks if an element fails, against the footprint of an incident that makes it fail, on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import Database
from foundation.errors import InputError, NotFoundError
from foundation.snapshots import SnapshotStore, catalogue
from outage.base.mirror import ensure_mirror
from outage.intervals import clip
from outage.lifecycle import SERVICES
from outage.models import Dependency, NetworkElement, NumberRange, PresencePart
from outage.network.failure import list_single_points, reach_of_failure
from outage.network.footprint import footprint
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from tests import impact_worlds as worlds

NOW = worlds.START


def element(
    session: Session,
    number: int,
    *,
    kind: str = "cell",
    services: Sequence[str] = SERVICES,
    area: str | None = None,
    radio: str | None = None,
    valid: Sequence[datetime | None] = (None, None),
) -> None:
    session.add(
        NetworkElement(
            id=number,
            ref=f"E{number}",
            kind=kind,
            name=f"E{number}",
            services=list(services),
            area=area,
            radio=radio,
            valid_from=valid[0],
            valid_to=valid[1],
        )
    )
    session.flush()


def reach(database: Database, store: SnapshotStore, *refs: str, services=None, hold_hours: int = 6):
    with clock.moved_to(NOW), database.reading() as session:
        return reach_of_failure(session, store, refs, services, hold_hours)


@pytest.fixture
def core(database: Database, store: SnapshotStore) -> Database:
    """A register, a pool of three, two cells in two areas, five lines of which one has no evidence."""
    with database.transaction() as session:
        element(session, 1, kind="hlr")
        for number in (2, 3, 4):
            element(session, number, kind="mme", services=["data"])
        element(session, 5, kind="power", services=[])
        element(session, 10, area="SL1", radio="4G", services=["data"])
        element(session, 11, area="SL2", radio="2G", services=["voice", "sms"])
        for member in (2, 3, 4):
            worlds.add_dependency(session, 10, "pool", member, ["data"])
        worlds.add_dependency(session, 10, "power", 5)
        worlds.add_dependency(session, 11, "power", 5)
        worlds.add_line(session, 1, served_by=1)
        worlds.add_line(session, 2, served_by=1)
        worlds.add_line(session, 3)
        worlds.add_line(session, 4)
        worlds.add_line(session, 5)
        worlds.add_line(session, 6, served_by=1, contract=(None, date(2012, 7, 10)))
        worlds.add_line(session, 7, served_by=1, contract=(date(2012, 7, 12), None))
        sightings = [(2, 10, -5), (3, 10, -60), (3, 11, -30), (4, 10, -400), (5, 10, -10), (5, 11, -10), (5, 10, 5)]
        _sight(session, store, sightings)
    with clock.moved_to(NOW):
        ensure_mirror(database, store)
    return database


def _sight(session: Session, store: SnapshotStore, sightings: Sequence[tuple[int, int, int]]) -> None:
    rows = [(line, cell, worlds.seconds(minute)) for line, cell, minute in sightings]
    arrays = [pa.array(column, pa.int64()) for column in zip(*rows, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=worlds.SIGHTINGS)
    _part(session, store, "sighting", batch, worlds.at(-400), worlds.at(5))


def _part(
    session: Session, store: SnapshotStore, kind: str, batch: pa.RecordBatch, first: datetime, last: datetime
) -> None:
    part = catalogue(session, store.write_batches("presence", batch.schema, [batch]))
    session.add(PresencePart(snapshot_id=part, kind=kind, day=first.date(), seen_from=first, seen_to=last))
    session.flush()


def test_one_of_three_members_breaks_nothing_and_says_what_protects(core: Database, store: SnapshotStore):
    found = reach(core, store, "E2")
    assert found.breaks_nothing
    assert (found.others, found.cells, found.without) == (0, 0, {2: ("data",)})
    (shield,) = found.protections
    assert (shield.group, shield.lost, shield.left, shield.services, shield.elements) == (
        "pool",
        ("E2",),
        ("E3", "E4"),
        ("data",),
        1,
    )
    assert found.lines is not None
    assert found.lines.lines == 0


def test_all_members_together_take_the_cells_and_those_last_seen_there(core: Database, store: SnapshotStore):
    found = reach(core, store, "E2", "E3", "E4")
    assert (found.others, found.cells, found.protections) == (1, 1, [])
    assert [(one.name, one.elements, dict(one.services)) for one in found.by_kind] == [
        ("mme", 3, {"data": 3}),
        ("cell", 1, {"data": 1}),
    ]
    assert [(one.name, one.elements) for one in found.by_area] == [("SL1", 1)]
    assert [(one.name, one.elements) for one in found.by_radio] == [("4G", 1)]
    # 2 and 5 were seen on the cell last, 3 moved on, 4 is too long ago, a sighting that is yet to come tells nothing.
    assert found.lines is not None
    assert (found.lines.lines, dict(found.lines.services)) == (2, {"data": 2})
    assert dict(found.lines.evidence) == {"present": 2}
    later = reach(core, store, "E2", "E3", "E4", hold_hours=7)
    assert later.lines is not None
    assert later.lines.lines == 3


def test_a_register_takes_the_lines_it_holds_while_their_contract_runs(core: Database, store: SnapshotStore):
    found = reach(core, store, "E1", services=["voice"])
    assert found.lines is not None
    assert (found.lines.lines, dict(found.lines.services), dict(found.lines.evidence)) == (
        2,
        {"voice": 2},
        {"served_by": 2},
    )
    assert found.lines.is_current
    assert (found.others, found.breaks_nothing) == (0, False)


def test_an_element_without_services_of_its_own_takes_from_each_what_that_carries(core: Database, store: SnapshotStore):
    found = reach(core, store, "E5")
    assert found.without == {5: SERVICES, 10: ("data",), 11: ("voice", "sms")}
    assert found.lines is not None
    assert dict(found.lines.services) == {"data": 2, "voice": 2, "sms": 2}
    assert found.lines.lines == 3


def test_single_points_stand_in_the_order_of_the_lines_they_take(core: Database, store: SnapshotStore):
    with clock.moved_to(NOW), core.reading() as session:
        points = list_single_points(session, store)
    assert [(one.ref, one.kind, one.others, one.cells, one.lines) for one in points] == [
        ("E5", "power", 2, 2, 3),
        ("E1", "hlr", 0, 0, 2),
    ]
    for point in points:
        found = reach(core, store, point.ref)
        assert found.lines is not None
        assert (found.others, found.cells, found.lines.lines) == (point.others, point.cells, point.lines)


def test_ranges_of_numbers_and_ready_intervals_count_too(core: Database, store: SnapshotStore):
    with core.transaction() as session:
        session.add(NumberRange(kind="imsi", first="234100000000004", last="234100000000004", element_id=1))
        schema = pa.schema([(name, pa.int64()) for name in ("line_id", "element_id", "started_at", "ended_at")])
        spans = [(4, 11, worlds.seconds(-30), worlds.seconds(30)), (3, 10, worlds.seconds(-30), worlds.seconds(-1))]
        arrays = [pa.array(column, pa.int64()) for column in zip(*spans, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        _part(session, store, "interval", batch, worlds.at(-30), worlds.at(30))
    held = reach(core, store, "E1")
    assert held.lines is not None
    assert held.lines.lines == 3
    seen = reach(core, store, "E11")
    assert seen.lines is not None
    assert seen.lines.lines == 3


def test_a_stay_elsewhere_ends_what_a_sighting_says_as_it_does_in_a_run(core: Database, store: SnapshotStore):
    def lines() -> int:
        found = reach(core, store, "E10").lines
        assert found is not None
        return int(found.lines)

    assert lines() == 2  # 2 and 5 were seen there last
    with core.transaction() as session:
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, 10, 0, None, services=["data"])
        worlds.add_visits(session, store, [(2, 11, -4, -2), (5, 11, -10, -8)])
    # Nobody knows where 2 went from its stay; 5 was seen on both at the moment at which its stay began.
    measured = measure_impact(core, store, incident.ref, actor="nina", as_of=worlds.at(1)).run
    assert lines() == measured.counts["lines"] == 1


def test_without_a_mirror_the_lines_are_unknown(database: Database, store: SnapshotStore):
    with database.transaction() as session:
        element(session, 1)
    assert reach(database, store, "E1").lines is None
    with database.reading() as session:
        assert list_single_points(session, store) == []


def test_wrong_questions_are_refused_by_name(core: Database, store: SnapshotStore):
    with pytest.raises(NotFoundError, match="unknown network element \\(got 'E99'\\)"):
        reach(core, store, "E99")
    with pytest.raises(InputError, match="no element named"):
        reach(core, store)
    with pytest.raises(InputError, match="E2: services that this element does not carry \\(got 'voice'\\)"):
        reach(core, store, "E2", services=["voice"])
    with pytest.raises(InputError, match="unknown service"):
        reach(core, store, "E2", services=["fax"])
    with pytest.raises(InputError, match="hold"):
        reach(core, store, "E2", hold_hours=-1)


STRETCH = st.sampled_from([(None, None), (None, -1), (1, None), (-5, 5), (None, 0), (0, None)])


@st.composite
def networks(draw):
    size = draw(st.integers(1, 8))
    elements = [
        (draw(st.sets(st.sampled_from(SERVICES))), draw(STRETCH) if draw(st.booleans()) else (None, None))
        for _ in range(size)
    ]
    links = []
    for number in range(1, size):
        for group in range(draw(st.integers(0, 2))):
            for member in draw(st.sets(st.integers(0, number - 1), min_size=1, max_size=3)):
                services = draw(st.none() | st.sets(st.sampled_from(SERVICES)))
                links.append((number, f"g{group}", member, services, draw(STRETCH)))
    failed = draw(st.sets(st.integers(0, size - 1), min_size=1, max_size=3))
    return elements, links, failed


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(networks())
def test_what_would_break_is_the_footprint_of_an_incident_that_breaks_it(database: Database, store, world):
    elements, links, failed = world

    def ends(stretch: Sequence[int | None]) -> list[datetime | None]:
        return [None if minute is None else NOW + timedelta(minutes=minute) for minute in stretch]

    with clock.moved_to(NOW), database.transaction() as session:
        worlds.clear(session)
        for number, (services, stretch) in enumerate(elements):
            element(session, number + 1, services=[s for s in SERVICES if s in services], valid=ends(stretch))
        for number, group, member, services, stretch in links:
            start, end = ends(stretch)
            needed = None if services is None else list(services)
            session.add(
                Dependency(
                    element_id=number + 1,
                    group=group,
                    member_id=member + 1,
                    services=needed,
                    valid_from=start,
                    valid_to=end,
                )
            )
        raise_version(session, "inventory")
        refs = [f"E{number + 1}" for number in sorted(failed)]
        found = reach_of_failure(session, store, refs)
        incident = worlds.add_incident(session)
        for number in failed:
            services = [s for s in SERVICES if s in elements[number][0]] or SERVICES
            worlds.add_outage(session, incident, number + 1, 0, None, services=services)
        lost = footprint(session, incident.id, NOW + timedelta(minutes=1))
        lasting = footprint(session, incident.id, NOW + timedelta(minutes=8))
    for minute in range(8):
        # The network may have changed meanwhile, and what is without service with it.
        with clock.moved_to(worlds.at(minute)), database.reading() as session:
            then = reach_of_failure(session, store, refs).without
        assert {(key, service) for key, services in then.items() for service in services} == {
            place for place, out in lasting.items() if clip(out, worlds.seconds(minute), worlds.seconds(minute + 1))
        }
    assert {(key, service) for key, services in found.without.items() for service in services} == set(lost)
    assert found.others == len({key for key, _ in lost}) - len(failed)
