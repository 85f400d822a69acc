"""The built-in functions: their arguments, result types, and exact arithmetic on values that are not null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

MAX_SCALE = 30


def _half_up(whole: int, rest: Fraction) -> int:
    return whole + (rest >= Fraction(1, 2))


def _half_down(whole: int, rest: Fraction) -> int:
    return whole + (rest > Fraction(1, 2))


def _up(whole: int, rest: Fraction) -> int:
    return whole + (rest > 0)


def _down(whole: int, rest: Fraction) -> int:  # noqa: ARG001 - one shape for all four
    return whole


ROUNDINGS: dict[str, Callable[[int, Fraction], int]] = {
    "round up": _up,
    "round down": _down,
    "round half up": _half_up,
    "round half down": _half_down,
}
EXTREMES = ("min", "max")
AGGREGATES = ("min", "max", "sum", "count")


def round_number(function: str, number: Fraction, scale: int) -> Fraction:
    """`number` to `scale` decimals by the named rounding; up is away from zero, down is towards it."""
    unit = Fraction(10) ** scale
    whole, rest = divmod(abs(number) * unit, 1)
    magnitude = ROUNDINGS[function](int(whole), rest) / unit
    return -magnitude if number < 0 else magnitude


WHOLE: dict[str, Callable[[Fraction], Fraction]] = {
    "floor": lambda n: Fraction(floor(n)),
    "ceiling": lambda n: Fraction(ceil(n)),
    "abs": abs,
}


@dataclass(frozen=True, slots=True)
class Signature:
    """How many arguments a function takes (`most` None: any number), and how it is written."""

    least: int
    most: int | None
    written: str


SIGNATURES: dict[str, Signature] = {
    **{name: Signature(2, 2, f"{name}(number, decimals)") for name in ROUNDINGS},
    **{name: Signature(1, 1, f"{name}(number)") for name in WHOLE},
    **{name: Signature(1, None, f"{name}(a, b, ...) or {name}([a, b, ...])") for name in AGGREGATES},
    "date": Signature(1, 1, 'date("2012-07-11")'),
    "duration": Signature(1, 1, 'duration("PT24H")'),
}
FUNCTION_NAMES = frozenset(SIGNATURES)
