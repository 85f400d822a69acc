"""A model of impact in plain Python, minute by minute and line by line, that the product is held against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from outage.intervals import IntervalSet
from outage.lifecycle import Degree
from tests import impact_worlds as worlds

ELEMENTS = range(1, 7)
LINES = range(1, 6)
END = 300

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
        without: Without = {(e, s): set() for e in ELEMENTS for s in worlds.SERVICES}
        for minute in range(self.measured_to()):
            for element in ELEMENTS:  # an element needs only elements before it
                for service in worlds.SERVICES:
                    if self._is_without(counted, without, element, service, minute):
                        without[element, service].add(minute)
        return without

    def _is_without(
        self, counted: list[WorldOutage], without: Without, element: int, service: str, minute: int
    ) -> bool:
        for one in counted:
            ended = END if one.ended is None else one.ended
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
        for minute in range(END):
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
        cells = [e for e in ELEMENTS if line.home_area is not None and self.areas[e - 1] == line.home_area]
        lost = {
            service: {m for m in range(END) if cells and _share_without(cells, without, service, m) >= self.share}
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
