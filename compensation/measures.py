"""Pure: what a policy counts over a line's lost time: the settings of each such measure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time, timedelta
from enum import StrEnum
from fractions import Fraction

from compensation.facts import Fact, Origin
from compensation.feel import FeelType
from compensation.periods import Period

# The facts that measures go by, besides lost time.
KNOWN_AT, REPORTED_AT, BILL_DAY, TIME_ZONE = "known at", "reported at", "billing day", "time zone"
CAUSE, FORCE_MAJEURE_FACT = "cause class", "force majeure"
_SECONDS_OF_HOUR = 3600


class Count(StrEnum):
    """What a measure gives: a time, a number of pieces of time, or a number of network elements."""

    TOTAL = "total time"
    LONGEST = "longest time"
    MOST = "most time"
    HOURS = "hours"
    DAYS = "days"
    BLOCKS = "blocks"
    OUTAGES = "outages"
    MONTHS = "months"
    PERIODS = "billing periods"
    SITES = "sites"
    CELLS = "cells"

    @property
    def is_time(self) -> bool:
        """Whether the measure is a duration; else it is a number."""
        return self in (Count.TOTAL, Count.LONGEST, Count.MOST)

    @property
    def is_network(self) -> bool:
        """Whether it counts elements of the network over the whole incident, and not a line's own time."""
        return self in (Count.SITES, Count.CELLS)


class Cut(StrEnum):
    """The pieces that lost time is cut into before anything is asked of each piece."""

    OUTAGE = "outage"
    DAY = "day"
    BLOCK = "block"
    MONTH = "month"
    PERIOD = "billing period"


class Since(StrEnum):
    """The instant that the clock starts at; time lost before it does not count."""

    FAULT = "fault"
    KNOWN = "known"
    REPORTED = "reported"
    EITHER = "known or reported"


class Rounded(StrEnum):
    """How hours are rounded, before any money is."""

    EXACT = "exact"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Named:
    """A dated parameter that stands for a setting of a measure."""

    name: str


Length = timedelta | Named
Number = int | Named


@dataclass(frozen=True, slots=True)
class Grace:
    """Days after the clock's start that do not count: calendar days, or working days of the measure's calendar."""

    days: Number
    working: bool


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """The working days of a region: weekend (0 is Monday) and holidays of the dates from `since` to before `until`."""

    name: str
    source: str
    since: date
    until: date
    weekend: frozenset[int]
    holidays: frozenset[date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A counter over a line's lost time.

    `services` None: any service; with `complete` the time without all of them at once, else without any of them; with
    `worst` each service is counted alone and the greatest count taken. Only outages that are long enough at a stretch
    count (`outages_over`, `outages_at_least`). Of the pieces of `cut` only those `over` (more than), `at_least`, or
    `whole` are taken, all without one of the three; `beyond` takes from each piece only what is past that length.
    `numbers` are the first and the last day that count, by their number after the clock's start and the grace.
    `calendar` is a holiday calendar's name or, with `calendar_by`, the name of the fact that says it. With `period` the
    time of incidents before this one counts too, all of it on the days of the period alone (`last_days` belong to
    Period.DAYS); with `whole_period` the period's own time is counted, lost or not. `leaves_out`: cause classes and
    kinds of force majeure whose incidents do not count.
    """

    name: str
    meaning: str
    count: Count
    cut: Cut | None = None
    services: tuple[str, ...] | None = None
    complete: bool = False
    worst: bool = False
    outages_over: Length | None = None
    outages_at_least: Length | None = None
    over: Length | None = None
    at_least: Length | None = None
    beyond: Length | None = None
    whole: bool = False
    block: timedelta = timedelta(hours=24)
    block_per_outage: bool = False
    rounded: Rounded = Rounded.EXACT
    rounded_over: Length | None = None
    window: tuple[time, time] | None = None
    since: Since = Since.FAULT
    grace: Grace | None = None
    numbers: tuple[Number | None, Number | None] = (None, None)
    first_day_counts: bool = False
    working_days_only: bool = False
    customer_zone: bool = False
    calendar: str | None = None
    calendar_by: bool = False
    period: Period | None = None
    last_days: Number | None = None
    whole_period: bool = False
    leaves_out: tuple[str, ...] = ()

    @property
    def parameters(self) -> frozenset[str]:
        """The dated parameters it reads."""
        grace = self.grace.days if self.grace else None
        lengths = (self.outages_over, self.outages_at_least, self.over, self.at_least, self.beyond, self.rounded_over)
        settings = (*lengths, grace, *self.numbers, self.last_days)
        return frozenset(one.name for one in settings if isinstance(one, Named))

    @property
    def facts(self) -> frozenset[str]:
        """The facts it reads, besides the lost time itself."""
        found = {Since.KNOWN: {KNOWN_AT}, Since.REPORTED: {REPORTED_AT}, Since.EITHER: {KNOWN_AT, REPORTED_AT}}
        wanted = set(found.get(self.since, ()))
        wanted |= {BILL_DAY} if self.cut is Cut.PERIOD or self.period is Period.BILLING else set()
        wanted |= {TIME_ZONE} if self.customer_zone else set()
        wanted |= {CAUSE, FORCE_MAJEURE_FACT} if self.leaves_out else set()
        return frozenset(wanted | ({self.calendar} if self.calendar_by and self.calendar else set()))

    @property
    def looks_back(self) -> bool:
        """Whether what the line lost in incidents before this one counts too."""
        return self.period is not None and not self.whole_period

    @property
    def is_dated(self) -> bool:
        """Whether it picks days by their number after the clock's start."""
        return self.grace is not None or self.numbers != (None, None) or self.first_day_counts

    @property
    def wants_calendar(self) -> bool:
        """Whether working days have a part in it."""
        return self.working_days_only or (self.grace is not None and self.grace.working)

    @property
    def is_nullable(self) -> bool:
        """Whether something that it needs may not be known."""
        known = {REPORTED_AT, CAUSE, FORCE_MAJEURE_FACT}
        return bool(self.facts - known or self.parameters or self.wants_calendar)

    def fact(self, said: str) -> Fact:
        """The measure as a fact that rules read; `said`: what it counts, in words."""
        span = self.count.is_time
        return Fact(
            name=self.name,
            type=FeelType.DURATION if span else FeelType.NUMBER,
            meaning=self.meaning or f"{said[0].upper()}{said[1:]}.",
            origin=Origin.MEASURE,
            source=said,
            column=None if self.count.is_network else "pattern",
            unit="days, hours, minutes" if span else {Count.HOURS: "h"}.get(self.count, self.count.value),
            nullable=self.is_nullable,
            lowest=timedelta(0) if span else Fraction(0),
            step=timedelta(seconds=1) if span else Fraction(1, _SECONDS_OF_HOUR if self.count is Count.HOURS else 1),
            looks_back=self.looks_back,
        )
