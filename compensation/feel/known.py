"""What the form of an expression says about its values before any is known: null or not, the lowest, the step."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable
from fractions import Fraction

from compensation.feel.exactness import decimals_of
from compensation.feel.functions import EXTREMES, ROUNDINGS
from compensation.feel.nodes import (
    Between,
    Binary,
    Call,
    If,
    In,
    InstanceOf,
    ListOf,
    Literal,
    Name,
    Negative,
    Node,
    Not,
)
from compensation.feel.scope import NameType, Scope
from compensation.feel.values import FeelType, Value

_NEVER_NULL = ("=", "!=")
_NULL_WITH_ITS_PARTS = ("+", "-", "*", "<", "<=", ">", ">=", "and", "or")
_KEEPING = (*EXTREMES, *ROUNDINGS, "sum", "floor", "ceiling", "abs")
_ZERO = Fraction(0)


def known_type(nodes: Iterable[Node], kind: FeelType, scope: Scope) -> NameType:
    """The type of a result that one of these expressions gives, with what their form rules out."""
    given = list(nodes)
    values = [node for node in given if not (isinstance(node, Literal) and node.value is None)]
    return NameType(
        kind,
        nullable=any(may_be_null(node, scope) for node in given),
        lowest=_least([lowest_of(node, scope) for node in values]),
        step=_common([step_of(node, scope) for node in values]) if kind.is_numeric else None,
    )


def may_be_null(node: Node, scope: Scope) -> bool:
    """True unless the form of the expression rules null out: a division or an unknown function may always give it."""
    match node:
        case Literal(value):
            return value is None
        case Name(name):
            return name not in scope or scope[name].nullable
        case Negative(operand) | Not(operand):
            return may_be_null(operand, scope)
        case Between(subject, low, high):
            return any(may_be_null(one, scope) for one in (subject, low, high))
        case If(_, yes, no):
            return may_be_null(yes, scope) or may_be_null(no, scope)
        case Binary("/", left, Literal(divisor)) if divisor:
            return may_be_null(left, scope)
        case Binary(operator, left, right) if operator in _NULL_WITH_ITS_PARTS:
            return may_be_null(left, scope) or may_be_null(right, scope)
        case Binary(operator):
            return operator not in _NEVER_NULL
        case In() | InstanceOf():
            return False
        case Call(function, arguments) if function in _KEEPING:
            items = _items(arguments)
            return not items or any(may_be_null(item, scope) for item in items)
    return True


def lowest_of(node: Node, scope: Scope) -> Value:
    """A number or duration below which the expression never lies; None when its form does not say."""
    match node:
        case Literal(Fraction() | datetime.timedelta() as value):
            return value
        case Name(name):
            return scope[name].lowest if name in scope else None
        case If(_, yes, no):
            branches = [one for one in (yes, no) if not (isinstance(one, Literal) and one.value is None)]
            return _least([lowest_of(one, scope) for one in branches])
        case Binary(operator, left, right) if operator in ("+", "*", "/"):
            return _combined(operator, lowest_of(left, scope), lowest_of(right, scope), right)
        case Call("max", arguments):
            known = [low for one in _items(arguments) if isinstance(low := lowest_of(one, scope), Fraction)]
            return max(known, default=None)
        case Call("min", arguments):
            return _least([lowest_of(one, scope) for one in _items(arguments)])
        case Call("abs" | "count"):
            return _ZERO
        case Call("floor" | "ceiling", (argument,)):
            low = lowest_of(argument, scope)
            return Fraction(math.floor(low)) if isinstance(low, Fraction) else None
        case Call(function, arguments) if function in ROUNDINGS:
            low = lowest_of(arguments[0], scope)
            return _ZERO if isinstance(low, Fraction) and low >= 0 else None
    return None


def step_of(node: Node, scope: Scope) -> Fraction | None:
    """A number of which the expression is always a whole multiple; None when its form does not say."""
    match node:
        case Literal(Fraction() as value):
            return Fraction(1, value.denominator)
        case Name(name):
            step = scope[name].step if name in scope else None
            return step if isinstance(step, Fraction) else None
        case Negative(operand):
            return step_of(operand, scope)
        case If(_, yes, no):
            return _common([step_of(one, scope) for one in (yes, no)])
        case Binary("+" | "-", left, right):
            return _common([step_of(left, scope), step_of(right, scope)])
        case Binary("*", left, right):
            first, second = step_of(left, scope), step_of(right, scope)
            return None if first is None or second is None else first * second
        case Call("count") | Call("floor" | "ceiling", (_,)):
            return Fraction(1)
        case Call(function, (_, scale)) if function in ROUNDINGS:
            decimals = decimals_of(scale)
            return None if decimals is None else Fraction(10) ** -decimals
        case Call("max" | "min", arguments):
            return _common([step_of(one, scope) for one in _items(arguments)])
    return None


def _items(arguments: Iterable[Node]) -> list[Node]:
    return [item for one in arguments for item in (one.items if isinstance(one, ListOf) else (one,))]


def _combined(operator: str, left: Value, right: Value, node: Node) -> Value:
    if isinstance(left, datetime.timedelta) and isinstance(right, datetime.timedelta):
        return left + right if operator == "+" else None
    if not isinstance(left, Fraction) or not isinstance(right, Fraction):
        return None
    if operator == "+":
        return left + right
    if left < 0 or right < 0:
        return None
    if operator == "*":
        return left * right
    return left / right if right and isinstance(node, Literal) else None


def _least(values: list[Value]) -> Value:
    numbers = [value for value in values if isinstance(value, Fraction)]
    spans = [value for value in values if isinstance(value, datetime.timedelta)]
    if numbers and len(numbers) == len(values):
        return min(numbers)
    return min(spans) if spans and len(spans) == len(values) else None


def _common(steps: list[Fraction | None]) -> Fraction | None:
    """The largest number of which all are whole multiples."""
    found: Fraction | None = None
    for step in steps:
        if step is None:
            return None
        if found is None:
            found = step
            continue
        bottom = found.denominator * step.denominator
        top = math.gcd(found.numerator * step.denominator, step.numerator * found.denominator)
        found = Fraction(top, bottom)
    return found
