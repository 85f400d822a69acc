"""Expressions and cells as Python functions: syntax nodes built from the tree and compiled, never text evaluated.

Names become numbered locals and values numbered constants, so nothing that a person wrote reaches the compiler.
Sums and products are computed on integers, numerator apart from denominator; all else calls what the interpreter calls.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from fractions import Fraction
from typing import Any

from compensation.feel import arithmetic as ops
from compensation.feel.check import check_expression
from compensation.feel.evaluate import evaluate, passes
from compensation.feel.nodes import (
    Between,
    Binary,
    Call,
    Compares,
    Equals,
    If,
    In,
    ListOf,
    Literal,
    Name,
    Negative,
    Node,
    Not,
    Path,
    Placed,
    Test,
    UnaryTests,
    Within,
    bound_names,
    children,
    names,
)
from compensation.feel.scope import Scope
from compensation.feel.values import FeelType, Value

_COMPARISONS: dict[str, type[ast.cmpop]] = {"<": ast.Lt, "<=": ast.LtE, ">": ast.Gt, ">=": ast.GtE}
_PLAIN = frozenset(
    {FeelType.NUMBER, FeelType.MONEY, FeelType.STRING, FeelType.DATE, FeelType.DURATION, FeelType.MONTHS}
)


def _silent(_: str) -> None:
    """The fast path keeps no reasons: the interpreter is asked for them."""


@functools.lru_cache(maxsize=65_536)
def _amount(units: int, unit: int) -> Fraction:
    """The same few amounts come up again and again, and making a Fraction costs more than all else in a row."""
    return Fraction(units, unit)


# What is beyond it the interpreter calls out of range: it is asked then.
_LIMIT = 1 << ops.MAX_BITS


def _fraction(numerator: int, denominator: int) -> Fraction:
    if not -_LIMIT < numerator < _LIMIT > denominator:
        raise OverflowError
    return Fraction(numerator, denominator)


def _rounded(times: int, added: int, less: int) -> Callable[[int, int, int], Fraction]:
    """A rounding of n/d to 1/unit, as (times n unit + added d - less) / (times d) rounded down on the magnitude."""

    def compute(numerator: int, denominator: int, unit: int) -> Fraction:
        if not -_LIMIT < numerator < _LIMIT > denominator:
            raise OverflowError
        if numerator >= 0:
            return _amount((times * numerator * unit + added * denominator - less) // (times * denominator), unit)
        return _amount(-((added * denominator - less - times * numerator * unit) // (times * denominator)), unit)

    return compute


_ROUNDED: dict[str, Callable[[int, int, int], Fraction]] = {
    "round up": _rounded(1, 1, 1),
    "round down": _rounded(1, 0, 0),
    "round half up": _rounded(2, 1, 0),
    "round half down": _rounded(2, 1, 1),
}
_RUNTIME: dict[str, Any] = {
    "_fraction": _fraction,
    "_both": ops.both,
    "_either": ops.either,
    "_not": ops.negation,
    "_equal": ops.equal,
    "_ordered": ops.ordered,
    "_arithmetic": lambda symbol, left, right: ops.arithmetic(symbol, left, right, _silent),
    "_negative": lambda value: ops.negative(value, _silent),
    "_call": lambda function, *arguments: ops.call(function, list(arguments), _silent),
    "_list": lambda *items: ops.within_limits(items, _silent),
    "_property": lambda value, name: ops.property_of(value, name, _silent),
    "_evaluate": evaluate,
    "_passes": passes,
}


class Builder:
    """Gathers constants and locals for one generated function over the names it reads, in the order of `reads`."""

    def __init__(self, reads: Sequence[str], scope: Scope) -> None:
        self.scope = scope
        self.locals = {name: f"n{index}" for index, name in enumerate(reads)}
        self.constants: dict[str, Any] = dict(_RUNTIME)
        self.temporaries = 0

    def constant(self, value: Any) -> ast.expr:
        """A value by a name of its own among the function's globals."""
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return load(name)

    def temporary(self) -> str:
        """The name of a new local."""
        self.temporaries += 1
        return f"t{self.temporaries}"

    def compile(self, body: list[ast.stmt]) -> Callable[..., Any]:
        """The function of the names read, with this body."""
        arguments = ast.arguments(
            posonlyargs=[ast.arg(arg=name) for name in self.locals.values()],
            args=[],
            kwonlyargs=[],
            kw_defaults=[],
            defaults=[],
        )
        function = ast.FunctionDef(name="generated", args=arguments, body=body, decorator_list=[])
        module = ast.fix_missing_locations(ast.Module(body=[function], type_ignores=[]))
        space: dict[str, Any] = {**self.constants, "__builtins__": {}}
        exec(compile(module, "<generated>", "exec"), space)  # noqa: S102 - built from nodes above, names are numbers
        made: Callable[..., Any] = space["generated"]
        return made

    # --- expressions

    def expression(self, node: Node) -> ast.expr:
        """Syntax that computes what the interpreter computes."""
        rational = self.rational_value(node)
        if rational is not None:
            return rational
        match node:
            case Literal(value):
                return self.constant(value)
            case Name(name) if name in self.locals:
                return load(self.locals[name])
            case Negative(operand):
                return run("_negative", self.expression(operand))
            case Not(operand):
                return run("_not", self.expression(operand))
            case Binary():
                return self.binary(node)
            case If(condition, yes, no):
                test = ast.Compare(self.expression(condition), [ast.Is()], [ast.Constant(True)])
                return ast.IfExp(test, self.expression(yes), self.expression(no))
            case Between(value, low, high):
                subject = self.temporary()
                kept = ast.NamedExpr(ast.Name(subject, ast.Store()), self.expression(value))
                above = run("_ordered", ast.Constant(">="), kept, self.expression(low))
                return run("_both", above, run("_ordered", ast.Constant("<="), load(subject), self.expression(high)))
            case In(value, tests):
                subject = self.temporary()
                kept = ast.NamedExpr(ast.Name(subject, ast.Store()), self.expression(value))
                # The tuple computes the input before the tests that read it; its second item is the answer.
                return _second(kept, self.tests(tests, load(subject), self.type(value)))
            case Call(function, arguments):
                return run("_call", ast.Constant(function), *map(self.expression, arguments))
            case ListOf(items):
                return run("_list", *map(self.expression, items))
            case Path(source, name):
                return run("_property", self.expression(source), ast.Constant(name))
        return run("_evaluate", self.constant(node), self.values(node))

    def values(self, node: Node | UnaryTests) -> ast.expr:
        known = [name for name in names(node) if name in self.locals]
        return ast.Dict([ast.Constant(name) for name in known], [load(self.locals[name]) for name in known])

    def type(self, node: Node) -> FeelType:
        kind, errors = check_expression(node, self.scope)
        return FeelType.UNKNOWN if errors else kind

    def binary(self, node: Binary) -> ast.expr:
        left, right = self.expression(node.left), self.expression(node.right)
        symbol = node.operator
        if symbol in ("and", "or"):
            return run("_both" if symbol == "and" else "_either", left, right)
        if symbol in ("=", "!="):
            types = {self.type(node.left), self.type(node.right)}
            is_plain = types <= _PLAIN | {FeelType.BOOLEAN, FeelType.NULL} and FeelType.UNKNOWN not in types
            same = ast.Compare(left, [ast.Eq()], [right]) if is_plain else run("_equal", left, right)
            return same if symbol == "=" else ast.UnaryOp(ast.Not(), same)
        if symbol in _COMPARISONS:
            return self.comparison(symbol, node, left, right)
        return run("_arithmetic", ast.Constant(symbol), left, right)

    def comparison(self, symbol: str, node: Binary, left: ast.expr, right: ast.expr) -> ast.expr:
        if not {self.type(node.left), self.type(node.right)} <= _PLAIN:
            return run("_ordered", ast.Constant(symbol), left, right)
        first, second = self.temporary(), self.temporary()
        null = ast.BoolOp(ast.Or(), [_is_null(_keep(first, left)), _is_null(_keep(second, right))])
        return ast.IfExp(null, ast.Constant(None), _compare(symbol, load(first), load(second)))

    # --- numbers as numerator and denominator

    def rational_value(self, node: Node) -> ast.expr | None:
        """A sum or product of names and literals, perhaps rounded, on integers; None for anything else."""
        match node:
            case Call(function, (number, Literal(Fraction() as scale))) if function in _ROUNDED:
                inner, mode = number, function
                if not 0 <= scale <= 30:
                    return None
                unit = 10 ** int(scale)
            case Binary():
                inner, mode, unit = node, "", 1
            case _:
                return None
        read = self.leaves(inner)
        if read is None:
            return None
        numerator, denominator = self.rational(inner)
        if mode:
            value = run_constant(self.constant(_ROUNDED[mode]), numerator, denominator, ast.Constant(unit))
        else:
            value = run("_fraction", numerator, denominator)
        nulls: list[ast.expr] = [_is_null(load(self.locals[name])) for name in read]
        if not nulls:
            return value
        return ast.IfExp(nulls[0] if len(nulls) == 1 else ast.BoolOp(ast.Or(), nulls), ast.Constant(None), value)

    def leaves(self, node: Node) -> list[str] | None:
        """The names a rational tree reads, None when it is no such tree."""
        match node:
            case Literal(Fraction()):
                return []
            case Name(name) if name in self.locals and name in self.scope and self.scope[name].type.is_numeric:
                return [name]
            case Negative(operand):
                return self.leaves(operand)
            case Binary("+" | "-" | "*", left, right):
                first, second = self.leaves(left), self.leaves(right)
                return None if first is None or second is None else list(dict.fromkeys(first + second))
            case Binary("/", left, Literal(Fraction() as divisor)) if divisor:
                return self.leaves(left)
        return None

    def rational(self, node: Node) -> tuple[ast.expr, ast.expr]:
        match node:
            case Literal(Fraction() as value):
                return ast.Constant(value.numerator), ast.Constant(value.denominator)
            case Name(name):
                return parts(load(self.locals[name]))
            case Negative(operand):
                numerator, denominator = self.rational(operand)
                return ast.UnaryOp(ast.USub(), numerator), denominator
            case Binary("/", left, Literal(Fraction() as divisor)):
                numerator, denominator = self.rational(left)
                sign = -1 if divisor < 0 else 1
                return _times(numerator, ast.Constant(sign * divisor.denominator)), _times(
                    denominator, ast.Constant(abs(divisor.numerator))
                )
            case Binary(symbol, left, right):
                (n1, d1), (n2, d2) = self.rational(left), self.rational(right)
                if symbol == "*":
                    return _times(n1, n2), _times(d1, d2)
                operator: ast.operator = ast.Add() if symbol == "+" else ast.Sub()
                return ast.BinOp(_times(n1, d2), operator, _times(n2, d1)), _times(d1, d2)
        raise AssertionError(f"{node} is no sum or product")

    # --- cells

    def tests(self, tests: UnaryTests, subject: ast.expr, kind: FeelType) -> ast.expr:
        """Syntax that is true exactly when the cell accepts `subject`, the load of a local."""
        if tests.is_any:
            return ast.Constant(True)
        found = [self.test(test, subject, kind) for test in tests.tests]
        whole: ast.expr = found[0] if len(found) == 1 else ast.BoolOp(ast.Or(), found)
        return ast.UnaryOp(ast.Not(), whole) if tests.negated else whole

    def test(self, test: Test, subject: ast.expr, kind: FeelType) -> ast.expr:
        match test:
            case Equals(Literal(None)):
                return _is_null(subject)
            case Compares(symbol, operand) if kind in _PLAIN and self.type(operand) in _PLAIN:
                bound = self.temporary()
                known = ast.UnaryOp(ast.Not(), _is_null(subject))
                given = ast.UnaryOp(ast.Not(), _is_null(_keep(bound, self.expression(operand))))
                return ast.BoolOp(ast.And(), [known, given, _compare(symbol, subject, load(bound))])
            case Equals(operand) if kind in _PLAIN and self.type(operand) in _PLAIN:
                known = ast.UnaryOp(ast.Not(), _is_null(subject))
                return ast.BoolOp(ast.And(), [known, ast.Compare(subject, [ast.Eq()], [self.expression(operand)])])
            case Within(interval) if kind in _PLAIN:
                low = Compares(">=" if interval.low_closed else ">", interval.low)
                high = Compares("<=" if interval.high_closed else "<", interval.high)
                return ast.BoolOp(ast.And(), [self.test(one, subject, kind) for one in (low, high)])
        cell = UnaryTests((test,))
        return run("_passes", self.constant(cell), subject, self.values(cell))


