"""What each built-in function computes on values of its types that are not null."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction
from math import ceil, floor, isqrt
from typing import Any

from compensation.feel.patterns import PatternError, compiled, replacement
from compensation.feel.temporal import Months
from compensation.feel.values import FeelType, Value, read_number, type_of, write_number, write_value

MAX_TEXT = 100_000
# More decimals than decimal128 has need no rounding.
MAX_DECIMALS = 6_176
_ZERO = Fraction(0)
_DIGITS = Context(prec=34)
# What a power multiplies of an error in its base stays behind those digits.
_MORE_DIGITS = Context(prec=50)
_MOST_NESTED = 500
_UNORDERED = (FeelType.BOOLEAN, FeelType.NULL, FeelType.LIST, FeelType.CONTEXT)


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


def floor_of(number: Fraction, scale: Fraction = _ZERO) -> Fraction | None:
    return _whole(floor, number, scale)


def ceiling_of(number: Fraction, scale: Fraction = _ZERO) -> Fraction | None:
    return _whole(ceil, number, scale)


def _whole(rounded: Callable[[Fraction], int], number: Fraction, scale: Fraction) -> Fraction | None:
    if not scale:
        return Fraction(rounded(number))
    if abs(scale) > MAX_DECIMALS:
        return None
    unit = Fraction(10) ** int(scale)
    return rounded(number * unit) / unit


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


def rounded_power(base: Fraction, exponent: Fraction) -> Fraction:
    """A power to 34 digits; the base is not below zero unless the exponent is whole."""
    if not base:
        return _ZERO if exponent > 0 else Fraction(1) / base
    under, above = (_MORE_DIGITS.divide(Decimal(one.numerator), Decimal(one.denominator)) for one in (base, exponent))
    return Fraction(_DIGITS.plus(_MORE_DIGITS.power(under, above)))


def odd(number: Fraction) -> bool | None:
    return bool(number.numerator % 2) if number.denominator == 1 else None


def even(number: Fraction) -> bool | None:
    return number.numerator % 2 == 0 if number.denominator == 1 else None


def number(text: str, grouping: Value = None, point: Value = None) -> Fraction | None:
    """A text's number; `grouping` parts its thousands (space, comma or dot), `point` its decimals (dot or comma)."""
    if grouping not in (None, " ", ",", ".") or point not in (None, ".", ",") or grouping == (point or "."):
        return None
    plain = text.strip() if grouping is None else text.replace(str(grouping), "")
    if point == ",":
        plain = plain.replace(".", "?").replace(",", ".")
    return read_number(plain)


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
