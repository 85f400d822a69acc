"""The kinds of reward a policy can give, what each must say, and the reward line that comes out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from compensation.feel import FeelType, Value
from foundation.money import from_major


@dataclass(frozen=True, slots=True)
class RewardLine:
    """One reward for one line. Dates are half-open: `valid_to` is the first day it no longer holds.

    `amount_minor` is whole minor units of `currency`; `percent` is exact (10 means 10 %); `pays_on` says
    where a customer will see it.
    """

    name: str
    kind: str
    amount_minor: int | None
    currency: str
    percent: Fraction | None = None
    valid_from: datetime.date | None = None
    valid_to: datetime.date | None = None
    pays_on: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a reward of a kind says: its name in the policy, its type, and whether it must be there.

    A `plain` field is text as it stands, not an expression. Amounts and per cents must be above nothing to be owed.
    """

    name: str
    type: FeelType
    required: bool = True
    plain: bool = False

    @property
    def is_size(self) -> bool:
        """Whether it says how much the reward is, so that zero means there is none."""
        return self.type.is_numeric


@dataclass(frozen=True, slots=True)
class RewardKind:
    """A kind of reward: its name, what it means, its fields; the first is the one a short test expectation gives."""

    name: str
    meaning: str
    fields: tuple[Field, ...]

    @property
    def pays_money(self) -> bool:
        """Whether its amount is known now and counts as cost."""
        return any(field.type is FeelType.MONEY for field in self.fields)

    def field(self, name: str) -> Field:
        """The field of that name; raises KeyError when the kind has none."""
        return {field.name: field for field in self.fields}[name]


_AMOUNT = Field("amount", FeelType.MONEY)
_WINDOW = (Field("valid from", FeelType.DATE), Field("valid to", FeelType.DATE))
_PAYS_ON = Field("pays on", FeelType.STRING, required=False, plain=True)

KINDS: Mapping[str, RewardKind] = {
    kind.name: kind
    for kind in (
        RewardKind("bill_credit", "An amount off a coming bill.", (_AMOUNT, _PAYS_ON)),
        RewardKind("balance_credit", "An amount added to a prepaid balance.", (_AMOUNT, _PAYS_ON)),
        RewardKind("voucher", "A voucher of an amount, to redeem in a window.", (_AMOUNT, *_WINDOW, _PAYS_ON)),
        RewardKind(
            "top_up_bonus",
            "Per cent extra on the first top-up in a window.",
            (Field("percent", FeelType.NUMBER), *_WINDOW, _PAYS_ON),
        ),
        RewardKind("apology", "An apology and nothing else, said explicitly.", ()),
    )
}


def reward_line(name: str, kind: RewardKind, values: Mapping[str, Value], currency: str) -> RewardLine:
    """The reward line from the values of the kind's fields, amounts in major units.

    Raises ValueError when an amount is finer than the minor unit, which checking a policy makes impossible.
    """
    amount, percent = values.get("amount"), values.get("percent")
    valid_from, valid_to, pays_on = (values.get(field) for field in ("valid from", "valid to", "pays on"))
    return RewardLine(
        name=name,
        kind=kind.name,
        amount_minor=from_major(amount, currency) if isinstance(amount, Fraction) else None,
        currency=currency,
        percent=percent if isinstance(percent, Fraction) else None,
        valid_from=valid_from if isinstance(valid_from, datetime.date) else None,
        valid_to=valid_to if isinstance(valid_to, datetime.date) else None,
        pays_on=pays_on if isinstance(pays_on, str) else None,
    )