def load(name: str) -> ast.expr:
    """A local or constant by its name."""
    return ast.Name(name, ast.Load())


def run(function: str, *arguments: ast.expr) -> ast.expr:
    """A call of a function of the runtime."""
    return ast.Call(load(function), list(arguments), [])


def run_constant(function: ast.expr, *arguments: ast.expr) -> ast.expr:
    """A call of a constant."""
    return ast.Call(function, list(arguments), [])


def _keep(name: str, value: ast.expr) -> ast.expr:
    return ast.NamedExpr(ast.Name(name, ast.Store()), value)


def _is_null(value: ast.expr) -> ast.expr:
    return ast.Compare(value, [ast.Is()], [ast.Constant(None)])


def _compare(symbol: str, left: ast.expr, right: ast.expr) -> ast.expr:
    return ast.Compare(left, [_COMPARISONS[symbol]()], [right])


def _second(first: ast.expr, second: ast.expr) -> ast.expr:
    return ast.Subscript(ast.Tuple([first, second], ast.Load()), ast.Constant(1), ast.Load())


def parts(number: ast.expr) -> tuple[ast.expr, ast.expr]:
    """Numerator and denominator of a number that is no null.

    The slots behind Fraction's properties: half of a row's time would go into calling those.
    """
    return ast.Attribute(number, "_numerator", ast.Load()), ast.Attribute(number, "_denominator", ast.Load())


