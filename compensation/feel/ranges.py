"""Ranges as values: what lies in them, how two of them or a point and one lie to each other, and their texts."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

from compensation.feel.temporal import read_date, read_date_time, read_span, read_time
from compensation.feel.values import FeelType, Range, Value, read_number, type_of

_NO_ORDER = (
    *(FeelType.NULL, FeelType.BOOLEAN, FeelType.LIST, FeelType.CONTEXT),
    *(FeelType.RANGE, FeelType.FUNCTION),
)
_WRITTEN = re.compile(r"([\[(\]])\s*(.+?)\s*\.\.\s*(.+?)\s*([\])\[])", re.DOTALL)
_QUOTED = re.compile(r'(@|date|time|date and time|duration)?\s*\(?\s*"([^"]*)"\s*\)?')
_READERS: dict[str, tuple[Callable[[str], Value], ...]] = {
    "": (str,),
    "@": (read_date, read_time, read_date_time, read_span),
    "date": (read_date,),
    "time": (read_time,),
    "date and time": (read_date_time,),
    "duration": (read_span,),
}


class NoOrderError(Exception):
    """Two values that have no order between them."""


class NoListError(Exception):
    """What is gone through is neither a list nor whole numbers or days from one to another."""


def compared(left: Value, right: Value) -> int:
    """-1, 0 or 1 as `left` lies before, at or behind `right`; raises NoOrderError."""
    kind = type_of(left)
    if kind in _NO_ORDER or type_of(right) is not kind:
        raise NoOrderError
    one: Any = left
    other: Any = right
    try:
        return int(one > other) - int(one < other)
    except TypeError:  # of two times only one has a zone
        raise NoOrderError from None


def made(low: Value, high: Value, *, low_closed: bool, high_closed: bool) -> Range | None:
    """The range between two values; None when they have no order or stand the wrong way round."""
    try:
        return None if compared(low, high) > 0 else Range(low, high, low_closed, high_closed)
    except NoOrderError:
        return None


def contains(whole: Range, point: Value) -> bool | None:
    """Whether a value lies in a range; None when it has no order with its ends."""
    try:
        above, below = compared(point, whole.low), compared(whole.high, point)
    except NoOrderError:
        return None
    return above >= (not whole.low_closed) and below >= (not whole.high_closed)


def counted(low: Value, high: Value, low_closed: bool, high_closed: bool) -> Iterable[Value]:
    """The whole numbers or days from one to another, upwards or downwards; raises NoListError."""
    first, last = _place(low), _place(high)
    if first is None or last is None or type(low) is not type(high):
        raise NoListError
    step = 1 if last >= first else -1
    places = range(first + (0 if low_closed else step), last + (step if high_closed else 0), step)
    return map(datetime.date.fromordinal, places) if isinstance(low, datetime.date) else map(Fraction, places)


def _place(value: Value) -> int | None:
    match value:
        case Fraction():
            return int(value) if value.denominator == 1 else None
        case datetime.datetime():
            return None
        case datetime.date():
            return value.toordinal()
    return None


def read_range(text: str) -> Range | None:
    """The range that a text such as `[1..5)` says, its ends written out; None when it says none."""
    found = _WRITTEN.fullmatch(text.strip())
    if not found:
        return None
    low, high = _end(found[2]), _end(found[3])
    return made(low, high, low_closed=found[1] == "[", high_closed=found[4] == "]")


def _end(text: str) -> Value:
    quoted = _QUOTED.fullmatch(text)
    if not quoted:
        return read_number(text)
    found = (read(quoted[2]) for read in _READERS[quoted[1] or ""])
    return next((value for value in found if value is not None), None)


# --- how they lie to each other (DMN 1.3, table 78); a point is the range of itself


def relation(name: str) -> Callable[[Value, Value], bool | None]:
    """The function of that name on two points or ranges; it gives None where they have no order, or it has no sense."""
    turned = _TURNED.get(name)
    holds = _RELATIONS[turned or name]
    needs = _NEEDS_RANGES.get(turned or name, (False, False))

    def answer(left: Value, right: Value) -> bool | None:
        first, second = (right, left) if turned else (left, right)
        if any(need and not isinstance(one, Range) for need, one in zip(needs, (first, second), strict=True)):
            return None
        try:
            return holds(_as_range(first), _as_range(second))
        except NoOrderError:
            return None

    return answer


def _as_range(value: Value) -> Range:
    if isinstance(value, Range):
        return value
    compared(value, value)
    return Range(value, value, low_closed=True, high_closed=True)


def _coincides(a: Range, b: Range) -> bool:
    same = compared(a.low, b.low) == 0 and compared(a.high, b.high) == 0
    return same and (a.low_closed, a.high_closed) == (b.low_closed, b.high_closed)


def _before(a: Range, b: Range) -> bool:
    order = compared(a.high, b.low)
    return order < 0 or (order == 0 and not (a.high_closed and b.low_closed))


def _meets(a: Range, b: Range) -> bool:
    return a.high_closed and b.low_closed and compared(a.high, b.low) == 0


def _overlaps(a: Range, b: Range) -> bool:
    return not _before(a, b) and not _before(b, a)


def _overlaps_before(a: Range, b: Range) -> bool:
    low, high = compared(a.low, b.low), compared(a.high, b.high)
    begins = low < 0 or (low == 0 and a.low_closed and not b.low_closed)
    ends = high < 0 or (high == 0 and (not a.high_closed or b.high_closed))
    return begins and ends and not _before(a, b)


def _finishes(a: Range, b: Range) -> bool:
    low = compared(a.low, b.low)
    begins = low > 0 or (low == 0 and (not a.low_closed or b.low_closed))
    return begins and compared(a.high, b.high) == 0 and a.high_closed == b.high_closed


def _starts(a: Range, b: Range) -> bool:
    high = compared(a.high, b.high)
    ends = high < 0 or (high == 0 and (not a.high_closed or b.high_closed))
    return ends and compared(a.low, b.low) == 0 and a.low_closed == b.low_closed


def _includes(a: Range, b: Range) -> bool:
    low, high = compared(a.low, b.low), compared(a.high, b.high)
    begins = low < 0 or (low == 0 and (a.low_closed or not b.low_closed))
    return begins and (high > 0 or (high == 0 and (a.high_closed or not b.high_closed)))


_RELATIONS: dict[str, Callable[[Range, Range], bool]] = {
    "coincides": _coincides,
    "before": _before,
    "meets": _meets,
    "overlaps": _overlaps,
    "overlaps before": _overlaps_before,
    "finishes": _finishes,
    "starts": _starts,
    "includes": _includes,
}
# The same with its arguments turned round.
_TURNED = {
    "after": "before",
    "met by": "meets",
    "overlaps after": "overlaps before",
    "finished by": "finishes",
    "started by": "starts",
    "during": "includes",
}
_NEEDS_RANGES = {
    **dict.fromkeys(("meets", "overlaps", "overlaps before"), (True, True)),
    **dict.fromkeys(("finishes", "starts"), (False, True)),
    "includes": (True, False),
}
RELATIONS = (*_RELATIONS, *_TURNED)
