"""One input cut at the end points of the cells that test it: pieces no cell tells apart, and sets of them as cells.

A set of pieces is an int, a bit for each piece (Calvanese, Dumas et al. 2018: Semantic DMN, decision table analysis).
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from fractions import Fraction

from compensation.feel.evaluate import evaluate, passes
from compensation.feel.functions import FUNCTION_NAMES
from compensation.feel.lines import LINES, ZONED, Limits, Line
from compensation.feel.nodes import (
    Call,
    Compares,
    Equals,
    FunctionOf,
    Holds,
    Interval,
    Invoke,
    Literal,
    Node,
    Test,
    UnaryTests,
    Within,
    children,
    names,
)
from compensation.feel.scope import NameType
from compensation.feel.values import FeelType, Value

ANYTHING = UnaryTests(())
_NULL = UnaryTests((Equals(Literal(None)),))
_NOT_NULL = UnaryTests((Equals(Literal(None)),), negated=True)
_MICROSECOND = datetime.timedelta(microseconds=1)
_HUNDREDTH = Fraction(1, 100)
_FINEST = Fraction(1, 10**9)


class OpaqueError(Exception):
    """A test whose set of values cannot be told from its text; says why."""


class PieceKind(Enum):
    """What a piece is."""

    POINT = auto()
    BETWEEN = auto()
    OTHER = auto()
    NULL = auto()


@dataclass(frozen=True, slots=True)
class Piece:
    """A point, an open stretch between two points (None: without end), any text that no cell names, or null.

    `example` is a value of it, null when no value that can come lies in it.
    """

    kind: PieceKind
    example: Value = None
    low: Fraction | None = None
    high: Fraction | None = None


class Axis:
    """An input in pieces, cut at what its cells name; `space` is the set of those pieces that can come."""

    def __init__(self, kind: NameType, cells: Iterable[UnaryTests]) -> None:
        self.kind = kind
        bounds = [value for cell in cells for value in written_bounds(cell) if value is not None]
        self.is_finite = bool(kind.allowed) or kind.type is FeelType.BOOLEAN
        self.line = None if self.is_finite else _line(kind.type, bounds)
        self.limits = self._limits()
        self.points = sorted({place for value in bounds if (place := self._known_place(value)) is not None})
        self.order = {point: index for index, point in enumerate(self.points)}
        self.pieces = (*self._cut(bounds), Piece(PieceKind.NULL))
        self.texts = {piece.example: place for place, piece in enumerate(self.pieces) if piece.kind is PieceKind.POINT}
        self.every = (1 << len(self.pieces)) - 1
        self.null = 1 << (len(self.pieces) - 1)
        can_come = (piece.example is not None or piece.kind is PieceKind.OTHER for piece in self.pieces[:-1])
        self.space = sum(come << place for place, come in enumerate(can_come)) | (self.null if kind.nullable else 0)

    # --- cutting

    def _limits(self) -> Limits:
        if self.line is None:
            return Limits()
        low, high = self._known_place(self.kind.lowest), self._known_place(self.kind.highest)
        step = self.kind.step
        unit = Fraction(step // _MICROSECOND) if isinstance(step, datetime.timedelta) else step
        return Limits(
            self.line.lowest if low is None else low,
            self.line.highest if high is None else high,
            unit if isinstance(unit, Fraction) else self.line.step,
            has_floor=low is not None,
        )

    def _cut(self, bounds: Sequence[Value]) -> Iterator[Piece]:
        if self.is_finite:
            found: Iterable[Value] = self.kind.allowed or (False, True)
            yield from (Piece(PieceKind.POINT, value) for value in found if value is not None)
        elif self.line is not None:
            for low, high in itertools.pairwise([None, *self.points, None]):
                yield Piece(PieceKind.BETWEEN, self._value(self.limits.between(low, high)), low, high)
                if high is not None:
                    yield Piece(PieceKind.POINT, self._value(high if self.limits.holds(high) else None), high, high)
        else:
            is_text = self.kind.type is FeelType.STRING
            named = list(dict.fromkeys(value for value in bounds if isinstance(value, str) and is_text))
            yield from (Piece(PieceKind.POINT, value) for value in named)
            yield Piece(PieceKind.OTHER, _other(named) if is_text else None)

    def _value(self, place: Fraction | None) -> Value:
        return None if place is None or self.line is None else self.line.from_line(place)

    def _known_place(self, value: Value) -> Fraction | None:
        try:
            return self.place(value)
        except OpaqueError:
            return None

    def place(self, value: Value) -> Fraction | None:
        """Where a value stands on the line, None when it is of another type; raises OpaqueError beside other zones."""
        line = self.line
        if line is None or isinstance(value, bool) or not isinstance(value, line.holds):
            return None
        if isinstance(value, datetime.datetime) is not (self.kind.type is FeelType.DATE_TIME):
            return None
        if isinstance(value, datetime.datetime | datetime.time) and (value.tzinfo is not None) is not (line is ZONED):
            raise OpaqueError("times with and without a zone have no common order")
        return line.to_line(value)

    # --- cells to sets

    def accepted(self, cell: UnaryTests) -> tuple[int, int]:
        """The pieces that a cell accepts for sure, and those that it may accept: more when a test is opaque."""
        if cell.is_any:
            return self.every, self.every
        sure = maybe = 0
        for test in cell.tests:
            try:
                found = self._test(test)
            except OpaqueError:
                maybe = self.every
            else:
                sure, maybe = sure | found, maybe | found
        return (self.every & ~maybe, self.every & ~sure) if cell.negated else (sure, maybe)

    def why_opaque(self, cell: UnaryTests) -> str:
        """Why a cell's set cannot be told, empty when it can."""
        for test in cell.tests:
            try:
                self._test(test)
            except OpaqueError as reason:
                return str(reason)
        return ""

    def _test(self, test: Test) -> int:
        if self.is_finite:
            return self._asked(test)
        match test:
            case Equals(operand):
                value = _written(operand)
                if not isinstance(value, tuple):
                    return self._equal_to(value)
                found = 0
                for one in value:
                    found |= self._equal_to(one)
                return found & ~self.null
            case Compares(symbol, operand):
                return self._beyond(symbol, _written(operand))
            case Within(interval):
                low, high = _written(interval.low), _written(interval.high)
                above = self._beyond(">=" if interval.low_closed else ">", low)
                return above & self._beyond("<=" if interval.high_closed else "<", high)
            case Holds():
                raise OpaqueError("it is a condition on the input")

    def _asked(self, test: Test) -> int:
        """Of few values each is put to the test itself."""
        cell = UnaryTests((test,))
        if names(cell) or not _is_known(cell):
            raise OpaqueError(_reads(names(cell)))
        return sum(passes(cell, piece.example, {}) << place for place, piece in enumerate(self.pieces))

    def _equal_to(self, value: Value) -> int:
        if value is None:
            return self.null
        if self.line is None and self.kind.type is not FeelType.STRING:
            raise OpaqueError(f"{self.kind.type.said} cannot be cut in pieces")
        if self.line is None:
            return 1 << self.texts[value] if isinstance(value, str) else 0
        point = self.place(value)
        return 0 if point is None else 1 << (2 * self.order[point] + 1)

    def _beyond(self, symbol: str, value: Value) -> int:
        if self.line is None:
            raise OpaqueError(f"the order of {self.kind.type.said} cannot be cut in pieces")
        point = self.place(value)
        if point is None:
            return 0
        below = (1 << (2 * self.order[point] + 1)) - 1
        upto = 2 * below + 1
        known = self.every & ~self.null
        return {"<": below, "<=": upto, ">": known & ~upto, ">=": known & ~below}[symbol]

    # --- sets to values and cells

    def example(self, pieces: int) -> Value:
        """The smallest of the simplest values of a set; null only when there is no other."""
        place = self.example_piece(pieces).bit_length() - 1
        return self.pieces[place].example if place >= 0 else None

    def example_piece(self, pieces: int) -> int:
        """The set of the one piece that `example` is taken from."""
        inside = pieces & self.space
        places = [place for place in range(len(self.pieces)) if inside >> place & 1]
        known = [place for place in places if self.pieces[place].example is not None]
        if self.line is not None and known:
            known = [min(known, key=lambda place: self._size(self.pieces[place].example))]
        return 1 << (known or places)[0] if places else 0

    def _size(self, value: Value) -> tuple[Fraction, Fraction]:
        place = self.place(value) or Fraction(0)
        return abs(place), place

    def neighbours(self, point: Fraction) -> tuple[Value, Value, Value]:
        """What lies just below a point, at it and just above it, by the step of the type; null where none can come.

        A step that no decimal says, such as a second in hours, is taken as often as makes one.
        """
        unit = _as_decimal(self.limits.step) if self.limits.step else _finest(point)
        below, above = (math.ceil(point / unit) - 1) * unit, (math.floor(point / unit) + 1) * unit
        found = [self._value(place if self.limits.holds(place) else None) for place in (below, point, above)]
        return found[0], found[1], found[2]

    def tests(self, pieces: int) -> UnaryTests:
        """The cell that accepts just these pieces, and what cannot come as it likes; `-` for all."""
        return ANYTHING if pieces & self.space == self.space else self.listed(pieces)

    def listed(self, pieces: int) -> UnaryTests:
        """As `tests`, with the values written out even when they are all that can come."""
        pieces &= self.space
        values = pieces & ~self.null
        if not values:
            return _NULL
        if values == self.space & ~self.null and not self.is_finite:
            return ANYTHING if pieces == self.space else _NOT_NULL
        if self.line is None:
            return self._listed(values, with_null=bool(pieces & self.null))
        found = [self._between(first, last) for first, last in self._runs(values)]
        return UnaryTests((*found, *_NULL.tests) if pieces & self.null else tuple(found))

    def _listed(self, values: int, *, with_null: bool) -> UnaryTests:
        inside: list[Test] = []
        outside: list[Test] = []
        is_open = False
        for place, piece in enumerate(self.pieces):
            taken = bool(values >> place & 1)
            if piece.kind is PieceKind.OTHER:
                is_open = taken
            elif piece.kind is PieceKind.POINT:
                (inside if taken else outside).append(Equals(Literal(piece.example)))
        if is_open:
            missing = () if with_null or not self.space & self.null else _NULL.tests
            return UnaryTests((*outside, *missing), negated=True)
        return UnaryTests((*inside, *_NULL.tests) if with_null else tuple(inside))

    def _runs(self, values: int) -> Iterator[tuple[int, int]]:
        """Unbroken runs of pieces, first and last place. What cannot come joins them, to the end of the line."""
        last = len(self.pieces) - 2
        blocked = self.space & ~values & ~self.null
        place = 0
        while place <= last:
            if not values >> place & 1:
                place += 1
                continue
            end = follow = place
            while follow <= last and not blocked >> follow & 1:
                end = follow if values >> follow & 1 else end
                follow += 1
            is_first = not (blocked | values) & ((1 << place) - 1)
            yield 0 if is_first else place, last if follow > last else end
            place = follow

    def _between(self, first: int, last: int) -> Test:
        """The test of a run of pieces."""
        low, high = self.pieces[first], self.pieces[last]
        ends = (Literal(self._end(low.low)), Literal(self._end(high.high)))
        closed = (low.kind is PieceKind.POINT, high.kind is PieceKind.POINT)
        if low.low is None:
            return Compares("<=" if closed[1] else "<", ends[1])
        if high.high is None:
            return Compares(">=" if closed[0] else ">", ends[0])
        if first == last and closed[0]:
            return Equals(ends[0])
        return Within(Interval(*ends, *closed))

    def _end(self, point: Fraction | None) -> Value:
        return self._value(point)


