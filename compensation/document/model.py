"""What a policy says, as frozen values: the form in which it is checked, evaluated and shown."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction

from compensation.facts import Fact, Origin
from compensation.feel import FeelType, Literal, NameType, Node, UnaryTests, Value, names
from compensation.measures import BILL_DAY, HolidayCalendar, Measure, Named
from compensation.measures_said import measure_said
from compensation.periods import Period, first_day, read_name
from compensation.rewards import How, Per, RewardKind, purse_of
from compensation.tables.table import Table, output_types
from compensation.terms import NO_TERMS, Terms
from outage.intervals import IntervalSet

_ANY_ZONE = datetime.timedelta(days=2)


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
class Explanation:
    """Why something that a check of the table finds is meant to be so.

    One of: a gap (a cell for each input), two rules that overlap, or a rule that can never count.
    """

    why: str
    gap: tuple[UnaryTests, ...] = ()
    overlap: tuple[int, ...] = ()
    dead_rule: int = 0


@dataclass(frozen=True, slots=True)
class TableDecision:
    """A decision made by a table; later ones read `name`, or `name.output` when the table has several outputs.

    `explained` are the findings about the table that its author means to be so. `units` are those of its outputs, in
    their order, as far as they are known.
    """

    name: str
    meaning: str
    table: Table
    explained: tuple[Explanation, ...] = ()
    units: tuple[str, ...] = ()

    def results(self) -> dict[str, NameType]:
        """The names it gives to later decisions."""
        found = output_types(self.table, self.name)
        units = self.units or ("",) * len(found)
        return {name: replace(kind, unit=unit) for (name, kind), unit in zip(found.items(), units, strict=True)}

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
    unit: str = ""

    def results(self) -> dict[str, NameType]:
        """The name it gives to later decisions."""
        return {self.name: NameType(self.type, exact_money=self.exact_money, unit=self.unit)}

    def names_read(self) -> Iterator[str]:
        """Every name it reads."""
        return iter(names(self.expression))


PolicyDecision = TableDecision | ExpressionDecision


@dataclass(frozen=True, slots=True)
class Reward:
    """A reward that is given when its condition is true (or always, without one); `fields` by field name.

    `options`: the rewards that a choice is between; those are given by it alone.
    """

    name: str
    kind: RewardKind
    when: Node | None
    fields: Mapping[str, Node]
    per: Per = Per.LINE
    how: How = How.AUTOMATIC
    layer: str | None = None
    options: tuple[str, ...] = ()

    @property
    def purse(self) -> str:
        """What adds up with it when a later version gives more (see rewards.purse_of)."""
        return purse_of(self.kind, self.name, self.plain)

    @property
    def plain(self) -> Mapping[str, str]:
        """The fields that are text as it stands."""
        return {
            name: node.value
            for name, node in self.fields.items()
            if self.kind.field(name).plain and isinstance(node, Literal) and isinstance(node.value, str)
        }

    @property
    def says_money(self) -> bool:
        """Whether any field of it is an amount."""
        return any(self.kind.field(name).type is FeelType.MONEY for name in self.fields)

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
    """A worked case attached to a policy; facts as `decide` takes them (money in minor units), the rest are null.

    `lost`: lost intervals in Unix seconds per service, from which the facts and measures of lost time follow that
    `given` leaves out; None when the case does not start from clock times. `before`: those of each earlier one.
    """

    name: str
    tag: Tag
    given: Mapping[str, Value | int]
    expect: Expectation
    lost: Mapping[str, IntervalSet] | None = None
    before: tuple[Mapping[str, IntervalSet], ...] = ()


@dataclass(frozen=True, kw_only=True)
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
    measures: tuple[Measure, ...] = ()
    calendars: tuple[HolidayCalendar, ...] = ()
    attributes: tuple[Fact, ...] = ()
    terms: Terms = NO_TERMS

    def is_in_force(self, day: datetime.date) -> bool:
        """Whether it holds for an outage of that day."""
        return self.in_force_from <= day and (self.in_force_to is None or day < self.in_force_to)

    def names_read(self) -> frozenset[str]:
        """Every fact, measure, parameter and decision result that is read anywhere, by measures that are read too."""
        return self._names

    @functools.cached_property
    def _names(self) -> frozenset[str]:
        # Walking every tree takes longer than deciding a case does.
        found = {name for part in (*self.decisions, *self.rewards) for name in part.names_read()}
        found |= set(names(self.customer_text)) if self.customer_text else set()
        found.update(name for cap in self.terms.caps for name in names(cap.amount))
        for measure in self.measures:
            if measure.name in found:
                found |= measure.parameters | measure.facts
        earlier = (read_name(name) for name in found if name in self.catalogue)
        if any(one.period is Period.BILLING for one in earlier if one is not None):
            found.add(BILL_DAY)
        return frozenset(found)

    def looks_back(self, on: datetime.date) -> datetime.date | None:
        """The first day on which the time lost in other incidents matters for an outage of a day; None: it never does.

        By the policy's calendar, with two days more where measures go by the customer's.
        """
        found = []
        for name in self._facts:
            earlier = read_name(name) if self.catalogue[name].origin is Origin.EARLIER else None
            if earlier is not None:
                found.append(first_day(earlier.period, on, days=earlier.days))
        for measure in self.measures:
            if measure.looks_back and measure.period is not None and measure.name in self._names:
                begins_on = first_day(measure.period, on, days=self.last_days(measure, on))
                found.append(begins_on - _ANY_ZONE if measure.customer_zone else begins_on)
        return min(found, default=None)

    def last_days(self, measure: Measure, on: datetime.date) -> int | None:
        """How many days a measure looks back for an outage of a day; None where that is not said or not known."""
        days = measure.last_days
        if not isinstance(days, Named):
            return days
        dated = next((one.on(on) for one in self.parameters if one.name == days.name), None)
        return int(dated.value) if dated is not None and isinstance(dated.value, Fraction) else None

    def measures_said(self, day: datetime.date) -> Mapping[str, str]:
        """What each measure counts, in words, with the parameters of a day."""
        if day not in self._said:
            dated = {one.name: value.value for one in self.parameters if (value := one.on(day)) is not None}
            self._said[day] = {measure.name: measure_said(measure, dated) for measure in self.measures}
        return self._said[day]

    @functools.cached_property
    def _said(self) -> dict[datetime.date, Mapping[str, str]]:
        # Every case of an incident has the same day; making the words takes longer than deciding it does.
        return {}

    def history_read(self) -> tuple[str, ...]:
        """The facts about what was before that it reads, sorted; where nothing is known of a line they are 0."""
        return self._history

    @functools.cached_property
    def _history(self) -> tuple[str, ...]:
        return tuple(name for name in self._facts if self.catalogue[name].origin is Origin.HISTORY)

    def facts_read(self) -> tuple[str, ...]:
        """The facts it reads, sorted; with `currency` when it pays money, since that must be the account's."""
        return self._facts

    @functools.cached_property
    def _facts(self) -> tuple[str, ...]:
        found = {name for name in self.names_read() if name in self.catalogue}
        if any(reward.says_money for reward in self.rewards):
            found.add("currency")
        return tuple(sorted(found))
