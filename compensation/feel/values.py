"""The values that rules compute with: their types, how they are read from text, and how people read them."""

from __future__ import annotations

import datetime
import decimal
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from compensation.feel.temporal import (
    Months,
    read_date,
    read_date_time,
    read_duration,
    read_months,
    read_span,
    read_time,
    say_duration,
    say_months,
    write_duration,
    write_months,
    write_time,
)

__all__ = [
    "MAX_DIGITS",
    "NAMED_TYPES",
    "FeelType",
    "Function",
    "Months",
    "Range",
    "Value",
    "read_date",
    "read_date_time",
    "read_duration",
    "read_months",
    "read_number",
    "read_span",
    "read_time",
    "say_duration",
    "say_months",
    "type_of",
    "write_duration",
    "write_money",
    "write_number",
    "write_string",
    "write_value",
]


@dataclass(frozen=True, slots=True)
class Range:
    """The values between two of one type with an order, each end with it or without."""

    low: Value
    high: Value
    low_closed: bool
    high_closed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function as a value: what it calls its arguments, and what it computes of as many."""

    parameters: tuple[str, ...]
    run: Callable[..., Value]

    def __call__(self, *arguments: Value) -> Value:
        """The result; null when there are more or fewer arguments than it takes."""
        return self.run(*arguments) if len(arguments) == len(self.parameters) else None


# A date and time is a datetime, which Python also counts as a date; a list is a tuple, a context a mapping.
Value = (
    bool
    | str
    | Fraction
    | datetime.date
    | datetime.time
    | datetime.timedelta
    | Months
    | Range
    | Function
    | tuple["Value", ...]
    | Mapping[str, "Value"]
    | None
)

MAX_DIGITS = 60
_MOST_BITS = 6_000
_SHORT = decimal.Context(prec=34)
# Characters that neither XML nor a terminal shows as they are.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)", re.ASCII)
_WORD = re.compile(r"[^\W\d]\w*")


class FeelType(StrEnum):
    """The static type of an expression. MONEY is a number of major units of the policy's currency."""

    NUMBER = "number"
    MONEY = "money"
    STRING = "string"
    BOOLEAN = "boolean"
    DATE = "date"
    TIME = "time"
    DATE_TIME = "date and time"
    DURATION = "days and time duration"
    MONTHS = "years and months duration"
    NULL = "null"
    LIST = "list"
    CONTEXT = "context"
    RANGE = "range"
    FUNCTION = "function"
    UNKNOWN = "unknown"

    @property
    def is_numeric(self) -> bool:
        """Whether its values are exact rationals."""
        return self in (FeelType.NUMBER, FeelType.MONEY)

    @property
    def said(self) -> str:
        """The type in a sentence: `a number`, `money`, `null`."""
        return self.value if self in (FeelType.MONEY, FeelType.NULL) else f"a {self.value}"


NAMED_TYPES = (
    FeelType.NUMBER,
    FeelType.MONEY,
    FeelType.STRING,
    FeelType.BOOLEAN,
    FeelType.DATE,
    FeelType.TIME,
    FeelType.DATE_TIME,
    FeelType.DURATION,
    FeelType.MONTHS,
)

_TYPE_OF: dict[type, FeelType] = {
    type(None): FeelType.NULL,
    bool: FeelType.BOOLEAN,
    str: FeelType.STRING,
    Fraction: FeelType.NUMBER,
    datetime.timedelta: FeelType.DURATION,
    Months: FeelType.MONTHS,
    datetime.time: FeelType.TIME,
    datetime.datetime: FeelType.DATE_TIME,
    datetime.date: FeelType.DATE,
    tuple: FeelType.LIST,
    dict: FeelType.CONTEXT,
    Range: FeelType.RANGE,
    Function: FeelType.FUNCTION,
}


def type_of(value: Value) -> FeelType:
    """The type of a value; an amount of money is a plain number here."""
    found = _TYPE_OF.get(type(value))
    if found is not None:
        return found
    fitting = (kind for base, kind in _TYPE_OF.items() if isinstance(value, base))
    return next(fitting, FeelType.CONTEXT)


def weight(value: Value, most: int) -> int:
    """How many values a list or context holds at any depth, counted only until there are more than `most`."""
    pending, count = [value], 0
    while pending and count <= most:
        one = pending.pop()
        if isinstance(one, tuple):
            count += len(one)
            pending.extend(item for item in one[: most + 1] if isinstance(item, tuple | Mapping))
        elif isinstance(one, Mapping):
            count += len(one)
            pending.extend(item for item in one.values() if isinstance(item, tuple | Mapping))
    return count


def read_number(text: str) -> Fraction | None:
    """An exact number from a decimal text, or None when it is none (or longer than 60 characters)."""
    if len(text) > MAX_DIGITS or not _NUMBER.fullmatch(text):
        return None
    return Fraction(text)


def write_number(value: Fraction) -> str:
    """A decimal text when the number has one, else the fraction itself (`1/3`): never a rounded number.

    Only a number of thousands of digits, which Python refuses to write, comes in short: `1.2E+5000`.
    """
    if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MOST_BITS:
        short = _SHORT.divide(decimal.Decimal(value.numerator), decimal.Decimal(value.denominator))
        return f"{short.normalize(_SHORT)}"
    rest = value.denominator
    twos = fives = 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = max(twos, fives)
    digits = str(abs(value.numerator) * 10**places // value.denominator).rjust(places + 1, "0")
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else f"{sign}{digits}"


def write_money(value: Fraction, currency: str, exponent: int) -> str:
    """An amount of major units with its currency, at least as long as the minor unit: `3.00 GBP`, `2.042 GBP`."""
    text = write_number(value)
    if "/" in text:
        return f"{text} {currency}"
    whole, _, decimals = text.partition(".")
    decimals = decimals.ljust(exponent, "0")
    return f"{whole}.{decimals} {currency}" if decimals else f"{whole} {currency}"


def write_string(value: str) -> str:
    """A FEEL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    escaped = _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", escaped.replace("\r", "\\r"))
    return f'"{escaped}"'


def write_value(value: Value) -> str:
    """A FEEL literal of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return write_string(value)
        case Fraction():
            return write_number(value)
        case datetime.timedelta():
            return f'duration("{write_duration(value)}")'
        case Months():
            return f'duration("{write_months(value)}")'
        case datetime.datetime():
            return f'date and time("{write_time(value)}")'
        case datetime.time():
            return f'time("{write_time(value)}")'
        case datetime.date():
            return f'date("{value.isoformat()}")'
        case tuple():
            return f"[{', '.join(write_value(item) for item in value)}]"
        case Range():
            ends = f"{write_value(value.low)}..{write_value(value.high)}"
            return f"{'[' if value.low_closed else '('}{ends}{']' if value.high_closed else ')'}"
        case Function():
            return f"function({', '.join(value.parameters)})"
        case _:
            return "{" + ", ".join(f"{_key(key)}: {write_value(item)}" for key, item in value.items()) + "}"


def _key(name: str) -> str:
    """The name of an entry: as it is where it is one plain word, else in quotes."""
    return name if _WORD.fullmatch(name) else write_string(name)
