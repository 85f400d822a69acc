"""The reference interpreter: a tree and values in, an exact value out, and why it is null when it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from compensation.feel import arithmetic as ops
from compensation.feel.arithmetic import both, equal, ordered
from compensation.feel.nodes import (
    SUBJECT,
    Between,
    Binary,
    Call,
    Compares,
    ContextOf,
    Equals,
    Holds,
    If,
    In,
    Interval,
    ListOf,
    Literal,
    Name,
    Negative,
    Node,
    Not,
    Path,
    Test,
    UnaryTests,
    Within,
)
from compensation.feel.values import Value

Values = Mapping[str, Value]
# What a model defines beside the built-in functions: values in, value out.
Functions = Mapping[str, Callable[..., Value]]

_COMPARISONS = frozenset({"<", "<=", ">", ">="})


def evaluate(node: Node, values: Values, notes: list[str] | None = None, functions: Functions | None = None) -> Value:
    """The value of a checked expression; `notes` gathers what was null or could not be computed, for a reason.

    Null follows FEEL: arithmetic and order with null is null, `=` with null is a plain yes or no, `and`/`or` are
    three-valued. Raises KeyError for a name without a value: checking finds those before.
    """
    return _Interpreter(values, [] if notes is None else notes, functions or {}).value(node)


def passes(
    tests: UnaryTests,
    subject: Value,
    values: Values,
    notes: list[str] | None = None,
    functions: Functions | None = None,
) -> bool:
    """Whether a cell accepts the input `subject`: on null only `-`, `null`, `not(...)` and a condition on `?` can."""
    return _Interpreter(values, [] if notes is None else notes, functions or {}).passes(tests, subject)


def aggregated(function: str, items: list[Value], notes: list[str] | None = None) -> Value:
    """`sum`, `min`, `max` or `count` of values of one type; null when there are none (count: 0) or any is null."""
    return ops.aggregate(function, items, _Interpreter({}, [] if notes is None else notes, {}).note)


def add_up(items: list[Value], notes: list[str] | None = None) -> Value:
    """The sum of values of one type; null when there are none or any is null. One value stays as it is."""
    return aggregated("sum", items, notes)


class _Interpreter:
    def __init__(self, values: Values, notes: list[str], functions: Functions) -> None:
        self.values = values
        self.notes = notes
        self.functions = functions

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def value(self, node: Node) -> Value:
        return _EVALUATE[node.__class__](self, node)

    def literal(self, node: Literal) -> Value:
        return node.value

    def name(self, node: Name) -> Value:
        value = self.values[node.name]
        if value is None and node.name != SUBJECT:
            self.note(f"{node.name} is not known (null)")
        return value

    def negative(self, node: Negative) -> Value:
        return ops.negative(self.value(node.operand), self.note)

    def negation(self, node: Not) -> Value:
        return ops.negation(self.value(node.operand))

    def conditional(self, node: If) -> Value:
        return self.value(node.yes if self.value(node.condition) is True else node.no)

    def between(self, node: Between) -> Value:
        subject = self.value(node.value)
        above = ordered(">=", subject, self.value(node.low))
        return both(above, ordered("<=", subject, self.value(node.high)))

    def within(self, node: In) -> Value:
        return self.passes(node.tests, self.value(node.value))

    def binary(self, node: Binary) -> Value:
        symbol = node.operator
        first, second = self.value(node.left), self.value(node.right)
        if symbol == "and":
            return both(first, second)
        if symbol == "or":
            return ops.either(first, second)
        if symbol == "=":
            return equal(first, second)
        if symbol == "!=":
            return not equal(first, second)
        if symbol in _COMPARISONS:
            return ordered(symbol, first, second)
        return ops.arithmetic(symbol, first, second, self.note)

    def call(self, node: Call) -> Value:
        arguments = [self.value(argument) for argument in node.arguments]
        if node.function in self.functions:
            return self.functions[node.function](*arguments)
        return ops.call(node.function, arguments, self.note)

    def list_of(self, node: ListOf) -> Value:
        return tuple(self.value(item) for item in node.items)

    def path(self, node: Path) -> Value:
        return ops.property_of(self.value(node.source), node.name, self.note)

    def context(self, node: ContextOf) -> Value:
        found: dict[str, Value] = {}
        for key, value in node.entries:
            found[key] = _Interpreter({**self.values, **found}, self.notes, self.functions).value(value)
        return found

    def interval(self, node: Interval) -> Value:
        raise AssertionError(f"the checker lets {node} stand only where it is tested against")

    # --- unary tests

    def passes(self, tests: UnaryTests, subject: Value) -> bool:
        if not tests.tests:
            return True
        return any(self.test(test, subject) for test in tests.tests) is not tests.negated

    def test(self, test: Test, subject: Value) -> bool:
        match test:
            case Equals(Literal(None)):
                return subject is None
            case Equals(operand):
                return subject is not None and self.is_or_holds(subject, self.value(operand))
            case Compares(symbol, operand):
                return ordered(symbol, subject, self.value(operand)) is True
            case Within(interval):
                above = ordered(">=" if interval.low_closed else ">", subject, self.value(interval.low))
                below = ordered("<=" if interval.high_closed else "<", subject, self.value(interval.high))
                return above is True and below is True
            case Holds(condition):
                inner = _Interpreter({**self.values, SUBJECT: subject}, self.notes, self.functions)
                return inner.value(condition) is True

    @staticmethod
    def is_or_holds(subject: Value, found: Value) -> bool:
        """A list in a cell stands for any of its items."""
        if isinstance(found, tuple) and not isinstance(subject, tuple):
            return any(equal(subject, item) for item in found)
        return equal(subject, found)


_EVALUATE: dict[type, Callable[[_Interpreter, Any], Value]] = {
    Literal: _Interpreter.literal,
    Name: _Interpreter.name,
    Negative: _Interpreter.negative,
    Not: _Interpreter.negation,
    Binary: _Interpreter.binary,
    If: _Interpreter.conditional,
    Between: _Interpreter.between,
    In: _Interpreter.within,
    Call: _Interpreter.call,
    ListOf: _Interpreter.list_of,
    Path: _Interpreter.path,
    ContextOf: _Interpreter.context,
    Interval: _Interpreter.interval,
}
