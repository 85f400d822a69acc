"""The cases of an assessment as rows to read: which are asked for, and their facts, rewards and rules in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from compensation.cases.lists import FACT_ORDER, ORDERS, CaseWish
from compensation.decision.trace import Trace
from compensation.facts import Fact
from compensation.models import Case
from compensation.web.words import FactColumn, fact_text, money_text, reward_text, reward_when

_FALLING_FIRST = ("lines", "one", "all")
_MOST_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class CaseChoice:
    """What a page was asked for, and what its links ask for."""

    wish: CaseWish

    @classmethod
    def read(cls, arguments: Mapping[str, str], columns: Sequence[FactColumn]) -> CaseChoice:
        """`?sort=` (a name, after `-` when falling; anything unknown is the dearest first), `?outcome=` and `?q=`."""
        text = arguments.get("sort", "")
        by = text.removeprefix("-")
        known = by in {*ORDERS, *(FACT_ORDER + column.name for column in columns)}
        wish = CaseWish(
            outcome=arguments.get("outcome", ""),
            words=arguments.get("q", "").strip()[:_MOST_CHARACTERS],
            ratios=frozenset(column.name for column in columns if column.is_ratio),
        )
        return cls(replace(wish, by=by, falling=text.startswith("-")) if known else wish)

    @property
    def text(self) -> str:
        """The order as it stands in an address."""
        return f"-{self.wish.by}" if self.wish.falling else self.wish.by

    def after_choosing(self, by: str) -> str:
        """What a column's heading links to: that column, numbers falling first; chosen again, the other way round."""
        falling = not self.wish.falling if by == self.wish.by else by in _FALLING_FIRST
        return f"-{by}" if falling else by


@dataclass(frozen=True, slots=True)
class ShownReward:
    """A reward in words, and when it is paid or valid."""

    what: str
    when: str


@dataclass(frozen=True)
class CaseRow:
    """One case in words, each written only when it is read. `facts` are in the order of `columns`."""

    case: Case
    columns: Sequence[FactColumn]
    currency: str
    catalogue: Mapping[str, Fact]

    @cached_property
    def facts(self) -> tuple[str, ...]:
        """The value of each column."""
        facts = self.case.facts
        return tuple(fact_text(each.name, facts.get(each.name), self.currency, self.catalogue) for each in self.columns)

    @property
    def rules(self) -> tuple[str, ...]:
        """Which rules decided, one text per table."""
        return tuple(self.case.rules.split("; ")) if self.case.rules else ()

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


def columns_of(differing: Sequence[str], catalogue: Mapping[str, Fact]) -> list[FactColumn]:
    """The columns of the facts by which the cases differ."""
    return [FactColumn(name, catalogue[name].type if name in catalogue else None) for name in differing]


def explain_case(case: Case) -> list[str]:
    """The decision as sentences."""
    if not case.trace.get("facts"):
        return [case.reason or "No decision was made."]
    return Trace.from_json(case.trace).explain()
