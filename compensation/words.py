"""Cases, rewards and books in a few plain words, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from compensation.models import Case, CaseSummary
from compensation.queries import Books
from foundation.money import Money


def case_in_words(case: Case) -> str:
    """What a line of this case gets, in a few words."""
    if case.outcome != "entitled":
        return f"{case.outcome}{': ' + case.reason if case.reason else ''}"
    return ", ".join(reward_in_words(reward) for reward in case.rewards)


def summary_in_words(summary: CaseSummary) -> str:
    """What the lines of these cases get: the rewards by name and kind, or why they get none."""
    if summary.outcome != "entitled":
        return f"{summary.outcome}{': ' + summary.reason if summary.reason else ''}"
    return ", ".join(summary.rewards)


def reward_in_words(reward: Mapping[str, object]) -> str:
    """A reward in a few words: its name and its amount, per cent or quantity; of a choice its options."""
    if reward.get("options"):
        options: Any = reward["options"]
        return f"{reward['name']}: {' or '.join(map(reward_in_words, options))}"
    if reward.get("quantity") is not None:
        return f"{reward['name']} {float(Fraction(str(reward['quantity']))):g} {reward.get('unit') or ''}".strip()
    if reward.get("ceiling_minor") is not None:
        return f"{reward['name']} up to {Money(int(str(reward['ceiling_minor'])), str(reward['currency']))}"
    if reward["amount_minor"] is not None:
        return f"{reward['name']} {Money(int(str(reward['amount_minor'])), str(reward['currency']))}"
    return f"{reward['name']} {reward['percent']} %" if reward["percent"] else str(reward["name"])


def books_lines(found: Books) -> list[tuple[str, int]]:
    """The stations of the chain with their amounts in minor units."""
    return [
        ("decided in the cases", found.cases_minor),
        ("credited to customers", found.credits_minor),
        ("accrued in the ledger", found.accrued_minor),
        ("enqueued as postings", found.postings_minor),
        ("confirmed by the account side", found.confirmed_minor),
        ("posted in the ledger", found.posted_minor),
        ("in the account book", found.book_minor),
    ]