def _line(kind: FeelType, bounds: Iterable[Value]) -> Line | None:
    """The line of a type, None when it has none; for a date and time the one with zones when a cell names a zone."""
    if kind is FeelType.DATE_TIME and any(getattr(value, "tzinfo", None) is not None for value in bounds):
        return ZONED
    return LINES.get(kind)


def _finest(point: Fraction) -> Fraction:
    """A hundredth, or as fine as the point itself is written."""
    unit = _HUNDREDTH
    while (point / unit).denominator != 1 and unit > _FINEST:
        unit /= 10
    return unit


def _as_decimal(step: Fraction) -> Fraction:
    rest = step.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return step * rest


def _other(named: Sequence[str]) -> str:
    """A text that none of the named ones is."""
    text = "other"
    while text in named:
        text += " other"
    return text


def written_bounds(cell: UnaryTests) -> Iterator[Value]:
    """Every value that a cell names, where it can be told without knowing anything else."""
    for test in cell.tests:
        if isinstance(test, Holds):
            continue
        nodes = (test.interval.low, test.interval.high) if isinstance(test, Within) else (test.operand,)
        for node in nodes:
            try:
                value = _written(node)
            except OpaqueError:
                continue
            yield from value if isinstance(value, tuple) else (value,)


def _reads(read: Sequence[str]) -> str:
    return f"it reads {', '.join(read)}" if read else "it calls a function of the model"


def _written(node: Node) -> Value:
    """The value of a bound that reads nothing; raises OpaqueError for any other."""
    if isinstance(node, Literal):
        return node.value
    read = names(node)
    if read or not _is_known(node):
        raise OpaqueError(_reads(read))
    return evaluate(node, {})


def _is_known(node: Node | UnaryTests) -> bool:
    """Whether everything it calls is built in."""
    if isinstance(node, Invoke | FunctionOf) or (isinstance(node, Call) and node.function not in FUNCTION_NAMES):
        return False
    return all(_is_known(child) for child in children(node))
