"""How the values of each type with an order lie on a line, as exact rationals, and the simplest value of a stretch."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from compensation.feel.values import FeelType, Months, Value

_EPOCH = datetime.datetime(1, 1, 1)  # noqa: DTZ001 - a date and time without zone is a value of the language
_EPOCH_UTC = datetime.datetime(1, 1, 1, tzinfo=datetime.UTC)
_MICROSECOND = datetime.timedelta(microseconds=1)
_DAY = 86_400_000_000
_LAST_DAY = Fraction(datetime.date.max.toordinal())


@dataclass(frozen=True, slots=True)
class Line:
    """A type's values as rationals: of which class they are, to and from the line, its finest step and its ends."""

    holds: type
    to_line: Callable[[Any], Fraction]
    from_line: Callable[[Fraction], Value]
    step: Fraction | None = None
    lowest: Fraction | None = None
    highest: Fraction | None = None


def _time_of(micros: Fraction) -> datetime.time:
    return (_EPOCH + int(micros) * _MICROSECOND).time()


def _micros_of_time(value: datetime.time) -> Fraction:
    return Fraction((datetime.datetime.combine(_EPOCH, value) - _EPOCH) // _MICROSECOND)


_ONE = Fraction(1)
NUMBERS = Line(Fraction, Fraction, lambda place: place)
_SPANS = Line(
    datetime.timedelta,
    lambda span: Fraction(span // _MICROSECOND),
    lambda place: int(place) * _MICROSECOND,
    _ONE,
    Fraction(datetime.timedelta.min // _MICROSECOND),
    Fraction(datetime.timedelta.max // _MICROSECOND),
)
_DATES = Line(
    datetime.date,
    lambda day: Fraction(day.toordinal()),
    lambda place: datetime.date.fromordinal(int(place)),
    _ONE,
    _ONE,
    _LAST_DAY,
)
LINES: dict[FeelType, Line] = {
    FeelType.NUMBER: NUMBERS,
    FeelType.MONEY: NUMBERS,
    FeelType.DATE: _DATES,
    FeelType.DURATION: _SPANS,
    FeelType.MONTHS: Line(Months, lambda span: Fraction(span.months), lambda place: Months(int(place)), _ONE),
    FeelType.TIME: Line(datetime.time, _micros_of_time, _time_of, _ONE, Fraction(0), Fraction(_DAY - 1)),
    FeelType.DATE_TIME: Line(
        datetime.datetime,
        lambda at: Fraction((at - _EPOCH) // _MICROSECOND),
        lambda place: _EPOCH + int(place) * _MICROSECOND,
        _ONE,
        Fraction(0),
        _LAST_DAY * _DAY - 1,
    ),
}
ZONED = Line(
    datetime.datetime,
    lambda at: Fraction((at - _EPOCH_UTC) // _MICROSECOND),
    lambda place: _EPOCH_UTC + int(place) * _MICROSECOND,
    _ONE,
    Fraction(0),
    _LAST_DAY * _DAY - 1,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """What can come on a line: nothing below or above, only whole multiples of the step. `has_floor`: the lowest value
    is a fact's own (no time, no money), not merely where the calendar begins."""

    lowest: Fraction | None = None
    highest: Fraction | None = None
    step: Fraction | None = None
    has_floor: bool = False

    def holds(self, place: Fraction) -> bool:
        """Whether this value can come."""
        outside = (self.lowest is not None and place < self.lowest) or (
            self.highest is not None and place > self.highest
        )
        return not outside and (self.step is None or (place / self.step).denominator == 1)

    def between(self, low: Fraction | None, high: Fraction | None) -> Fraction | None:
        """The simplest value strictly between two points (None: no end) that can come; None when there is none."""
        return self._written(low, high) if self.step is None else self._counted(low, high, self.step)

    def _counted(self, low: Fraction | None, high: Fraction | None, step: Fraction) -> Fraction | None:
        firsts = [] if low is None else [math.floor(low / step) + 1]
        firsts += [] if self.lowest is None else [math.ceil(self.lowest / step)]
        lasts = [] if high is None else [math.ceil(high / step) - 1]
        lasts += [] if self.highest is None else [math.floor(self.highest / step)]
        if firsts and lasts and max(firsts) > min(lasts):
            return None
        if low is None and not self.has_floor and high is not None:
            return min(lasts) * step
        if low is None and not self.has_floor:
            return Fraction(0) if self.lowest is None or self.lowest <= 0 else _DATES_START * step
        return max(firsts) * step

    def _written(self, low: Fraction | None, high: Fraction | None) -> Fraction | None:
        """With as few decimals as can be."""
        closed_low = self.lowest is not None and (low is None or self.lowest > low)
        closed_high = self.highest is not None and (high is None or self.highest < high)
        start, end = (self.lowest if closed_low else low), (self.highest if closed_high else high)
        if start is None:
            return Fraction(0) if end is None else Fraction(math.ceil(end) - 1)
        if end is not None and (start > end or (start == end and not (closed_low and closed_high))):
            return None
        if closed_low:
            return start
        if end is None:
            return Fraction(math.floor(start) + 1)
        if closed_high:
            return end
        unit = Fraction(1)
        while (math.floor(start / unit) + 1) * unit >= end:
            unit /= 10
        return (math.floor(start / unit) + 1) * unit


# An example of "any date": the first day of this century says more than the first of the calendar.
_DATES_START = datetime.date(2000, 1, 1).toordinal()
