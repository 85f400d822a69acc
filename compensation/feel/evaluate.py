"""The reference interpreter: a tree and values in, an exact value out, and why it is null when it is."""

from __future__ import annotations

import datetime
import operator
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from compensation.feel.functions import ROUNDINGS, WHOLE, round_number
from compensation.feel.nodes import (
    Between,
    Binary,
    Call,
    Compares,
    Equals,
    If,
    In,
    Interval,
    ListOf,
    Literal,
    Name,
    Negative,
    Node,
    Not,
    Test,
    UnaryTests,
    Within,
)
from compensation.feel.values import Value, type_of

Values = Mapping[str, Value]

_MAX_EXPONENT = 1_000
_MAX_BITS = 20_000
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def evaluate(node: Node, values: Values, notes: list[str] | None = None) -> Value:
    """The value of a checked expression; `notes` gathers what was null or could not be computed, for a reason.

    Null follows FEEL: arithmetic and order with null is null, `=` with null is a plain yes or no, `and`/`or` are
    three-valued. Raises KeyError for a name without a value: checking finds those before.
    """
    return _Interpreter(values, [] if notes is None else notes).value(node)


def passes(tests: UnaryTests, subject: Value, values: Values, notes: list[str] | None = None) -> bool:
    """Whether a cell accepts the input `subject`: on null only `-`, `null`, `not(...)` can."""
    return _Interpreter(values, [] if notes is None else notes).passes(tests, subject)


def add_up(items: list[Value], notes: list[str] | None = None) -> Value:
    """The sum of values of one type; null when there are none or any is null. One value stays as it is."""
    return _Interpreter({}, [] if notes is None else notes).aggregate("sum", items)


def equal(left: Value, right: Value) -> bool:
    """FEEL equality of two values of whatever type; true and 1 differ."""
    return type_of(left) is type_of(right) and left == right


def ordered(comparison: str, left: Value, right: Value) -> bool | None:
    """`left < right` and the like; null when either is null or they have no common order."""
    if left is None or right is None or isinstance(left, bool) or type_of(left) is not type_of(right):
        return None
    return _ORDER[comparison](left, right)


