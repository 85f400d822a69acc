"""The cases of an assessment as rows to read: filtered, sorted, with their rule, rewards and explanation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from compensation.models import Case
from compensation.trace import Trace
from compensation.web.words import (
    FactColumn,
    fact_columns,
    fact_text,
    money_text,
    reward_text,
    reward_when,
    sort_key,
)

OUTCOMES = ("entitled", "nothing", "undetermined")
ORDERS = ("number", "lines", "outcome", "rule", "one", "all")
FACT_ORDER = "fact:"


@dataclass(frozen=True, slots=True)
class CaseOrder:
    """By what the cases are sorted (one of `ORDERS` or `fact:NAME`), and whether the greatest comes first."""

    by: str = "all"
    falling: bool = True

    @classmethod
    def read(cls, text: str, columns: Sequence[FactColumn]) -> CaseOrder:
        """The order of `?sort=`: a name, after `-` when falling; anything unknown is the dearest first."""
        by = text.removeprefix("-")
        known = {*ORDERS, *(FACT_ORDER + column.name for column in columns)}
        return cls(by, text.startswith("-")) if by in known else cls()

    @property
    def text(self) -> str:
        """As it stands in an address."""
        return f"-{self.by}" if self.falling else self.by

    def after_choosing(self, by: str) -> str:
        """What a column's heading links to: that column, numbers falling first; chosen again, the other way round."""
        if by == self.by:
            return CaseOrder(by, not self.falling).text
        return CaseOrder(by, by in ("lines", "one", "all")).text


@dataclass(frozen=True, slots=True)
class CaseFilter:
    """Which cases: one outcome ("" for all), and words that facts, rule, reason or rewards contain."""

    outcome: str = ""
    words: str = ""

    def fits(self, row: CaseRow) -> bool:
        """Whether a row is shown."""
        if self.outcome and row.case.outcome != self.outcome:
            return False
        if not self.words:
            return True
        searched = row.searched
        return all(word in searched for word in self.words.lower().split())


@dataclass(frozen=True, slots=True)
class ShownReward:
    """A reward in words, and when it is paid or valid."""

    what: str
    when: str


@dataclass(frozen=True)
class CaseRow:
    """One case in words, each written only when it is read: an assessment may have thousands, a page shows fifty.

    `facts` are in the order of `columns`; `searched` is what the filter looks into.
    """

    case: Case
    columns: Sequence[FactColumn]
    currency: str

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """The value of each column."""
        return tuple(fact_text(column.name, self.case.facts.get(column.name), self.currency) for column in self.columns)

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """Which rules decided, one text per table."""
        return rules_said(self.case.trace)

    @cached_property
    def rewards(self) -> tuple[ShownReward, ...]:
        """What each line gets."""
        return tuple(ShownReward(reward_text(reward), reward_when(reward)) for reward in self.case.rewards)

    @property
    def one(self) -> str:
        """What one line costs."""
        return money_text(self.case.cost_minor, self.currency)

    @property
    def all(self) -> str:
        """What all lines together cost."""
        return money_text(self.cost_minor, self.currency)

    @property
    def cost_minor(self) -> int:
        """What all lines together cost, in minor units."""
        return self.case.cost_minor * self.case.lines

    @property
    def searched(self) -> str:
        """Facts, rules, outcome, reason and rewards in small letters."""
        said = [*self.facts, *self.rules, self.case.outcome, self.case.reason or ""]
        return " ".join([*said, *(reward.what for reward in self.rewards)]).lower()

    def explain(self) -> list[str]:
        """The decision as sentences."""
        if not self.case.trace.get("facts"):
            return [self.case.reason or "No decision was made."]
        return Trace.from_json(self.case.trace).explain()


def case_rows(cases: Sequence[Case], columns: Sequence[FactColumn], currency: str) -> list[CaseRow]:
    """The cases as rows, in the order given."""
    return [CaseRow(case, columns, currency) for case in cases]


def columns_of(cases: Sequence[Case]) -> list[FactColumn]:
    """The facts by which these cases differ."""
    return fact_columns([case.facts for case in cases])


def sort_rows(rows: list[CaseRow], order: CaseOrder) -> list[CaseRow]:
    """Rows in an order, ties by number."""
    by_number = sorted(rows, key=lambda row: row.case.number)
    return sorted(by_number, key=lambda row: _key(row, order.by), reverse=order.falling)


def rules_said(trace: Mapping[str, Any]) -> tuple[str, ...]:
    """Which rules decided, one text per table: `promise: rule 2`."""
    said = []
    for step in trace.get("decisions", ()):
        if step["kind"] == "expression":
            continue
        numbers = ", ".join(str(number) for number in step["rules"])
        word = "rules" if len(step["rules"]) > 1 else "rule"
        said.append(f"{step['name']}: {f'{word} {numbers}' if numbers else 'no rule'}")
    return tuple(said)


def _key(row: CaseRow, by: str) -> Any:
    if by.startswith(FACT_ORDER):
        name = by.removeprefix(FACT_ORDER)
        return sort_key(name, row.case.facts.get(name))
    return {
        "number": row.case.number,
        "lines": row.case.lines,
        "outcome": row.case.outcome,
        "rule": row.rules,
        "one": row.case.cost_minor,
        "all": row.cost_minor,
    }[by]
