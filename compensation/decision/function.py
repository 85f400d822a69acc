"""A whole policy on one day as generated functions: outcome, rewards and text without trace, many cases a second.

Whenever something is null where it must not be, or a sign or limit is wrong, the interpreter is asked: reasons are its
business. It and this agree on every case.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from compensation.decision.decide import HELD_OUT, Outcome, decide
from compensation.decision.phrases import result_names
from compensation.decision.settling import NO_STANDING, Settler, Standing
from compensation.document.model import ExpressionDecision, PolicyDocument, Reward, TableDecision
from compensation.facts import to_value
from compensation.feel import FeelType, NameType, Value, names
from compensation.feel.generate import generate_expression, put_in
from compensation.rewards import RewardLine, reward_line
from compensation.tables.function import TableFunction, bind_table
from compensation.tables.table import Status
from foundation.money import from_major


@dataclass(frozen=True, slots=True)
class FastDecision:
    """What one case is owed, as Decision says it, without its trace; `rules`: those of each table that count."""

    outcome: Outcome
    rewards: tuple[RewardLine, ...]
    text: str | None
    over_minor: int = 0
    rules: tuple[tuple[int, ...], ...] = ()
    reason: str | None = None
    caps: tuple[int, ...] = ()

    @property
    def cost_minor(self) -> int:
        """What the rewards cost as far as is known, in minor units."""
        return sum(line.spent_minor for line in self.rewards)


_PLAIN: Mapping[FeelType, type] = {
    FeelType.STRING: str,
    FeelType.BOOLEAN: bool,
    FeelType.DATE: datetime.date,
    FeelType.DURATION: datetime.timedelta,
}


_Offered = tuple[tuple[RewardLine, ...], tuple[int, ...], str | None, tuple[tuple[int, ...], ...]]


class _Doubt(Exception):  # noqa: N818 - no error: it asks for the interpreter
    """Something that only the interpreter can word."""


@dataclass(frozen=True, slots=True)
class _Expression:
    """A generated expression with the names it reads in order."""

    reads: tuple[str, ...]
    function: Callable[..., Value]

    def __call__(self, values: Mapping[str, Value]) -> Value:
        return self.function(*[values[name] for name in self.reads])


@dataclass(frozen=True, slots=True)
class _Reward:
    reward: Reward
    when: _Expression | None
    fields: Mapping[str, _Expression]


class PolicyFunction:
    """A policy with the parameters of one day put in; call it with facts as `decide` takes them."""

    def __init__(self, document: PolicyDocument, *, on: datetime.date) -> None:
        self.document = document
        self.on = on
        self.facts = document.facts_read()
        # What already has the type that rules compute with is taken as it is.
        self.readers = [(name, _PLAIN.get(document.catalogue[name].type)) for name in self.facts]
        self.history = document.history_read()
        self.parameters = {p.name: dated.value for p in document.parameters if (dated := p.on(on)) is not None}
        self.scope: dict[str, NameType] = {name: fact.name_type() for name, fact in document.catalogue.items()}
        self.settler = Settler(document)
        self.steps: list[Callable[[dict[str, Value], set[str]], tuple[int, ...] | None]] = []
        for decision in document.decisions:
            self.steps.append(self.table(decision) if isinstance(decision, TableDecision) else self.value(decision))
            self.scope.update(decision.results())
        self.rewards = [self.reward(reward) for reward in document.rewards]
        self.caps = [self.expression(cap.amount) for cap in document.terms.caps]
        self.text = self.expression(document.customer_text) if document.customer_text is not None else None

    def __call__(self, facts: Mapping[str, Value | int], standing: Standing = NO_STANDING) -> FastDecision:
        """The decision on one case; raises InputError exactly when `decide` does."""
        if self.document.is_in_force(self.on):
            try:
                return self.decided(facts, standing)
            except (_Doubt, KeyError, TypeError, AttributeError, OverflowError):
                pass
        found = decide(self.document, facts, on=self.on, standing=standing)
        rules = tuple(step.rules for step in found.trace.decisions if step.kind == "table")
        return FastDecision(found.outcome, found.rewards, found.text, found.over_minor, rules, found.reason, found.caps)

    def comes_from(self, facts: Mapping[str, Value | int]) -> Hashable | None:
        """All that decisions on these facts come from but how the line stands; None where that is not known.

        Lines of whom it is equal, and who stand alike, get the same outcome, rewards and text.
        """
        if not self.document.is_in_force(self.on):
            return None
        try:
            raw, caps, said, _ = self.offered(facts)
        except (_Doubt, KeyError, TypeError, AttributeError, OverflowError):
            return None
        return raw, caps, said

    def offered(self, facts: Mapping[str, Value | int]) -> _Offered:
        """What the rules say to facts: the rewards before they are settled, caps, text, and which rules did."""
        given = {"currency": self.document.currency, "outage date": self.on, **facts}
        if self.history:
            given |= {name: 0 for name in self.history if given.get(name) is None}
        catalogue, currency = self.document.catalogue, self.document.currency
        values: dict[str, Value] = {}
        for name, plain in self.readers:
            value = given[name]
            if value is None or type(value) is plain:
                values[name] = value  # type: ignore[assignment] # an int is never plain
            else:
                values[name] = to_value(catalogue[name], value, currency)
        if values.get("currency", currency) != currency:
            raise _Doubt
        without_rule: set[str] = set()
        done = [step(values, without_rule) for step in self.steps]
        found = (self.line(reward, values, without_rule) for reward in self.rewards)
        raw = self.settler.offered([line for line in found if line is not None])
        caps = tuple(self.cap(cap, values) for cap in self.caps) if raw else ()
        said = self.text(values) if self.text else None
        rules = tuple(numbers for numbers in done if numbers is not None)
        return raw, caps, said if isinstance(said, str) else None, rules

    def decided(self, facts: Mapping[str, Value | int], standing: Standing) -> FastDecision:
        raw, caps, said, rules = self.offered(facts)
        settled = self.settler.settle(raw, caps, standing)
        lines = settled.lines
        limit = self.document.limits.amount_per_line_minor
        if limit is not None and sum(line.amount_minor or 0 for line in lines) > limit:
            raise _Doubt
        text = self.settler.text_of(said, raw, settled, standing)
        reason = HELD_OUT if raw and standing.held_out else None
        outcome: Outcome = "entitled" if lines else "nothing"
        return FastDecision(outcome, lines, text, settled.over_minor, rules, reason, caps)

    # --- decisions

    def expression(self, node: object) -> _Expression:
        bound = put_in(node, self.parameters)
        reads = tuple(names(bound))
        return _Expression(reads, generate_expression(bound, reads, self.scope))

    def table(self, decision: TableDecision) -> Callable[[dict[str, Value], set[str]], tuple[int, ...]]:
        table = decision.table
        function = TableFunction(bind_table(table, self.parameters), self.scope)
        scoped = result_names(dict.fromkeys(output.name for output in table.outputs), decision.name)
        results = tuple(scoped[output.name] for output in table.outputs)

        def step(values: dict[str, Value], without_rule: set[str]) -> tuple[int, ...]:
            found = function(values)
            if found.status is Status.CONFLICT:
                raise _Doubt
            if found.status is Status.NO_RULE:
                without_rule.update(results)
            values.update(zip(results, found.outputs, strict=True))
            return found.rules

        return step

    def value(self, decision: ExpressionDecision) -> Callable[[dict[str, Value], set[str]], None]:
        function, read = self.expression(decision.expression), frozenset(names(decision.expression))

        def step(values: dict[str, Value], without_rule: set[str]) -> None:
            values[decision.name] = value = function(values)
            if value is None and not read.isdisjoint(without_rule):
                without_rule.add(decision.name)

        return step

    # --- rewards

    def reward(self, reward: Reward) -> _Reward:
        when = self.expression(reward.when) if reward.when is not None else None
        return _Reward(reward, when, {name: self.expression(node) for name, node in reward.fields.items()})

    def line(self, made: _Reward, values: Mapping[str, Value], without_rule: set[str]) -> RewardLine | None:
        if made.when is not None:
            truth = made.when(values)
            if truth is None and without_rule.isdisjoint(made.when.reads):
                raise _Doubt
            if truth is not True:
                return None
        fields: dict[str, Value] = {}
        given = True
        for name, function in made.fields.items():
            fields[name] = value = function(values)
            given &= self.is_given(made.reward, name, value, without_rule, function)
        if not given:
            return None
        reward = made.reward
        return reward_line(reward.name, reward.kind, fields, self.document.currency, reward.per, reward.how)

    def is_given(self, reward: Reward, name: str, value: Value, without_rule: set[str], function: _Expression) -> bool:
        if value is None:
            without = not without_rule.isdisjoint(function.reads)
            if not without and name != "cost":
                raise _Doubt
            return not without
        if not isinstance(value, Fraction):
            return True
        field = reward.kind.field(name)
        if value < 0 or (field.whole and value.denominator != 1):
            raise _Doubt
        return value != 0 or not (field.size or field.whole)

    def cap(self, function: _Expression, values: Mapping[str, Value]) -> int:
        value = function(values)
        if not isinstance(value, Fraction) or value < 0:
            raise _Doubt
        return from_major(value, self.document.currency)
