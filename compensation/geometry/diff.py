"""The exact region of inputs for which two versions of a decision table say different things.

An opaque cell counts as a question of its own, answered yes or no: the same question gets the same answer in both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compensation.feel import Literal, Scope, UnaryTests, Value, write_expression, write_tests
from compensation.feel.nodes import Equals
from compensation.feel.regions import ANYTHING
from compensation.geometry.report import region_json
from compensation.geometry.results import NO_RULE, numbers_that_count, result_text
from compensation.geometry.search import transposed
from compensation.geometry.space import Budget, BudgetSpentError, Region, Space
from compensation.tables.function import bind_table
from compensation.tables.table import HitPolicy, Rule, Table

_MOST_LISTED = 100
_STEPS_BETWEEN_LOOKS = 64
_NO, _YES = 1, 2


@dataclass(frozen=True, slots=True)
class ChangedRegion:
    """Inputs for which the result differs: what each version says there, and by which of its rules.

    `conditions` are the opaque cells that hold or do not hold there, in words.
    """

    region: Region
    before: str
    after: str
    rules_before: tuple[int, ...]
    rules_after: tuple[int, ...]
    conditions: tuple[str, ...] = ()

    def as_json(self, inputs: Sequence[str]) -> dict[str, Any]:
        """The region as `region_json` has it, with results, rules and conditions."""
        return {
            **region_json(inputs, self.region),
            "before": self.before,
            "after": self.after,
            "rules before": list(self.rules_before),
            "rules after": list(self.rules_after),
            "conditions": list(self.conditions),
        }


@dataclass(frozen=True, slots=True)
class TableDifference:
    """Every changed region of a table, at most 100; `undecided` says why there may be more, or nothing."""

    inputs: tuple[str, ...]
    regions: tuple[ChangedRegion, ...]
    undecided: str = ""


def changed_regions(
    before: Table,
    after: Table,
    scope: Scope,
    *,
    now: Callable[[], float],
    exponent: int = 2,
    budget_seconds: float = 2.0,
    parameters: tuple[Mapping[str, Value], Mapping[str, Value]] = ({}, {}),
    behind: Mapping[str, frozenset[str]] | None = None,
) -> TableDifference:
    """Where two tables differ, each with its own parameters put in; `scope` says what can come under each name.

    Results are compared as the values and formulas that they come to, so a formula written in another way counts as
    different. Past the budget the answer is not decided.
    """
    pair = (bind_table(before, parameters[0]), bind_table(after, parameters[1]))
    heads = [list(_heads(written, bound)) for written, bound in zip((before, after), pair, strict=True)]
    budget = Budget(budget_seconds, now)
    search = _Search(pair, heads, scope, exponent, behind or {}, budget)
    regions: list[ChangedRegion] = []
    undecided = ""
    try:
        for region in search.regions():
            if len(regions) == _MOST_LISTED:
                undecided = f"more than {_MOST_LISTED} regions differ"
                break
            regions.append(region)
    except BudgetSpentError:
        undecided = f"more than {budget_seconds:g} s would be needed"
    return TableDifference(search.space.inputs, tuple(regions), undecided)


_Head = tuple[str, int]


def _heads(written: Table, bound: Table) -> Iterator[_Head]:
    """Each input by its text and how often that stood before; one that parameters make another thing by both texts."""
    seen: dict[str, int] = {}
    for node, made in zip(written.inputs, bound.inputs, strict=True):
        text, value = write_expression(node), write_expression(made)
        head = text if text == value else f"{text} ({value})"
        yield head, seen.get(head, 0)
        seen[head] = seen.get(head, 0) + 1


def _with_null(tests: UnaryTests | None) -> UnaryTests:
    """What an input's allowed values let through: null is never forbidden."""
    if tests is None:
        return ANYTHING
    null = Equals(Literal(None))
    if tests.negated:
        return UnaryTests(tuple(test for test in tests.tests if test != null), negated=True)
    return UnaryTests((*tests.tests, null))


