"""Whether an expression is a whole number of minor units by its form."""

from __future__ import annotations

from fractions import Fraction

from compensation.feel.functions import EXTREMES, ROUNDINGS
from compensation.feel.nodes import Binary, Call, If, ListOf, Literal, Name, Node
from compensation.feel.scope import Scope


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
            scale = arguments[1]
            return isinstance(scale, Literal) and isinstance(scale.value, Fraction) and scale.value <= exponent
        case Call(function, arguments) if function in EXTREMES:
            items = arguments[0].items if isinstance(arguments[0], ListOf) else arguments
            return all(is_exact_money(item, scope, exponent) for item in items)
        case Binary("+" | "-", left, right):
            # Money goes with money alone here, so both sides are whole and their sum is.
            return is_exact_money(left, scope, exponent) and is_exact_money(right, scope, exponent)
        case _:
            return False
