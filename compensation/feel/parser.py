"""Tokens to trees: a Pratt parser for expressions, and the unary tests of decision-table cells."""

from __future__ import annotations

from collections.abc import Callable, Collection

from compensation.feel.errors import FeelError, Origin
from compensation.feel.functions import FUNCTION_NAMES, SIGNATURES
from compensation.feel.lexer import Kind, Token, tokens
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
from compensation.feel.values import Value, read_date, read_duration, read_number

COMPARISONS = frozenset({"=", "!=", "<", "<=", ">", ">="})
_ADDITIVE = 50
_COMPARING = 40
# The standard ranks arithmetic negation above exponentiation: -3 ** 2 is 9.
_NEGATION = 80
_POWERS = {
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
}
# Bounds the depth of every tree, so that no text can exhaust the stack of whoever walks it.
_MAX_OPERATIONS = 120
_EXPRESSION_STARTS = 'a name, a number, "text", true, false, null, a date or duration, (, [, -, if, not(...)'


def parse_expression(text: str, names: Collection[str], origin: Origin | None = None) -> Node:
    """The tree of an expression; `names` are the names with spaces to recognise. Raises FeelError."""
    parser = _Parser(text, names, origin or Origin())
    node = parser.expression()
    parser.expect_end()
    return node


def parse_tests(text: str, names: Collection[str], origin: Origin | None = None) -> UnaryTests:
    """The tests of a decision-table cell. Raises FeelError."""
    parser = _Parser(text, names, origin or Origin())
    tests = parser.cell()
    parser.expect_end()
    return tests


