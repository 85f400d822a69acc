"""What each built-in function computes on values of its types that are not null."""

from __future__ import annotations

import datetime
import re
from calendar import isleap, monthrange
from collections.abc import Iterator, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import ceil, floor, isqrt
from typing import Any

from compensation.feel.patterns import PatternError, compiled, replacement
from compensation.feel.temporal import Months, months_between, read_date, read_date_time, read_span, read_time
from compensation.feel.values import FeelType, Value, read_number, type_of, write_number, write_value

MAX_TEXT = 100_000
_DIGITS = Context(prec=34)
_MOST_NESTED = 500
_UNORDERED = (FeelType.BOOLEAN, FeelType.NULL, FeelType.LIST, FeelType.CONTEXT)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def equal(left: Value, right: Value) -> bool:
    """FEEL equality of two values of whatever type; true and 1 differ."""
    if type_of(left) is not type_of(right):
        return False
    if isinstance(left, tuple) and isinstance(right, tuple):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return left == right


# --- numbers


def floor_of(number: Fraction) -> Fraction:
    return Fraction(floor(number))


def ceiling_of(number: Fraction) -> Fraction:
    return Fraction(ceil(number))


def magnitude(value: Value) -> Value:
    match value:
        case Fraction():
            return abs(value)
        case datetime.timedelta():
            return abs(value)
        case Months():
            return Months(abs(value.months))
    return None


def modulo(number: Fraction, divisor: Fraction) -> Fraction:
    return number - divisor * floor(number / divisor)


def square_root(number: Fraction) -> Fraction | None:
    """Exact where it is a fraction, else to 34 digits as decimal128 has it."""
    if number < 0:
        return None
    top, bottom = isqrt(number.numerator), isqrt(number.denominator)
    if top * top == number.numerator and bottom * bottom == number.denominator:
        return Fraction(top, bottom)
    return Fraction(_DIGITS.sqrt(_DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))))


def odd(number: Fraction) -> bool | None:
    return bool(number.numerator % 2) if number.denominator == 1 else None


def even(number: Fraction) -> bool | None:
    return number.numerator % 2 == 0 if number.denominator == 1 else None


def number(text: str) -> Fraction | None:
    return read_number(text.strip())


def median(items: Sequence[Fraction]) -> Fraction:
    ordered = sorted(items)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


# --- texts


def _parts(value: Value) -> Iterator[Value]:
    if isinstance(value, tuple | Mapping):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _parts(item)
    else:
        yield value


def _length(value: Value) -> int:
    return len(value) if isinstance(value, str) else 1


def string(value: Value) -> str | None:
    match value:
        case str():
            return value
        case Fraction():
            return write_number(value)
        case tuple() | Mapping() if sum(map(_length, _parts(value))) > MAX_TEXT:
            return None
    text = write_value(value)
    is_temporal = text.endswith('")') and not isinstance(value, tuple | Mapping)
    return text.partition('"')[2][:-2] if is_temporal else text


def string_length(text: str) -> Fraction:
    return Fraction(len(text))


def substring(text: str, start: Fraction, length: Fraction | None = None) -> Any:
    return _part(text, start, length)


def _part(items: Any, start: Fraction, length: Fraction | None) -> Any:
    """A slice by FEEL's places: the first is 1, the last -1; None when the place or length is none."""
    if start.denominator != 1 or start == 0 or abs(start) > len(items):
        return None
    if length is not None and (length.denominator != 1 or length < 1):
        return None
    first = int(start) - 1 if start > 0 else len(items) + int(start)
    return items[first:] if length is None else items[first : first + int(length)]


def before(text: str, part: str) -> str:
    return text.partition(part)[0] if part and part in text else ""


def after(text: str, part: str) -> str:
    return (text.partition(part)[2] if part in text else "") if part else text


def contains(text: str, part: str) -> bool:
    return part in text


def starts_with(text: str, part: str) -> bool:
    return text.startswith(part)


def ends_with(text: str, part: str) -> bool:
    return text.endswith(part)


def matches(text: str, pattern: str, flags: str = "") -> bool:
    found = compiled(pattern, flags)
    return found.expression.search(found.fitting(text)) is not None


