"""Static types: unknown names and combinations that mean nothing are found when a policy is saved, not when it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from compensation.feel.errors import FeelError, Position, listing, suggestion
from compensation.feel.functions import EXTREMES, MAX_SCALE, ROUNDINGS, SIGNATURES
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
from compensation.feel.parser import COMPARISONS
from compensation.feel.values import FeelType, Value, type_of, write_value

_N, _M, _S, _D, _T = FeelType.NUMBER, FeelType.MONEY, FeelType.STRING, FeelType.DATE, FeelType.DURATION

# A plain number beside money stands for major units, so the two add; money times money has no unit and is refused.
ARITHMETIC: dict[tuple[str, FeelType, FeelType], FeelType] = {
    **{(op, _N, _N): _N for op in ("+", "-", "*", "/", "**")},
    **{(op, left, right): _M for op in ("+", "-") for left, right in ((_M, _M), (_M, _N), (_N, _M))},
    ("*", _M, _N): _M,
    ("*", _N, _M): _M,
    ("/", _M, _N): _M,
    ("/", _M, _M): _N,
    ("+", _S, _S): _S,
    ("+", _T, _T): _T,
    ("-", _T, _T): _T,
    ("+", _D, _T): _D,
    ("+", _T, _D): _D,
    ("-", _D, _T): _D,
    ("-", _D, _D): _T,
    ("*", _T, _N): _T,
    ("*", _N, _T): _T,
    ("/", _T, _N): _T,
    ("/", _T, _T): _N,
}
_ORDERED = frozenset({_N, _M, _S, _D, _T})


@dataclass(frozen=True, slots=True)
class NameType:
    """What is known of a name before any value is: its type, its allowed values (None: any), whether it is exact money.

    `exact_money` says that every value is a whole number of minor units.
    """

    type: FeelType
    allowed: tuple[Value, ...] | None = None
    exact_money: bool = False


Scope = Mapping[str, NameType]


def check_expression(node: Node, scope: Scope) -> tuple[FeelType, list[FeelError]]:
    """The type of an expression (UNKNOWN where it has none) and everything wrong with it."""
    checker = _Checker(scope)
    return checker.type(node), checker.errors


def check_tests(tests: UnaryTests, against: Node, scope: Scope) -> list[FeelError]:
    """Everything wrong with a cell that tests the input expression `against`."""
    checker = _Checker(scope)
    subject = _Checker(scope).type(against)
    checker.tests(tests, subject, checker.allowed(against))
    return checker.errors


def fits(actual: FeelType, wanted: FeelType) -> bool:
    """Whether a value of type `actual` can stand where `wanted` is asked for; null and unknown always can."""
    if actual in (FeelType.NULL, FeelType.UNKNOWN) or wanted is FeelType.UNKNOWN:
        return True
    return actual is wanted or (actual is FeelType.NUMBER and wanted is FeelType.MONEY)


def is_exact_money(node: Node, scope: Scope, exponent: int) -> bool:
    """Whether an expression is a whole number of minor units by its form: rounded outermost, or exact as it stands."""
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
        case _:
            return False


def unknown_name(name: str, known: Scope, at: Position) -> FeelError:
    """The complaint about a name that nothing in scope bears."""
    return FeelError(f'unknown name "{name}"', at, suggestion(name, known) or f"one of {listing(sorted(known))}")


def _same(left: FeelType, right: FeelType) -> bool:
    return left is right or (left.is_numeric and right.is_numeric) or FeelType.UNKNOWN in (left, right)


class _Checker:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.errors: list[FeelError] = []

    def problem(self, what: str, at: Position, accepted: str = "") -> FeelType:
        self.errors.append(FeelError(what, at, accepted))
        return FeelType.UNKNOWN

    def type(self, node: Node) -> FeelType:
        match node:
            case Literal(value):
                return type_of(value)
            case Name(name):
                return self.name(name, node.at)
            case Negative(operand):
                return self.negative(self.type(operand), node.at)
            case Not(operand):
                return self.wants(operand, FeelType.BOOLEAN)
            case Binary(operator, left, right):
                return self.binary(operator, left, right, node.at)
            case If():
                return self.conditional(node)
            case Between(value, low, high):
                self.comparison("<=", low, value, node.at)
                return self.comparison("<=", value, high, node.at)
            case In(value, tests):
                self.tests(tests, self.type(value), self.allowed(value))
                return FeelType.BOOLEAN
            case Call(function, arguments):
                return self.call(function, arguments, node.at)
            case ListOf(items):
                self.common(items)
                return FeelType.LIST
            case Interval():
                return self.problem("an interval can only be tested against", node.at, "x in [1..5]")

    def name(self, name: str, at: Position) -> FeelType:
        if name in self.scope:
            return self.scope[name].type
        self.errors.append(unknown_name(name, self.scope, at))
        return FeelType.UNKNOWN

    def allowed(self, node: Node) -> tuple[Value, ...] | None:
        return self.scope[node.name].allowed if isinstance(node, Name) and node.name in self.scope else None

    def wants(self, node: Node, wanted: FeelType) -> FeelType:
        actual = self.type(node)
        if not fits(actual, wanted):
            self.problem(f"this is {actual.said}, but {wanted.said} is needed", node.at, f"{wanted.said}")
        return wanted

    def negative(self, actual: FeelType, at: Position) -> FeelType:
        if actual.is_numeric or actual in (FeelType.DURATION, FeelType.UNKNOWN):
            return actual
        return self.problem(f"{actual.said} has no negative", at, "a number or a duration")

    def binary(self, operator: str, left: Node, right: Node, at: Position) -> FeelType:
        if operator in ("and", "or"):
            self.wants(left, FeelType.BOOLEAN)
            return self.wants(right, FeelType.BOOLEAN)
        if operator in COMPARISONS:
            return self.comparison(operator, left, right, at)
        types = (self.type(left), self.type(right))
        if FeelType.UNKNOWN in types:
            return FeelType.UNKNOWN
        result = ARITHMETIC.get((operator, *types))
        if result is not None:
            return result
        pairs = [f"{a} {operator} {b}" for op, a, b in ARITHMETIC if op == operator]
        return self.problem(f"{types[0]} {operator} {types[1]} means nothing", at, ", ".join(pairs))

    def comparison(self, operator: str, left: Node, right: Node, at: Position) -> FeelType:
        types = (self.type(left), self.type(right))
        if FeelType.NULL in types and operator in ("=", "!="):
            return FeelType.BOOLEAN
        if not _same(*types):
            self.problem(f"{types[0].said} cannot be compared with {types[1].said}", at, "two values of one type")
        elif operator not in ("=", "!=") and not {*types} <= _ORDERED | {FeelType.UNKNOWN}:
            self.problem(f"{types[0].said} has no order", at, "= or !=")
        self.literal_allowed(right, self.allowed(left))
        self.literal_allowed(left, self.allowed(right))
        return FeelType.BOOLEAN

    def literal_allowed(self, node: Node, allowed: tuple[Value, ...] | None) -> None:
        if allowed is None or not isinstance(node, Literal) or node.value is None or node.value in allowed:
            return
        words = [write_value(value) for value in allowed]
        close = suggestion(write_value(node.value), words)
        choice = f"{close} " * bool(close) + f"one of {', '.join(words)}"
        self.problem(f"{write_value(node.value)} is never a value here", node.at, choice)

    def conditional(self, node: If) -> FeelType:
        self.wants(node.condition, FeelType.BOOLEAN)
        return self.common((node.yes, node.no))

    def common(self, nodes: tuple[Node, ...]) -> FeelType:
        """The one type of several alternatives; null goes with everything."""
        result = FeelType.NULL
        for node in nodes:
            actual = self.type(node)
            if result is FeelType.NULL:
                result = actual
            elif actual is not FeelType.NULL and not _same(result, actual):
                self.problem(f"{actual.said} stands beside {result.said}", node.at, "values of one type")
            elif actual is FeelType.MONEY:
                result = actual
        return result

    def call(self, function: str, arguments: tuple[Node, ...], at: Position) -> FeelType:
        if function in ROUNDINGS:
            return self.rounding(function, arguments)
        if function not in SIGNATURES or function in ("floor", "ceiling", "abs"):
            actual = self.type(arguments[0])
            if actual.is_numeric or actual is FeelType.UNKNOWN or (function == "abs" and actual is FeelType.DURATION):
                return actual
            return self.problem(f"{function} needs a number, not {actual.said}", at, SIGNATURES[function].written)
        items = arguments[0].items if len(arguments) == 1 and isinstance(arguments[0], ListOf) else arguments
        result = self.common(items)
        if function == "count":
            return FeelType.NUMBER
        summable = _ORDERED - {_S, _D} if function == "sum" else _ORDERED
        if result not in summable | {FeelType.UNKNOWN, FeelType.NULL}:
            return self.problem(f"{function} cannot take {result.said}", at, SIGNATURES[function].written)
        return result

    def rounding(self, function: str, arguments: tuple[Node, ...]) -> FeelType:
        number, scale = arguments
        actual = self.type(number)
        if not fits(actual, FeelType.MONEY):
            self.problem(f"{function} needs a number, not {actual.said}", number.at, SIGNATURES[function].written)
        value = scale.value if isinstance(scale, Literal) else None
        if not isinstance(value, Fraction) or value.denominator != 1 or value > MAX_SCALE:
            what = "the number of decimals must be written out"
            self.problem(what, scale.at, f"a whole number from 0 to {MAX_SCALE}")
        return FeelType.MONEY if actual is FeelType.MONEY else FeelType.NUMBER

    # --- unary tests

    def tests(self, tests: UnaryTests, subject: FeelType, allowed: tuple[Value, ...] | None) -> None:
        for test in tests.tests:
            self.test(test, subject, allowed)

    def test(self, test: Test, subject: FeelType, allowed: tuple[Value, ...] | None) -> None:
        match test:
            case Equals(operand):
                self.against(operand, subject, ordered=False)
                self.literal_allowed(operand, allowed)
            case Compares(_, operand):
                self.against(operand, subject, ordered=True)
            case Within(interval):
                self.against(interval.low, subject, ordered=True)
                self.against(interval.high, subject, ordered=True)
                self.not_empty(interval)

    def against(self, operand: Node, subject: FeelType, *, ordered: bool) -> None:
        actual = self.type(operand)
        if actual is FeelType.NULL and not ordered:
            return
        if not _same(actual, subject):
            self.problem(f"the input is {subject.said}, but this test is {actual.said}", operand.at, f"{subject.said}")
        elif ordered and not {actual, subject} <= _ORDERED | {FeelType.UNKNOWN}:
            self.problem(f"{actual.said} has no order", operand.at, "a value to be equal to, or -")

    def not_empty(self, interval: Interval) -> None:
        low, high = interval.low, interval.high
        if not isinstance(low, Literal) or not isinstance(high, Literal):
            return
        low_value, high_value = low.value, high.value
        if isinstance(low_value, Fraction) and isinstance(high_value, Fraction) and low_value > high_value:
            self.problem("the interval is empty: it ends before it begins", interval.at, "the smaller number first")