class _Interpreter:
    def __init__(self, values: Values, notes: list[str]) -> None:
        self.values = values
        self.notes = notes

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def value(self, node: Node) -> Value:
        match node:
            case Literal(value):
                return value
            case Name(name):
                return self.name(name)
            case Negative(operand):
                return self.arithmetic("-", Fraction(0), self.value(operand), negative=True)
            case Not(operand):
                truth = self.truth(operand)
                return None if truth is None else not truth
            case Binary(symbol, left, right):
                return self.binary(symbol, left, right)
            case If(condition, yes, no):
                return self.value(yes if self.value(condition) is True else no)
            case Between(value, low, high):
                subject = self.value(value)
                above = ordered(">=", subject, self.value(low))
                return _both(above, ordered("<=", subject, self.value(high)))
            case In(value, tests):
                return self.passes(tests, self.value(value))
            case Call(function, arguments):
                return self.call(function, arguments)
            case ListOf() | Interval():
                raise AssertionError("the checker lets lists and intervals stand only where they are unpacked")

    def name(self, name: str) -> Value:
        value = self.values[name]
        if value is None:
            self.note(f"{name} is not known (null)")
        return value

    def truth(self, node: Node) -> bool | None:
        value = self.value(node)
        return value if isinstance(value, bool) else None

    def binary(self, symbol: str, left: Node, right: Node) -> Value:
        if symbol == "and":
            return _both(self.truth(left), self.truth(right))
        if symbol == "or":
            return _either(self.truth(left), self.truth(right))
        first, second = self.value(left), self.value(right)
        if symbol == "=":
            return equal(first, second)
        if symbol == "!=":
            return not equal(first, second)
        if symbol in _ORDER:
            return ordered(symbol, first, second)
        return self.arithmetic(symbol, first, second)

    def arithmetic(self, symbol: str, left: Value, right: Value, *, negative: bool = False) -> Value:
        if left is None or right is None:
            return None
        if negative and isinstance(right, datetime.timedelta):
            return -right
        try:
            return self.combine(symbol, left, right)
        except ZeroDivisionError:
            self.note("a division by zero")
        except OverflowError:
            self.note("a date, duration or number out of range")
        return None

    def combine(self, symbol: str, left: Value, right: Value) -> Value:
        match symbol, left, right:
            case "**", Fraction(), Fraction():
                return self.power(left, right)
            case _, Fraction(), Fraction():
                return _NUMERIC[symbol](left, right)
            case "+", str(), str():
                return left + right
            case "+", datetime.date(), datetime.timedelta():
                return left + right
            case "+", datetime.timedelta(), datetime.date():
                return right + left
            case "-", datetime.date(), datetime.timedelta() | datetime.date():
                return left - right
            case _, datetime.timedelta(), datetime.timedelta():
                return _spans(symbol, left, right)
            case "*", Fraction(), datetime.timedelta():
                return _span(_micros(right) * left)
            case "*" | "/", datetime.timedelta(), Fraction():
                return _span(_NUMERIC[symbol](_micros(left), right))
        self.note(f"{type_of(left)} {symbol} {type_of(right)} means nothing")
        return None

    def power(self, base: Fraction, exponent: Fraction) -> Value:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if exponent.denominator != 1 or abs(exponent) > _MAX_EXPONENT or bits * abs(exponent) > _MAX_BITS:
            self.note(f"a power that is not a whole number or too large: {exponent}")
            return None
        return Fraction(base) ** int(exponent)

    def call(self, function: str, arguments: Sequence[Node]) -> Value:
        if function in ROUNDINGS:
            number, scale = (self.value(node) for node in arguments)
            if isinstance(number, Fraction) and isinstance(scale, Fraction):
                return round_number(function, number, int(scale))
            return None
        if function in WHOLE:
            value = self.value(arguments[0])
            if isinstance(value, datetime.timedelta):
                return abs(value)
            return WHOLE[function](value) if isinstance(value, Fraction) else None
        first = arguments[0]
        nodes = first.items if len(arguments) == 1 and isinstance(first, ListOf) else arguments
        return self.aggregate(function, [self.value(node) for node in nodes])

    def aggregate(self, function: str, items: list[Value]) -> Value:
        if function == "count":
            return Fraction(len(items))
        if not items or None in items:
            return None
        result = items[0]
        for item in items[1:]:
            if function == "sum":
                result = self.arithmetic("+", result, item)
            elif ordered("<" if function == "min" else ">", item, result):
                result = item
        return result

    # --- unary tests

    def passes(self, tests: UnaryTests, subject: Value) -> bool:
        if tests.is_any:
            return True
        return any(self.test(test, subject) for test in tests.tests) is not tests.negated

    def test(self, test: Test, subject: Value) -> bool:
        match test:
            case Equals(Literal(None)):
                return subject is None
            case Equals(operand):
                return subject is not None and equal(subject, self.value(operand))
            case Compares(symbol, operand):
                return ordered(symbol, subject, self.value(operand)) is True
            case Within(interval):
                above = ordered(">=" if interval.low_closed else ">", subject, self.value(interval.low))
                below = ordered("<=" if interval.high_closed else "<", subject, self.value(interval.high))
                return above is True and below is True


_NUMERIC: dict[str, Callable[[Fraction, Fraction], Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def _both(left: bool | None, right: bool | None) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else True


def _either(left: bool | None, right: bool | None) -> bool | None:
    if left is True or right is True:
        return True
    return None if left is None or right is None else False


def _micros(span: datetime.timedelta) -> Fraction:
    return Fraction(span // datetime.timedelta(microseconds=1))


def _span(micros: Fraction) -> datetime.timedelta:
    """A duration has whole microseconds: what is finer goes to the nearest."""
    return datetime.timedelta(microseconds=round(micros))


def _spans(symbol: str, left: datetime.timedelta, right: datetime.timedelta) -> Value:
    match symbol:
        case "+":
            return left + right
        case "-":
            return left - right
        case "/":
            return _micros(left) / _micros(right)
    return None
