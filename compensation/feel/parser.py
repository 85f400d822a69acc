"""Tokens to trees: a Pratt parser for expressions, and the unary tests of decision-table cells."""

from __future__ import annotations

from collections.abc import Callable, Collection
from fractions import Fraction

from compensation.feel.calls import TEMPORAL, Calls
from compensation.feel.errors import Origin
from compensation.feel.lexer import INSTANCE_OF, Kind, Token
from compensation.feel.nodes import (
    ITEM,
    SUBJECT,
    Between,
    Binary,
    Call,
    Compares,
    Equals,
    Filter,
    FunctionOf,
    Holds,
    If,
    In,
    Interval,
    Invoke,
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
    reads,
)
from compensation.feel.stream import ModelWords, found_text
from compensation.feel.values import MAX_DIGITS, Value, read_number, write_number

COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_ADDITIVE = 50
_COMPARING = 40
# The standard ranks arithmetic negation above exponentiation: -3 ** 2 is 9.
_NEGATION = 80
_PATH = 90
POWERS = {
    "or": 20,
    "and": 30,
    **dict.fromkeys(COMPARISONS, _COMPARING),
    "between": _COMPARING,
    "in": _COMPARING,
    "+": _ADDITIVE,
    "-": _ADDITIVE,
    "*": 60,
    "/": 60,
    "**": 70,
    INSTANCE_OF: 85,
    ".": _PATH,
    "[": _PATH,
    "(": _PATH,
}
# What a bracket behind it calls; a name before a bracket is read with it.
_CALLABLE = (Call, Invoke, Path, Filter, FunctionOf)
_EXPRESSION_STARTS = (
    'a name, a number, "text", true, false, null, a date or duration, (, [, {, -, if, for, some, every, not(...)'
)


def parse_expression(
    text: str,
    names: Collection[str],
    origin: Origin | None = None,
    *,
    members: Collection[str] = (),
    model: ModelWords | None = None,
    in_filter: bool = False,
) -> Node:
    """The tree of an expression. Raises FeelError.

    `names` are the names with spaces to recognise, `members` those of entries that may follow a dot, `model` is what a
    decision model defines beside what is built in, for a text that stands in one; `in_filter` says that it stands where
    the condition of a filter does.
    """
    parser = _Parser(text, names, origin or Origin(), members, model, in_filter=in_filter)
    node = parser.expression()
    parser.expect_end()
    return node


def parse_tests(
    text: str,
    names: Collection[str],
    origin: Origin | None = None,
    *,
    members: Collection[str] = (),
    model: ModelWords | None = None,
) -> UnaryTests:
    """The tests of a decision-table cell, which may call the input `?`; the rest as `parse_expression`."""
    parser = _Parser(text, {*names, SUBJECT}, origin or Origin(), members, model)
    tests = parser.cell()
    parser.expect_end()
    return tests


