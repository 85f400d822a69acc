"""The values that rules compute with: their types, how they are read from text, and how people read them."""

from __future__ import annotations

import datetime
import re
from enum import StrEnum
from fractions import Fraction

Value = bool | str | Fraction | datetime.date | datetime.timedelta | None

MAX_DIGITS = 60
_NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)", re.ASCII)
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_DURATION = re.compile(
    r"(-)?P(?:([0-9]{1,9})D)?(?:T(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:\.([0-9]{1,6}))?S)?)?", re.ASCII
)


class FeelType(StrEnum):
    """The static type of an expression. MONEY is a number of major units of the policy's currency."""

    NUMBER = "number"
    MONEY = "money"
    STRING = "string"
    BOOLEAN = "boolean"
    DATE = "date"
    DURATION = "days and time duration"
    NULL = "null"
    LIST = "list"
    RANGE = "range"
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
    FeelType.DURATION,
)


def type_of(value: Value) -> FeelType:
    """The type of a value; an amount of money is a plain number here."""
    match value:
        case None:
            return FeelType.NULL
        case bool():
            return FeelType.BOOLEAN
        case str():
            return FeelType.STRING
        case Fraction():
            return FeelType.NUMBER
        case datetime.timedelta():
            return FeelType.DURATION
        case _:
            return FeelType.DATE


def read_number(text: str) -> Fraction | None:
    """An exact number from a decimal text, or None when it is none (or longer than 60 characters)."""
    if len(text) > MAX_DIGITS or not _NUMBER.fullmatch(text):
        return None
    return Fraction(text)


def read_date(text: str) -> datetime.date | None:
    """A date from `2012-07-11`, or None when there is no such date."""
    found = _DATE.fullmatch(text)
    if not found:
        return None
    try:
        return datetime.date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return None


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


def write_number(value: Fraction) -> str:
    """A decimal text when the number has one, else the fraction itself (`1/3`): never a rounded number."""
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


def say_duration(value: datetime.timedelta) -> str:
    """A duration as people say it: `1 d 2 h 5 min`."""
    sign = "-" if value < datetime.timedelta(0) else ""
    span = abs(value)
    hours, rest = divmod(span.seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [(span.days, "d"), (hours, "h"), (minutes, "min"), (seconds, "s")]
    said = " ".join(f"{amount} {unit}" for amount, unit in parts if amount)
    return f"{sign}{said}" if said else "0 min"


def write_string(value: str) -> str:
    """A FEEL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
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
        case _:
            return f'date("{value.isoformat()}")'
