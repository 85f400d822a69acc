"""A decision table as sets: each input an axis in pieces, each rule a set of pieces on each axis."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from compensation.feel import (
    FeelType,
    Name,
    NameType,
    Node,
    Position,
    Scope,
    UnaryTests,
    Value,
    evaluate,
    names,
    write_expression,
)
from compensation.feel.check import check_expression
from compensation.feel.known import known_type
from compensation.feel.regions import ANYTHING, Axis
from compensation.feel.values import type_of
from compensation.tables.table import Table, written_values


class BudgetSpentError(Exception):
    """The time that a check may take is over."""


@dataclass(slots=True)
class Budget:
    """How long a check may take: seconds by a clock that never goes back."""

    seconds: float
    now: Callable[[], float]
    ends: float = field(init=False)

    def __post_init__(self) -> None:
        self.ends = self.now() + self.seconds

    def spend(self) -> None:
        """Raises BudgetSpentError once the time is over."""
        if self.now() > self.ends:
            raise BudgetSpentError

    def half(self) -> Budget:
        """A budget of half of what is left."""
        return Budget(max(0.0, self.ends - self.now()) / 2, self.now)


@dataclass(frozen=True, slots=True)
class Region:
    """A set of inputs as a row of cells, one for each input, with its smallest example point.

    `assumes` names the inputs that are computed, or decided from what other inputs read: the region is exact in the
    table's own inputs, but such an input may not reach every value.
    """

    cells: tuple[UnaryTests, ...]
    example: tuple[Value, ...]
    assumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OpaqueCell:
    """A cell whose set cannot be told from its text; rule 0 is the header with the allowed values."""

    rule: int
    input: str
    why: str
    at: Position


Sets = tuple[int, ...]


class Space:
    """The axes of a table, one for each different input, and the sets of its rules: `sure` and `maybe` accepted.

    The two differ only where a cell is opaque. `extra` are further rows of cells that the axes are cut at, `behind` the
    facts that each name depends on, `inputs` how the inputs are called.
    """

    def __init__(
        self,
        table: Table,
        scope: Scope,
        exponent: int,
        *,
        extra: Sequence[Sequence[UnaryTests]] = (),
        behind: Mapping[str, frozenset[str]] | None = None,
        inputs: Sequence[str] = (),
    ) -> None:
        self.table = table
        self.scope = scope
        self.exponent = exponent
        self.opaque: list[OpaqueCell] = []
        texts = list(inputs) or [write_expression(node) for node in table.inputs]
        self.inputs = tuple(texts)
        self.columns = {text: [i for i, one in enumerate(texts) if one == text] for text in dict.fromkeys(texts)}
        rows = [rule.tests for rule in table.rules]
        self.axes = [self._axis(places, [*rows, *extra]) for places in self.columns.values()]
        self.space: Sets = tuple(self._allowed(axis, places) for axis, places in self._pairs())
        sets = [self.sets(row, rule.number) for row, rule in zip(rows, table.rules, strict=True)]
        self.sure = [one for one, _ in sets]
        self.maybe = [one for _, one in sets]
        self.assumed = self._assumed(behind or {})

    @staticmethod
    def _constant(node: Node) -> NameType | None:
        """The type of an input that is a parameter, or otherwise written out: one value."""
        if names(node):
            return None
        try:
            value = evaluate(node, {})
        except KeyError:  # a function that only a whole model knows
            return None
        return NameType(type_of(value), None if value is None else (value,), nullable=value is None)

    def _pairs(self) -> list[tuple[Axis, list[int]]]:
        return list(zip(self.axes, self.columns.values(), strict=True))

    def _axis(self, places: list[int], rows: Sequence[Sequence[UnaryTests]]) -> Axis:
        node = self.table.inputs[places[0]]
        allowed = [self.table.allowed_inputs()[place] for place in places]
        cells = [row[place] for row in rows for place in places] + [tests for tests in allowed if tests]
        kind = self._kind(node)
        # Values written out in the header are all there is: a finite axis answers every kind of test.
        listed = next((found for tests in allowed if (found := written_values(tests))), None)
        if listed and not kind.allowed:
            kind = dataclasses.replace(kind, allowed=tuple(value for value in listed if value is not None))
        return Axis(kind, cells)

    def _kind(self, node: Node) -> NameType:
        if isinstance(node, Name) and node.name in self.scope:
            kind = self.scope[node.name]
        else:
            constant = self._constant(node)
            if constant is not None:
                return constant
            found, errors = check_expression(node, self.scope)
            kind = known_type([node], FeelType.UNKNOWN if errors else found, self.scope)
        if kind.exact_money and kind.step is None:
            kind = dataclasses.replace(kind, step=Fraction(1, 10**self.exponent))
        return kind

    def _allowed(self, axis: Axis, places: list[int]) -> int:
        """The pieces that can come: those of the type that the header allows; null is never forbidden by it."""
        space = axis.space
        for place in places:
            tests = self.table.allowed_inputs()[place]
            if tests is None:
                continue
            sure, maybe = axis.accepted(tests)
            self._note_opaque(axis, tests, 0, place, is_opaque=sure != maybe)
            space &= maybe | axis.null
        return space

    def sets(self, row: Sequence[UnaryTests], number: int = 0) -> tuple[Sets, Sets]:
        """The pieces of each axis that a row of cells accepts for sure, and may accept."""
        sure, maybe = [], []
        for (axis, places), space in zip(self._pairs(), self.space, strict=True):
            surely = perhaps = space
            for place in places:
                one, other = axis.accepted(row[place])
                self._note_opaque(axis, row[place], number, place, is_opaque=one != other)
                surely, perhaps = surely & one, perhaps & other
            sure.append(surely)
            maybe.append(perhaps)
        return tuple(sure), tuple(maybe)

    def _note_opaque(self, axis: Axis, cell: UnaryTests, number: int, place: int, *, is_opaque: bool) -> None:
        if is_opaque:
            self.opaque.append(OpaqueCell(number, self.inputs[place], axis.why_opaque(cell), cell.at))

    def _assumed(self, behind: Mapping[str, frozenset[str]]) -> list[bool]:
        """Which axes may not reach every value: computed ones, and results of decisions on facts read elsewhere too."""
        nodes = [self.table.inputs[places[0]] for places in self.columns.values()]
        read = [frozenset().union(*({name} | behind.get(name, frozenset()) for name in names(node))) for node in nodes]
        found = []
        for place, node in enumerate(nodes):
            others = frozenset().union(*(one for index, one in enumerate(read) if index != place))
            found.append(bool(names(node)) and (not isinstance(node, Name) or bool(read[place] & others)))
        return found

    def region(self, sets: Sets) -> Region:
        """A product of sets as cells in the order of the inputs, with its smallest example."""
        cells = [ANYTHING] * len(self.table.inputs)
        example: list[Value] = [None] * len(self.table.inputs)
        assumes = []
        for (axis, places), pieces, space, assumed in zip(self._pairs(), sets, self.space, self.assumed, strict=True):
            is_whole = pieces == space and names(self.table.inputs[places[0]])
            cells[places[0]] = ANYTHING if is_whole else axis.listed(pieces)
            value = axis.example(pieces)
            for place in places:
                example[place] = value
            if assumed and pieces != space:
                assumes.append(self.inputs[places[0]])
        return Region(tuple(cells), tuple(example), tuple(assumes))
