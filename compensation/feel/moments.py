"""What each built-in function of dates, times and durations computes on values of its types."""

from __future__ import annotations

import datetime
from calendar import isleap, monthrange
from fractions import Fraction
from math import floor
from typing import Any

from compensation.feel.temporal import Months, months_between, read_date, read_date_time, read_span, read_time
from compensation.feel.values import Value

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def date(value: Value, month: Fraction | None = None, day: Fraction | None = None) -> Any:
    match value:
        case str() if month is None:
            return read_date(value)
        case datetime.datetime() if month is None:
            return value.date()
        case datetime.date() if month is None:
            return value
        case Fraction() if month is not None and day is not None:
            return _built(datetime.date, value, month, day)
    return None


def time(value: Value, minute: Fraction | None = None, second: Fraction | None = None, offset: Value = None) -> Any:
    match value:
        case str() if minute is None:
            return read_time(value)
        case datetime.datetime() if minute is None:
            return value.timetz()
        case datetime.time() if minute is None:
            return value
        case datetime.date() if minute is None:
            return datetime.time.min.replace(tzinfo=datetime.UTC)
        case Fraction() if minute is not None and second is not None:
            return _with_offset(_time_of(value, minute, second), offset)
    return None


def _time_of(hour: Fraction, minute: Fraction, second: Fraction) -> Any:
    """A time whose seconds may have decimals, to the microsecond."""
    micros = (second - floor(second)) * 1_000_000
    return _built(datetime.time, hour, minute, Fraction(floor(second)), Fraction(floor(micros)))


def _with_offset(time_of_day: Any, offset: Value) -> Any:
    """A time or date and time at an offset from UTC, or in the zone that is named."""
    if time_of_day is None or offset is None:
        return time_of_day
    if isinstance(offset, str):
        zoned = read_time(f"00:00:00@{offset}")
        return None if zoned is None else time_of_day.replace(tzinfo=zoned.tzinfo)
    if not isinstance(offset, datetime.timedelta) or abs(offset) >= datetime.timedelta(days=1):
        return None
    return time_of_day.replace(tzinfo=datetime.timezone(offset) if offset else datetime.UTC)


def _built(make: Any, *parts: Fraction) -> Any:
    if any(part.denominator != 1 for part in parts):
        return None
    try:
        return make(*map(int, parts))
    except ValueError:
        return None


def date_and_time(value: Value, second: Value = None, *parts: Any) -> Any:
    """From a text, from a date and a time, or from six numbers with an offset or zone if need be."""
    if isinstance(value, Fraction) and isinstance(second, Fraction) and len(parts) >= 4 and None not in parts[:4]:
        day, at = _built(datetime.date, value, second, parts[0]), _time_of(*parts[1:4])
        whole = None if day is None or at is None else datetime.datetime.combine(day, at)
        return _with_offset(whole, parts[4] if len(parts) > 4 else None)
    if parts:
        return None
    if isinstance(value, datetime.date) and isinstance(second, datetime.time):
        return datetime.datetime.combine(value, second)
    if second is not None:
        return None
    if isinstance(value, str):
        day_alone = read_date(value)
        return read_date_time(value) or (day_alone and datetime.datetime.combine(day_alone, datetime.time.min))
    if isinstance(value, datetime.datetime):
        return value
    return datetime.datetime.combine(value, datetime.time.min) if isinstance(value, datetime.date) else None


def duration(text: str) -> datetime.timedelta | Months | None:
    return read_span(text)


def months_from(start: Value, end: Value) -> Months | None:
    is_dated = isinstance(start, datetime.date) and isinstance(end, datetime.date)
    return months_between(_day(start), _day(end)) if is_dated else None


def _day(value: Any) -> datetime.date:
    return value.date() if isinstance(value, datetime.datetime) else value


def day_of_year(value: Value) -> Fraction | None:
    return Fraction(value.timetuple().tm_yday) if isinstance(value, datetime.date) else None


def day_of_week(value: Value) -> str | None:
    return _DAYS[value.weekday()] if isinstance(value, datetime.date) else None


def month_of_year(value: Value) -> str | None:
    return _MONTHS[value.month - 1] if isinstance(value, datetime.date) else None


def week_of_year(value: Value) -> Fraction | None:
    return Fraction(value.isocalendar().week) if isinstance(value, datetime.date) else None


def days_in_month(value: Value) -> Fraction | None:
    return Fraction(monthrange(value.year, value.month)[1]) if isinstance(value, datetime.date) else None


def days_in_year(value: Value) -> Fraction | None:
    return Fraction(366 if isleap(value.year) else 365) if isinstance(value, datetime.date) else None


def days_between(start: Value, end: Value) -> Fraction | None:
    is_dated = isinstance(start, datetime.date) and isinstance(end, datetime.date)
    return Fraction((_day(end) - _day(start)).days) if is_dated else None


def start_of_month(value: Value) -> datetime.date | None:
    return _day(value).replace(day=1) if isinstance(value, datetime.date) else None
