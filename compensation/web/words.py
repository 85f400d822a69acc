"""How facts, durations, amounts, rewards and states read on a page: units said, codes turned into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

from compensation.facts import CATALOGUE, Fact
from compensation.feel import FeelType
from compensation.feel.values import read_duration, say_duration
from foundation.money import Money
from notify.phrases import bill_in_words
from notify.reward_words import reward_in_words

_REWARDS = {
    "bill_credit": "bill credit",
    "balance_credit": "balance credit",
    "voucher": "voucher",
    "top_up_bonus": "extra on the first top-up",
    "discount": "off a product",
    "apology": "apology",
}
_EVIDENCE = {
    "served_by": "The network element that serves this line failed.",
    "present": "The line was last seen in a cell that failed.",
    "declared": "The customer said so in time, and nothing contradicts it.",
    "listed": "Staff put this line or its account on a list for this outage.",
    "home_area": "The cells of the line's home area failed, and it was not seen elsewhere.",
    "everyone": "The policy gives to everyone, touched or not.",
}


@dataclass(frozen=True, slots=True)
class FactColumn:
    """A fact by which the cases of an assessment differ; None as its type when nobody knows the fact any more."""

    name: str
    type: FeelType | None

    @property
    def is_number(self) -> bool:
        """Whether it reads as a number."""
        return self.type in (FeelType.MONEY, FeelType.DURATION, FeelType.NUMBER)

    @property
    def is_ratio(self) -> bool:
        """Whether it is stored as an exact number."""
        return self.type is FeelType.NUMBER


def money_text(amount_minor: int | None, currency: str | None) -> str:
    """An amount as staff read it, such as £3.00; a dash when there is none."""
    if amount_minor is None or currency is None:
        return "–"
    return Money(amount_minor, currency).text()


def duration_text(seconds: int) -> str:
    """Whole seconds as `19 h 42 min`, as the explanations write them."""
    return say_duration(timedelta(seconds=seconds))


def date_text(day: date | str) -> str:
    """A date as `11 July 2012`."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return f"{day.day} {day:%B %Y}"


def evidence_text(evidence: str) -> str:
    """A sentence on how it is known that a line was touched."""
    return _EVIDENCE.get(evidence, evidence)


def fact_text(name: str, value: Any, currency: str, catalogue: Mapping[str, Fact] = CATALOGUE) -> str:
    """A fact's stored value as people read it: money formatted, durations in hours, codes as words.

    `catalogue` is that of the policy, when it counts measures or reads attributes of its own.
    """
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    fact = catalogue.get(name)
    if fact is None:
        return str(value)
    match fact.type:
        case FeelType.MONEY:
            return money_text(int(value), currency)
        case FeelType.DURATION:
            return say_duration(_duration(value))
        case FeelType.DATE:
            return date_text(value)
        case FeelType.DATE_TIME:
            at = datetime.fromisoformat(str(value))
            return f"{date_text(at.date())} {at:%H:%M %Z}"
        case FeelType.NUMBER:
            return number_text(value)
        case _:
            return str(value).replace("_", " ")


def number_text(value: Any) -> str:
    """An exact number: whole as it is, else as a decimal when it ends soon, else as a fraction."""
    exact = Fraction(value)
    if exact.denominator == 1:
        return str(exact.numerator)
    scaled = exact * 10_000
    return f"{float(exact):g}" if scaled.denominator == 1 else f"{exact.numerator}/{exact.denominator}"


def common_facts(
    facts: Mapping[str, Any], currency: str, catalogue: Mapping[str, Fact] = CATALOGUE
) -> list[tuple[str, str]]:
    """Facts, each with its value in words."""
    return [(name, fact_text(name, value, currency, catalogue)) for name, value in facts.items()]


def reward_text(reward: Mapping[str, Any]) -> str:
    """A reward of a case, such as `£3.00 bill credit` or `10 % extra on the first top-up`, and how it is given."""
    how = reward.get("how")
    return f"{_reward_said(reward)} ({how})" if how else _reward_said(reward)


def _reward_said(reward: Mapping[str, Any]) -> str:
    kind = _REWARDS.get(str(reward.get("kind")), str(reward.get("kind") or reward.get("name")).replace("_", " "))
    if reward.get("amount_minor") is not None:
        return f"{money_text(reward['amount_minor'], reward.get('currency'))} {kind}"
    if reward.get("percent") is not None:
        return f"{number_text(reward['percent'])} % {kind}"
    if reward.get("options"):
        return f"a choice of {' or '.join(map(reward_text, reward['options']))}"
    if reward.get("ceiling_minor") is not None:
        return f"up to {money_text(reward['ceiling_minor'], reward.get('currency'))}, as a person decides"
    # What has no amount reads as customers read it, without the days on which it holds: those stand beside it.
    return reward_in_words({**reward, "valid_to": None}, None, None, "en") or kind


def reward_when(reward: Mapping[str, Any]) -> str:
    """When a reward is paid or may be used; empty when nothing is said. `valid_to` is the first day it is not valid."""
    if reward.get("pays_on"):
        # Customers are told of "your" bill; staff read of somebody else's.
        return bill_in_words(str(reward["pays_on"]), "en").removeprefix("your ")
    if reward.get("valid_from") and reward.get("valid_to"):
        last = date.fromisoformat(reward["valid_to"]) - timedelta(days=1)
        return f"valid {date_text(reward['valid_from'])} to {date_text(last)}"
    return ""


def _duration(value: Any) -> timedelta:
    # Stored facts are JSON: seconds, or ISO 8601 text.
    if isinstance(value, timedelta):
        return value
    return read_duration(value) or timedelta(0) if isinstance(value, str) else timedelta(seconds=int(value))
