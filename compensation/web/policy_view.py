"""A policy version as people read it: decisions as tables of text, problems beside their lines, dates in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from compensation.document.reading import (
    ExpressionDecision,
    Parameter,
    PolicyDecision,
    PolicyDocument,
    PolicyError,
    Reward,
)
from compensation.feel import FeelType, Literal, Node, Value, write_expression, write_tests
from compensation.feel.values import say_duration, write_money
from compensation.web.words import date_text, money_text
from foundation.money import exponent


@dataclass(frozen=True, slots=True)
class ShownRule:
    """One row of a table as text."""

    number: int
    tests: tuple[str, ...]
    outputs: tuple[str, ...]
    note: str


@dataclass(frozen=True, slots=True)
class ShownDecision:
    """A decision as text: a table (`rules`) or one `expression`."""

    name: str
    meaning: str
    hit_policy: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    rules: tuple[ShownRule, ...] = ()
    expression: str | None = None

    @property
    def has_notes(self) -> bool:
        """Whether any rule says where it comes from."""
        return any(rule.note for rule in self.rules)


@dataclass(frozen=True, slots=True)
class ShownParameter:
    """A parameter as text, its values with the day each holds from."""

    name: str
    unit: str
    source: str
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ShownReward:
    """A reward as text: its kind, when it is given, and what it says."""

    name: str
    kind: str
    meaning: str
    when: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ShownPolicy:
    """All of a policy that is shown as tables; limits are pairs of words and amount."""

    decisions: tuple[ShownDecision, ...]
    parameters: tuple[ShownParameter, ...]
    rewards: tuple[ShownReward, ...]
    limits: tuple[tuple[str, str], ...]
    customer_text: str


@dataclass(frozen=True, slots=True)
class ShownProblem:
    """A problem of a policy with the line it stands on."""

    line: int | None
    column: int | None
    what: str
    accepted: str
    text: str | None


def show_policy(document: PolicyDocument) -> ShownPolicy:
    """A checked policy with every cell written out."""
    limits = document.limits
    return ShownPolicy(
        decisions=tuple(_show_decision(decision) for decision in document.decisions),
        parameters=tuple(_show_parameter(parameter, document.currency) for parameter in document.parameters),
        rewards=tuple(_show_reward(reward) for reward in document.rewards),
        limits=(
            ("Amount of one line", _limit(limits.amount_per_line_minor, document.currency)),
            ("Total of an assessment", _limit(limits.total_minor, document.currency)),
        ),
        customer_text=write_expression(document.customer_text)
        if document.customer_text is not None
        else "no text is sent",
    )


def _show_decision(decision: PolicyDecision) -> ShownDecision:
    if isinstance(decision, ExpressionDecision):
        return ShownDecision(decision.name, decision.meaning, expression=write_expression(decision.expression))
    table = decision.table
    return ShownDecision(
        name=decision.name,
        meaning=decision.meaning,
        hit_policy=f"{table.hit_policy}: {table.hit_policy.said}",
        inputs=tuple(write_expression(node) for node in table.inputs),
        outputs=tuple((output.name, str(output.type)) for output in table.outputs),
        rules=tuple(
            ShownRule(
                rule.number,
                tuple(write_tests(tests) for tests in rule.tests),
                tuple(write_expression(node) for node in rule.outputs),
                rule.note,
            )
            for rule in table.rules
        ),
    )


def _show_parameter(parameter: Parameter, currency: str) -> ShownParameter:
    values = tuple(
        (date_text(dated.since), _value_text(parameter.type, dated.value, currency)) for dated in parameter.values
    )
    return ShownParameter(parameter.name, parameter.unit, parameter.source, values)


def _show_reward(reward: Reward) -> ShownReward:
    fields = tuple((name, _plain(node)) for name, node in reward.fields.items())
    when = write_expression(reward.when) if reward.when is not None else "always"
    return ShownReward(reward.name, reward.kind.name, reward.kind.meaning, when, fields)


def _value_text(kind: FeelType, value: Value, currency: str) -> str:
    if kind is FeelType.MONEY and isinstance(value, Fraction):
        return write_money(value, currency, exponent(currency))
    return _plain(Literal(value))


def _limit(amount_minor: int | None, currency: str) -> str:
    return "no limit" if amount_minor is None else money_text(amount_minor, currency)


def _plain(node: Node) -> str:
    """A literal as people read it, everything else as FEEL."""
    match node:
        case Literal(str() as text):
            return text
        case Literal(date() as day):
            return date_text(day)
        case Literal(timedelta() as span):
            return say_duration(span)
        case Literal(bool() as yes):
            return "yes" if yes else "no"
        case _:
            return write_expression(node)


def show_problems(error: PolicyError, text: str) -> list[ShownProblem]:
    """What is wrong, each with its line of the text and a mark under the column."""
    lines = text.splitlines()
    return [
        ShownProblem(
            problem.line, problem.column, problem.what, problem.accepted, _marked(lines, problem.line, problem.column)
        )
        for problem in error.problems
    ]


def _marked(lines: Sequence[str], line: int, column: int) -> str | None:
    if not 1 <= line <= len(lines):
        return None
    # Tabs would put the mark under another column.
    return f"{re.sub(chr(9), ' ', lines[line - 1])}\n{' ' * (column - 1)}^"


def in_force_text(first: date, end: date | None) -> str:
    """The days a version answers for; `end` is the first day it no longer does."""
    if end is None:
        return f"from {date_text(first)}"
    last = end - timedelta(days=1)
    return date_text(first) if last == first else f"{date_text(first)} to {date_text(last)}"
