"""The reference interpreter: a tree and values in, an exact value out, and why it is null when it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from compensation.feel import arithmetic as ops
from compensation.feel.arithmetic import both, equal, ordered
from compensation.feel.nodes import (
    ITEM,
    SUBJECT,
    Between,
    Binary,
    Call,
    Compares,
    ContextOf,
    Equals,
    Filter,
    For,
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
    Quantified,
    Test,
    UnaryTests,
    Within,
    reads,
)
from compensation.feel.values import Value, write_number

Values = Mapping[str, Value]
# What a model defines beside the built-in functions: values in, value out.
Functions = Mapping[str, Callable[..., Value]]

# Bounds what one expression goes through, so that lists of lists cannot hang whoever evaluates it.
MAX_STEPS = ops.MAX_ITEMS
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


class _TooLongError(Exception):
    """One expression goes through more items than it may."""


class _NoListError(Exception):
    """What is gone through is neither a list nor whole numbers from one to another."""


class _Interpreter:
    """`steps` counts the items gone through, together with the interpreters within."""

    def __init__(self, values: Values, notes: list[str], functions: Functions, steps: list[int] | None = None) -> None:
        self.values = values
        self.notes = notes
        self.functions = functions
        self.steps = [0] if steps is None else steps

    def knowing(self, more: Values) -> _Interpreter:
        """An interpreter that knows more names."""
        return _Interpreter({**self.values, **more}, self.notes, self.functions, self.steps)

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
        return ops.within_limits(tuple(self.value(item) for item in node.items), self.note)

    def path(self, node: Path) -> Value:
        return ops.property_of(self.value(node.source), node.name, self.note)

    def context(self, node: ContextOf) -> Value:
        found: dict[str, Value] = {}
        for key, value in node.entries:
            found[key] = self.knowing(found).value(value)
        return ops.within_limits(found, self.note)

    # --- through lists

    def going_through(self, iterators: tuple[tuple[str, Node], ...], known: Values) -> Iterator[Values]:
        """Every combination of items, the last list the fastest; raises _TooLongError and _NoListError."""
        if not iterators:
            yield known
            return
        (name, domain), *rest = iterators
        for item in self.domain(domain, known):
            self.steps[0] += 1
            if self.steps[0] > MAX_STEPS:
                raise _TooLongError
            yield from self.going_through(tuple(rest), {**known, name: item})

    def domain(self, node: Node, known: Values) -> Iterable[Value]:
        inner = self.knowing(known)
        if not isinstance(node, Interval):
            found = inner.value(node)
            if not isinstance(found, tuple):
                raise _NoListError
            return found
        low, high = inner.value(node.low), inner.value(node.high)
        if not isinstance(low, Fraction) or not isinstance(high, Fraction) or low.denominator * high.denominator != 1:
            raise _NoListError
        step = 1 if high >= low else -1
        return map(Fraction, range(int(low), int(high) + step, step))

    def iteration(self, node: For) -> Value:
        known = self.going_through(node.iterators, {})
        return self.bounded(lambda: tuple(self.knowing(one).value(node.result) for one in known))

    def quantified(self, node: Quantified) -> Value:
        """Three-valued `and` or `or` over every combination."""
        join = both if node.is_every else ops.either

        def answer() -> Value:
            truth: bool | None = node.is_every
            for known in self.going_through(node.iterators, {}):
                held = self.knowing(known).value(node.condition)
                truth = join(truth, held if isinstance(held, bool) else None)
                if truth is not node.is_every and truth is not None:
                    break
            return truth

        return self.bounded(answer)

    def bounded(self, compute: Callable[[], Value]) -> Value:
        """What is computed, or null when it goes through too much or through what is no list; that is noted."""
        try:
            return ops.within_limits(compute(), self.note)
        except _TooLongError:
            self.note(f"more than {MAX_STEPS} items are gone through")
        except _NoListError:
            self.note("what is gone through is no list")
        return None

    def filtered(self, node: Filter) -> Value:
        source = self.value(node.source)
        if source is None:
            return None
        items = source if isinstance(source, tuple) else (source,)
        if not reads(node.condition, ITEM):
            return self.chosen(items, self.value(node.condition))
        known = self.going_through(((ITEM, Literal(items)),), {})
        return self.bounded(
            lambda: tuple(one[ITEM] for one in known if self.knowing(one).value(node.condition) is True)
        )

    def chosen(self, items: tuple[Value, ...], place: Value) -> Value:
        """The item at a place, from 1 or from the end; all items when the condition is plainly true, else none."""
        if not isinstance(place, Fraction):
            return items if place is True else ()
        if place.denominator != 1 or place == 0 or abs(place) > len(items):
            self.note(f"the list has no item {write_number(place)}")
            return None
        return items[int(place) - 1 if place > 0 else int(place)]

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
                return self.knowing({SUBJECT: subject}).value(condition) is True

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
    For: _Interpreter.iteration,
    Quantified: _Interpreter.quantified,
    Filter: _Interpreter.filtered,
    Interval: _Interpreter.interval,
}
