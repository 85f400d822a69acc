"""A whole policy on one day as generated functions: outcome, rewards and text without trace, many cases a second.

Whenever something is null where it must not be, or a sign or limit is wrong, the interpreter is asked: reasons are its
business. It and this agree on every case.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from compensation.decide import Outcome, decide
from compensation.document_model import ExpressionDecision, PolicyDocument, Reward, TableDecision
from compensation.facts import to_value
from compensation.feel import NameType, Value, names
from compensation.feel.generate import generate_expression, put_in
from compensation.phrases import result_names
from compensation.rewards import RewardLine, reward_line
from compensation.table_function import TableFunction
from compensation.tables import Output, Rule, Status, Table


@dataclass(frozen=True, slots=True)
class FastDecision:
    """What one case is owed, as Decision says it, without its trace."""

    outcome: Outcome
    rewards: tuple[RewardLine, ...]
    text: str | None


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
        self.parameters = {p.name: dated.value for p in document.parameters if (dated := p.on(on)) is not None}
        self.scope: dict[str, NameType] = {name: fact.name_type() for name, fact in document.catalogue.items()}
        self.steps: list[Callable[[dict[str, Value], set[str]], None]] = []
        for decision in document.decisions:
            self.steps.append(self.table(decision) if isinstance(decision, TableDecision) else self.value(decision))
            self.scope.update(decision.results())
        self.rewards = [self.reward(reward) for reward in document.rewards]
        self.text = self.expression(document.customer_text) if document.customer_text is not None else None

    def __call__(self, facts: Mapping[str, Value | int]) -> FastDecision:
        """The decision on one case; raises InputError exactly when `decide` does."""
        if self.document.is_in_force(self.on):
            try:
                return self.decided(facts)
            except (_Doubt, KeyError, TypeError, AttributeError):
                pass
        decision = decide(self.document, facts, on=self.on)
        return FastDecision(decision.outcome, decision.rewards, decision.text)

    def decided(self, facts: Mapping[str, Value | int]) -> FastDecision:
        given = {"currency": self.document.currency, "outage date": self.on, **facts}
        catalogue, currency = self.document.catalogue, self.document.currency
        values: dict[str, Value] = {name: to_value(catalogue[name], given[name], currency) for name in self.facts}
        if values.get("currency", currency) != currency:
            raise _Doubt
        without_rule: set[str] = set()
        for step in self.steps:
            step(values, without_rule)
        found = (self.line(reward, values, without_rule) for reward in self.rewards)
        lines = tuple(line for line in found if line is not None)
        limit = self.document.limits.amount_per_line_minor
        if limit is not None and sum(line.amount_minor or 0 for line in lines) > limit:
            raise _Doubt
        text = self.text(values) if self.text else None
        return FastDecision("entitled" if lines else "nothing", lines, text if isinstance(text, str) else None)

    # --- decisions

    def expression(self, node: object) -> _Expression:
        bound = put_in(node, self.parameters)
        reads = tuple(names(bound))
        return _Expression(reads, generate_expression(bound, reads, self.scope))

    def table(self, decision: TableDecision) -> Callable[[dict[str, Value], set[str]], None]:
        table = decision.table
        function = TableFunction(bind_table(table, self.parameters), self.scope)
        scoped = result_names(dict.fromkeys(output.name for output in table.outputs), decision.name)
        results = tuple(scoped[output.name] for output in table.outputs)

        def step(values: dict[str, Value], without_rule: set[str]) -> None:
            found = function(values)
            if found.status is Status.CONFLICT:
                raise _Doubt
            if found.status is Status.NO_RULE:
                without_rule.update(results)
            values.update(zip(results, found.outputs, strict=True))

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
        return reward_line(made.reward.name, made.reward.kind, fields, self.document.currency) if given else None

    def is_given(self, reward: Reward, name: str, value: Value, without_rule: set[str], function: _Expression) -> bool:
        if value is None:
            if without_rule.isdisjoint(function.reads):
                raise _Doubt
            return False
        if not reward.kind.field(name).is_size or not isinstance(value, Fraction):
            return True
        if value < 0:
            raise _Doubt
        return value != 0


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
