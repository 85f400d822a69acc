"""Static types: unknown names and combinations that mean nothing are found when a policy is saved, not when it runs."""

from __future__ import annotations

from compensation.feel.arithmetic import ORDERED, ordered
from compensation.feel.check_calls import CallChecker
from compensation.feel.combining import ARITHMETIC
from compensation.feel.errors import FeelError, Position, listing, suggestion
from compensation.feel.functions import (
    PROPERTIES,
    SAME_ITEMS,
)
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
from compensation.feel.parser import COMPARISONS
from compensation.feel.scope import NameType, Scope, alike, fits, unknown_name
from compensation.feel.units import test_units, unit_errors
from compensation.feel.values import FeelType, Value, type_of, write_value

_N, _M, _T, _MONTHS = FeelType.NUMBER, FeelType.MONEY, FeelType.DURATION, FeelType.MONTHS
_SPAN_OR_NUMBER = 'two durations such as total loss > duration("PT24H"), or two numbers such as hours lost > 24'

# What the results of a `for` before one are; a fact of that name is another thing.
_PARTIAL = NameType(FeelType.LIST)


def check_expression(node: Node, scope: Scope) -> tuple[FeelType, list[FeelError]]:
    """The type of an expression (UNKNOWN where it has none) and everything wrong with it."""
    checker = _Checker(scope)
    kind = checker.type(node)
    return kind, [*checker.errors, *unit_errors(node, scope)]


def check_tests(
    tests: UnaryTests, against: Node, scope: Scope, allowed: tuple[Value, ...] | None = None
) -> list[FeelError]:
    """Everything wrong with a cell that tests the input expression `against`; `allowed` are its only values."""
    checker = _Checker(scope)
    subject = _Checker(scope).type(against)
    checker.tests(tests, subject, allowed or checker.allowed(against))
    return [*checker.errors, *test_units(tests, against, scope)]


def check_values(tests: UnaryTests, kind: FeelType, scope: Scope) -> list[FeelError]:
    """Everything wrong with the allowed values of something of type `kind`."""
    checker = _Checker(scope)
    checker.tests(tests, kind, None)
    return checker.errors


def check_allowed(node: Node, allowed: tuple[Value, ...] | None) -> list[FeelError]:
    """The complaint about a literal that is not among the allowed values; they bind nothing else."""
    checker = _Checker({})
    checker.literal_allowed(node, allowed)
    return checker.errors


