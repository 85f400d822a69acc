"""What the form of an expression says of decimals: those it is rounded to, and whether it is whole minor units."""

from __future__ import annotations

from fractions import Fraction

from compensation.feel.functions import EXTREMES, MAX_SCALE, ROUNDINGS
from compensation.feel.nodes import Binary, Call, If, ListOf, Literal, Name, Negative, Node
from compensation.feel.scope import Scope


def decimals_of(scale: Node) -> int | None:
    """The decimals that a rounding writes out, below zero for tens and hundreds; None when it may not."""
    sign, number = (-1, scale.operand) if isinstance(scale, Negative) else (1, scale)
    value = number.value if isinstance(number, Literal) else None
    if not isinstance(value, Fraction) or value.denominator != 1 or abs(value) > MAX_SCALE:
        return None
    return sign * int(value)


def is_exact_money(node: Node, scope: Scope, exponent: int) -> bool:
    """Whether an expression is a whole number of minor units by its form: rounded outermost, a sum or difference of
    such, or exact as it stands.
    """
    match node:
        case Literal(value):
            return value is None or (isinstance(value, Fraction) and (value * 10**exponent).denominator == 1)
        case Name(name):
            return name in scope and scope[name].exact_money
        case If(_, yes, no):
            return is_exact_money(yes, scope, exponent) and is_exact_money(no, scope, exponent)
        case Call(function, arguments) if function in ROUNDINGS:
            decimals = decimals_of(arguments[1])
            return decimals is not None and decimals <= exponent
        case Call(function, arguments) if function in EXTREMES:
            items = arguments[0].items if isinstance(arguments[0], ListOf) else arguments
            return all(is_exact_money(item, scope, exponent) for item in items)
        case Binary("+" | "-", left, right):
            # Money goes with money alone here, so both sides are whole and their sum is.
            return is_exact_money(left, scope, exponent) and is_exact_money(right, scope, exponent)
        case _:
            return False
