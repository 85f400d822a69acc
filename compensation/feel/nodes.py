"""The tree of a FEEL expression or of a decision-table cell; places are carried but do not make trees differ."""

from __future__ import annotations

from dataclasses import dataclass, field

from compensation.feel.errors import Position
from compensation.feel.scope import NameType
from compensation.feel.values import FeelType, Value


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
    """A built-in function on its arguments, or one that a model defines.

    `named` are the names that were given with the arguments where they could not be put in order: it gives null.
    """

    function: str
    arguments: tuple[Node, ...]
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Invoke(Placed):
    """A function value on its arguments, `library.rate(1)`; `named` are their names, if they have any."""

    function: Node
    arguments: tuple[Node, ...]
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a function calls an argument; `written` is its type as it was named, empty for any."""

    name: str
    written: str = ""
    kind: NameType = field(default=NameType(FeelType.UNKNOWN), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class FunctionOf(Placed):
    """`function(a, b: number) a + b`: a function value, which knows the names around it."""

    parameters: tuple[Parameter, ...]
    body: Node


@dataclass(frozen=True, slots=True)
class InstanceOf(Placed):
    """`value instance of list<number>`; `kind` is what the type's name means."""

    value: Node
    written: str
    kind: NameType = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class ListOf(Placed):
    """`[a, b, c]`, as an argument of `min`, `max`, `sum`, `count` or after `in`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Path(Placed):
    """`source.name`: an entry of a context, a part of a date, or that of every item of a list."""

    source: Node
    name: str


@dataclass(frozen=True, slots=True)
class ContextOf(Placed):
    """`{a: 1, b: a + 1}`: named values, of which a later one may read an earlier."""

    entries: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class For(Placed):
    """`for name in list, ... return result`: a result for every item; later lists may read earlier names.

    A domain that is an interval (`1..3`) counts through its whole numbers.
    """

    iterators: tuple[tuple[str, Node], ...]
    result: Node


@dataclass(frozen=True, slots=True)
class Quantified(Placed):
    """`some name in list satisfies condition` (`is_every`: of every item), three-valued."""

    iterators: tuple[tuple[str, Node], ...]
    condition: Node
    is_every: bool


@dataclass(frozen=True, slots=True)
class Filter(Placed):
    """`source[condition]`: the items for which the condition on `item` is true, or the item at a place, from 1."""

    source: Node
    condition: Node


@dataclass(frozen=True, slots=True)
class Interval(Placed):
    """`[low..high]` with each end closed (included) or open."""

    low: Node
    high: Node
    low_closed: bool
    high_closed: bool


Node = (
    Literal
    | Name
    | Negative
    | Not
    | Binary
    | If
    | Between
    | In
    | Call
    | Invoke
    | FunctionOf
    | InstanceOf
    | ListOf
    | Path
    | ContextOf
    | For
    | Quantified
    | Filter
    | Interval
)

# What a test calls the input that it is put to: `contains(?, "a")`.
SUBJECT = "?"
# What the condition of a filter calls the item that it is put to.
ITEM = "item"
# What the result of a `for` calls the results before it.
PARTIAL = "partial"


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


@dataclass(frozen=True, slots=True)
class Holds(Placed):
    """The test that an expression over the input, which it calls `?`, is true."""

    operand: Node


Test = Compares | Equals | Within | Holds


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
        case Invoke(function, arguments):
            return (function, *arguments)
        case FunctionOf(_, body):
            return (body,)
        case InstanceOf(value):
            return (value,)
        case ListOf(items):
            return items
        case Path(source):
            return (source,)
        case ContextOf(entries):
            return tuple(value for _, value in entries)
        case For(iterators, inner) | Quantified(iterators, inner):
            return (*(domain for _, domain in iterators), inner)
        case Filter(source, condition):
            return (source, condition)
        case Interval(low, high):
            return (low, high)
        case UnaryTests(tests):
            return tuple(t.interval if isinstance(t, Within) else t.operand for t in tests)


def names(node: Node | UnaryTests) -> list[str]:
    """Every name read from outside anywhere below, in reading order, each once."""
    found: dict[str, None] = {}
    pending: list[tuple[Node | UnaryTests, frozenset[str]]] = [(node, frozenset((SUBJECT,)))]
    while pending:
        current, inner = pending.pop()
        if isinstance(current, Name) and current.name not in inner:
            found[current.name] = None
        bound = bound_names(current)
        below = [(child, inner | bound[index]) for index, child in enumerate(children(current))]
        pending.extend(reversed(below))
    return list(found)


def bound_names(node: Node | UnaryTests) -> tuple[frozenset[str], ...]:
    """For each child of a node the names that the node itself gives it: earlier entries, iterators, a filter's item."""
    match node:
        case ContextOf(entries):
            keys = [key for key, _ in entries]
            return tuple(frozenset(keys[:index]) for index in range(len(keys)))
        case For(iterators) | Quantified(iterators):
            keys = [key for key, _ in iterators]
            named = [frozenset(keys[:index]) for index in range(len(keys) + 1)]
            return (*named[:-1], named[-1] | {PARTIAL}) if isinstance(node, For) else tuple(named)
        case FunctionOf(parameters):
            return (frozenset(one.name for one in parameters),)
        case Filter():
            return (frozenset(), frozenset((ITEM,)))
    return (frozenset(),) * len(children(node))


def reads(node: Node, name: str) -> bool:
    """Whether a name stands anywhere in an expression."""
    return (isinstance(node, Name) and node.name == name) or any(reads(child, name) for child in children(node))