def _times(left: ast.expr, right: ast.expr) -> ast.expr:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, ast.Constant) and one.value == 1:
            return other
    return ast.BinOp(left, ast.Mult(), right)


def generate_expression(node: Node, reads: Sequence[str], scope: Scope) -> Callable[..., Value]:
    """A function of the names in `reads`, in that order, that gives what `evaluate` gives for a checked expression."""
    builder = Builder(reads, scope)
    made: Callable[..., Value] = builder.compile([ast.Return(builder.expression(node))])
    return made


def is_fixed(node: Node | UnaryTests) -> bool:
    """Whether a cell or expression reads nothing, not even the input as `?`."""
    if isinstance(node, Name):
        return False
    return all(is_fixed(child) for child in children(node))


def put_in(node: Any, values: Mapping[str, Value]) -> Any:
    """A tree with some names replaced by their values."""
    if isinstance(node, Name):
        return Literal(values[node.name], at=node.at) if node.name in values else node
    if isinstance(node, tuple):
        return tuple(put_in(item, values) for item in node)
    if not isinstance(node, Placed):
        return node
    own = frozenset[str]().union(*bound_names(node)) if isinstance(node, Node) else ()
    if own:
        # What the text itself names it does not take from outside; a name of both is refused when it is checked.
        values = {name: value for name, value in values.items() if name not in own}
    changed = {part.name: put_in(getattr(node, part.name), values) for part in fields(node) if part.name != "at"}
    return type(node)(**changed, at=node.at)
