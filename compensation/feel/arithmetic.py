"""Operators on values: exact arithmetic, order, three-valued logic, and the properties of dates and durations.

The interpreter and the generated function both compute with these, so neither can round or compare by itself.
"""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from compensation.feel.builtins import MAX_DECIMALS, MAX_TEXT, equal, median, rounded_power
from compensation.feel.functions import NULL_TOLERANT, SIGNATURES, round_number
from compensation.feel.model_functions import MODEL_NULL_TOLERANT, MODEL_SIGNATURES
from compensation.feel.patterns import PatternError
from compensation.feel.temporal import Months, add_months, add_to_time, time_between
from compensation.feel.values import FeelType, Range, Value, type_of, weight

__all__ = ["OPERATIONS", "ORDERED", "add_up", "aggregate", "arithmetic", "both", "call", "equal", "ordered"]

Note = Callable[[str], None]

_MAX_EXPONENT = 1_000
MAX_BITS = 20_000
MAX_ITEMS = 10_000
_MICROSECOND = datetime.timedelta(microseconds=1)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NULL_TOLERANT = NULL_TOLERANT | MODEL_NULL_TOLERANT
_N, _S, _T, _M = FeelType.NUMBER, FeelType.STRING, FeelType.DURATION, FeelType.MONTHS
_D, _DT, _TIME = FeelType.DATE, FeelType.DATE_TIME, FeelType.TIME
ORDERED = frozenset({_N, FeelType.MONEY, _S, _D, _DT, _TIME, _T, _M})


class _OutOfReachError(ArithmeticError):
    """A result that is not computed, with its reason."""


def ordered(comparison: str, left: Value, right: Value) -> bool | None:
    """`left < right` and the like; null when either is null or they have no common order."""
    kind = type_of(left)
    if kind not in ORDERED or type_of(right) is not kind:
        return None
    try:
        return _ORDER[comparison](left, right)
    except TypeError:  # of two times only one has a zone
        return None


def both(left: Value, right: Value) -> bool | None:
    """Three-valued `and`; what is no boolean counts as null."""
    if left is False or right is False:
        return False
    return True if left is True and right is True else None


def either(left: Value, right: Value) -> bool | None:
    """Three-valued `or`; what is no boolean counts as null."""
    if left is True or right is True:
        return True
    return False if left is False and right is False else None


def negation(value: Value) -> bool | None:
    """Three-valued `not`; what is no boolean counts as null."""
    return not value if isinstance(value, bool) else None


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    """Exact with a whole exponent while that stays short, else to 34 digits."""
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    is_whole = exponent.denominator == 1
    if is_whole and abs(exponent) <= _MAX_EXPONENT and bits * abs(exponent) <= MAX_BITS:
        return Fraction(base) ** int(exponent)
    # How many bits the integer part of the result, or of its reciprocal, has at most.
    size = abs(base.numerator.bit_length() - base.denominator.bit_length()) + 1
    if size * abs(exponent) > MAX_BITS or (base < 0 and not is_whole):
        raise _OutOfReachError(f"a power out of reach: {exponent}")
    return rounded_power(base, exponent)


