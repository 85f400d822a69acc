"""Impact runs over random small worlds agree with a model in plain Python, minute by minute and line by line."""

from __future__ import annotations

import os
from datetime import date
from fractions import Fraction

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.intervals import pattern_key
from outage.lifecycle import Degree
from outage.models import Incident
from outage.runs.impact import measure_impact
from outage.runs.lines import impact_of_line, patterns_of
from tests import impact_worlds as worlds
from tests.impact_model import ELEMENTS, END, LINES, World, WorldLine, WorldOutage

_EXAMPLES = int(os.environ.get("OUTAGE_TEST_EXAMPLES", "25"))


# Times on a coarse grid, so that losses, sightings and holds often meet to the second.
_GRID = 30


def _grid(first: int, last: int) -> st.SearchStrategy[int]:
    return st.integers(first // _GRID, last // _GRID).map(lambda number: number * _GRID)


_services = st.lists(st.sampled_from(worlds.SERVICES), min_size=1, unique=True).map(tuple)
_days = st.none() | st.dates(date(2012, 7, 10), date(2012, 7, 13))


@st.composite
def _needs(draw: st.DrawFn) -> dict[tuple[int, str, int], tuple[str, ...] | None]:
    pairs = draw(st.lists(st.tuples(st.integers(2, 6), st.integers(1, 5)), max_size=8))
    return {
        (element, draw(st.sampled_from("AB")), member): draw(st.none() | _services)
        for element, member in pairs
        if member < element
    }


@st.composite
def _outages(draw: st.DrawFn) -> tuple[WorldOutage, ...]:
    found: dict[tuple[int, str, int], WorldOutage] = {}
    for _ in range(draw(st.integers(1, 7))):
        started = draw(_grid(0, END - _GRID))
        ended = draw(st.none() | _grid(started + _GRID, END))
        degree = draw(st.sampled_from([Degree.LOST, Degree.LOST, Degree.LOST, Degree.DEGRADED]))
        element = draw(st.sampled_from(ELEMENTS))
        for service in draw(_services):
            outage = WorldOutage(element, (service,), degree, started, ended)
            found.setdefault((element, service, started), outage)
    return tuple(found.values())


@st.composite
def _ranges(draw: st.DrawFn) -> tuple[tuple[str, int, int, int], ...]:
    found: list[tuple[str, int, int, int]] = []
    for kind in ("imsi", "msisdn"):
        free = set(LINES)
        for _ in range(draw(st.integers(0, 2))):
            first = draw(st.sampled_from(LINES))
            last = draw(st.integers(first, max(LINES)))
            if free >= set(range(first, last + 1)):
                free -= set(range(first, last + 1))
                found.append((kind, first, last, draw(st.sampled_from(ELEMENTS))))
    return tuple(found)


@st.composite
def _span(draw: st.DrawFn) -> tuple[int, int]:
    first = draw(_grid(-60, END - _GRID))
    return first, draw(_grid(first + _GRID, END))


_visits = st.builds(
    lambda line, element, span: (line, element, *span), st.sampled_from(LINES), st.sampled_from(ELEMENTS), _span()
)
_declared = st.tuples(st.sampled_from(LINES), _services, st.none() | _span())
_listed = st.tuples(st.sampled_from(LINES), st.none(), _services, st.none() | _span()) | st.tuples(
    st.none(), st.sampled_from([1, 2]), _services, st.none() | _span()
)
_area = st.sampled_from(["North", "North", "South", None])

_worlds = st.builds(
    World,
    areas=st.tuples(*(_area for _ in ELEMENTS)),
    ranges=_ranges(),
    visits=st.lists(_visits, max_size=4).map(tuple),
    declared=st.just(()) | st.lists(_declared, max_size=4).map(tuple),
    listed=st.just(()) | st.lists(_listed, max_size=2).map(tuple),
    restored=st.none() | _grid(_GRID, END),
    share=st.sampled_from([Fraction(1), Fraction(1), Fraction(1, 2), Fraction(1, 3)]),
    needs=_needs(),
    outages=_outages(),
    lines=st.tuples(
        *(
            st.builds(
                WorldLine,
                number=st.just(number),
                served_by=st.none() | st.none() | st.sampled_from(ELEMENTS),
                zone=st.sampled_from(["Europe/London", "Pacific/Auckland", "America/St_Johns", "UTC"]),
                contract=st.just((None, None)) | st.tuples(_days, _days),
                home_area=_area,
            )
            for number in LINES
        )
    ),
    sightings=st.lists(
        st.tuples(st.sampled_from(LINES), st.sampled_from(ELEMENTS), _grid(-150, END)), min_size=0, max_size=25
    ).map(tuple),
    hold_hours=st.integers(0, 2),
    as_of=_grid(0, END),
)


def _build(database: Database, store: SnapshotStore, world: World) -> None:
    with database.transaction() as session:
        worlds.clear(session)
        for element, area in zip(ELEMENTS, world.areas, strict=True):
            worlds.add_elements(session, element, area=area)
        for (element, group, member), services in world.needs.items():
            worlds.add_dependency(session, element, group, member, services)
        for line in world.lines:
            worlds.add_line(
                session,
                line.number,
                served_by=line.served_by,
                zone=line.zone,
                contract=line.contract,
                account=line.account,
                home_area=line.home_area,
            )
        for kind, first, last, element in world.ranges:
            number = {"imsi": "2341000000{:05d}", "msisdn": "+4477009{:05d}"}[kind]
            worlds.add_range(session, kind, number.format(first), number.format(last), element)
        incident = worlds.add_incident(session)
        incident.restored_at = None if world.restored is None else worlds.at(world.restored)
        for one in world.outages:
            worlds.add_outage(
                session, incident, one.element, one.started, one.ended, services=one.services, degree=one.degree
            )
        _build_evidence(session, store, incident, world)


def _build_evidence(session: Session, store: SnapshotStore, incident: Incident, world: World) -> None:
    # Two parts, and some rows twice: imports may overlap.
    worlds.add_sightings(session, store, world.sightings)
    worlds.add_sightings(session, store, world.sightings[::2])
    worlds.add_visits(session, store, world.visits)
    for number, services, span in world.declared:
        worlds.add_declaration(session, incident, number, services, span)
    worlds.add_listing(session, store, incident, world.listed)


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(world=_worlds)
def test_every_line_loses_exactly_the_minutes_that_the_model_says(
    database: Database, store: SnapshotStore, world: World
) -> None:
    _build(database, store, world)
    as_of = worlds.at(world.as_of)
    measured = measure_impact(
        database,
        store,
        "INC-2012-00001",
        actor="nora",
        as_of=as_of,
        hold_hours=world.hold_hours,
        home_area_share=world.share,
    )
    assert measured.is_new
    expected = world.expected()
    found = {number: impact_of_line(store, measured.run, number) for number in LINES}
    assert {n: (one.evidence, one.services) for n, one in found.items() if one is not None} == expected
    patterns = patterns_of(store, measured.run)
    assert {pattern_key(services) for _, services in expected.values()} == patterns.keys()
    assert all(pattern_key(services) == key for key, services in patterns.items())
    _check_counts(measured.run.counts, expected)
    assert measured.run.counts.get("contradicted", 0) == len(world.contradicted())
    accounts = {line.account for line in world.lines if line.number in expected}
    assert measured.run.counts["accounts"] == len(accounts)


def _check_counts(
    counts: dict[str, object], expected: dict[int, tuple[str, dict[str, tuple[tuple[int, int], ...]]]]
) -> None:
    evidence = [evidence for evidence, _ in expected.values()]
    lost = [services for _, services in expected.values()]
    assert counts["lines"] == len(expected)
    assert counts["evidence"] == {one: evidence.count(one) for one in sorted(set(evidence))}
    assert counts["services"] == {
        service: {
            "lines": sum(service in services for services in lost),
            "seconds": sum(end - start for services in lost for start, end in services.get(service, ())),
        }
        for service in sorted({service for services in lost for service in services})
    }
    minutes = [
        {m for spans in services.values() for start, end in spans for m in range(start // 60, end // 60)}
        for services in lost
    ]
    assert counts["user_minutes"] == sum(map(len, minutes))
