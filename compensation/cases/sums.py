"""Pure: what the cases of an assessment add up to, and how too many of them are summed for people to read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from compensation.rewards import RewardLine


class Decided(Protocol):
    """A decision as the interpreter and the generated function give it."""

    @property
    def outcome(self) -> str:
        """Entitled, nothing or undetermined."""

    @property
    def reason(self) -> str | None:
        """Why nothing can be said, or that the line is held out."""

    @property
    def rewards(self) -> tuple[RewardLine, ...]:
        """What each line gets."""

    @property
    def text(self) -> str | None:
        """The name of the text that is sent."""

    @property
    def over_minor(self) -> int:
        """What one line was credited before beyond what it is owed now."""


def amount_of(rewards: Sequence[RewardLine]) -> int:
    """What is credited at release, in minor units."""
    return sum(line.amount_minor or 0 for line in rewards if line.is_posted)


def code_key(pool: str, amount_minor: int | None) -> str:
    """Under what the voucher codes that are needed are counted."""
    return f"{pool} {amount_minor}"


def credited_of(totals: Mapping[str, Any]) -> int:
    """What an assessment's totals say is credited at release; before rewards had costs, every cost was an amount."""
    return int(totals.get("amount_minor", totals["cost_minor"]))


@dataclass
class Sums:
    """Adds up decisions, each with its number of lines."""

    cases: int = 0
    lines: int = 0
    credits: int = 0
    texts: int = 0
    offers: int = 0
    cost_minor: int = 0
    amount_minor: int = 0
    most_per_line_minor: int = 0
    held_out: int = 0
    over_lines: int = 0
    over_minor: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def add(self, decision: Decided, lines: int, cost: int) -> None:
        """One more case; `cost` is what one line of it costs."""
        self.cases += 1
        self.lines += lines
        self.outcomes[decision.outcome] += lines
        self.texts += lines if decision.text is not None else 0
        self.cost_minor += lines * cost
        self.most_per_line_minor = max(self.most_per_line_minor, cost)
        self.held_out += lines if decision.outcome == "nothing" and decision.reason is not None else 0
        if decision.over_minor:
            self.over_lines += lines
            self.over_minor += lines * decision.over_minor
        for line in decision.rewards:
            if line.is_posted:
                self.credits += lines
                self.amount_minor += lines * (line.amount_minor or 0)
                if line.codes is not None:
                    self.codes[code_key(line.codes, line.amount_minor)] += lines
            elif line.is_offer:
                self.offers += lines

    def add_absent(self, lines: int, credited_minor: int) -> None:
        """Lines that were credited before and are in no case any more."""
        self.over_lines += lines
        self.over_minor += credited_minor

    def totals(self) -> dict[str, Any]:
        """As they are kept with the assessment; what only some policies have is said only where there is any."""
        totals: dict[str, Any] = {
            "cases": self.cases,
            "lines": self.lines,
            "entitled": self.outcomes["entitled"],
            "nothing": self.outcomes["nothing"],
            "undetermined": self.outcomes["undetermined"],
            "credits": self.credits,
            "texts": self.texts,
            "cost_minor": self.cost_minor,
            "amount_minor": self.amount_minor,
            "most_per_line_minor": self.most_per_line_minor,
        }
        some = {
            "offers": self.offers,
            "held_out": self.held_out,
            "over_lines": self.over_lines,
            "over_minor": self.over_minor,
            "codes": dict(self.codes),
        }
        return totals | {name: value for name, value in some.items() if value}


@dataclass
class Summary:
    """Cases that were decided by the same rules and get the same kinds of reward, with one of them to look at."""

    rules: str
    outcome: str
    reason: str | None
    rewards: tuple[str, ...]
    text: str | None
    example_number: int
    example_facts: Mapping[str, Any]
    cases: int = 0
    lines: int = 0
    cost_minor: int = 0
    amount_minor: int = 0
    least_minor: int = 0
    most_minor: int = 0

    def add(self, cost_minor: int, amount_minor: int, lines: int) -> None:
        """One more case."""
        self.least_minor = min(self.least_minor, cost_minor) if self.cases else cost_minor
        self.most_minor = max(self.most_minor, cost_minor)
        self.cases += 1
        self.lines += lines
        self.cost_minor += lines * cost_minor
        self.amount_minor += lines * amount_minor
