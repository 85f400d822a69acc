"""Facts at every end point of a policy's tables, each start found by going back from table to table."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from compensation.decision.phrases import result_names
from compensation.decision.worked_cases import given_facts, outage_date
from compensation.document.model import PolicyDocument, TableDecision
from compensation.facts import Fact
from compensation.feel import FeelType, Literal, Name, NameType, Node, UnaryTests, Value, evaluate, passes
from compensation.feel.generate import put_in
from compensation.feel.nodes import Binary, Equals, children
from compensation.feel.regions import Axis, PieceKind, written_bounds
from compensation.feel.temporal import write_duration
from compensation.feel.values import write_value
from compensation.geometry.policy import Period, table_scope
from compensation.tables.function import bind_table
from compensation.tables.table import Table, evaluate_table
from foundation.money import exponent

_OUTAGE_DATE = "outage date"
_MOST_WAYS = 40
_MOST_POINTS = 200
_ORDERS = {"<", "<=", ">", ">=", "=", "!="}
_SECOND = datetime.timedelta(seconds=1)
_USUAL: dict[FeelType, Value] = {
    FeelType.MONEY: Fraction(30),
    FeelType.NUMBER: Fraction(1),
    FeelType.STRING: "other",
    FeelType.BOOLEAN: True,
    FeelType.DURATION: datetime.timedelta(hours=1),
}

Facts = dict[str, Value]
Wanted = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Point:
    """One case to make: facts, what it is about, and the fact that is varied."""

    facts: Facts
    about: str


class Points:
    """The cases of one period: the axes of its facts, cut at every cell of every table, and the tables themselves."""

    def __init__(self, document: PolicyDocument, period: Period, *, is_first: bool) -> None:
        self.document = document
        self.is_first = is_first
        self.parameters: Facts = {
            one.name: dated.value for one in document.parameters if (dated := one.on(period.since)) is not None
        }
        scope = table_scope(document, period)
        self.tables = {
            decision.name: bind_table(decision.table, self.parameters)
            for decision in document.decisions
            if isinstance(decision, TableDecision)
        }
        self.results = {name: one.name for one in document.decisions for name in one.results()}
        self.thresholds = list(self._thresholds())
        self.facts = [name for name in document.facts_read() if name != "currency"]
        cells: dict[str, list[UnaryTests]] = {name: [] for name in self.facts}
        for name, cell in (*self._cells(), *self.thresholds):
            cells[name].append(cell)
        self.axes = {name: Axis(self._kind(scope[name]), cells[name]) for name in self.facts}
        self.given = self._given()
        self.usual = {name: self._usual(name, period) for name in self.facts}

    def _kind(self, kind: NameType) -> NameType:
        if kind.type is FeelType.MONEY and kind.step is None:
            return replace(kind, step=Fraction(1, 10 ** exponent(self.document.currency)))
        return replace(kind, step=_SECOND) if kind.type in (FeelType.DATE_TIME, FeelType.DURATION) else kind

    def _cells(self) -> Iterator[tuple[str, UnaryTests]]:
        for table in self.tables.values():
            for place, node in enumerate(table.inputs):
                if isinstance(node, Name) and node.name in self.document.catalogue:
                    yield from ((node.name, rule.tests[place]) for rule in table.rules)

    def _thresholds(self) -> Iterator[tuple[str, UnaryTests]]:
        """What conditions and expressions compare a fact with, as cells."""
        nodes: list[Node] = [one.expression for one in self.document.decisions if not isinstance(one, TableDecision)]
        nodes += [reward.when for reward in self.document.rewards if reward.when is not None]
        nodes += [node for reward in self.document.rewards for node in reward.fields.values()]
        for node in nodes:
            if self.is_first or _reads_any(node, self.parameters):
                yield from _compared(put_in(node, self.parameters), self.document.catalogue)

    def _given(self) -> Mapping[str, Value | int]:
        """The facts of the first worked case in which something is owed, of any when there is none."""
        tests = sorted(self.document.tests, key=lambda test: not test.expect.rewards)
        return given_facts(self.document, tests[0], outage_date(self.document, tests[0])) if tests else {}

    def _usual(self, name: str, period: Period) -> Value:
        """What a fact is where nothing is asked of it: as the worked case has it, else something plain."""
        fact, axis = self.document.catalogue[name], self.axes[name]
        if self.given.get(name) is not None:
            return in_major_units(self.given[name], fact, self.document.currency)
        if name == _OUTAGE_DATE:
            return period.since
        if fact.lowest is not None and fact.type is not FeelType.MONEY:
            return fact.lowest
        return (fact.allowed or (None,))[0] or _USUAL.get(fact.type) or axis.example(axis.space)

    # --- the cases

    def all(self) -> Iterator[Point]:
        for decision in self.document.decisions:
            if isinstance(decision, TableDecision):
                yield from self._of_table(decision)
        for name, cell in self.thresholds:
            yield from self._around(dict(self.usual), name, cell, name)

    def _of_table(self, decision: TableDecision) -> Iterator[Point]:
        table = self.tables[decision.name]
        for place, rule in enumerate(table.rules):
            start = self._start(decision.name, place)
            if start is None:
                continue
            for column, node in enumerate(table.inputs):
                named = isinstance(node, Name) and node.name in self.axes
                written = decision.table.rules[place].tests[column]
                is_due = self.is_first or _reads_any(written, self.parameters)
                if named and isinstance(node, Name) and is_due:
                    about = f"{decision.name}, rule {rule.number}: {node.name}"
                    yield from self._around(start, node.name, rule.tests[column], about)

    def _around(self, start: Facts, name: str, cell: UnaryTests, about: str) -> Iterator[Point]:
        """The start with one fact moved to each end point of a cell and to either side of it."""
        axis = self.axes[name]
        for value in dict.fromkeys(written_bounds(cell)):
            if value is None:
                if axis.space & axis.null:
                    yield Point({**start, name: None}, f"{about} not known")
                continue
            point = axis.place(value)
            if point is None:
                yield from self._of_kinds(start, name, value, about)
                continue
            for side, near in zip(("just below", "at", "just above"), axis.neighbours(point), strict=True):
                if near is not None:
                    yield Point({**start, name: near}, f"{about} {side} {said_plainly(value)}")

    def _of_kinds(self, start: Facts, name: str, value: Value, about: str) -> Iterator[Point]:
        """A value of few or of text: itself, and another that the cells do not name."""
        axis = self.axes[name]
        yield Point({**start, name: value}, f"{about} {said_plainly(value)}")
        other = next((one.example for one in axis.pieces if one.kind is PieceKind.OTHER), None)
        if other is None:
            other = next((one.example for one in axis.pieces if one.example not in (None, value)), None)
        if other is not None:
            yield Point({**start, name: other}, f"{about} not {said_plainly(value)}")

    # --- facts that meet a rule

    def _start(self, decision: str, place: int) -> Facts | None:
        """Facts under which a rule counts, None when none were found."""
        tried = 0
        for wanted in itertools.islice(self._ways(decision, place, {}), _MOST_WAYS):
            choices = [[(name, value) for value in self._examples(name, pieces)] for name, pieces in wanted.items()]
            for chosen in itertools.product(*choices):
                tried += 1
                facts = {**self.usual, **dict(chosen)}
                if self.tables[decision].rules[place].number in self._counting(decision, facts):
                    return facts
                if tried > _MOST_POINTS:
                    return None
        return None

    def _examples(self, name: str, pieces: int) -> list[Value]:
        """What a fact usually is when that will do, and one value of each piece, null last."""
        axis = self.axes[name]
        inside = [piece.example for place, piece in enumerate(axis.pieces) if (pieces & axis.space) >> place & 1]
        usual = [self.usual[name]] if passes(axis.tests(pieces), self.usual[name], {}) else []
        known = (value for value in inside if value is not None)
        return list(dict.fromkeys([*usual, axis.example(pieces), *known, *([None] if None in inside else [])]))

    def _ways(self, decision: str, place: int, wanted: Wanted) -> Iterator[Wanted]:
        """For each way to meet a rule the pieces in which each fact must lie."""
        table = self.tables[decision]
        yield from self._meet(list(zip(table.inputs, table.rules[place].tests, strict=True)), wanted)

    def _meet(self, left: list[tuple[Node, UnaryTests]], wanted: Wanted) -> Iterator[Wanted]:
        if not left:
            yield wanted
            return
        (node, cell), rest = left[0], left[1:]
        if not isinstance(node, Name) or (cell.is_any and node.name not in self.axes):
            yield from self._meet(rest, wanted)
        elif node.name in self.axes:  # a cell that asks nothing still leaves the fact free: an earlier rule may ask
            axis = self.axes[node.name]
            pieces = wanted.get(node.name, axis.space) & axis.accepted(cell)[1]
            if pieces:
                yield from self._meet(rest, {**wanted, node.name: pieces})
        else:
            for before in self._sources(node.name, cell, wanted):
                yield from self._meet(rest, before)

    def _sources(self, name: str, cell: UnaryTests, wanted: Wanted) -> Iterator[Wanted]:
        """The ways in which an earlier decision gives what a cell asks for."""
        decision = self.results.get(name, "")
        if decision not in self.tables:
            yield wanted
            return
        table = self.tables[decision]
        column = 0 if len(table.outputs) == 1 else [o.name for o in table.outputs].index(name.partition(".")[2])
        for place, rule in enumerate(table.rules):
            output = rule.outputs[column]
            if not isinstance(output, Literal) or passes(cell, output.value, {}):
                yield from self._ways(decision, place, wanted)

    def _counting(self, decision: str, facts: Facts) -> tuple[int, ...]:
        """The rules of a decision that count for these facts."""
        values: Facts = {**facts, **self.parameters, "currency": self.document.currency}
        for one in self.document.decisions:
            if not isinstance(one, TableDecision):
                values[one.name] = evaluate(one.expression, values)
                continue
            table: Table = self.tables[one.name]
            result = evaluate_table(table, values)
            if one.name == decision:
                return result.rules
            names = result_names(result.outputs, one.name)
            values |= {names[output]: value for output, value in result.outputs.items()}
        return ()


def _reads_any(node: Node | UnaryTests, known: Mapping[str, Value]) -> bool:
    if isinstance(node, Name):
        return node.name in known
    return any(_reads_any(child, known) for child in children(node))


def _compared(node: Node, catalogue: Mapping[str, Fact]) -> Iterator[tuple[str, UnaryTests]]:
    """Every comparison of a fact with something written out, as the cell that asks the same."""
    if isinstance(node, Binary) and node.operator in _ORDERS:
        for one, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(one, Name) and one.name in catalogue and list(written_bounds(UnaryTests((Equals(other),)))):
                yield one.name, UnaryTests((Equals(other),))
    for child in children(node):
        yield from _compared(child, catalogue)


def in_major_units(given: Value | int, fact: Fact, currency: str) -> Value:
    if fact.type is FeelType.MONEY and isinstance(given, int):
        return Fraction(given, 10 ** exponent(currency))
    return Fraction(given) if isinstance(given, int) and not isinstance(given, bool) else given


def said_plainly(value: Value) -> str:
    """A value as a test's name says it."""
    match value:
        case datetime.timedelta():
            return write_duration(value)
        case datetime.date():
            return value.isoformat()
        case str():
            return value
    return write_value(value)
