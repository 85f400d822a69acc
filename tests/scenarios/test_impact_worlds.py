"""Impact runs over random small worlds agree with a model in plain Python, minute by minute and line by line."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.impact import measure_impact
from outage.intervals import IntervalSet, pattern_key
from outage.lifecycle import Degree
from outage.lines import impact_of_line, patterns_of
from outage.models import Incident
from tests import impact_worlds as worlds

_EXAMPLES = int(os.environ.get("OUTAGE_TEST_EXAMPLES", "25"))
_ELEMENTS = range(1, 7)
_LINES = range(1, 6)
_END = 300

Losses = dict[int, tuple[str, dict[str, IntervalSet]]]
Without = dict[tuple[int, str], set[int]]
Span = tuple[int, int] | None


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
    home_area: str | None

    @property
    def account(self) -> int:
        return 1 + self.number % 2


@dataclass(frozen=True)
class World:
    areas: tuple[str | None, ...]
    needs: dict[tuple[int, str, int], tuple[str, ...] | None]
    outages: tuple[WorldOutage, ...]
    lines: tuple[WorldLine, ...]
    ranges: tuple[tuple[str, int, int, int], ...]
    sightings: tuple[tuple[int, int, int], ...]
    visits: tuple[tuple[int, int, int, int], ...]
    declared: tuple[tuple[int, tuple[str, ...], Span], ...]
    listed: tuple[tuple[int | None, int | None, tuple[str, ...], Span], ...]
    restored: int | None
    share: Fraction
    hold_hours: int
    as_of: int

    def measured_to(self) -> int:
        """The minute up to which this world is measured."""
        counted = [one for one in self.outages if one.degree is Degree.LOST]
        said = bool(self.declared or self.listed)
        if any(one.ended is None for one in counted) or (said and self.restored is None):
            return self.as_of
        ends = [one.ended for one in counted if one.ended is not None]
        return max([*ends, self.restored] if said and self.restored is not None else ends, default=0)

    def minutes_without(self, degree: Degree = Degree.LOST) -> Without:
        """Per element and service the minutes without it, each minute asked on its own."""
        counted = [one for one in self.outages if one.degree is degree]
        without: Without = {(e, s): set() for e in _ELEMENTS for s in worlds.SERVICES}
        for minute in range(self.measured_to()):
            for element in _ELEMENTS:  # an element needs only elements before it
                for service in worlds.SERVICES:
                    if self._is_without(counted, without, element, service, minute):
                        without[element, service].add(minute)
        return without

    def _is_without(
        self, counted: list[WorldOutage], without: Without, element: int, service: str, minute: int
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
            evidence, lost = self._best(line, without)
            minutes = set().union(*lost.values())
            if not minutes or not _in_contract(line, min(minutes), max(minutes)):
                continue
            services = {service: _intervals(lost[service]) for service in worlds.SERVICES if lost.get(service)}
            result[line.number] = (evidence, services)
        return result

    def contradicted(self) -> set[int]:
        """The lines whose declarations do not count, for they were seen where service was whole."""
        without, degraded = self.minutes_without(), self.minutes_without(Degree.DEGRADED)
        found = set()
        for number, services, span in self.declared:
            for minute in self._claimed(span):
                for place in self._seen_at(number, minute):
                    for service in services:
                        if minute not in without[place, service] | degraded[place, service]:
                            found.add(number)
        return found

    def _best(self, line: WorldLine, without: Without) -> tuple[str, dict[str, set[int]]]:
        holder = self._holder(line)
        held = holder is not None and any(without[holder, s] for s in worlds.SERVICES)
        measured = {service: self._lost(line, holder, service, without) for service in worlds.SERVICES}
        if any(measured.values()):
            return "served_by" if held else "present", measured
        if line.number not in self.contradicted():
            said = self._said((services, span) for one, services, span in self.declared if one == line.number)
            if any(said.values()):
                return "declared", said
        rows = [row for row in self.listed if row[0] == line.number or row[1] == line.account]
        said = self._said((services, span) for _, _, services, span in rows)
        if any(said.values()):
            return "listed", said
        return "home_area", self._at_home(line, without)

    def _holder(self, line: WorldLine) -> int | None:
        if line.served_by is not None:
            return line.served_by
        for kind in ("imsi", "msisdn"):
            for one, first, last, element in self.ranges:
                if one == kind and first <= line.number <= last:
                    return element
        return None

    def _lost(self, line: WorldLine, holder: int | None, service: str, without: Without) -> set[int]:
        lost = set() if holder is None else set(without[holder, service])
        starts = [started for number, _, started, _ in self.visits if number == line.number]
        moments = [moment for number, _, moment in self.sightings if number == line.number]
        for minute in range(_END):
            lost |= {minute for place in self._stays_at(line.number, minute) if minute in without[place, service]}
            latest = max((moment for moment in [*moments, *starts] if moment <= minute), default=None)
            places = {e for number, e, moment in self.sightings if (number, moment) == (line.number, latest)}
            for place in places:
                gone = without[place, service]
                if (
                    latest is not None
                    and minute in gone
                    and latest >= _start_of_stretch(gone, minute) - self.hold_hours * 60
                ):
                    lost.add(minute)
        return lost

    def _stays_at(self, number: int, minute: int) -> set[int]:
        return {e for one, e, started, ended in self.visits if one == number and started <= minute < ended}

    def _seen_at(self, number: int, minute: int) -> set[int]:
        seen = {e for one, e, moment in self.sightings if (one, moment) == (number, minute)}
        return seen | self._stays_at(number, minute)

    def _claimed(self, span: Span) -> range:
        end = self.measured_to() if self.restored is None else self.restored
        first, last = (0, end) if span is None else span
        return range(max(first, 0), min(last, end))

    def _said(self, claims: Iterable[tuple[tuple[str, ...], Span]]) -> dict[str, set[int]]:
        said: dict[str, set[int]] = {}
        for services, span in claims:
            for service in services:
                said.setdefault(service, set()).update(self._claimed(span))
        return said

    def _at_home(self, line: WorldLine, without: Without) -> dict[str, set[int]]:
        cells = [e for e in _ELEMENTS if line.home_area is not None and self.areas[e - 1] == line.home_area]
        lost = {
            service: {m for m in range(_END) if cells and _share_without(cells, without, service, m) >= self.share}
            for service in worlds.SERVICES
        }
        minutes = set().union(*lost.values())
        if not minutes:
            return {}
        affected = {e for e in cells if any(without[e, s] for s in worlds.SERVICES)}
        around = range(min(minutes) - self.hold_hours * 60, max(minutes) + 1)
        elsewhere = any(self._seen_at(line.number, minute) - affected for minute in around)
        return {} if elsewhere else lost


def _share_without(cells: list[int], without: Without, service: str, minute: int) -> Fraction:
    return Fraction(sum(minute in without[cell, service] for cell in cells), len(cells))


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


@st.composite
def _ranges(draw: st.DrawFn) -> tuple[tuple[str, int, int, int], ...]:
    found: list[tuple[str, int, int, int]] = []
    for kind in ("imsi", "msisdn"):
        free = set(_LINES)
        for _ in range(draw(st.integers(0, 2))):
            first = draw(st.sampled_from(_LINES))
            last = draw(st.integers(first, max(_LINES)))
            if free >= set(range(first, last + 1)):
                free -= set(range(first, last + 1))
                found.append((kind, first, last, draw(st.sampled_from(_ELEMENTS))))
    return tuple(found)


@st.composite
def _span(draw: st.DrawFn) -> tuple[int, int]:
    first = draw(_grid(-60, _END - _GRID))
    return first, draw(_grid(first + _GRID, _END))


_visits = st.builds(
    lambda line, element, span: (line, element, *span), st.sampled_from(_LINES), st.sampled_from(_ELEMENTS), _span()
)
_declared = st.tuples(st.sampled_from(_LINES), _services, st.none() | _span())
_listed = st.tuples(st.sampled_from(_LINES), st.none(), _services, st.none() | _span()) | st.tuples(
    st.none(), st.sampled_from([1, 2]), _services, st.none() | _span()
)
_area = st.sampled_from(["North", "North", "South", None])

_worlds = st.builds(
    World,
    areas=st.tuples(*(_area for _ in _ELEMENTS)),
    ranges=_ranges(),
    visits=st.lists(_visits, max_size=4).map(tuple),
    declared=st.just(()) | st.lists(_declared, max_size=4).map(tuple),
    listed=st.just(()) | st.lists(_listed, max_size=2).map(tuple),
    restored=st.none() | _grid(_GRID, _END),
    share=st.sampled_from([Fraction(1), Fraction(1), Fraction(1, 2), Fraction(1, 3)]),
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
                home_area=_area,
            )
            for number in _LINES
        )
    ),
    sightings=st.lists(
        st.tuples(st.sampled_from(_LINES), st.sampled_from(_ELEMENTS), _grid(-150, _END)), min_size=0, max_size=25
    ).map(tuple),
    hold_hours=st.integers(0, 2),
    as_of=_grid(0, _END),
)


def _build(database: Database, store: SnapshotStore, world: World) -> None:
    with database.transaction() as session:
        worlds.clear(session)
        for element, area in zip(_ELEMENTS, world.areas, strict=True):
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
    found = {number: impact_of_line(store, measured.run, number) for number in _LINES}
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
