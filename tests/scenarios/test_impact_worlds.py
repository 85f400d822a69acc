"""Impact runs over random small worlds agree with a model in plain Python, minute by minute and line by line."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.impact import measure_impact
from outage.intervals import IntervalSet, pattern_key
from outage.lifecycle import Degree
from outage.lines import impact_of_line, patterns_of
from tests import impact_worlds as worlds

_EXAMPLES = int(os.environ.get("OUTAGE_TEST_EXAMPLES", "25"))
_ELEMENTS = range(1, 7)
_LINES = range(1, 6)
_END = 300

Losses = dict[int, tuple[str, dict[str, IntervalSet]]]


@dataclass(frozen=True)
class WorldOutage:
    element: int
    services: tuple[str, ...]
    degree: Degree
    started: int
    ended: int | None


@dataclass(frozen=True)
class WorldLine:
    number: int
    served_by: int | None
    zone: str
    contract: tuple[date | None, date | None]


@dataclass(frozen=True)
class World:
    needs: dict[tuple[int, str, int], tuple[str, ...] | None]
    outages: tuple[WorldOutage, ...]
    lines: tuple[WorldLine, ...]
    sightings: tuple[tuple[int, int, int], ...]
    hold_hours: int
    as_of: int

    def minutes_without(self) -> dict[tuple[int, str], set[int]]:
        """Per element and service the minutes without it, each minute asked on its own."""
        counted = [one for one in self.outages if one.degree is Degree.LOST]
        any_open = any(one.ended is None for one in counted)
        end = self.as_of if any_open else _END
        without: dict[tuple[int, str], set[int]] = {(e, s): set() for e in _ELEMENTS for s in worlds.SERVICES}
        for minute in range(end):
            for element in _ELEMENTS:  # an element needs only elements before it
                for service in worlds.SERVICES:
                    if self._is_without(counted, without, element, service, minute):
                        without[element, service].add(minute)
        return without

    def _is_without(
        self,
        counted: list[WorldOutage],
        without: dict[tuple[int, str], set[int]],
        element: int,
        service: str,
        minute: int,
    ) -> bool:
        for one in counted:
            ended = _END if one.ended is None else one.ended
            if one.element == element and service in one.services and one.started <= minute < ended:
                return True
        groups: dict[str, list[bool]] = {}
        for (needing, group, member), services in self.needs.items():
            if needing == element and (services is None or service in services):
                groups.setdefault(group, []).append(minute in without[member, service])
        return any(all(members) for members in groups.values())

    def expected(self) -> Losses:
        """Per line that lost something: its evidence and its intervals."""
        without = self.minutes_without()
        result: Losses = {}
        for line in self.lines:
            lost = {service: self._lost(line, service, without) for service in worlds.SERVICES}
            minutes = set().union(*lost.values())
            if not minutes or not _in_contract(line, min(minutes), max(minutes)):
                continue
            held = line.served_by is not None and any(without[line.served_by, s] for s in worlds.SERVICES)
            services = {service: _intervals(lost[service]) for service in worlds.SERVICES if lost[service]}
            result[line.number] = ("served_by" if held else "present", services)
        return result

    def _lost(self, line: WorldLine, service: str, without: dict[tuple[int, str], set[int]]) -> set[int]:
        lost = set() if line.served_by is None else set(without[line.served_by, service])
        for minute in range(_END):
            seen = [moment for number, _, moment in self.sightings if number == line.number and moment <= minute]
            if not seen:
                continue
            places = {e for number, e, moment in self.sightings if (number, moment) == (line.number, max(seen))}
            for place in places:
                gone = without[place, service]
                if minute in gone and max(seen) >= _start_of_stretch(gone, minute) - self.hold_hours * 60:
                    lost.add(minute)
        return lost


def _start_of_stretch(minutes: set[int], minute: int) -> int:
    while minute - 1 in minutes:
        minute -= 1
    return minute


def _in_contract(line: WorldLine, first: int, last: int) -> bool:
    zone = ZoneInfo(line.zone)
    first_on = worlds.at(first).astimezone(zone).date()
    last_on = (worlds.at(last) + timedelta(seconds=59)).astimezone(zone).date()
    started_on, ended_on = line.contract
    return (started_on is None or started_on <= last_on) and (ended_on is None or ended_on >= first_on)


def _intervals(minutes: set[int]) -> IntervalSet:
    starts = sorted(minute for minute in minutes if minute - 1 not in minutes)
    ends = sorted(minute + 1 for minute in minutes if minute + 1 not in minutes)
    return tuple((worlds.seconds(start), worlds.seconds(end)) for start, end in zip(starts, ends, strict=True))


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
        started = draw(_grid(0, _END - _GRID))
        ended = draw(st.none() | _grid(started + _GRID, _END))
        degree = draw(st.sampled_from([Degree.LOST, Degree.LOST, Degree.LOST, Degree.DEGRADED]))
        element = draw(st.sampled_from(_ELEMENTS))
        for service in draw(_services):
            outage = WorldOutage(element, (service,), degree, started, ended)
            found.setdefault((element, service, started), outage)
    return tuple(found.values())


_worlds = st.builds(
    World,
    needs=_needs(),
    outages=_outages(),
    lines=st.tuples(
        *(
            st.builds(
                WorldLine,
                number=st.just(number),
                served_by=st.none() | st.none() | st.sampled_from(_ELEMENTS),
                zone=st.sampled_from(["Europe/London", "Pacific/Auckland", "America/St_Johns", "UTC"]),
                contract=st.just((None, None)) | st.tuples(_days, _days),
            )
            for number in _LINES
        )
    ),
    sightings=st.lists(
        st.tuples(st.sampled_from(_LINES), st.sampled_from(_ELEMENTS), _grid(-150, _END)), min_size=5, max_size=30
    ).map(tuple),
    hold_hours=st.integers(0, 2),
    as_of=_grid(0, _END),
)


def _build(database: Database, store: SnapshotStore, world: World) -> None:
    with database.transaction() as session:
        worlds.clear(session)
        worlds.add_elements(session, *_ELEMENTS)
        for (element, group, member), services in world.needs.items():
            worlds.add_dependency(session, element, group, member, services)
        for line in world.lines:
            worlds.add_line(
                session, line.number, served_by=line.served_by, zone=line.zone, contract=line.contract, account=1
            )
        incident = worlds.add_incident(session)
        for one in world.outages:
            worlds.add_outage(
                session, incident, one.element, one.started, one.ended, services=one.services, degree=one.degree
            )
        # Two parts, and some rows twice: imports may overlap.
        worlds.add_sightings(session, store, world.sightings)
        worlds.add_sightings(session, store, world.sightings[::2])


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
    measured = measure_impact(database, store, "INC-2012-00001", actor="nora", as_of=as_of, hold_hours=world.hold_hours)
    assert measured.is_new
    expected = world.expected()
    found = {number: impact_of_line(store, measured.run, number) for number in _LINES}
    assert {n: (one.evidence, one.services) for n, one in found.items() if one is not None} == expected
    patterns = patterns_of(store, measured.run)
    assert {pattern_key(services) for _, services in expected.values()} == patterns.keys()
    assert all(pattern_key(services) == key for key, services in patterns.items())
    _check_counts(measured.run.counts, expected)


def _check_counts(
    counts: dict[str, object], expected: dict[int, tuple[str, dict[str, tuple[tuple[int, int], ...]]]]
) -> None:
    evidence = [evidence for evidence, _ in expected.values()]
    lost = [services for _, services in expected.values()]
    assert counts["lines"] == len(expected)
    assert counts["accounts"] == (1 if expected else 0)
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
