"""A decision table as a generated Python function: each input is looked up once, and its rules are bits.

Every column is cut at the end points of its cells; each piece holds the set of rules it satisfies, found by asking the
interpreter about one value of the piece. What is left for a row is a search and an `and` per column.
"""

from __future__ import annotations

import ast
import datetime
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from compensation.feel import FeelType, Literal, Node, Scope, UnaryTests, Value, Values, passes
from compensation.feel.generate import Builder, is_fixed, load, parts, put_in, run_constant
from compensation.feel.nodes import Compares, Equals, Negative, Within
from compensation.tables.table import HitPolicy, Output, Rule, Status, Table, combine, evaluate_table

_SEARCHED = (FeelType.NUMBER, FeelType.MONEY, FeelType.DATE, FeelType.DURATION)
_LOOKED_UP = (FeelType.STRING, FeelType.BOOLEAN)
_MOST_REMEMBERED = 20_000
_STEP: dict[FeelType, Any] = {
    FeelType.DATE: datetime.timedelta(days=1),
    FeelType.DURATION: datetime.timedelta(microseconds=1),
}

_ANY_OF: dict[FeelType, Value] = {
    FeelType.DATE: datetime.date(2000, 1, 1),
    FeelType.DURATION: datetime.timedelta(0),
}


class Found(NamedTuple):
    """What a generated table says: as TableResult, without the inputs and with the outputs in their order."""

    status: Status
    rules: tuple[int, ...]
    outputs: tuple[Value, ...]


class TableFunction:
    """A table over the names in `reads`; values must be of the types that the table was checked with.

    `row` takes their values in that order, calling it with a mapping picks them out.
    """

    def __init__(self, table: Table, scope: Scope) -> None:
        self.table = table
        self.scope = scope
        self.reads = tuple(dict.fromkeys(table.names_read()))
        self.row: Callable[..., Found] = _generated(table, self.reads, scope)

    def __call__(self, values: Values) -> Found:
        try:
            return self.row(*[values[name] for name in self.reads])
        except (TypeError, AttributeError, OverflowError):
            # A value of a type that the table was not checked with, or out of range: the interpreter knows.
            result = evaluate_table(self.table, values)
            return Found(result.status, result.rules, tuple(result.outputs.values()))


def bind_table(table: Table, parameters: Mapping[str, Value]) -> Table:
    """The table with parameters put in as their values, so that its cells can be looked up."""
    outputs = tuple(
        Output(one.name, one.type, put_in(one.values, parameters), put_in(one.default, parameters))
        for one in table.outputs
    )
    rules = tuple(
        Rule(rule.number, put_in(rule.tests, parameters), put_in(rule.outputs, parameters), rule.note)
        for rule in table.rules
    )
    values = put_in(table.input_values, parameters)
    return Table(table.hit_policy, put_in(table.inputs, parameters), outputs, rules, values)


def _generated(table: Table, reads: Sequence[str], scope: Scope) -> Callable[..., Found]:
    builder = Builder(reads, scope)
    columns = [_Column(builder, table, index) for index in range(len(table.inputs))]
    body: list[ast.stmt] = [_assign("m", ast.Constant((2 << len(table.rules)) - 1))]
    for column in columns:
        body += column.statements()
    rules = _Rules(builder, table)
    body += rules.statements()
    made: Callable[..., Found] = builder.compile(body)
    return made