@dataclass(frozen=True, slots=True)
class _Side:
    """One version: its table, and which of all rows are its rules; the row behind them is its allowed inputs."""

    table: Table
    first: int

    @property
    def allowed(self) -> int:
        return 1 << (self.first + len(self.table.rules))

    def bits(self, met: int) -> int:
        return (met >> self.first) & ((1 << len(self.table.rules)) - 1)

    def rules(self, bits: int) -> list[Rule]:
        return [rule for place, rule in enumerate(self.table.rules) if bits >> place & 1]


class _Part:
    """What differs from an axis on: for each set of its pieces the part behind it, or at the end two results."""

    __slots__ = ("parts", "texts")

    def __init__(self, parts: tuple[tuple[int, _Part], ...], texts: tuple[str, str] = ("", "")) -> None:
        self.parts = parts
        self.texts = texts


_SAME = _Part(())


class _Search:
    def __init__(
        self,
        pair: tuple[Table, Table],
        heads: list[list[_Head]],
        scope: Scope,
        exponent: int,
        behind: Mapping[str, frozenset[str]],
        budget: Budget,
    ) -> None:
        self.budget = budget
        self.sides = (_Side(pair[0], 0), _Side(pair[1], len(pair[0].rules) + 1))
        order = list(dict.fromkeys([*heads[1], *heads[0]]))
        rows = [row for table, own in zip(pair, heads, strict=True) for row in _rows(table, own, order)]
        nodes = {
            head: node
            for table, own in zip(pair, heads, strict=True)
            for head, node in zip(own, table.inputs, strict=True)
        }
        joint = Table(HitPolicy.RULE_ORDER, tuple(nodes[head] for head in order), (), ())
        self.space = Space(joint, scope, exponent, extra=rows, behind=behind, inputs=[text for text, _ in order])
        self.questions: dict[tuple[int, str], int] = {}
        boxes = [self.box(row) for row in rows]
        full = [*self.space.space, *([_YES | _NO] * len(self.questions))]
        self.full = tuple(full)
        self.boxes = [(*box, *full[len(box) :]) if len(box) < len(full) else box for box in boxes]
        self.classes = [self.axis_classes(axis) for axis in range(len(full))]
        self.whole = [0] * len(full) + [(1 << len(rows)) - 1]
        for axis in reversed(range(len(full))):
            on_axis = sum((box[axis] & full[axis] == full[axis]) << place for place, box in enumerate(self.boxes))
            self.whole[axis] = self.whole[axis + 1] & on_axis
        self.known: dict[tuple[int, int], _Part] = {}
        self.shared: dict[object, _Part] = {}
        self.said: dict[tuple[int, int], str] = {}
        self.steps = 0

    def box(self, row: Sequence[UnaryTests]) -> tuple[int, ...]:
        """The sets of a row; where its cell is opaque the whole axis, and a yes to the question that the cell is."""
        sure, maybe = self.space.sets(row)
        sets = list(maybe)
        asked = []
        for axis, places in enumerate(self.space.columns.values()):
            if sure[axis] != maybe[axis]:
                sets[axis] = self.space.space[axis]
                text = " and ".join(write_tests(row[place]) for place in places if not row[place].is_any)
                asked.append(self.questions.setdefault((axis, text), len(self.questions)))
        sets += [_YES if number in asked else _YES | _NO for number in range(len(self.questions))]
        return tuple(sets)

    def axis_classes(self, axis: int) -> list[tuple[int, int]]:
        space = self.full[axis]
        found: dict[int, int] = {}
        for place, met in enumerate(transposed([box[axis] & space for box in self.boxes], space.bit_length())):
            if space >> place & 1:
                found[met] = found.get(met, 0) | 1 << place
        return list(found.items())

    # --- the search

    def regions(self) -> Iterator[ChangedRegion]:
        if not all(self.full):
            return
        everyone, whole = (1 << len(self.boxes)) - 1, self.budget
        try:
            self.budget = whole.half()
            found = _paths(self.part(0, everyone), [])
        except BudgetSpentError:
            # No time to join equal parts: they come as they are met.
            found = self.one_by_one(0, everyone, [])
        finally:
            self.budget = whole
        for path, texts in found:
            yield self.region((*path, *self.full[len(path) :]), texts)

    def one_by_one(self, depth: int, met: int, path: list[int]) -> Iterator[tuple[list[int], tuple[str, str]]]:
        before, after = (self.settled(number, depth, met) for number in (0, 1))
        if before is not None and after is not None:
            if before != after:
                yield path, (before, after)
            return
        self.look()
        below: dict[int, int] = {}
        for one, pieces in self.classes[depth]:
            below[met & one] = below.get(met & one, 0) | pieces
        for one, pieces in below.items():
            yield from self.one_by_one(depth + 1, one, [*path, pieces])

    def look(self) -> None:
        self.steps += 1
        if self.steps % _STEPS_BETWEEN_LOOKS == 0:
            self.budget.spend()

    def part(self, depth: int, met: int) -> _Part:
        before, after = (self.settled(number, depth, met) for number in (0, 1))
        if before is not None and after is not None:
            if before == after:
                return _SAME
            return self.shared.setdefault((before, after), _Part((), (before, after)))
        known = self.known.get((depth, met))
        if known is not None:
            return known
        self.look()
        joined: dict[_Part, int] = {}
        for one, pieces in self.classes[depth]:
            below = self.part(depth + 1, met & one)
            if below is not _SAME:
                joined[below] = joined.get(below, 0) | pieces
        self.known[depth, met] = found = self.join(depth, joined)
        return found

    def join(self, depth: int, joined: dict[_Part, int]) -> _Part:
        if not joined:
            return _SAME
        key = (depth, frozenset((pieces, id(part)) for part, pieces in joined.items()))
        return self.shared.setdefault(key, _Part(tuple((pieces, part) for part, pieces in joined.items())))

    def settled(self, number: int, depth: int, met: int) -> str | None:
        """What a version says when the axes from here on no longer matter, else None."""
        side, whole = self.sides[number], self.whole[depth]
        if not met & side.allowed:
            return NO_RULE
        if not whole & side.allowed:
            return None
        bits, fixed = side.bits(met), side.bits(whole)
        if side.table.hit_policy is HitPolicy.FIRST:
            bits &= -bits
        if bits & ~fixed:
            return None
        if (number, bits) not in self.said:
            self.said[number, bits] = result_text(side.table, side.rules(bits))
        return self.said[number, bits]

    # --- what it shows

    def region(self, sets: tuple[int, ...], texts: tuple[str, str]) -> ChangedRegion:
        own = len(self.space.space)
        region = self.space.region(sets[:own])
        met = (1 << len(self.boxes)) - 1
        for axis, pieces in enumerate(sets):
            example = self.space.axes[axis].example_piece(pieces) if axis < own else pieces & -pieces
            met &= sum(bool(box[axis] & example) << place for place, box in enumerate(self.boxes))
        before, after = (self.counting(side, met) for side in self.sides)
        conditions = []
        for (axis, text), number in self.questions.items():
            answer = sets[own + number]
            if answer != _YES | _NO:
                name = list(self.space.columns)[axis]
                conditions.append(f"{name} {'meets' if answer == _YES else 'does not meet'} {text}")
        return ChangedRegion(region, *texts, before, after, tuple(conditions))

    @staticmethod
    def counting(side: _Side, met: int) -> tuple[int, ...]:
        rules = side.rules(side.bits(met)) if met & side.allowed else []
        return numbers_that_count(side.table, rules)


def _rows(table: Table, own: Sequence[_Head], order: Sequence[_Head]) -> Iterator[tuple[UnaryTests, ...]]:
    """The rules of a table under the joint heads, and behind them what its header allows."""
    allowed = tuple(_with_null(tests) for tests in table.allowed_inputs())
    for cells in (*(rule.tests for rule in table.rules), allowed):
        row = dict(zip(own, cells, strict=True))
        yield tuple(row.get(head, ANYTHING) for head in order)


def _paths(part: _Part, before: list[int]) -> Iterator[tuple[list[int], tuple[str, str]]]:
    if part is not _SAME and not part.parts:
        yield before, part.texts
    for pieces, below in part.parts:
        yield from _paths(below, [*before, pieces])