class _Parser(Calls):
    # --- expressions

    def expression(self, power: int = 0) -> Node:
        self.count_operation()
        left = self.prefix()
        while self.token.kind in (Kind.OPERATOR, Kind.KEYWORD) and POWERS.get(self.token.text, -1) > power:
            if (self.at("[") and not self.takes_filters) or (self.at("(") and not self.may_call(left)):
                break
            self.count_operation()
            left = self.infix(left)
        return left

    def may_call(self, left: Node) -> bool:
        """Whether a bracket behind this calls it; in a model anything may be called, and most of it gives null."""
        return self.model is not None or isinstance(left, _CALLABLE)

    def infix(self, left: Node) -> Node:
        operator = self.advance()
        power = POWERS[operator.text]
        if operator.text == "[":
            return self.filter(left, operator)
        if operator.text == "(":
            return self.invocation(left, operator)
        if operator.text == INSTANCE_OF:
            return self.instance_of(left, operator)
        if power == _PATH:
            return self.path(left, operator)
        if operator.text == "between":
            low = self.expression(_COMPARING)
            self.expect("and")
            node: Node = Between(left, low, self.expression(_COMPARING), at=operator.at)
        elif operator.text == "in":
            node = In(left, self.tests_after_in(), at=operator.at)
        else:
            node = Binary(operator.text, left, self.expression(power), at=operator.at)
        if power == _COMPARING and POWERS.get(self.token.text) == _COMPARING and self.token.kind is not Kind.NAME:
            raise self.error("comparisons cannot be chained", "a < b and b < c")
        return node

    def path(self, source: Node, dot: Token) -> Node:
        if self.token.kind is not Kind.NAME:
            raise self.error(
                f"expected a name after the dot but found {found_text(self.token)}", "such as outage date.year"
            )
        name = self.advance().text
        if isinstance(source, Name):
            whole = f"{source.name}.{name}"
            is_item = source.name == ITEM and self.filters_around
            if whole in self.names or (source.name not in self.names and not is_item):
                return Name(whole, at=source.at)
        return Path(source, name, at=dot.at)

    def prefix(self) -> Node:
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                return self.literal(_number(token.text), "number", f"at most {MAX_DIGITS} digits")
            case Kind.STRING:
                self.advance()
                return Literal(token.text, at=token.at)
            case Kind.AT:
                return self.temporal(token.text)
            case Kind.NAME:
                return self.name_or_call()
        words: dict[str, Callable[[], Node]] = {
            "if": self.conditional,
            "not": self.negation,
            "-": self.negative,
            "(": self.group,
            "[": self.list_or_interval,
            "]": self.open_interval,
            "{": self.context,
            "for": self.iteration,
            "some": self.quantified,
            "every": self.quantified,
        }
        if token.text in words and token.kind is not Kind.END:
            return words[token.text]()
        constants: dict[str, Value] = {"null": None, "true": True, "false": False}
        if token.kind is Kind.KEYWORD and token.text in constants:
            self.advance()
            return Literal(constants[token.text], at=token.at)
        before = self.tokens[self.index - 1] if self.index else token
        is_doubled = (before.kind, before.text) == (token.kind, token.text) == (Kind.OPERATOR, "=")
        accepted = "= once: a = b" if is_doubled else _EXPRESSION_STARTS
        raise self.error(f"expected an expression but found {found_text(token)}", accepted)

    def literal(self, value: Value, what: str, accepted: str) -> Node:
        if value is None:
            raise self.error(f"not a {what}: {self.token.text}", accepted)
        return Literal(value, at=self.advance().at)

    def temporal(self, text: str) -> Node:
        values = (read(text) for read in TEMPORAL.values())
        value = next((value for value in values if value is not None), None)
        if value is None and self.model is not None:
            return Literal(None, at=self.advance().at)
        accepted = '@"2012-07-11", @"PT24H", @"P1DT12H", @"P1Y", @"10:30:00" or @"2012-07-11T10:30:00"'
        return self.literal(value, "date, time or duration", accepted)

    def conditional(self) -> Node:
        start = self.advance()
        condition = self.expression()
        self.expect("then")
        yes = self.expression()
        self.expect("else", "if ... then ... else null")
        return If(condition, yes, self.expression(), at=start.at)

    def negation(self) -> Node:
        start = self.advance()
        self.expect("(")
        operand = self.expression()
        self.expect(")")
        return Not(operand, at=start.at)

    def negative(self) -> Node:
        start = self.advance()
        return Negative(self.expression(_NEGATION), at=start.at)

    # --- unary tests

    def cell(self) -> UnaryTests:
        start = self.token
        if start.kind is Kind.END:
            raise self.error("the cell is empty", "- for any value, or a test such as >= 10")
        if self.at("-") and self.tokens[self.index + 1].kind is Kind.END:
            self.advance()
            return UnaryTests((), at=start.at)
        if self.at("not") and self.at("(", ahead=1):
            self.advance()
            self.advance()
            negated = UnaryTests(self.cell_tests(), negated=True, at=start.at)
            self.expect(")")
            return negated
        return UnaryTests(self.cell_tests(), at=start.at)

    def cell_tests(self) -> tuple[Test, ...]:
        return tuple(_as_condition(test) for test in self.test_list())

    def test_list(self) -> tuple[Test, ...]:
        found = [self.test()]
        while self.at(","):
            self.advance()
            self.operations -= 1
            found.append(self.test())
        return tuple(found)

    def test(self, power: int = _COMPARING) -> Test:
        start = self.token
        if self.at("<", "<=", ">", ">="):
            self.count_operation()
            return Compares(self.advance().text, self.expression(power), at=start.at)
        if any(token.kind is Kind.NAME and token.text == SUBJECT for token in self.tokens):
            return self.condition(start)
        operand = self.expression(power)
        return Within(operand, at=start.at) if isinstance(operand, Interval) else Equals(operand, at=start.at)

    def condition(self, start: Token) -> Test:
        """In a cell that names its input, what names it is a condition, and all else a test as ever."""
        operand = self.expression()
        if reads(operand, SUBJECT):
            return Holds(operand, at=start.at)
        return _as_test(operand)

    def tests_after_in(self) -> UnaryTests:
        start = self.token
        if self.at("["):
            node = self.prefix()
            if isinstance(node, ListOf):
                return UnaryTests(tuple(_as_test(item) for item in node.items) or self.no_tests(start), at=start.at)
            return UnaryTests((_as_test(node),), at=start.at)
        if not self.at("("):
            return UnaryTests((self.test(),), at=start.at)
        self.advance()
        first = self.test()
        if self.at("..") and isinstance(first, Equals):
            return UnaryTests((_as_test(self.interval(first.operand, start, low_closed=False)),), at=start.at)
        rest: tuple[Test, ...] = ()
        if self.at(","):
            self.advance()
            rest = self.test_list()
        self.expect(")")
        return UnaryTests((first, *rest), at=start.at)

    def no_tests(self, start: Token) -> tuple[Test, ...]:
        raise self.error("the list is empty", "at least one value, such as [1, 2]", start)


def _as_condition(test: Test) -> Test:
    """What compares the input with itself, such as `< 2 * ?`, as the condition that it is."""
    if not isinstance(test, Compares) or not reads(test.operand, SUBJECT):
        return test
    return Holds(Binary(test.operator, Name(SUBJECT, at=test.at), test.operand, at=test.at), at=test.at)


def _as_test(node: Node) -> Test:
    return Within(node, at=node.at) if isinstance(node, Interval) else Equals(node, at=node.at)


def _number(text: str) -> Value:
    """The number of a literal, with or without an exponent; None when it has more digits than a literal may."""
    digits, _, exponent = text.lower().partition("e")
    number = read_number(digits)
    if number is None or not exponent:
        return number
    moved = number * Fraction(10) ** int(exponent)
    return moved if len(write_number(moved)) <= MAX_DIGITS else None