class _Checker(CallChecker):
    def within(self, scope: Scope) -> _Checker:
        return _Checker(scope)

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
            case Invoke(function, arguments):
                return self.invocation(function, arguments, node.at)
            case FunctionOf():
                return self.function(node)
            case InstanceOf(value):
                self.type(value)
                return FeelType.BOOLEAN
            case Quantified(iterators, condition):
                inner = self.inside(iterators)
                inner.wants(condition, FeelType.BOOLEAN)
                self.errors += inner.errors
                return FeelType.BOOLEAN
            case ListOf() | Path() | ContextOf() | For() | Filter():
                return self.shape(node).type
            case Interval(low, high):
                self.comparison("<=", low, high, node.at)
                self.only_in_models("an interval can only be tested against", node.at, "x in [1..5]")
                return FeelType.RANGE

    def shape(self, node: Node) -> NameType:
        """The type of an expression with what is known of its entries or items."""
        match node:
            case Name(name) if name in self.scope:
                return self.scope[name]
            case Path(source, name):
                return self.part(self.shape(source), name, node.at)
            case ContextOf(entries):
                scope = dict(self.scope)
                for key, value in entries:
                    inner = _Checker(scope)
                    scope[key] = inner.shape(value)
                    self.errors += inner.errors
                return NameType(FeelType.CONTEXT, fields={key: scope[key] for key, _ in entries})
            case ListOf(items):
                item = NameType(self.common(items))
                if item.type in (FeelType.CONTEXT, FeelType.LIST):
                    item = _Checker(self.scope).shape(items[0])
                return NameType(FeelType.LIST, item=item if items else None)
            case Call(function, arguments) if function in SAME_ITEMS:
                return NameType(self.type(node), item=_Checker(self.scope).shape(arguments[0]).item)
            case For(iterators, result):
                within = self.inside(iterators)
                if self.scope.get(PARTIAL, _PARTIAL) is not _PARTIAL and reads(result, PARTIAL):
                    self.problem(f'"{PARTIAL}" is a name already', node.at, "another name for what it is outside")
                within.scope = {**within.scope, PARTIAL: _PARTIAL}
                item = within.shape(result)
                self.errors += within.errors
                return NameType(FeelType.LIST, item=item)
            case Filter(source, condition):
                return self.filtered(self.shape(source), condition, node.at)
        return NameType(self.type(node))

    def inside(self, iterators: tuple[tuple[str, Node], ...]) -> _Checker:
        """A checker that knows what the iterators name, with what is wrong with their lists."""
        inner = _Checker(self.scope)
        for name, domain in iterators:
            item = inner.items_of(domain)
            if name in inner.scope:
                inner.problem(f'"{name}" is a name already', domain.at, "a new name")
            inner.scope = {**inner.scope, name: item}
        return inner

    def items_of(self, domain: Node) -> NameType:
        """What is known of each item that is gone through."""
        if isinstance(domain, Interval):
            if self.type(domain.low) is self.type(domain.high) is FeelType.DATE:
                return NameType(FeelType.DATE)
            self.wants(domain.low, FeelType.NUMBER)
            self.wants(domain.high, FeelType.NUMBER)
            return NameType(FeelType.NUMBER)
        listed = self.shape(domain)
        if listed.type not in (FeelType.LIST, FeelType.RANGE, FeelType.UNKNOWN, FeelType.NULL):
            self.problem(f"this is {listed.type.said}, but a list is needed", domain.at, "a list, or 1..3")
        return listed.item or NameType(FeelType.UNKNOWN)

    def filtered(self, source: NameType, condition: Node, at: Position) -> NameType:
        if source.type not in (FeelType.LIST, FeelType.UNKNOWN, FeelType.NULL):
            self.problem(f"{source.type.said} has no items to choose from", at, "a list before the bracket")
        item = source.item or NameType(FeelType.UNKNOWN)
        inner = _Checker({**self.scope, ITEM: item})
        kind = inner.type(condition)
        self.errors += inner.errors
        if kind.is_numeric:
            return item
        if kind not in (FeelType.BOOLEAN, FeelType.UNKNOWN, FeelType.NULL):
            self.problem(f"this is {kind.said}, which chooses no item", condition.at, "a condition on item, or a place")
        return NameType(FeelType.LIST, item=source.item)

    def part(self, source: NameType, name: str, at: Position) -> NameType:
        if source.type is FeelType.LIST:
            item = self.part(source.item, name, at) if source.item else NameType(FeelType.UNKNOWN)
            return NameType(FeelType.LIST, item=item)
        fields = source.fields
        if fields is None and source.type in PROPERTIES:
            fields = {part: NameType(kind) for part, kind in PROPERTIES[source.type].items()}
        if fields is None and source.type not in (FeelType.UNKNOWN, FeelType.CONTEXT):
            return NameType(
                self.problem(f'{source.type.said} has no "{name}"', at, "a context, date, time or duration")
            )
        if fields is not None and name not in fields:
            self.problem(f'there is no "{name}" here', at, suggestion(name, fields) or f"one of {listing(fields)}")
        return (fields or {}).get(name, NameType(FeelType.UNKNOWN))

    def name(self, name: str, at: Position) -> FeelType:
        if name in self.scope and self.scope[name].takes is not None:
            self.only_in_models(f"{name} is a function, and functions are no values", at, f"{name}(...)")
            return FeelType.FUNCTION
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
        if actual.is_numeric or actual in (FeelType.DURATION, FeelType.MONTHS, FeelType.UNKNOWN):
            return actual
        return self.problem(f"{actual.said} has no negative", at, "a number or a duration")

    def binary(self, operator: str, left: Node, right: Node, at: Position) -> FeelType:
        if operator in ("and", "or"):
            self.wants(left, FeelType.BOOLEAN)
            return self.wants(right, FeelType.BOOLEAN)
        if operator in COMPARISONS:
            return self.comparison(operator, left, right, at)
        types = (self.type(left), self.type(right))
        if operator == "/" and isinstance(right, Literal) and right.value == 0:
            self.problem("nothing can be divided by 0", right.at, "a number that is not 0")
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
        if not alike(*types):
            accepted = _SPAN_OR_NUMBER if {*types} == {_N, _T} else "two values of one type"
            self.problem(f"{types[0].said} cannot be compared with {types[1].said}", at, accepted)
        elif operator not in ("=", "!=") and not {*types} <= ORDERED | {FeelType.UNKNOWN}:
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
            elif actual is not FeelType.NULL and not alike(result, actual):
                self.problem(f"{actual.said} stands beside {result.said}", node.at, "values of one type")
            elif actual is FeelType.MONEY:
                result = actual
        return result

    # --- unary tests

    def tests(self, tests: UnaryTests, subject: FeelType, allowed: tuple[Value, ...] | None) -> None:
        self.scope = {**self.scope, SUBJECT: NameType(subject, allowed)}
        for test in tests.tests:
            self.test(test, subject, allowed)

    def test(self, test: Test, subject: FeelType, allowed: tuple[Value, ...] | None) -> None:
        match test:
            case Equals(operand):
                self.against(operand, subject, by_order=False)
                self.literal_allowed(operand, allowed)
            case Compares(_, operand):
                self.against(operand, subject, by_order=True)
            case Within(interval):
                self.against(interval.low, subject, by_order=True)
                self.against(interval.high, subject, by_order=True)
                self.not_empty(interval)
            case Holds(condition):
                self.wants(condition, FeelType.BOOLEAN)

    def against(self, operand: Node, subject: FeelType, *, by_order: bool) -> None:
        actual = self.type(operand)
        holds_many = actual is FeelType.RANGE or (actual is FeelType.LIST and not isinstance(operand, ListOf))
        if not by_order and (actual is FeelType.NULL or holds_many):
            return
        if not alike(actual, subject):
            self.problem(f"the input is {subject.said}, but this test is {actual.said}", operand.at, f"{subject.said}")
        elif by_order and not {actual, subject} <= ORDERED | {FeelType.UNKNOWN}:
            self.problem(f"{actual.said} has no order", operand.at, "a value to be equal to, or -")

    def not_empty(self, interval: Interval) -> None:
        low, high = interval.low, interval.high
        if not isinstance(low, Literal) or not isinstance(high, Literal):
            return
        low_value, high_value = low.value, high.value
        if ordered(">", low_value, high_value):
            self.problem("the interval is empty: it ends before it begins", interval.at, "the smaller number first")
