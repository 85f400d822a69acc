"""What schemes count over lost time: daily windows, blocks, rounded hours, billing periods, any and all services.

Sets are normalised intervals of Unix seconds; counts are exact whole numbers. Thresholds are the caller's: a rule
compares `>` or `>=` itself, and where a threshold is part of the count (blocks, days) its strictness is in the name.
"""

from __future__ import annotations

import calendar
from collections.abc import Collection, Iterator, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction

from foundation.errors import InputError
from outage.intervals import (
    NEVER,
    Interval,
    IntervalSet,
    first,
    intersection,
    local_stretches,
    longest_seconds,
    normalise,
    seconds_per_day,
    total_seconds,
    union,
)

Hours = int | Fraction | Decimal

_DAY_SECONDS = 86_400
_MOST_BILL_DAY = 31


def lost_of(pattern: Mapping[str, IntervalSet], service: str) -> IntervalSet:
    """The time without one service; empty when the pattern does not name it."""
    return pattern.get(service, NEVER)


def lost_any(pattern: Mapping[str, IntervalSet], services: Collection[str] | None = None) -> IntervalSet:
    """The time without at least one of the services (None: of those in the pattern)."""
    return union(*(lost_of(pattern, service) for service in (pattern if services is None else services)))


def lost_all(pattern: Mapping[str, IntervalSet], services: Collection[str]) -> IntervalSet:
    """The time without every one of `services`: a "complete" loss of what a contract holds.

    The services must be named, because a pattern leaves out those that were never lost.
    Raises InputError when there are none.
    """
    if not services:
        raise InputError("no services named", where="services", accepted="the services that must all be lost")
    return intersection(*(lost_of(pattern, service) for service in services))


def in_daily_window(s: IntervalSet, zone: str, opens: time, closes: time) -> IntervalSet:
    """The part of the set at which a local clock shows `opens` or later and earlier than `closes`.

    A window that closes before it opens runs over midnight (22:00 to 06:00); one that closes at 00:00 runs to midnight.
    By what the clock shows: an hour that a zone repeats is in the window twice, one that it skips is in no window.
    Raises InputError for an unknown zone, or when both times are the same.
    """
    if opens == closes:
        raise InputError("a daily window opens and closes at the same time", value=str(opens), accepted="two times")
    start, end = _second_of_day(opens), _second_of_day(closes)
    windows = ((start, end),) if start < end else ((0, end), (start, _DAY_SECONDS))
    return normalise(_windows_of(s, zone, windows))


def seconds_in_window(s: IntervalSet, zone: str, opens: time, closes: time) -> int:
    """Seconds of the set inside a daily window; see `in_daily_window`."""
    return total_seconds(in_daily_window(s, zone, opens, closes))


def longest_in_window(s: IntervalSet, zone: str, opens: time, closes: time) -> int:
    """Seconds of the longest interval inside a daily window, cut where the window closes; see `in_daily_window`."""
    return longest_seconds(in_daily_window(s, zone, opens, closes))


def block_seconds(s: IntervalSet, block_hours: int = 24) -> dict[int, int]:
    """Seconds lost in each block of elapsed time since the first loss, by the block's number from 0.

    Blocks run on while service is there in between; those without a lost second are left out. Elapsed time, so that a
    24 h block is 24 hours long on the days when clocks change too. Raises InputError when a block is not at least 1 h.
    """
    if block_hours < 1:
        raise InputError("a block of no length", where="block_hours", value=block_hours, accepted="whole hours from 1")
    size, origin = block_hours * 3600, first(s)
    per_block: dict[int, int] = {}
    for start, end in s:
        cursor = start
        while cursor < end and origin is not None:
            number = (cursor - origin) // size
            upto = min(origin + (number + 1) * size, end)
            per_block[number] = per_block.get(number, 0) + upto - cursor
            cursor = upto
    return per_block


def blocks_over(s: IntervalSet, hours: Hours, block_hours: int = 24) -> int:
    """How many blocks since the first loss hold strictly more than `hours` lost hours; raises as `block_seconds`."""
    return sum(seconds > hours * 3600 for seconds in block_seconds(s, block_hours).values())


def started_blocks(s: IntervalSet, block_hours: int = 24) -> int:
    """How many blocks since the first loss hold any loss; for one interval its length, rounded up."""
    return len(block_seconds(s, block_hours))


