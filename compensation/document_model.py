"""What a policy says, as frozen values: the form in which it is checked, evaluated and shown."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from compensation.facts import Fact
from compensation.feel import FeelType, NameType, Node, Value, names
from compensation.rewards import RewardKind
from compensation.tables import Table, output_types


class Basis(StrEnum):
    """Why the operator owes it."""

    STATUTORY = "statutory"
    CONTRACTUAL = "contractual"
    GOODWILL = "goodwill"


class Population(StrEnum):
    """Which lines a policy is put to."""

    AFFECTED = "affected"
    EVERYONE = "everyone"


class Tag(StrEnum):
    """How sure a worked case is: its number stands in the source, follows from it, or rests on an assumption."""

    SOURCE = "S"
    COMPUTED = "C"
    ASSUMED = "A"


@dataclass(frozen=True, slots=True)
class Source:
    """What is taken from where: a clause, a page, a decision."""

    what: str
    where: str


@dataclass(frozen=True, slots=True)
class DatedValue:
    """A value in force from a day on, until the next one."""

    since: datetime.date
    value: Value


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named dated value with unit and source; `values` ascend by date. An amount is in major units."""

    name: str
    type: FeelType
    unit: str
    source: str
    values: tuple[DatedValue, ...]

    def on(self, day: datetime.date) -> DatedValue | None:
        """The value in force on a day, None before the first."""
        return next((dated for dated in reversed(self.values) if dated.since <= day), None)


@dataclass(frozen=True, slots=True)
class TableDecision:
    """A decision made by a table; later ones read `name`, or `name.output` when the table has several outputs."""

    name: str
    meaning: str
    table: Table

    def results(self) -> dict[str, NameType]:
        """The names it gives to later decisions."""
        return output_types(self.table, self.name)

    def names_read(self) -> Iterator[str]:
        """Every name it reads."""
        return self.table.names_read()


@dataclass(frozen=True, slots=True)
class ExpressionDecision:
    """A decision made by one expression; of type money only when it is rounded and declared so."""

    name: str
    meaning: str
    type: FeelType
    expression: Node
    exact_money: bool

    def results(self) -> dict[str, NameType]:
        """The name it gives to later decisions."""
        return {self.name: NameType(self.type, exact_money=self.exact_money)}

    def names_read(self) -> Iterator[str]:
        """Every name it reads."""
        return iter(names(self.expression))


PolicyDecision = TableDecision | ExpressionDecision


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward that is given when its condition is true (or always, without one); `fields` by field name."""

    name: str
    kind: RewardKind
    when: Node | None
    fields: Mapping[str, Node]

    def names_read(self) -> Iterator[str]:
        """Every name that its condition and fields read."""
        for node in (*([self.when] if self.when else []), *self.fields.values()):
            yield from names(node)


@dataclass(frozen=True, slots=True)
class Limits:
    """Sanity limits in minor units: past one, a result is stopped and not paid. None: no limit."""

    amount_per_line_minor: int | None = None
    total_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a test expects: the rewards by name with the fields it names (amounts in major units), and the text."""

    outcome: str
    rewards: Mapping[str, Mapping[str, Value]]
    text: str | None


@dataclass(frozen=True, slots=True)
class PolicyTest:
    """A worked case attached to a policy; facts as `decide` takes them (money in minor units), the rest are null."""

    name: str
    tag: Tag
    given: Mapping[str, Value | int]
    expect: Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """A policy that passed every check. In force for outages from `in_force_from` until before `in_force_to`.

    `text` is the YAML it was read from, `content_hash` its SHA-256; `customer_text` gives the name of the text to send.
    """

    name: str
    title: str
    basis: Basis
    currency: str
    zone: str
    in_force_from: datetime.date
    in_force_to: datetime.date | None
    population: Population
    sources: tuple[Source, ...]
    parameters: tuple[Parameter, ...]
    decisions: tuple[PolicyDecision, ...]
    rewards: tuple[Reward, ...]
    customer_text: Node | None
    limits: Limits
    tests: tuple[PolicyTest, ...]
    text: str = field(repr=False)
    content_hash: str
    catalogue: Mapping[str, Fact] = field(repr=False)

    def is_in_force(self, day: datetime.date) -> bool:
        """Whether it holds for an outage of that day."""
        return self.in_force_from <= day and (self.in_force_to is None or day < self.in_force_to)

    def names_read(self) -> frozenset[str]:
        """Every fact, parameter and decision result that is read anywhere."""
        found = {name for part in (*self.decisions, *self.rewards) for name in part.names_read()}
        return frozenset(found | set(names(self.customer_text)) if self.customer_text else found)

    def facts_read(self) -> tuple[str, ...]:
        """The facts it reads, sorted; with `currency` when it pays money, since that must be the account's."""
        found = {name for name in self.names_read() if name in self.catalogue}
        if any(reward.kind.pays_money for reward in self.rewards):
            found.add("currency")
        return tuple(sorted(found))
