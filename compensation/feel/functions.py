"""The catalogue of built-in functions: their arguments, result types and meaning, and what each computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from compensation.feel import builtins as run
from compensation.feel import moments
from compensation.feel.values import FeelType

MAX_SCALE = 30
_N, _S, _B, _L, _ANY = FeelType.NUMBER, FeelType.STRING, FeelType.BOOLEAN, FeelType.LIST, FeelType.UNKNOWN
_D, _T, _DT, _M = FeelType.DATE, FeelType.TIME, FeelType.DATE_TIME, FeelType.MONTHS


def _half_up(whole: int, rest: Fraction) -> int:
    return whole + (rest >= Fraction(1, 2))


def _half_down(whole: int, rest: Fraction) -> int:
    return whole + (rest > Fraction(1, 2))


def _half_even(whole: int, rest: Fraction) -> int:
    return _half_down(whole, rest) if whole % 2 == 0 else _half_up(whole, rest)


def _up(whole: int, rest: Fraction) -> int:
    return whole + (rest > 0)


def _down(whole: int, rest: Fraction) -> int:  # noqa: ARG001 - one shape for all five
    return whole


ROUNDINGS: dict[str, Callable[[int, Fraction], int]] = {
    "round up": _up,
    "round down": _down,
    "round half up": _half_up,
    "round half down": _half_down,
    "decimal": _half_even,
}
EXTREMES = ("min", "max")
AGGREGATES = ("min", "max", "sum", "count", "mean", "median")
KEEPING = ("floor", "ceiling", "abs", "modulo")
# Functions of a list whose result holds the same items.
SAME_ITEMS = (
    "append",
    "concatenate",
    "union",
    "sort",
    "reverse",
    "distinct values",
    "sublist",
    "insert before",
    "remove",
)


def round_number(function: str, number: Fraction, scale: int) -> Fraction:
    """`number` to `scale` decimals by the named rounding; up is away from zero, down is towards it."""
    unit = Fraction(10) ** scale
    whole, rest = divmod(abs(number) * unit, 1)
    magnitude = ROUNDINGS[function](int(whole), rest) / unit
    return -magnitude if number < 0 else magnitude


@dataclass(frozen=True, slots=True)
class Signature:
    """A function: how many arguments (`most` None: any number), how it is written, what it takes, gives and means.

    `takes` are the types of the arguments, the last standing for all that follow; `run` computes it on values of
    those types that are not null, and gives None or raises ArithmeticError where there is no answer.
    """

    least: int
    most: int | None
    written: str
    meaning: str
    takes: tuple[FeelType, ...]
    gives: FeelType
    run: Callable[..., Any] | None = None

    def takes_many(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)


def fixed(
    written: str,
    takes: tuple[FeelType, ...],
    gives: FeelType,
    compute: Callable[..., Any],
    meaning: str,
    least: int = 0,
) -> Signature:
    """A function of at most as many arguments as `takes` has types, and at least `least` (0: all of them)."""
    return Signature(least or len(takes), len(takes), written, meaning, takes, gives, compute)


_ROUNDING_WORDS = {
    "round up": "Rounds away from zero.",
    "round down": "Rounds towards zero.",
    "round half up": "Rounds to the nearest, a half away from zero.",
    "round half down": "Rounds to the nearest, a half towards zero.",
    "decimal": "Rounds to the nearest, a half to the even neighbour.",
}
_AGGREGATE_WORDS = {
    "min": "The smallest.",
    "max": "The largest.",
    "sum": "All added up.",
    "count": "How many there are.",
    "mean": "The sum divided by the count.",
    "median": "The one in the middle, or the mean of the two there.",
}
_TEXT_TESTS = {
    "contains": (run.contains, "Whether the text has the part in it."),
    "starts with": (run.starts_with, "Whether the text begins with the part."),
    "ends with": (run.ends_with, "Whether the text ends with the part."),
}

SIGNATURES: dict[str, Signature] = {
    **{
        name: Signature(2, 2, f"{name}(number, decimals)", words, (_N, _N), _N)
        for name, words in _ROUNDING_WORDS.items()
    },
    **{
        name: Signature(1, None, f"{name}(a, b, ...) or {name}([a, b, ...])", words, (_ANY,), _ANY)
        for name, words in _AGGREGATE_WORDS.items()
    },
    "floor": fixed(
        "floor(number) or floor(number, decimals)", (_N, _N), _N, run.floor_of, "The next number below.", least=1
    ),
    "ceiling": fixed(
        "ceiling(number) or ceiling(number, decimals)", (_N, _N), _N, run.ceiling_of, "The next number above.", least=1
    ),
    "abs": fixed("abs(number)", (_ANY,), _ANY, run.magnitude, "The size of a number or duration without its sign."),
    "modulo": fixed("modulo(number, divisor)", (_N, _N), _N, run.modulo, "What is left; it has the divisor's sign."),
    "sqrt": fixed(
        "sqrt(number)", (_N,), _N, run.square_root, "The square root: exact where it is a fraction, else to 34 digits."
    ),
    "odd": fixed("odd(number)", (_N,), _B, run.odd, "Whether a whole number is odd."),
    "even": fixed("even(number)", (_N,), _B, run.even, "Whether a whole number is even."),
    "all": Signature(1, None, "all(a, b, ...) or all([a, b, ...])", "Three-valued and.", (_ANY,), _B),
    "any": Signature(1, None, "any(a, b, ...) or any([a, b, ...])", "Three-valued or.", (_ANY,), _B),
    "number": fixed(
        'number("1.5") or number("1.000,5", ".", ",")',
        (_S, _ANY, _ANY),
        _N,
        run.number,
        "The number that a text says; behind it what parts thousands, and decimals.",
        least=1,
    ),
    "string": fixed("string(value)", (_ANY,), _S, run.string, "A value as text."),
    "string length": fixed("string length(text)", (_S,), _N, run.string_length, "How many characters a text has."),
    "upper case": fixed("upper case(text)", (_S,), _S, str.upper, "The text in capitals."),
    "lower case": fixed("lower case(text)", (_S,), _S, str.lower, "The text in small letters."),
    "substring": fixed(
        "substring(text, start, length)", (_S, _N, _N), _S, run.substring, "A part; the first place is 1.", least=2
    ),
    "substring before": fixed(
        "substring before(text, part)", (_S, _S), _S, run.before, "What stands before the part, else an empty text."
    ),
    "substring after": fixed(
        "substring after(text, part)", (_S, _S), _S, run.after, "What stands after the part, else an empty text."
    ),
    **{
        name: fixed(f"{name}(text, part)", (_S, _S), _B, compute, words)
        for name, (compute, words) in _TEXT_TESTS.items()
    },
    "matches": fixed(
        "matches(text, pattern, flags)", (_S, _S, _S), _B, run.matches, "Whether the pattern is found.", least=2
    ),
    "replace": fixed(
        "replace(text, pattern, by, flags)",
        (_S, _S, _S, _S),
        _S,
        run.replace,
        "Finds replaced; $1: a group.",
        least=3,
    ),
    "split": fixed("split(text, pattern)", (_S, _S), _L, run.split, "The parts between what is found."),
    "string join": fixed(
        "string join(list, delimiter)", (_L, _S), _S, run.string_join, "The texts of a list as one.", least=1
    ),
    "list contains": Signature(
        2, 2, "list contains(list, value)", "Whether the value is in the list.", (_L, _ANY), _B, run.list_contains
    ),
    "append": Signature(
        2, None, "append(list, value, ...)", "The list with the values behind.", (_L, _ANY), _L, run.append
    ),
    "concatenate": Signature(
        1, None, "concatenate(list, ...)", "The lists one behind the other.", (_L,), _L, run.concatenate
    ),
    "union": Signature(1, None, "union(list, ...)", "The lists joined, each value once.", (_L,), _L, run.union),
    "sort": fixed("sort(list)", (_L,), _L, run.sort, "The list in order, the smallest first."),
    "reverse": fixed("reverse(list)", (_L,), _L, run.reverse, "The list from its end."),
    "distinct values": fixed("distinct values(list)", (_L,), _L, run.distinct, "Each value once."),
    "flatten": fixed("flatten(list)", (_L,), _L, run.flatten, "Lists within the list unpacked."),
    "index of": Signature(
        2, 2, "index of(list, value)", "Every place of the value, from 1.", (_L, _ANY), _L, run.index_of
    ),
    "sublist": fixed(
        "sublist(list, start, length)", (_L, _N, _N), _L, run.sublist, "A part; the first place is 1.", least=2
    ),
    "insert before": Signature(
        3, 3, "insert before(list, place, value)", "The list with one more.", (_L, _N, _ANY), _L, run.insert_before
    ),
    "remove": fixed("remove(list, place)", (_L, _N), _L, run.remove, "The list without the item at a place."),
    "date": fixed(
        'date("2012-07-11"), date(2012, 7, 11) or date(date and time)',
        (_ANY, _N, _N),
        _D,
        moments.date,
        "A date.",
        least=1,
    ),
    "time": fixed(
        'time("10:30:00"), time(10, 30, 0), time(10, 30, 0, offset) or time(date and time)',
        (_ANY, _N, _N, _ANY),
        _T,
        moments.time,
        "A time.",
        least=1,
    ),
    "date and time": fixed(
        'date and time("2012-07-11T10:30:00"), date and time(date, time) or date and time(2012, 7, 11, 10, 30, 0)',
        (_ANY, _ANY, _N, _N, _N, _N, _ANY),
        _DT,
        moments.date_and_time,
        "A date and time.",
        least=1,
    ),
    "duration": fixed('duration("PT24H")', (_S,), _ANY, moments.duration, "A duration of days and time, or of months."),
    "years and months duration": fixed(
        "years and months duration(from, to)", (_ANY, _ANY), _M, moments.months_from, "Whole months between two dates."
    ),
    "day of year": fixed(
        "day of year(date)", (_ANY,), _N, moments.day_of_year, "The day's number in its year, from 1."
    ),
    "day of week": fixed("day of week(date)", (_ANY,), _S, moments.day_of_week, "The day's English name."),
    "month of year": fixed("month of year(date)", (_ANY,), _S, moments.month_of_year, "The month's English name."),
    "days in month": fixed("days in month(date)", (_ANY,), _N, moments.days_in_month, "How many days its month has."),
    "days in year": fixed("days in year(date)", (_ANY,), _N, moments.days_in_year, "How many days its year has."),
    "days between": fixed(
        "days between(from, to)", (_ANY, _ANY), _N, moments.days_between, "Calendar days from one date to another."
    ),
    "start of month": fixed("start of month(date)", (_ANY,), _D, moments.start_of_month, "The first day of its month."),
    "week of year": fixed(
        "week of year(date)", (_ANY,), _N, moments.week_of_year, "The number of the week (ISO 8601)."
    ),
}
# Functions that answer on null arguments too.
NULL_TOLERANT = frozenset({"list contains", "append", "index of", "insert before", "number", "time"})
FUNCTION_NAMES = frozenset(SIGNATURES)

_PARTS_OF_DATE = {"year": _N, "month": _N, "day": _N, "weekday": _N}
_PARTS_OF_TIME = {"hour": _N, "minute": _N, "second": _N, "time offset": FeelType.DURATION, "timezone": _S}
PROPERTIES: dict[FeelType, dict[str, FeelType]] = {
    _D: _PARTS_OF_DATE,
    _T: _PARTS_OF_TIME,
    _DT: _PARTS_OF_DATE | _PARTS_OF_TIME,
    FeelType.DURATION: {"days": _N, "hours": _N, "minutes": _N, "seconds": _N},
    _M: {"years": _N, "months": _N},
    FeelType.RANGE: {"start": _ANY, "end": _ANY, "start included": _B, "end included": _B},
}
PROPERTY_NAMES = frozenset(name for parts in PROPERTIES.values() for name in parts)