def whole_blocks(s: IntervalSet, block_hours: int = 24) -> int:
    """How many blocks since the first loss are lost to the last second; for one interval its length, rounded down."""
    return sum(seconds == block_hours * 3600 for seconds in block_seconds(s, block_hours).values())


def hours_started(seconds: int) -> int:
    """Time rounded up to the hour: 14 h 50 is 15 h, 15 h is 15 h."""
    return -(-seconds // 3600)


def hours_rounded(seconds: int, *, over_minutes: int = 30) -> int:
    """Whole hours, and one more when strictly more than `over_minutes` minutes are left over: 2 h 30 is 2 h."""
    hours, left = divmod(seconds, 3600)
    return hours + (left > over_minutes * 60)


def within_dates(s: IntervalSet, from_on: date, to_on: date, zone: str) -> IntervalSet:
    """The part of the set on the local dates from `from_on` to the day before `to_on`.

    Raises InputError for an unknown zone, or when `to_on` is before `from_on`.
    """
    if to_on < from_on:
        accepted = f"a date from {from_on} on"
        raise InputError("the dates end before they begin", where="to_on", value=str(to_on), accepted=accepted)
    return normalise((start, end) for day, start, end, _ in local_stretches(s, zone) if from_on <= day < to_on)


def seconds_of_dates(from_on: date, to_on: date, zone: str) -> int:
    """How long the local dates from `from_on` to the day before `to_on` really are: a divisor for pro-rating.

    28 x 24 hours for a February; an hour less or more where the clocks change. Raises as `within_dates` does.
    """
    return total_seconds(time_of_dates(from_on, to_on, zone))


def time_of_dates(from_on: date, to_on: date, zone: str) -> IntervalSet:
    """All the time from the start of the local date `from_on` to that of `to_on`; raises as `within_dates` does."""
    # No zone's calendar is two days away from UTC's.
    epoch = date(1970, 1, 1)
    around = normalise([((from_on - epoch).days * _DAY_SECONDS, (max(from_on, to_on) - epoch).days * _DAY_SECONDS)])
    wide = tuple((start - 2 * _DAY_SECONDS, end + 2 * _DAY_SECONDS) for start, end in around)
    return within_dates(wide, from_on, to_on, zone)


def seconds_per_month(s: IntervalSet, zone: str) -> dict[date, int]:
    """Seconds of the set in each local calendar month, by its first day; months without any are left out."""
    return seconds_per_period(s, 1, zone)


def seconds_per_period(s: IntervalSet, bill_day: int, zone: str) -> dict[date, int]:
    """Seconds of the set in each billing period, by the period's first day; periods without any are left out.

    Raises as `period_of` does, and InputError for an unknown zone.
    """
    per_period: dict[date, int] = {}
    for day, seconds in seconds_per_day(s, zone).items():
        begins_on, _ = period_of(day, bill_day)
        per_period[begins_on] = per_period.get(begins_on, 0) + seconds
    return per_period


def period_of(day: date, bill_day: int) -> tuple[date, date]:
    """The billing period `[first day, first day of the next)` that holds `day`; months have periods with `bill_day` 1.

    A month that lacks the bill day begins its period on its last day: the 31st is 30 April. Raises InputError for a
    bill day that no month has.
    """
    if not 1 <= bill_day <= _MOST_BILL_DAY:
        raise InputError("not a day of a month", where="bill_day", value=bill_day, accepted="1 to 31")
    here = _bill_day_of(day.year, day.month, bill_day)
    if day < here:
        before = here.replace(day=1) - timedelta(days=1)
        return _bill_day_of(before.year, before.month, bill_day), here
    after = here.replace(day=28) + timedelta(days=4)
    return here, _bill_day_of(after.year, after.month, bill_day)


def _bill_day_of(year: int, month: int, bill_day: int) -> date:
    return date(year, month, min(bill_day, calendar.monthrange(year, month)[1]))


def _second_of_day(shown: time) -> int:
    return shown.hour * 3600 + shown.minute * 60 + shown.second


def _windows_of(s: IntervalSet, zone: str, windows: Collection[Interval]) -> Iterator[Interval]:
    for _, start, end, second_of_day in local_stretches(s, zone):
        midnight = start - second_of_day
        for opens, closes in windows:
            window = max(start, midnight + opens), min(end, midnight + closes)
            if window[0] < window[1]:
                yield window
