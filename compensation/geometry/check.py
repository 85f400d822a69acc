"""What a decision table leaves open, says twice or can never say: gaps, overlaps, conflicts, dead and shadowed rules.

Every answer is exact or says that it is not decided. Method: Calvanese, Dumas et al. 2018, on unions of intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from compensation.feel import Literal, Name, Node, Scope, UnaryTests, Value, equal, evaluate, names, write_expression
from compensation.geometry.report import (
    MOST_LISTED,
    Conflict,
    DeadRule,
    Gap,
    Mergeable,
    Overlap,
    ShadowedRule,
    TableReport,
    Undecided,
)
from compensation.geometry.search import Cover
from compensation.geometry.space import Budget, BudgetSpentError, Region, Sets, Space
from compensation.tables.function import bind_table
from compensation.tables.table import HitPolicy, Rule, Table, priority


def check_table(
    table: Table,
    scope: Scope,
    *,
    now: Callable[[], float],
    exponent: int = 2,
    budget_seconds: float = 2.0,
    parameters: Mapping[str, Value] | None = None,
    accepted_gaps: Sequence[tuple[UnaryTests, ...]] = (),
    behind: Mapping[str, frozenset[str]] | None = None,
) -> TableReport:
    """Everything that the form of a checked table says about it, with `parameters` put in as their values.

    `scope` says what can come at all (type, allowed values, null, limits); `exponent` are the decimals of the currency,
    `now` a clock in seconds that never goes back. Cells in `accepted_gaps`, one for each input, are no gap. `behind`
    are the facts that results of earlier decisions come from. Past the budget the answer is "not decided".
    """
    bound = bind_table(table, parameters or {})
    inputs = [write_expression(node) for node in table.inputs]
    space = Space(bound, scope, exponent, extra=accepted_gaps, behind=behind, inputs=inputs)
    return _Check(space, Budget(budget_seconds, now), accepted_gaps).report()


class _Check:
    def __init__(self, space: Space, budget: Budget, accepted: Sequence[tuple[UnaryTests, ...]]) -> None:
        self.space = space
        self.table = space.table
        self.rules = space.table.rules
        self.budget = budget
        self.accepted = [space.sets(row)[0] for row in accepted]
        self.undecided: list[Undecided] = []
        self.left_off = 0

    def report(self) -> TableReport:
        """Cheap questions first, so that a budget spent on a hard one leaves the others answered."""
        dead = tuple(self.dead())
        self.dead_numbers = {one.rule for one in dead}
        overlaps, conflicts = self.pairs()
        mergeable = tuple(self.mergeable())
        gaps = tuple(self.gaps())
        still = tuple(self.still_open())
        shadowed = tuple(self.shadowed())
        return TableReport(
            inputs=self.space.inputs,
            gaps=gaps,
            overlaps=overlaps,
            conflicts=conflicts,
            dead=dead,
            shadowed=shadowed,
            mergeable=mergeable,
            opaque=tuple(dict.fromkeys(self.space.opaque)),
            undecided=tuple(self.undecided),
            accepted=still,
            left_off=self.left_off,
        )

    def open(self, question: str, why: str, sets: Sets | None = None) -> None:
        self.undecided.append(Undecided(question, why, self.space.region(sets) if sets else None))

    def late(self, question: str) -> None:
        self.open(question, f"more than {self.budget.seconds:g} s would be needed")

    # --- rules by themselves and in pairs

    def dead(self) -> Iterator[DeadRule]:
        texts = list(self.space.columns)
        for place, rule in enumerate(self.rules):
            for axis, pieces in enumerate(self.space.maybe[place]):
                if not pieces:
                    yield DeadRule(rule.number, texts[axis], rule.tests[self.space.columns[texts[axis]][0]])
                    break

    def met(self, left: Sets, right: Sets) -> Sets | None:
        """What two boxes share, None when they share nothing."""
        both = tuple(one & other for one, other in zip(left, right, strict=True))
        return both if all(both) else None

    def pairs(self) -> tuple[tuple[Overlap, ...], tuple[Conflict, ...]]:
        policy = self.table.hit_policy
        overlaps: list[Overlap] = []
        conflicts: list[Conflict] = []
        if policy not in (HitPolicy.UNIQUE, HitPolicy.ANY):
            return (), ()
        try:
            for first, second, both, is_sure in self.meetings():
                numbers = (self.rules[first].number, self.rules[second].number)
                listed = overlaps if policy is HitPolicy.UNIQUE else conflicts
                if len(listed) >= MOST_LISTED:
                    self.left_off += 1
                elif not is_sure:
                    self.open(f"whether rules {numbers[0]} and {numbers[1]} overlap", "a cell is opaque", both)
                elif policy is HitPolicy.UNIQUE:
                    overlaps.append(Overlap(numbers, self.space.region(both)))
                else:
                    conflicts += self.conflict(first, second, both)
        except BudgetSpentError:
            self.late("which rules overlap")
        return tuple(overlaps), tuple(conflicts)

    def meetings(self) -> Iterator[tuple[int, int, Sets, bool]]:
        """Pairs of rules that can match at once: where, and whether that is sure. Under A only those that differ."""
        sure, maybe = self.space.sure, self.space.maybe
        for first in range(len(self.rules)):
            self.budget.spend()
            for second in range(first + 1, len(self.rules)):
                both = self.met(maybe[first], maybe[second])
                if both is None or self.says_the_same(first, second):
                    continue
                surely = self.met(sure[first], sure[second])
                yield first, second, surely or both, surely is not None

    def says_the_same(self, first: int, second: int) -> bool:
        is_any = self.table.hit_policy is HitPolicy.ANY
        return is_any and self.rules[first].outputs == self.rules[second].outputs

    def conflict(self, first: int, second: int, both: Sets) -> Iterator[Conflict]:
        region = self.space.region(both)
        results = [self.result(self.rules[place], region) for place in (first, second)]
        numbers = (self.rules[first].number, self.rules[second].number)
        left, right = results
        if left is not None and right is not None and not equal(left, right):
            yield Conflict(numbers, region, (left, right))
        elif left is None or right is None or not self.is_written(first) or not self.is_written(second):
            self.open(f"whether rules {numbers[0]} and {numbers[1]} say the same", "their results are computed", both)

    def is_written(self, place: int) -> bool:
        return all(isinstance(node, Literal) for node in self.rules[place].outputs)

    def result(self, rule: Rule, region: Region) -> tuple[Value, ...] | None:
        """What a rule says at the example, None when it reads more than the table's own inputs."""
        values = {
            node.name: value
            for node, value in zip(self.table.inputs, region.example, strict=True)
            if isinstance(node, Name)
        }
        if any(name not in values for node in rule.outputs for name in names(node)):
            return None
        try:
            return tuple(evaluate(node, values) for node in rule.outputs)
        except KeyError:  # a function that only a whole model knows
            return None

    def mergeable(self) -> Iterator[Mergeable]:
        if self.table.hit_policy not in (HitPolicy.UNIQUE, HitPolicy.ANY) or self.space.opaque:
            return
        texts = list(self.space.columns)
        alike: dict[tuple[object, ...], int] = {}
        for place, rule in enumerate(self.rules):
            sets = self.space.sure[place]
            if not all(sets):
                continue
            for axis, pieces in enumerate(sets):
                others = sets[:axis] + sets[axis + 1 :]
                first = alike.setdefault((axis, others, rule.outputs), place)
                if first != place and self.space.sure[first][axis] != pieces:
                    joined = self.space.axes[axis].tests(self.space.sure[first][axis] | pieces)
                    yield Mergeable((self.rules[first].number, rule.number), texts[axis], joined)

    # --- all rules together

    def gaps(self) -> Iterator[Gap]:
        """Inputs that surely no rule takes; what only an opaque cell might take stays open."""
        if self.table.has_default:
            return
        try:
            boxes = [*self.space.maybe, *self.accepted]
            for count, sets in enumerate(Cover(self.space.space, boxes, self.budget).uncovered(MOST_LISTED + 1)):
                if count == MOST_LISTED:
                    self.left_off += 1
                    break
                yield Gap(self.space.region(sets))
            if self.space.opaque:
                self.open_gaps()
        except BudgetSpentError:
            self.late("whether there are gaps")

    def open_gaps(self) -> None:
        known = [*self.space.sure, *self.accepted]
        for sets in Cover(self.space.space, known, self.budget).uncovered(MOST_LISTED):
            if any(self.met(box, sets) for box in self.space.maybe):
                self.open("whether there is a gap", "only rules with opaque cells may match", sets)
                return

    def still_open(self) -> Iterator[bool]:
        """Whether each accepted gap is one still."""
        for box in self.accepted:
            try:
                inside = [tuple(map(int.__and__, one, box)) for one in self.space.maybe]
                is_open = all(box) and not self.table.has_default
                yield is_open and not Cover(box, inside, self.budget).is_complete()
            except BudgetSpentError:
                yield True

    def shadowed(self) -> Iterator[ShadowedRule]:
        ranks = self.ranks()
        if ranks is None:
            return
        try:
            for place, rule in enumerate(self.rules):
                if rule.number not in self.dead_numbers:
                    before = [other for other in range(len(self.rules)) if ranks[other] < ranks[place]]
                    yield from self.shadow(place, before)
        except BudgetSpentError:
            self.late("which rules are shadowed")

    def ranks(self) -> list[tuple[object, ...]] | None:
        """Which rule goes before which; None when none does, or when results that decide it are computed."""
        policy = self.table.hit_policy
        if policy is HitPolicy.FIRST:
            return [(place,) for place in range(len(self.rules))]
        if policy is not HitPolicy.PRIORITY:
            return None
        if not all(self.is_written(place) for place in range(len(self.rules))):
            self.open("which rules are shadowed", "results that decide the order are computed")
            return None
        return [(priority(self.table, _written(rule.outputs)), place) for place, rule in enumerate(self.rules)]

    def shadow(self, place: int, before: Sequence[int]) -> Iterator[ShadowedRule]:
        """The finding when all that a rule may match is surely taken before it."""
        sure, maybe = self.space.sure, self.space.maybe
        self.budget.spend()
        near = [other for other in before if self.met(maybe[place], maybe[other])]
        holder = next((other for other in near if self.met(maybe[place], sure[other]) == maybe[place]), None)
        if holder is not None:
            yield ShadowedRule(self.rules[place].number, (self.rules[holder].number,))
            return
        if self.is_taken(maybe[place], [sure[other] for other in near]):
            yield ShadowedRule(self.rules[place].number, tuple(self.rules[other].number for other in near))
        elif not self.space.opaque:
            return
        elif not all(sure[place]) or self.is_taken(sure[place], [maybe[other] for other in near]):
            self.open(f"whether rule {self.rules[place].number} ever counts", "a cell is opaque")

    def is_taken(self, box: Sets, others: Sequence[Sets]) -> bool:
        met = [both for one in others if (both := self.met(box, one))]
        return bool(met) and Cover(box, met, self.budget).is_complete()


def _written(nodes: Sequence[Node]) -> tuple[Value, ...]:
    return tuple(node.value for node in nodes if isinstance(node, Literal))