class _Column:
    """One input with all cells of its column; the last bit stands for the input's allowed values."""

    def __init__(self, builder: Builder, table: Table, index: int) -> None:
        self.builder = builder
        self.node = table.inputs[index]
        self.kind = builder.type(self.node)
        anything = UnaryTests(())
        allowed = table.allowed_inputs()[index] or anything
        self.cells = [*(rule.tests[index] for rule in table.rules), allowed]
        self.subject = f"v{index}"
        self.restricts = not allowed.is_any
        can_cut = self.kind in (*_SEARCHED, *_LOOKED_UP)
        self.fixed = [can_cut and self.is_fixed(cell) for cell in self.cells]

    def is_fixed(self, cell: UnaryTests) -> bool:
        if not is_fixed(cell) or any(not isinstance(test, Compares | Equals | Within) for test in cell.tests):
            return False
        bounds = list(_bounds(cell))
        if any(bound is _OPAQUE for bound in bounds):
            return False
        by_value = all(isinstance(test, Equals) for test in cell.tests)
        return self.kind in _SEARCHED or by_value

    def bits(self, value: Value) -> int:
        """The rules whose fixed cells accept a value; cells that are not fixed are asked for later."""
        bits = 0
        for place, (cell, fixed) in enumerate(zip(self.cells, self.fixed, strict=True)):
            is_last = place == len(self.cells) - 1
            passed = not fixed or (is_last and value is None) or passes(cell, value, {})
            bits |= passed << place
        return bits

    def statements(self) -> list[ast.stmt]:
        if all(cell.is_any for cell in self.cells):
            return []
        body = [_assign(self.subject, self.builder.expression(self.node))]
        if any(fixed and not cell.is_any for cell, fixed in zip(self.cells, self.fixed, strict=True)):
            value = self.looked_up() if self.kind in _LOOKED_UP else self.searched()
            body.append(ast.AugAssign(ast.Name("m", ast.Store()), ast.BitAnd(), value))
        for place, (cell, fixed) in enumerate(zip(self.cells, self.fixed, strict=True)):
            if not fixed:
                body.append(self.asked(cell, place))
        return body

    def asked(self, cell: UnaryTests, place: int) -> ast.stmt:
        """`if m & bit and not (cell accepts): m ^= bit`."""
        bit = ast.Constant(1 << place)
        accepts = self.builder.tests(cell, load(self.subject), self.kind)
        if place == len(self.cells) - 1:
            null = ast.Compare(load(self.subject), [ast.Is()], [ast.Constant(None)])
            accepts = ast.BoolOp(ast.Or(), [null, accepts])
        pending = ast.BinOp(load("m"), ast.BitAnd(), bit)
        test = ast.BoolOp(ast.And(), [pending, ast.UnaryOp(ast.Not(), accepts)])
        return ast.If(test, [ast.AugAssign(ast.Name("m", ast.Store()), ast.BitXor(), bit)], [])

    def looked_up(self) -> ast.expr:
        """`{value: bits}.get(subject, bits of any other value)`."""
        values = {bound for cell, fixed in zip(self.cells, self.fixed, strict=True) if fixed for bound in _bounds(cell)}
        known = values | {None} | ({True, False} if self.kind is FeelType.BOOLEAN else set())
        table = {value: self.bits(value) for value in known}
        other = "other"
        while other in known:
            other += "?"
        get = self.builder.constant(table.get)
        return run_constant(get, load(self.subject), ast.Constant(self.bits(other)))

    def searched(self) -> ast.expr:
        """The bits of the piece that the subject lies in, or those of null."""
        cells = [cell for cell, fixed in zip(self.cells, self.fixed, strict=True) if fixed]
        points = sorted({bound for cell in cells for bound in _bounds(cell) if bound is not None})
        pieces = [self.bits(value) if value is not None else 0 for value in _samples(points, self.kind)]
        null = ast.Compare(load(self.subject), [ast.Is()], [ast.Constant(None)])
        sides = "both"
        # Where every point goes with what lies behind it (or before it), one search is enough.
        if pieces[1::2] == pieces[2::2]:
            sides, pieces = "right", pieces[::2]
        elif pieces[1::2] == pieces[:-1:2]:
            sides, pieces = "left", pieces[::2]
        found = ast.Subscript(self.builder.constant(tuple(pieces)), self.piece(points, sides), ast.Load())
        return ast.IfExp(null, ast.Constant(self.bits(None)), found)

    def piece(self, points: Sequence[Any], sides: str) -> ast.expr:
        """The piece's number: how many points lie below the subject (left), below or at it (right), or both added."""
        right, left = self.builder.constant(bisect_right), self.builder.constant(bisect_left)
        if self.kind not in (FeelType.NUMBER, FeelType.MONEY):
            ends = self.builder.constant(tuple(points))
            subject = load(self.subject)
            return _added(run_constant(left, ends, subject), run_constant(right, ends, subject), sides)
        # Numbers are searched among whole ones: times the points' common denominator, rounded down and up.
        scale = math.lcm(*(point.denominator for point in points)) if points else 1
        ends = self.builder.constant(tuple(int(point * scale) for point in points))
        numerator, denominator = parts(load(self.subject))
        if scale != 1:
            numerator = ast.BinOp(numerator, ast.Mult(), ast.Constant(scale))
        below = ast.BinOp(numerator, ast.FloorDiv(), denominator)
        negated = ast.UnaryOp(ast.USub(), numerator)
        above = ast.UnaryOp(ast.USub(), ast.BinOp(negated, ast.FloorDiv(), denominator))
        return _added(run_constant(left, ends, above), run_constant(right, ends, below), sides)


def _added(left: ast.expr, right: ast.expr, sides: str) -> ast.expr:
    return {"left": left, "right": right}.get(sides) or ast.BinOp(left, ast.Add(), right)


_OPAQUE = object()


def _bounds(cell: UnaryTests) -> Iterator[Any]:
    """Every value that a cell names; _OPAQUE for what is not simply written out."""
    for test in cell.tests:
        nodes = (test.interval.low, test.interval.high) if isinstance(test, Within) else (test.operand,)
        yield from (_written(node) for node in nodes)


def _written(node: Node) -> Any:
    if isinstance(node, Negative) and isinstance(node.operand, Literal) and isinstance(node.operand.value, Fraction):
        return -node.operand.value
    plain = isinstance(node, Literal) and not isinstance(node.value, datetime.datetime | tuple | Mapping)
    return node.value if plain and isinstance(node, Literal) else _OPAQUE


def _samples(points: Sequence[Any], kind: FeelType) -> Iterator[Value]:
    """One value of every piece: before the first point, the point, after it, and so on; None where there is none."""
    step = _STEP.get(kind, Fraction(1))
    if not points:
        yield _ANY_OF.get(kind, Fraction(0))
        return
    yield _moved(points[0], -step)
    for index, point in enumerate(points):
        yield point
        following = points[index + 1] if index + 1 < len(points) else None
        if following is None:
            yield _moved(point, step)
        else:
            yield (point + following) / 2 if kind not in _STEP else _moved(point, step)