def _micros(span: datetime.timedelta) -> Fraction:
    return Fraction(span // _MICROSECOND)


def _span(micros: Fraction) -> datetime.timedelta:
    """A duration has whole microseconds: what is finer goes to the nearest."""
    return datetime.timedelta(microseconds=round(micros))


def _months(amount: Fraction) -> Months:
    """A number of months is whole: what is finer is cut off."""
    return Months(int(amount))


OPERATIONS: dict[tuple[str, FeelType, FeelType], Callable[[Any, Any], Any]] = {
    ("+", _N, _N): operator.add,
    ("-", _N, _N): operator.sub,
    ("*", _N, _N): operator.mul,
    ("/", _N, _N): operator.truediv,
    ("**", _N, _N): _power,
    ("+", _S, _S): operator.add,
    ("+", _T, _T): operator.add,
    ("-", _T, _T): operator.sub,
    ("/", _T, _T): lambda left, right: _micros(left) / _micros(right),
    ("*", _T, _N): lambda left, right: _span(_micros(left) * right),
    ("*", _N, _T): lambda left, right: _span(_micros(right) * left),
    ("/", _T, _N): lambda left, right: _span(_micros(left) / right),
    **{("+", day, _T): operator.add for day in (_D, _DT)},
    **{("+", _T, day): lambda left, right: right + left for day in (_D, _DT)},
    **{("-", day, _T): operator.sub for day in (_D, _DT)},
    **{("-", day, day): operator.sub for day in (_D, _DT)},
    **{("+", day, _M): add_months for day in (_D, _DT)},
    **{("+", _M, day): lambda left, right: add_months(right, left) for day in (_D, _DT)},
    **{("-", day, _M): lambda left, right: add_months(left, Months(-right.months)) for day in (_D, _DT)},
    ("+", _TIME, _T): add_to_time,
    ("+", _T, _TIME): lambda left, right: add_to_time(right, left),
    ("-", _TIME, _T): lambda left, right: add_to_time(left, -right),
    ("-", _TIME, _TIME): lambda left, right: time_between(right, left),
    ("+", _M, _M): lambda left, right: Months(left.months + right.months),
    ("-", _M, _M): lambda left, right: Months(left.months - right.months),
    ("*", _M, _N): lambda left, right: _months(left.months * right),
    ("*", _N, _M): lambda left, right: _months(right.months * left),
    ("/", _M, _N): lambda left, right: _months(left.months / right),
    ("/", _M, _M): lambda left, right: Fraction(left.months, right.months),
}


def arithmetic(symbol: str, left: Value, right: Value, note: Note) -> Value:
    """`left + right` and the like; null when either is null or there is no answer, which `note` is told."""
    if left is None or right is None:
        return None
    types = (type_of(left), type_of(right))
    operation = OPERATIONS.get((symbol, *types))
    if operation is None:
        note(f"{types[0]} {symbol} {types[1]} means nothing")
        return None
    try:
        return within_limits(operation(left, right), note)
    except _OutOfReachError as reason:
        note(str(reason))
    except ZeroDivisionError:
        note("a division by zero")
    except OverflowError:
        note("a date, duration or number out of range")
    except TypeError:
        note("of two times only one has a zone")
    return None


def negative(value: Value, note: Note) -> Value:
    """Arithmetic minus."""
    match value:
        case Months():
            return Months(-value.months)
        case datetime.timedelta():
            try:
                return -value
            except OverflowError:
                note("a date, duration or number out of range")
                return None
    return arithmetic("-", Fraction(0), value, note)


def add_up(items: list[Value], note: Note) -> Value:
    """The sum of values of one type; null when there are none or any is null. One value stays as it is."""
    return aggregate("sum", items, note)


def aggregate(function: str, items: list[Value], note: Note) -> Value:
    """`min`, `max`, `sum`, `count`, `mean`, `median`, `all` or `any` of some values."""
    if function == "count":
        return Fraction(len(items))
    if function in ("all", "any"):
        truth: bool | None = function == "all"
        for item in items:
            truth = both(truth, item) if function == "all" else either(truth, item)
        return truth
    if not items or None in items:
        return None
    if function == "median":
        numbers = [item for item in items if isinstance(item, Fraction)]
        return median(numbers) if len(numbers) == len(items) else None
    result = items[0]
    for item in items[1:]:
        if function in ("sum", "mean"):
            result = arithmetic("+", result, item, note)
        else:
            replaces = ordered("<" if function == "min" else ">", item, result)
            result = None if replaces is None else item if replaces else result
    return arithmetic("/", result, Fraction(len(items)), note) if function == "mean" else result


def call(function: str, arguments: list[Value], note: Note) -> Value:
    """A built-in function on values; null when one is null or not of its type, which `note` is told."""
    plain = SIGNATURES.get(function)
    # A policy's function with more arguments than policies give it is the one that models know.
    signature = plain if plain and plain.takes_many(len(arguments)) else MODEL_SIGNATURES.get(function)
    if signature is None or not signature.takes_many(len(arguments)):
        note(f"{function} cannot take {len(arguments)} arguments")
        return None
    if signature.run is None:
        number, scale = (*arguments, None)[:2]
        if signature.least == 2 and isinstance(number, Fraction) and isinstance(scale, Fraction):
            return round_number(function, number, int(scale)) if abs(scale) <= MAX_DECIMALS else None
        if signature.least == 2:
            return None
        items = arguments[0] if len(arguments) == 1 and isinstance(arguments[0], tuple) else arguments
        return aggregate(function, list(items), note)
    takes = (*signature.takes, *[signature.takes[-1]] * len(arguments))
    for place, (value, wanted) in enumerate(zip(arguments, takes, strict=False)):
        if value is None and not (function in _NULL_TOLERANT and wanted is FeelType.UNKNOWN):
            return None
        if wanted is FeelType.UNKNOWN or type_of(value) is wanted:
            continue
        arguments[place] = _single(value, wanted)
        if type_of(arguments[place]) is not wanted:
            note(f"{function} cannot take a {type_of(value)}")
            return None
    try:
        return within_limits(signature.run(*arguments), note)
    except ZeroDivisionError:
        note("a division by zero")
    except PatternError as reason:
        note(str(reason))
    return None


def _single(value: Value, wanted: FeelType) -> Value:
    """A list of one item is that item where no list is taken, and a value the list of it where one is."""
    if wanted is FeelType.LIST:
        return (value,)
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def within_limits(value: Any, note: Note) -> Value:
    """The value, or null when it is longer than any rule needs: what doubles again and again would not end."""
    match value:
        case Fraction() if max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS:
            note("a number out of range")
        case str() if len(value) > MAX_TEXT:
            note(f"a text of more than {MAX_TEXT} characters")
        case tuple() | Mapping() if weight(value, MAX_ITEMS) > MAX_ITEMS:
            note(f"a list of more than {MAX_ITEMS} items")
        case _:
            return value  # type: ignore[no-any-return]  # operators and functions give values
    return None


def property_of(value: Value, name: str, note: Note) -> Value:
    """`value.name`: an entry of a context, a part of a date, time or duration, or that of every item of a list."""
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(property_of(item, name, note) for item in value)
    if isinstance(value, Mapping):
        if name not in value:
            note(f'there is no "{name}"')
        return value.get(name)
    part = _PARTS.get((type_of(value), name))
    if part is None:
        note(f'a {type_of(value)} has no "{name}"')
        return None
    found = part(value)
    return Fraction(found) if isinstance(found, int) and not isinstance(found, bool) else found


def _signed(span: datetime.timedelta, part: int) -> int:
    return -part if span < datetime.timedelta(0) else part


def _zone_name(value: Any) -> str | None:
    return getattr(value.tzinfo, "key", None)


_OF_DATE: dict[str, Callable[[Any], Any]] = {
    "year": lambda d: d.year,
    "month": lambda d: d.month,
    "day": lambda d: d.day,
    "weekday": lambda d: d.isoweekday(),
}
_OF_TIME: dict[str, Callable[[Any], Any]] = {
    "hour": lambda t: t.hour,
    "minute": lambda t: t.minute,
    "second": lambda t: t.second,
    "time offset": lambda t: t.utcoffset(),
    "timezone": _zone_name,
}
_OF_SPAN: dict[str, Callable[[Any], Any]] = {
    "days": lambda s: _signed(s, abs(s).days),
    "hours": lambda s: _signed(s, abs(s).seconds // 3600),
    "minutes": lambda s: _signed(s, abs(s).seconds // 60 % 60),
    "seconds": lambda s: _signed(s, abs(s).seconds % 60),
}
_OF_MONTHS: dict[str, Callable[[Any], Any]] = {
    "years": lambda m: int(Fraction(m.months, 12)),
    "months": lambda m: m.months - 12 * int(Fraction(m.months, 12)),
}
_OF_RANGE: dict[str, Callable[[Range], Any]] = {
    "start": lambda r: r.low,
    "end": lambda r: r.high,
    "start included": lambda r: r.low_closed,
    "end included": lambda r: r.high_closed,
}
_PARTS: dict[tuple[FeelType, str], Callable[[Any], Any]] = {
    (kind, name): part
    for kind, parts in (
        (_D, _OF_DATE),
        (_TIME, _OF_TIME),
        (_DT, _OF_DATE | _OF_TIME),
        (_T, _OF_SPAN),
        (_M, _OF_MONTHS),
        (FeelType.RANGE, _OF_RANGE),
    )
    for name, part in parts.items()
}