class _Parser:
    def __init__(self, text: str, names: Collection[str], origin: Origin) -> None:
        self.tokens = tokens(text, frozenset(names) | FUNCTION_NAMES, origin)
        self.index = 0
        self.operations = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def advance(self) -> Token:
        token = self.token
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def at(self, *texts: str, ahead: int = 0) -> bool:
        token = self.tokens[min(self.index + ahead, len(self.tokens) - 1)]
        return token.kind in (Kind.OPERATOR, Kind.KEYWORD) and token.text in texts

    def expect(self, text: str) -> Token:
        if not self.at(text):
            raise self.error(f"expected {text} but found {_found(self.token)}")
        return self.advance()

    def expect_end(self) -> None:
        if self.token.kind is not Kind.END:
            raise self.error(f"{_found(self.token)} cannot follow what stands before it", "an operator or the end")

    def error(self, what: str, accepted: str = "", token: Token | None = None) -> FeelError:
        return FeelError(what, (token or self.token).at, accepted)

    def count_operation(self) -> None:
        self.operations += 1
        if self.operations > _MAX_OPERATIONS:
            raise self.error(
                "too many operations in one expression", f"at most {_MAX_OPERATIONS}; split it in decisions"
            )

    # --- expressions

    def expression(self, power: int = 0) -> Node:
        self.count_operation()
        left = self.prefix()
        while self.token.kind in (Kind.OPERATOR, Kind.KEYWORD) and _POWERS.get(self.token.text, -1) > power:
            self.count_operation()
            left = self.infix(left)
        return left

    def infix(self, left: Node) -> Node:
        operator = self.advance()
        power = _POWERS[operator.text]
        if operator.text == "between":
            low = self.expression(_COMPARING)
            self.expect("and")
            node: Node = Between(left, low, self.expression(_COMPARING), at=operator.at)
        elif operator.text == "in":
            node = In(left, self.tests_after_in(), at=operator.at)
        else:
            node = Binary(operator.text, left, self.expression(power), at=operator.at)
        if power == _COMPARING and _POWERS.get(self.token.text) == _COMPARING and self.token.kind is not Kind.NAME:
            raise self.error("comparisons cannot be chained", "a < b and b < c")
        return node

    def prefix(self) -> Node:
        token = self.token
        match token.kind:
            case Kind.NUMBER:
                return self.literal(read_number(token.text), "number", "at most 60 characters")
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
        }
        if token.text in words and token.kind is not Kind.END:
            return words[token.text]()
        constants: dict[str, Value] = {"null": None, "true": True, "false": False}
        if token.kind is Kind.KEYWORD and token.text in constants:
            self.advance()
            return Literal(constants[token.text], at=token.at)
        raise self.error(f"expected an expression but found {_found(token)}", _EXPRESSION_STARTS)

    def literal(self, value: Value, what: str, accepted: str) -> Node:
        if value is None:
            raise self.error(f"not a {what}: {self.token.text}", accepted)
        return Literal(value, at=self.advance().at)

    def temporal(self, text: str) -> Node:
        value = read_date(text) or read_duration(text)
        return self.literal(value, "date or duration", '@"2012-07-11", @"PT24H" or @"P1DT12H"')

    def name_or_call(self) -> Node:
        token = self.advance()
        if not self.at("("):
            return Name(token.text, at=token.at)
        if token.text not in FUNCTION_NAMES:
            known = ", ".join(sorted(SIGNATURES))
            raise self.error(f'"{token.text}" is not a function', f"one of {known}", token)
        self.advance()
        if token.text in ("date", "duration"):
            return self.temporal_call(token)
        arguments = self.items(")")
        signature = SIGNATURES[token.text]
        if len(arguments) < signature.least or (signature.most is not None and len(arguments) > signature.most):
            raise self.error(f"{token.text} cannot take {len(arguments)} arguments", signature.written, token)
        return Call(token.text, arguments, at=token.at)

    def temporal_call(self, token: Token) -> Node:
        accepted = SIGNATURES[token.text].written
        if self.token.kind is not Kind.STRING:
            raise self.error(f"{token.text} needs a text in quotes", accepted)
        value = read_date(self.token.text) if token.text == "date" else read_duration(self.token.text)
        node = self.literal(value, token.text, accepted)
        self.expect(")")
        return node

    def items(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        if not self.at(closing):
            found.append(self.expression())
            while self.at(","):
                self.advance()
                # A list grows sideways, not downwards: its items share one allowance.
                self.operations -= 1
                found.append(self.expression())
        self.expect(closing)
        return tuple(found)

    def conditional(self) -> Node:
        start = self.advance()
        condition = self.expression()
        self.expect("then")
        yes = self.expression()
        self.expect("else")
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

    def group(self) -> Node:
        start = self.advance()
        inner = self.expression()
        if self.at(".."):
            return self.interval(inner, start, low_closed=False)
        self.expect(")")
        return inner

    def list_or_interval(self) -> Node:
        start = self.advance()
        if self.at("]"):
            self.advance()
            return ListOf((), at=start.at)
        first = self.expression()
        if self.at(".."):
            return self.interval(first, start, low_closed=True)
        if self.at(","):
            self.advance()
            return ListOf((first, *self.items("]")), at=start.at)
        self.expect("]")
        return ListOf((first,), at=start.at)

    def open_interval(self) -> Node:
        start = self.advance()
        low = self.expression()
        if not self.at(".."):
            raise self.error(f"expected .. but found {_found(self.token)}", "an interval such as ]1..5]")
        return self.interval(low, start, low_closed=False)

    def interval(self, low: Node, start: Token, *, low_closed: bool) -> Node:
        self.expect("..")
        high = self.expression()
        if not self.at("]", ")", "["):
            raise self.error(
                f"the interval is not closed before {_found(self.token)}", "] to include its end, ) to exclude"
            )
        return Interval(low, high, low_closed, self.advance().text == "]", at=start.at)

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
            negated = UnaryTests(self.test_list(), negated=True, at=start.at)
            self.expect(")")
            return negated
        return UnaryTests(self.test_list(), at=start.at)

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
        operand = self.expression(power)
        return Within(operand, at=start.at) if isinstance(operand, Interval) else Equals(operand, at=start.at)

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


def _as_test(node: Node) -> Test:
    return Within(node, at=node.at) if isinstance(node, Interval) else Equals(node, at=node.at)


def _found(token: Token) -> str:
    if token.kind is Kind.END:
        return "the end"
    return f'"{token.text}"' if token.kind is Kind.STRING else token.text