def _moved(point: Any, step: Any) -> Value:
    try:
        return point + step  # type: ignore[no-any-return]
    except OverflowError:
        return None


class _Rules:
    """From the set of rules that match to what the table says, each set thought through once."""

    def __init__(self, builder: Builder, table: Table) -> None:
        self.builder = builder
        self.table = table
        self.reads = tuple(builder.locals)
        self.restricted = 1 << len(table.rules)
        self.remembered: dict[int, Any] = {}
        self.is_fixed = all(isinstance(node, Literal) for rule in table.rules for node in rule.outputs)
        self.rows = [self.row(rule.outputs) for rule in table.rules]
        defaults = tuple(output.default or Literal(None) for output in table.outputs)
        self.default = self.row(defaults) if table.has_default else None

    def row(self, nodes: tuple[Node, ...]) -> Any:
        """A function of the names read that gives a row of outputs; the row itself when all are written out."""
        if all(isinstance(node, Literal) for node in nodes):
            return tuple(node.value for node in nodes if isinstance(node, Literal))
        inner = Builder(self.reads, self.builder.scope)
        return inner.compile([ast.Return(ast.Tuple([inner.expression(node) for node in nodes], ast.Load()))])

    def statements(self) -> list[ast.stmt]:
        """Look the set up, think it through when it is new, and compute its outputs."""
        body: list[ast.stmt] = []
        if self.table.hit_policy is HitPolicy.FIRST:
            # The lowest bit is the first rule; the bit for allowed inputs stays.
            allowed = ast.BinOp(load("m"), ast.BitAnd(), ast.Constant(self.restricted))
            lowest = ast.BinOp(load("m"), ast.BitAnd(), ast.UnaryOp(ast.USub(), load("m")))
            body.append(_assign("m", ast.BinOp(allowed, ast.BitOr(), lowest)))
        body.append(_assign("r", run_constant(self.builder.constant(self.remembered.get), load("m"))))
        think = _assign("r", run_constant(self.builder.constant(self.think), load("m")))
        body.append(ast.If(ast.Compare(load("r"), [ast.Is()], [ast.Constant(None)]), [think], []))
        arguments = [load(name) for name in self.builder.locals.values()]
        known = ast.Compare(
            ast.Attribute(load("r"), "__class__", ast.Load()), [ast.Is()], [self.builder.constant(Found)]
        )
        computed = run_constant(load("r"), *arguments)
        body.append(ast.Return(ast.IfExp(known, load("r"), computed)))
        return body

    def think(self, bits: int) -> Any:
        """What a set of rules says: Found, or a function of the names read that gives it."""
        if len(self.remembered) >= _MOST_REMEMBERED:
            self.remembered.clear()
        self.remembered[bits] = answer = self.answer(bits)
        return answer

    def answer(self, bits: int) -> Any:
        table = self.table
        nothing = (None,) * len(table.outputs)
        matched = [rule for place, rule in enumerate(table.rules) if bits >> place & 1]
        numbers = tuple(rule.number for rule in matched)
        if not bits & self.restricted:
            return Found(Status.NO_RULE, (), nothing)
        if not matched:
            return self.without_match(nothing)
        if table.hit_policy is HitPolicy.UNIQUE and len(matched) > 1:
            return Found(Status.CONFLICT, numbers, nothing)
        rows = [row for place, row in enumerate(self.rows) if bits >> place & 1]

        def found(*arguments: Value) -> Found:
            computed = [
                (rule, row if isinstance(row, tuple) else row(*arguments))
                for rule, row in zip(matched, rows, strict=True)
            ]
            status, rules, outputs = combine(table, computed)
            return Found(status, rules, outputs)

        if all(isinstance(row, tuple) for row in rows):
            return found()
        if len(rows) == 1 and table.hit_policy in (HitPolicy.UNIQUE, HitPolicy.FIRST):
            return self.single(matched[0])
        return found

    def single(self, rule: Rule) -> Callable[..., Found]:
        """What one rule alone gives, made without a call in between: most rows of most tables end here."""
        inner = Builder(self.reads, self.builder.scope)
        row = ast.Tuple([inner.expression(node) for node in rule.outputs], ast.Load())
        parts = [inner.constant(Status.MATCHED), inner.constant((rule.number,)), row]
        made = run_constant(inner.constant(tuple.__new__), inner.constant(Found), ast.Tuple(parts, ast.Load()))
        return inner.compile([ast.Return(made)])

    def without_match(self, nothing: tuple[None, ...]) -> Any:
        default, is_list = self.default, self.table.hit_policy.gives_list
        if default is None:
            return Found(Status.NO_RULE, (), nothing)

        def found(*arguments: Value) -> Found:
            row = default if isinstance(default, tuple) else default(*arguments)
            return Found(Status.DEFAULT, (), tuple((value,) for value in row) if is_list else row)

        return found() if isinstance(default, tuple) else found


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)
