"""Dates, times and durations: read from ISO 8601 text, written back, and added by the calendar."""

from __future__ import annotations

import datetime
import re
from calendar import monthrange
from dataclasses import dataclass
from zoneinfo import ZoneInfo

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_TIME = re.compile(
    r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?([Zz]|[+-][0-9]{2}:[0-9]{2}|@[A-Za-z0-9_/+-]{1,64})?", re.ASCII
)
_DURATION = re.compile(
    r"(-)?P(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:\.([0-9]{1,6}))?S)?)?", re.ASCII
)
_MONTHS = re.compile(r"(-)?P(?:([0-9]{1,6})Y)?(?:([0-9]{1,6})M)?", re.ASCII)

_TimeOfDay = datetime.time


@dataclass(frozen=True, slots=True, order=True)
class Months:
    """A years-and-months duration, as a whole number of months; it has no fixed number of days."""

    months: int


def read_date(text: str) -> datetime.date | None:
    """A date from `2012-07-11`, or None when there is no such date."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    try:
        return datetime.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def read_time(text: str) -> datetime.time | None:
    """A time from `10:30:00`, with `Z`, `+02:00` or `@Europe/London` when it has a zone; None when it is none."""
    found = _TIME.fullmatch(text)
    if not found:
        return None
    micros = int((found[4] or "").ljust(6, "0"))
    try:
        return _TimeOfDay(int(found[1]), int(found[2]), int(found[3]), micros, _zone(found[5] or ""))
    except (ValueError, OSError, KeyError):  # KeyError: no such zone
        return None


def _zone(text: str) -> datetime.tzinfo | None:
    if text.startswith("@"):
        return ZoneInfo(text[1:])
    if not text:
        return None
    if text in ("Z", "z"):
        return datetime.UTC
    sign = -1 if text[0] == "-" else 1
    return datetime.timezone(sign * datetime.timedelta(hours=int(text[1:3]), minutes=int(text[4:6])))


def read_date_time(text: str) -> datetime.datetime | None:
    """A date and time from `2012-07-11T10:30:00` with an optional zone, or None when it is none."""
    day, separator, rest = text.partition("T")
    date, time = read_date(day), read_time(rest)
    if not separator or date is None or time is None:
        return None
    return datetime.datetime.combine(date, time)


def read_duration(text: str) -> datetime.timedelta | None:
    """A duration from ISO 8601 days, hours, minutes and seconds (`P1DT2H`, `PT90M`), or None when it is none."""
    found = _DURATION.fullmatch(text)
    if not found or text.endswith(("P", "T")):
        return None
    days, hours, minutes, seconds = (int(found[i] or 0) for i in (2, 3, 4, 5))
    micros = int((found[6] or "").ljust(6, "0"))
    try:
        span = datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    except OverflowError:
        return None
    return -span if found[1] else span


def read_months(text: str) -> Months | None:
    """A years-and-months duration from `P1Y6M`, or None when it is none."""
    found = _MONTHS.fullmatch(text)
    if not found or text.endswith("P"):
        return None
    total = 12 * int(found[2] or 0) + int(found[3] or 0)
    return Months(-total if found[1] else total)


def read_span(text: str) -> datetime.timedelta | Months | None:
    """A duration of either kind, or None; one of no time at all (`PT0S`) is one too."""
    span = read_duration(text)
    return read_months(text) if span is None else span


def write_duration(value: datetime.timedelta) -> str:
    """ISO 8601 of a duration: `P1DT2H`, `PT0S`."""
    sign = "-" if value < datetime.timedelta(0) else ""
    span = abs(value)
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    fraction = f".{span.microseconds:06d}".rstrip("0") if span.microseconds else ""
    time = f"{hours}H" * bool(hours) + f"{minutes}M" * bool(minutes)
    time += f"{seconds}{fraction}S" if seconds or fraction else ""
    day = f"{span.days}D" if span.days else ""
    return f"{sign}P{day}" + (f"T{time}" if time else "") if day or time else "PT0S"


def write_months(value: Months) -> str:
    """ISO 8601 of a years-and-months duration: `P1Y6M`, `P0M`."""
    years, months = divmod(abs(value.months), 12)
    text = f"{years}Y" * bool(years) + f"{months}M" * bool(months)
    return f"{'-' * (value.months < 0)}P{text or '0M'}"


def write_time(value: datetime.time | datetime.datetime) -> str:
    """ISO 8601 of a time or date and time, its zone as it was given."""
    naive = value.replace(tzinfo=None).isoformat()
    if value.tzinfo is None:
        return naive
    if isinstance(value.tzinfo, ZoneInfo):
        return f"{naive}@{value.tzinfo.key}"
    return f"{naive}Z" if value.tzinfo is datetime.UTC else value.isoformat()


def say_duration(value: datetime.timedelta) -> str:
    """A duration as people say it: `1 d 2 h 5 min`."""
    sign = "-" if value < datetime.timedelta(0) else ""
    span = abs(value)
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(span.days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    said = " ".join(f"{amount} {unit}" for amount, unit in parts if amount)
    return f"{sign}{said}" if said else "0 min"


def say_months(value: Months) -> str:
    """A years-and-months duration as people say it: `1 y 6 mo`."""
    years, months = divmod(abs(value.months), 12)
    said = " ".join(f"{amount} {unit}" for amount, unit in ((years, "y"), (months, "mo")) if amount)
    return f"{'-' * (value.months < 0)}{said}" if said else "0 mo"


def add_months(day: datetime.date, span: Months) -> datetime.date:
    """A date or date and time some months on; a day that the month lacks becomes its last. Raises OverflowError."""
    year, month = divmod(day.year * 12 + day.month - 1 + span.months, 12)
    if not datetime.MINYEAR <= year <= datetime.MAXYEAR:
        raise OverflowError("out of range")
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


def months_between(start: datetime.date, end: datetime.date) -> Months:
    """Whole months from one date to another; negative when `end` lies before `start`."""
    if end < start:
        return Months(-months_between(end, start).months)
    whole = (end.year - start.year) * 12 + end.month - start.month
    return Months(whole - (end.day < start.day))


def add_to_time(time: datetime.time, span: datetime.timedelta) -> datetime.time:
    """A time of day some while on; past midnight it begins anew."""
    moved = datetime.datetime.combine(datetime.date(2000, 1, 1), time.replace(tzinfo=None))
    return (moved + span % datetime.timedelta(days=1)).time().replace(tzinfo=time.tzinfo)


def time_between(start: datetime.time, end: datetime.time) -> datetime.timedelta:
    """The span from one time of day to another on one day; raises TypeError when only one has a zone."""
    day = datetime.date(2000, 1, 1)
    return datetime.datetime.combine(day, end) - datetime.datetime.combine(day, start)
