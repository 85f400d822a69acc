"""The tree of a FEEL expression or of a decision-table cell; places are carried but do not make trees differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from compensation.feel.errors import Position
from compensation.feel.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Anything that stands somewhere in a text."""

    at: Position = field(default=Position(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Literal(Placed):
    """A number, string, boolean, date, duration or null written out."""

    value: Value


@dataclass(frozen=True, slots=True)
class Name(Placed):
    """A fact, parameter or earlier decision, by its name with single spaces."""

    name: str


@dataclass(frozen=True, slots=True)
class Negative(Placed):
    """Arithmetic minus before an operand."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Not(Placed):
    """Three-valued negation, written `not(...)`."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Placed):
    """`+ - * / **`, a comparison, `and` or `or`."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class If(Placed):
    """`if condition then yes else no`; a null condition takes the else branch."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Between(Placed):
    """`value between low and high`, both ends included."""

    value: Node
    low: Node
    high: Node


@dataclass(frozen=True, slots=True)
class In(Placed):
    """`value in tests`."""

    value: Node
    tests: UnaryTests


@dataclass(frozen=True, slots=True)
class Call(Placed):
    """A built-in function on its arguments."""

    function: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class ListOf(Placed):
    """`[a, b, c]`, as an argument of `min`, `max`, `sum`, `count` or after `in`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Interval(Placed):
    """`[low..high]` with each end closed (included) or open."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool


Node = Literal | Name | Negative | Not | Binary | If | Between | In | Call | ListOf | Interval


@dataclass(frozen=True, slots=True)
class Compares(Placed):
    """The test `< x`, `<= x`, `> x` or `>= x` of a cell."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Equals(Placed):
    """The test that the input is this value."""

    operand: Node


@dataclass(frozen=True, slots=True)
class Within(Placed):
    """The test that the input lies in an interval."""

    interval: Interval


Test = Compares | Equals | Within


@dataclass(frozen=True, slots=True)
class UnaryTests(Placed):
    """A cell: any of the tests, or none of them when negated; without tests it is `-`, which everything passes."""

    tests: tuple[Test, ...]
    negated: bool = False

    @property
    def is_any(self) -> bool:
        """Whether the cell is `-`."""
        return not self.tests


def children(node: Node | UnaryTests) -> tuple[Node, ...]:
    """The nodes directly below a node or cell, in reading order."""
    match node:
        case Literal() | Name():
            return ()
        case Negative(operand) | Not(operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case If(condition, yes, no):
            return (condition, yes, no)
        case Between(value, low, high):
            return (value, low, high)
        case In(value, tests):
            return (value, *children(tests))
        case Call(_, arguments):
            return arguments
        case ListOf(items):
            return items
        case Interval(low, high):
            return (low, high)
        case UnaryTests(tests):
            return tuple(t.interval if isinstance(t, Within) else t.operand for t in tests)


def names(node: Node | UnaryTests) -> list[str]:
    """Every name read anywhere below, in reading order, each once."""
    found: dict[str, None] = {}
    pending: list[Node | UnaryTests] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, Name):
            found[current.name] = None
        pending.extend(reversed(children(current)))
    return list(found)
