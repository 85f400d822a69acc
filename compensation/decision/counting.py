"""Pure: the value of a measure of one line's lost time, or of the elements that an incident took."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import TypeVar

from compensation.feel import Value
from compensation.measures import Count, Cut, HolidayCalendar, Length, Measure, Named, Number, Rounded, Since
from compensation.periods import MOST_DAYS, dates_of
from outage import counters, intervals
from outage.holidays import WorkCalendar
from outage.intervals import IntervalSet

Network = Mapping[str, Mapping[IntervalSet, int]]
Measured = timedelta | Fraction | None
_EVER = 1 << 40
_ONE = timedelta(days=1)
_HOUR = 3600
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LostTime:
    """What a measure is taken of: one line's lost time, in Unix seconds per service, and what its clock goes by.

    `zone` is the policy's, `customer_zone` the line's own; `bill_day` the day of the month its bill begins; `calendar`
    what the fact that names a calendar says. `network`: how many of the incident's sites and cells were without service
    when. None: not known, or for `reported_at` never reported. `on`: the date of the outage; for a measure of a period
    `lost` holds what incidents before this one took as well.
    """

    lost: Mapping[str, IntervalSet]
    zone: str
    customer_zone: str | None = None
    known_at: int | None = None
    reported_at: int | None = None
    bill_day: int | None = None
    calendar: str | None = None
    network: Network | None = None
    on: date | None = None


class _NotKnown(Exception):  # noqa: N818 - no error: the measure is null
    """Something that the count needs is not known."""


def measure_value(
    measure: Measure, of: LostTime, parameters: Mapping[str, Value], calendars: Collection[HolidayCalendar] = ()
) -> Measured:
    """The measure of one line's lost time; None when something it needs is not known.

    `parameters`: the values of the day, of at least `measure.parameters`; a setting that is null there makes the
    measure None too.
    """
    try:
        counting = _Counting(measure, of, parameters, calendars)
        if measure.count.is_network:
            return counting.elements()
        if not measure.worst or measure.whole_period:
            return counting.value(of.lost)
        # Values of one measure are all durations or all numbers; a line that lost nothing still has a count of none.
        return max(counting.value({service: spans}) for service, spans in (of.lost or {"": ()}).items())
    except _NotKnown:
        return None


class _Counting:
    def __init__(
        self,
        measure: Measure,
        of: LostTime,
        parameters: Mapping[str, Value],
        calendars: Collection[HolidayCalendar],
    ) -> None:
        self.measure = measure
        self.of = of
        self.parameters = parameters
        self.zone = _known(of.customer_zone) if measure.customer_zone else of.zone
        self.calendar = self.find_calendar(calendars) if measure.wants_calendar else None

    def find_calendar(self, calendars: Collection[HolidayCalendar]) -> HolidayCalendar:
        name = self.of.calendar if self.measure.calendar_by else self.measure.calendar
        return _known(next((one for one in calendars if one.name == name), None))

    def value(self, lost: Mapping[str, IntervalSet]) -> timedelta | Fraction:
        measure, pieces = self.measure, list(self.kept(self.counted(lost)))
        if measure.count is Count.TOTAL:
            return timedelta(seconds=sum(pieces))
        if measure.count in (Count.LONGEST, Count.MOST):
            return timedelta(seconds=max(pieces, default=0))
        if measure.count is Count.HOURS:
            return sum((self.hours(seconds) for seconds in pieces), Fraction(0))
        return Fraction(len(pieces))

    def elements(self) -> Fraction:
        """How many sites or cells were without service for long enough at a stretch."""
        found = _known((self.of.network or {}).get(self.measure.count))
        return Fraction(
            sum(many for spans, many in found.items() if self.passes(intervals.longest_seconds(spans), None))
        )

    # --- which time counts

    def lost_of(self, lost: Mapping[str, IntervalSet]) -> IntervalSet:
        if self.measure.whole_period:
            return counters.time_of_dates(*self.dates(), self.zone)
        if self.measure.complete:
            return counters.lost_all(lost, self.measure.services or ())
        return counters.lost_any(lost, self.measure.services)

    def counted(self, of: Mapping[str, IntervalSet]) -> IntervalSet:
        measure, lost = self.measure, self.lost_of(of)
        began_at = self.clock_start(lost)
        if began_at is None:
            return intervals.NEVER
        if measure.since is not Since.FAULT:
            lost = intervals.clip(lost, began_at, _EVER)
        lost = tuple(
            one for one in lost if self.is_long(one[1] - one[0], measure.outages_over, measure.outages_at_least)
        )
        if measure.looks_back:
            lost = counters.within_dates(lost, *self.dates(), self.zone)
        if measure.window:
            lost = counters.in_daily_window(lost, self.zone, *measure.window)
        if measure.is_dated:
            lost = self.numbered(lost, intervals.local_date(began_at, self.zone))
        return self.on_working_days(lost) if measure.working_days_only else lost

    def dates(self) -> tuple[date, date]:
        """The first day of the measure's period, and the day after its last."""
        measure, days = self.measure, None
        if measure.last_days is not None:
            days = self.number(measure.last_days)
            if days > MOST_DAYS:
                raise _NotKnown
        period = _known(measure.period)
        begins_on, ends_on = _known(dates_of(period, _known(self.of.on), bill_day=self.of.bill_day, days=days))
        return begins_on, date.max if ends_on is None else ends_on

    def clock_start(self, lost: IntervalSet) -> int | None:
        known, reported = self.of.known_at, self.of.reported_at
        match self.measure.since:
            case Since.FAULT:
                return intervals.first(lost)
            case Since.KNOWN:
                return _known(known)
            case Since.REPORTED:
                return reported
            case Since.EITHER:
                return min(one for one in (_known(known if reported is None else reported), known) if one is not None)

    def numbered(self, lost: IntervalSet, day: date) -> IntervalSet:
        """The part of the time on the days that count, from the day of the clock's start on."""
        before = day - _ONE if self.measure.first_day_counts else day
        grace = self.measure.grace
        days = 0 if grace is None else self.number(grace.days)
        if grace is not None and grace.working:
            begins = self.after_working_days(before, days)
        else:
            begins = before + _ONE * (days + 1)
        first, last = (None if one is None else self.number(one) for one in self.measure.numbers)
        end = date.max if last is None else begins + _ONE * last
        begin = begins + _ONE * ((first or 1) - 1)
        if not lost or end <= begin:
            return intervals.NEVER
        covered = intervals.local_date(lost[-1][1], self.zone) + _ONE
        return counters.within_dates(lost, begin, max(min(end, covered), begin), self.zone)

    def after_working_days(self, day: date, working_days: int) -> date:
        calendar = _known(self.calendar)
        if not calendar.since <= day + _ONE:
            raise _NotKnown
        begins = self.work(calendar).day_after(day, working_days)
        if begins > calendar.until:
            raise _NotKnown
        return begins

    def on_working_days(self, lost: IntervalSet) -> IntervalSet:
        calendar = _known(self.calendar)
        work = self.work(calendar)
        kept = []
        for stretch in intervals.local_stretches(lost, self.zone):
            if not calendar.since <= stretch.day < calendar.until:
                raise _NotKnown
            if work.is_working(stretch.day):
                kept.append((stretch.started_at, stretch.ended_at))
        return intervals.normalise(kept)

    def work(self, calendar: HolidayCalendar) -> WorkCalendar:
        return WorkCalendar(self.zone, calendar.holidays, calendar.weekend)

    # --- the pieces of it

    def kept(self, lost: IntervalSet) -> Iterator[int]:
        """The seconds of each piece that counts; of a piece with `beyond`, what is past that."""
        beyond = None if self.measure.beyond is None else self.seconds(self.measure.beyond)
        for seconds, full in self.pieces(lost):
            if not self.passes(seconds, full):
                continue
            if beyond is None:
                yield seconds
            elif seconds > beyond:
                yield int(seconds - beyond)

    def passes(self, seconds: int, full: int | None) -> bool:
        """Whether a piece of that many lost seconds counts; `full`: how long it is as a whole."""
        measure = self.measure
        return self.is_long(seconds, measure.over, measure.at_least) and (not measure.whole or seconds == full)

    def is_long(self, seconds: int, over: Length | None, at_least: Length | None) -> bool:
        is_over = over is None or seconds > self.seconds(over)
        return is_over and (at_least is None or seconds >= self.seconds(at_least))

    def pieces(self, lost: IntervalSet) -> Iterator[tuple[int, int | None]]:
        """The lost seconds of each piece that has any, and how long the whole piece is (None: no such length)."""
        match self.measure.cut:
            case None:
                yield from ((seconds, None) for seconds in (intervals.total_seconds(lost),) if seconds)
            case Cut.OUTAGE:
                yield from ((end - start, None) for start, end in lost)
            case Cut.DAY:
                for day, seconds in intervals.seconds_per_day(lost, self.zone).items():
                    yield seconds, self.day_length(day)
            case Cut.BLOCK:
                yield from self.blocks(lost)
            case Cut.MONTH:
                yield from ((seconds, None) for seconds in counters.seconds_per_month(lost, self.zone).values())
            case Cut.PERIOD:
                bill_day = _known(self.of.bill_day)
                per_period = counters.seconds_per_period(lost, bill_day, self.zone)
                yield from ((seconds, None) for seconds in per_period.values())

    def day_length(self, day: date) -> int | None:
        return counters.seconds_of_dates(day, day + _ONE, self.zone) if self.measure.whole else None

    def blocks(self, lost: IntervalSet) -> Iterator[tuple[int, int | None]]:
        size = self.measure.block // timedelta(seconds=1)
        for part in ((one,) for one in lost) if self.measure.block_per_outage else (lost,):
            for seconds in counters.block_seconds(part, size // _HOUR).values():
                yield seconds, size

    def hours(self, seconds: int) -> Fraction:
        measure = self.measure
        if measure.rounded_over is not None:
            whole, left = divmod(seconds, _HOUR)
            return Fraction(whole + (left > self.seconds(measure.rounded_over)))
        if measure.rounded is Rounded.EXACT:
            return Fraction(seconds, _HOUR)
        return Fraction(counters.hours_started(seconds) if measure.rounded is Rounded.UP else seconds // _HOUR)

    # --- settings

    def seconds(self, setting: Length) -> Fraction:
        value = self.parameters.get(setting.name) if isinstance(setting, Named) else setting
        if not isinstance(value, timedelta):
            raise _NotKnown
        return Fraction(value // timedelta(microseconds=1), 10**6)

    def number(self, setting: Number) -> int:
        value = self.parameters.get(setting.name) if isinstance(setting, Named) else setting
        if isinstance(value, bool) or not isinstance(value, int | Fraction) or value.denominator != 1 or value < 0:
            raise _NotKnown
        return int(value)


def _known(value: T | None) -> T:
    if value is None:
        raise _NotKnown
    return value
