"""The reference interpreter: a tree and values in, an exact value out, and why it is null when it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from compensation.feel import arithmetic as ops
from compensation.feel import kinds, ranges
from compensation.feel.arithmetic import both, equal, ordered
from compensation.feel.effort import MAX_STEPS, Effort, TooLongError
from compensation.feel.nodes import (
    ITEM,
    PARTIAL,
    SUBJECT,
    Between,
    Binary,
    Call,
    Compares,
    ContextOf,
    Equals,
    Filter,
    For,
    FunctionOf,
    Holds,
    If,
    In,
    InstanceOf,
    Interval,
    Invoke,
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
from compensation.feel.values import FeelType, Function, Range, Value, type_of, weight, write_number

Values = Mapping[str, Value]
# What a model defines beside the built-in functions: values in, value out.
Functions = Mapping[str, Function]

_COMPARISONS = frozenset({"<", "<=", ">", ">="})


def evaluate(node: Node, values: Values, notes: list[str] | None = None, functions: Functions | None = None) -> Value:
    """The value of a checked expression; `notes` gathers what was null or could not be computed, for a reason.

    Null follows FEEL: arithmetic and order with null is null, `=` with null is a plain yes or no, `and`/`or` are
    three-valued. `functions` are those of a decision model: where they are given, be it none, `=` on values of two
    types is null as in the standard, and not false as in a policy, whose types are checked before. Raises KeyError for
    a name without a value: checking finds those before.
    """
    interpreter = _Interpreter(values, [] if notes is None else notes, functions)
    try:
        return interpreter.value(node)
    except (TooLongError, RecursionError) as error:
        interpreter.note(str(error))
        return None


def passes(
    tests: UnaryTests,
    subject: Value,
    values: Values,
    notes: list[str] | None = None,
    functions: Functions | None = None,
) -> bool:
    """Whether a cell accepts the input `subject`: on null only `-`, `null`, `not(...)` and a condition on `?` can."""
    interpreter = _Interpreter(values, [] if notes is None else notes, functions)
    try:
        return interpreter.passes(tests, subject)
    except (TooLongError, RecursionError) as error:
        interpreter.note(str(error))
        return False


def aggregated(function: str, items: list[Value], notes: list[str] | None = None) -> Value:
    """`sum`, `min`, `max` or `count` of values of one type; null when there are none (count: 0) or any is null."""
    return ops.aggregate(function, items, _Interpreter({}, [] if notes is None else notes, None).note)


def add_up(items: list[Value], notes: list[str] | None = None) -> Value:
    """The sum of values of one type; null when there are none or any is null. One value stays as it is."""
    return aggregated("sum", items, notes)


class _Interpreter:
    """`effort` is shared with the interpreters within; most expressions make none, and cells are many."""

    def __init__(
        self, values: Values, notes: list[str], functions: Functions | None, effort: Effort | None = None
    ) -> None:
        self.values = values
        self.notes = notes
        self.in_model = functions is not None
        self.functions = functions or {}
        self._effort = effort

    @property
    def effort(self) -> Effort:
        if self._effort is None:
            self._effort = Effort()
        return self._effort

    def knowing(self, more: Values) -> _Interpreter:
        """An interpreter that knows more names."""
        functions = self.functions if self.in_model else None
        return _Interpreter({**self.values, **more}, self.notes, functions, self.effort)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def value(self, node: Node) -> Value:
        return _EVALUATE[node.__class__](self, node)

    def literal(self, node: Literal) -> Value:
        return node.value

    def name(self, node: Name) -> Value:
        try:
            value = self.values[node.name]
        except KeyError:
            if node.name in self.functions:
                return self.functions[node.name]
            raise
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
        if symbol in ("=", "!="):
            if self.in_model and not self.comparable(first, second):
                return None
            return equal(first, second) is (symbol == "=")
        if symbol in _COMPARISONS:
            return ordered(symbol, first, second)
        return ops.arithmetic(symbol, first, second, self.note)

    def comparable(self, first: Value, second: Value) -> bool:
        """Whether the standard compares two values: those of different types it does not."""
        kinds_of = (type_of(first), type_of(second))
        if FeelType.NULL in kinds_of or kinds_of[0] is kinds_of[1]:
            return True
        self.note(f"{kinds_of[0].said} cannot be compared with {kinds_of[1].said}")
        return False

    def call(self, node: Call) -> Value:
        arguments = [self.value(argument) for argument in node.arguments]
        if node.named:
            self.note(f"{node.function} has no parameters {', '.join(node.named)}")
            return None
        if node.function in self.functions:
            return self.called(self.functions[node.function], arguments)
        return ops.call(node.function, arguments, self.note)

    # --- functions as values

    def invoked(self, node: Invoke) -> Value:
        function = self.value(node.function)
        arguments = [self.value(argument) for argument in node.arguments]
        if not isinstance(function, Function):
            self.note("what is called is no function")
            return None
        if node.named:
            by_name = dict(zip(node.named, arguments, strict=True))
            if not by_name.keys() <= set(function.parameters):
                self.note(f"the function has no parameters {', '.join(node.named)}")
                return None
            arguments = [by_name.get(name) for name in function.parameters]
        return self.called(function, arguments)

    def called(self, function: Function, arguments: list[Value]) -> Value:
        if len(arguments) != len(function.parameters):
            self.note(f"a function of {len(function.parameters)} arguments cannot take {len(arguments)}")
        return function(*arguments)

    def function_of(self, node: FunctionOf) -> Value:
        """A function that knows the names around it; what goes too deep or on too long is null."""
        names = tuple(parameter.name for parameter in node.parameters)

        def run(*arguments: Value) -> Value:
            known: dict[str, Value] = {}
            for parameter, argument in zip(node.parameters, arguments, strict=True):
                known[parameter.name], fits = kinds.converted(argument, parameter.kind)
                if not fits:
                    self.note(f"{parameter.name} is no {parameter.written}")
            with self.effort.call():
                return self.knowing(known).value(node.body)

        return Function(names, run)

    def instance_of(self, node: InstanceOf) -> Value:
        return kinds.is_instance(self.value(node.value), node.kind)

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
        """Every combination of items, the last list the fastest; raises TooLongError and NoListError."""
        if not iterators:
            yield known
            return
        (name, domain), *rest = iterators
        for item in self.domain(domain, known):
            self.effort.step()
            yield from self.going_through(tuple(rest), {**known, name: item})

    def domain(self, node: Node, known: Values) -> Iterable[Value]:
        inner = self.knowing(known)
        if isinstance(node, Interval):
            return ranges.counted(inner.value(node.low), inner.value(node.high), node.low_closed, node.high_closed)
        found = inner.value(node)
        if isinstance(found, Range):
            return ranges.counted(found.low, found.high, found.low_closed, found.high_closed)
        if not isinstance(found, tuple):
            raise ranges.NoListError
        return found

    def iteration(self, node: For) -> Value:
        needs_partial = reads(node.result, PARTIAL)

        def results() -> Value:
            found: list[Value] = []
            held = 0
            for known in self.going_through(node.iterators, {}):
                more = {**known, PARTIAL: tuple(found)} if needs_partial else known
                found.append(self.knowing(more).value(node.result))
                held += weight(found[-1], MAX_STEPS)
                self.effort.hold(held)
            return tuple(found)

        return self.bounded(results)

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
        except TooLongError as error:
            self.note(str(error))
        except ranges.NoListError:
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
        low, high = self.value(node.low), self.value(node.high)
        found = ranges.made(low, high, low_closed=node.low_closed, high_closed=node.high_closed)
        if found is None:
            self.note("a range needs two values of one type, the smaller first")
        return found

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
        """A list in a cell stands for any of its items, a range for all that lies in it."""
        if isinstance(found, tuple) and not isinstance(subject, tuple):
            return any(_Interpreter.is_or_holds(subject, item) for item in found)
        if isinstance(found, Range) and not isinstance(subject, Range):
            return ranges.contains(found, subject) is True
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
    Invoke: _Interpreter.invoked,
    FunctionOf: _Interpreter.function_of,
    InstanceOf: _Interpreter.instance_of,
    ListOf: _Interpreter.list_of,
    Path: _Interpreter.path,
    ContextOf: _Interpreter.context,
    For: _Interpreter.iteration,
    Quantified: _Interpreter.quantified,
    Filter: _Interpreter.filtered,
    Interval: _Interpreter.interval,
}