def replace(text: str, pattern: str, by: str, flags: str = "") -> str:
    found = compiled(pattern, flags)
    try:
        return found.expression.sub(replacement(by), found.fitting(text))
    except re.error as error:  # a group that the pattern does not have
        raise PatternError(str(error)) from None


def split(text: str, pattern: str) -> Value:
    found = compiled(pattern)
    return tuple(part or "" for part in found.expression.split(found.fitting(text)))


def string_join(items: Sequence[Value], delimiter: str = "") -> str | None:
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) != sum(item is not None for item in items) or len(delimiter) * len(texts) > MAX_TEXT:
        return None
    return delimiter.join(texts) if sum(map(len, texts)) <= MAX_TEXT else None


# --- lists


def list_contains(items: Sequence[Value], value: Value) -> bool:
    return any(equal(item, value) for item in items)


def append(items: Sequence[Value], *values: Value) -> Value:
    return (*items, *values)


def concatenate(*lists: Sequence[Value]) -> Value:
    return tuple(item for items in lists for item in items)


def distinct(items: Sequence[Value]) -> tuple[Value, ...] | None:
    """Lists and contexts are compared one by one, so that only some of them are; plain values by the thousand."""
    seen: set[object] = set()
    nested: list[Value] = []
    found: list[Value] = []
    for item in items:
        if isinstance(item, tuple | Mapping):
            is_new = not list_contains(nested, item)
            nested += [item] if is_new else []
            if len(nested) > _MOST_NESTED:
                return None
        else:
            key = (type_of(item), item)
            is_new = key not in seen
            seen.add(key)
        if is_new:
            found.append(item)
    return tuple(found)


def union(*lists: Sequence[Value]) -> Value:
    return distinct([item for items in lists for item in items])


def sort(items: Sequence[Any]) -> Value:
    try:
        kinds = {type_of(item) for item in items}
        return tuple(sorted(items)) if len(kinds) <= 1 and kinds.isdisjoint(_UNORDERED) else None
    except TypeError:  # times of which only some have a zone
        return None


def reverse(items: Sequence[Value]) -> Value:
    return tuple(reversed(items))


def flatten(items: Sequence[Value]) -> Value:
    return tuple(_leaves(items))


def _leaves(items: Sequence[Value]) -> Iterator[Value]:
    for item in items:
        if isinstance(item, tuple):
            yield from _leaves(item)
        else:
            yield item


def index_of(items: Sequence[Value], value: Value) -> Value:
    return tuple(Fraction(place) for place, item in enumerate(items, 1) if equal(item, value))


def sublist(items: tuple[Value, ...], start: Fraction, length: Fraction | None = None) -> Any:
    return _part(items, start, length)


def insert_before(items: tuple[Value, ...], place: Fraction, value: Value) -> Value:
    at = _place(items, place)
    return None if at is None else (*items[:at], value, *items[at:])


def remove(items: tuple[Value, ...], place: Fraction) -> Value:
    at = _place(items, place)
    return None if at is None else (*items[:at], *items[at + 1 :])


def _place(items: Sequence[Value], place: Fraction) -> int | None:
    if place.denominator != 1 or place == 0 or abs(place) > len(items):
        return None
    return int(place) - 1 if place > 0 else len(items) + int(place)


# --- dates and times


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


def time(value: Value, minute: Fraction | None = None, second: Fraction | None = None) -> Any:
    match value:
        case str() if minute is None:
            return read_time(value)
        case datetime.datetime() if minute is None:
            return value.timetz()
        case datetime.time() if minute is None:
            return value
        case Fraction() if minute is not None and second is not None:
            return _built(datetime.time, value, minute, second)
    return None


def _built(make: Any, *parts: Fraction) -> Any:
    if any(part.denominator != 1 for part in parts):
        return None
    try:
        return make(*map(int, parts))
    except ValueError:
        return None


def date_and_time(value: Value, time_of_day: datetime.time | None = None) -> datetime.datetime | None:
    if isinstance(value, str) and time_of_day is None:
        return read_date_time(value)
    if isinstance(value, datetime.date) and time_of_day is not None:
        return datetime.datetime.combine(value, time_of_day)
    return None


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
