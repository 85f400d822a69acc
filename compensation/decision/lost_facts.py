"""Pure: the facts that follow from a line's lost time, from dates, and from a day of the month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from outage import counters, intervals

Pattern = Mapping[str, intervals.IntervalSet]
NO_LOSS: Pattern = {}
PatternValue = Fraction | date | timedelta | None
# The facts that follow from the date of the outage alone, and from it and the billing day.
DATED = ("days of outage month", "hours of outage month")
BILLING = ("days of billing period", "hours of billing period")
# The facts that are the day of an instant.
DAY_OF = {"reported on": "reported at", "known on": "known at"}
_SECONDS_OF_HOUR = 3600


def pattern_value(name: str, pattern: Pattern, zone: str) -> PatternValue:
    """The value of a fact of origin `pattern`; days and times are the zone's."""
    any_service = intervals.union(*pattern.values()) if pattern else intervals.NEVER
    match name:
        case "first lost on":
            return local_day(intervals.first(any_service), zone)
        case "first lost at":
            return local_time(intervals.first(any_service), zone)
        case "restored on":
            return local_day(intervals.last(any_service), zone)
        case "restored at":
            return local_time(intervals.last(any_service), zone)
        case "hours lost":
            return Fraction(intervals.total_seconds(any_service), _SECONDS_OF_HOUR)
        case "outage count":
            return Fraction(len(any_service))
    measure, *service, _loss = name.split()  # "longest voice loss", "total loss"
    lost = pattern.get(service[0], intervals.NEVER) if service else any_service
    seconds = intervals.total_seconds(lost) if measure == "total" else intervals.longest_seconds(lost)
    return timedelta(seconds=seconds)


def dated_value(name: str, on: date, zone: str) -> Fraction:
    """The value of a fact that follows from the date of the outage: how long its month is, for pro-rating."""
    begins_on, ends_on = counters.period_of(on, 1)
    if name == "days of outage month":
        return Fraction((ends_on - begins_on).days)
    if name == "hours of outage month":
        return Fraction(counters.seconds_of_dates(begins_on, ends_on, zone), _SECONDS_OF_HOUR)
    raise KeyError(name)


def billing_value(name: str, bill_day: int | None, on: date, zone: str) -> Fraction | None:
    """The value of a fact that follows from the day of the month on which the account's bill begins."""
    if bill_day is None:
        return None
    begins_on, ends_on = counters.period_of(on, bill_day)
    if name == "days of billing period":
        return Fraction((ends_on - begins_on).days)
    if name == "hours of billing period":
        return Fraction(counters.seconds_of_dates(begins_on, ends_on, zone), _SECONDS_OF_HOUR)
    raise KeyError(name)


def local_day(instant: int | None, zone: str) -> date | None:
    """The date in the zone at an instant in Unix seconds."""
    return None if instant is None else intervals.local_date(instant, zone)


def local_time(instant: int | None, zone: str) -> datetime | None:
    """The date and time in the zone at an instant in Unix seconds, with its offset."""
    return None if instant is None else datetime.fromtimestamp(instant, ZoneInfo(zone))
