"""The kinds of reward a policy can give, what each must say, and the reward line that comes out."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction

from compensation.feel import FeelType, Value
from foundation.money import from_major, half_up


class Per(StrEnum):
    """Whom a reward is given to once."""

    LINE = "line"
    ACCOUNT = "account"


class How(StrEnum):
    """What has to happen before a reward takes effect; what is to redeem is given at once and used later."""

    AUTOMATIC = "automatic"
    REDEEM = "to redeem"
    OPT_IN = "opt-in"
    CLAIM = "to claim"


@dataclass(frozen=True, slots=True)
class RewardLine:
    """One reward for one line. Dates are half-open: `valid_to` is the first day it no longer holds.

    `amount_minor` is whole minor units of `currency`; `percent` is exact (10 means 10 %); `pays_on` says where a
    customer will see it. `quantity` counts `unit`; `valid_days` run from the day it is given. `cost_minor` is what a
    reward that is no money costs the operator, where the policy knows it. `basis` None is the policy's own. A choice
    holds its `options`, of which `default` is given after `default_after` days.
    """

    name: str
    kind: str
    amount_minor: int | None
    currency: str
    percent: Fraction | None = None
    valid_from: datetime.date | None = None
    valid_to: datetime.date | None = None
    pays_on: str | None = None
    per: Per = Per.LINE
    how: How = How.AUTOMATIC
    basis: str | None = None
    quantity: Fraction | None = None
    unit: str | None = None
    valid_days: int | None = None
    cost_minor: int | None = None
    ceiling_minor: int | None = None
    what: str | None = None
    stacking: str | None = None
    codes: str | None = None
    options: tuple[RewardLine, ...] = ()
    default: str | None = None
    default_after: int | None = None

    @property
    def is_posted(self) -> bool:
        """Whether it is put on an account at release; an apology is words alone, an offer waits for somebody."""
        return self.kind not in UNPOSTED and self.how in GIVEN_AT_ONCE

    @property
    def is_offer(self) -> bool:
        """Whether somebody has to opt in, claim, choose or decide before anything is given."""
        return self.kind != "apology" and not self.is_posted

    @property
    def is_cash(self) -> bool:
        """Whether it is money on an account, which counts against caps and other credits."""
        return self.kind in CASH

    @property
    def size(self) -> Fraction:
        """How much it is, in minor units, units or per cent; 1 for what has no size."""
        if self.amount_minor is not None:
            return Fraction(self.amount_minor)
        found = self.quantity if self.quantity is not None else self.percent
        return Fraction(1) if found is None else found

    @property
    def spent_minor(self) -> int:
        """What it costs the operator as far as is known: the amount, a named cost, a ceiling, a choice's default."""
        for known in (self.amount_minor, self.cost_minor, self.ceiling_minor):
            if known is not None:
                return known
        return next((option.spent_minor for option in self.options if option.name == self.default), 0)

    def resized(self, size: Fraction) -> RewardLine:
        """The same with another size; its cost goes with it, rounded half up."""
        if self.amount_minor is not None:
            return replace(self, amount_minor=int(size))
        cost = None if self.cost_minor is None else half_up(self.cost_minor * size / self.size)
        if self.quantity is not None:
            return replace(self, quantity=size, cost_minor=cost)
        return replace(self, percent=size, cost_minor=cost)


CASH = frozenset({"bill_credit", "balance_credit"})
"""Kinds that are money on an account: what one version gives as one of them counts for the other too."""

UNPOSTED = ("choice", "discretionary", "apology")
"""Kinds that are words alone, or come to something only when somebody decides."""

GIVEN_AT_ONCE = (How.AUTOMATIC, How.REDEEM)


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a reward of a kind says: its name in the policy, its type, and whether it must be there.

    A `plain` field is text as it stands, not an expression, and one of `allowed` where that is given. A `size` says how
    much the reward is: it must be above nothing for the reward to be owed. `whole`: a number from 1 on, no fraction.
    """

    name: str
    type: FeelType
    required: bool = True
    plain: bool = False
    allowed: tuple[str, ...] = ()
    size: bool = False
    whole: bool = False


class Window(StrEnum):
    """Whether a kind has days on which it holds: none, or `valid from` and `valid to`, or `valid days`."""

    NONE = "none"
    FREE = "free"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class RewardKind:
    """A kind of reward: its name, what it means, its fields; the first is the one a short test expectation gives."""

    name: str
    meaning: str
    fields: tuple[Field, ...]
    window: Window = Window.NONE
    unit: str | None = None

    def field(self, name: str) -> Field:
        """The field of that name; raises KeyError when the kind has none."""
        return {field.name: field for field in self.fields}[name]


_AMOUNT = Field("amount", FeelType.MONEY, size=True)
_DAYS = Field("days", FeelType.NUMBER, size=True, whole=True)
_PERCENT = Field("percent", FeelType.NUMBER, size=True)
_QUANTITY = Field("quantity", FeelType.NUMBER, size=True)
_COST = Field("cost", FeelType.MONEY, required=False)
_PAYS_ON = Field("pays on", FeelType.STRING, required=False, plain=True)
_STACKING = Field("stacking", FeelType.STRING, required=False, plain=True, allowed=("adds", "replaces"))
VALID_DAYS = "valid days"
WINDOW_DATES = ("valid from", "valid to")
_WINDOW = (
    *(Field(name, FeelType.DATE, required=False) for name in WINDOW_DATES),
    Field(VALID_DAYS, FeelType.NUMBER, required=False, whole=True),
)


def _plain(name: str, *allowed: str, required: bool = True) -> Field:
    return Field(name, FeelType.STRING, required=required, plain=True, allowed=allowed)


KINDS: Mapping[str, RewardKind] = {
    kind.name: kind
    for kind in (
        RewardKind("bill_credit", "An amount off a coming bill.", (_AMOUNT, _PAYS_ON)),
        RewardKind("balance_credit", "An amount added to a prepaid balance.", (_AMOUNT, _PAYS_ON)),
        RewardKind("free_days", "Days of service without charge.", (_DAYS, _PAYS_ON, _COST), unit="days"),
        RewardKind("validity_days", "A prepaid line or pack holds some days longer.", (_DAYS, _COST), unit="days"),
        RewardKind(
            "data_grant",
            "Data to use within a time.",
            (_QUANTITY, _plain("unit", "GB", "MB"), *_WINDOW, _STACKING, _COST),
            Window.NEEDED,
        ),
        RewardKind(
            "minutes_grant",
            "Minutes of calls to use within a time.",
            (_QUANTITY, *_WINDOW, _STACKING, _COST),
            Window.NEEDED,
            "minutes",
        ),
        RewardKind(
            "texts_grant",
            "Text messages to use within a time.",
            (_QUANTITY, *_WINDOW, _STACKING, _COST),
            Window.NEEDED,
            "texts",
        ),
        RewardKind(
            "day_pass", "Services without limit on given dates.", (_plain("services"), *_WINDOW, _COST), Window.NEEDED
        ),
        RewardKind(
            "top_up_bonus",
            "Per cent extra on the first top-up in a window.",
            (_PERCENT, *_WINDOW, _PAYS_ON),
            Window.NEEDED,
        ),
        RewardKind(
            "discount",
            "Per cent off a product in a window.",
            (_PERCENT, _plain("product"), *_WINDOW, _PAYS_ON),
            Window.NEEDED,
        ),
        RewardKind(
            "voucher",
            "A voucher of an amount, to redeem in a window; with a code of its own where a pool of codes is named.",
            (_AMOUNT, *_WINDOW, _PAYS_ON, _plain("codes", required=False)),
            Window.NEEDED,
        ),
        RewardKind("fee_waiver", "A fee that is not charged.", (_plain("fee"), _PAYS_ON, _COST)),
        RewardKind(
            "discretionary",
            "An amount that a person decides, up to a ceiling.",
            (Field("ceiling", FeelType.MONEY, size=True), _plain("pays as", *sorted(CASH), required=False), _PAYS_ON),
        ),
        RewardKind(
            "choice",
            "One of several rewards, as the customer chooses; the default after some days.",
            (_plain("default"), Field("default after", FeelType.NUMBER, whole=True)),
        ),
        RewardKind("apology", "An apology and nothing else, said explicitly.", ()),
    )
}


def purse_of(kind: RewardKind, name: str, plain: Mapping[str, str]) -> str:
    """What adds up: rewards of one purse count against each other when a later version gives more.

    All cash is one purse, grants go by kind and unit, what has no size is given once under its name.
    """
    if kind.name in CASH:
        return "money"
    if not any(field.size for field in kind.fields) or kind.name == "discretionary":
        return f"once {name}"
    return " ".join([kind.name, *(plain[key] for key in ("unit", "product", "codes") if key in plain)])


def reward_line(
    name: str,
    kind: RewardKind,
    values: Mapping[str, Value],
    currency: str,
    per: Per = Per.LINE,
    how: How = How.AUTOMATIC,
) -> RewardLine:
    """The reward line from the values of the kind's fields, amounts in major units.

    Raises ValueError when an amount is finer than the minor unit, which checking a policy makes impossible.
    """
    amount, percent = values.get("amount"), values.get("percent")
    valid_from, valid_to = (values.get(field) for field in WINDOW_DATES)
    quantity = values.get("quantity", values.get("days"))
    texts = {key: value for key, value in values.items() if isinstance(value, str)}
    return RewardLine(
        name=name,
        kind=kind.name,
        amount_minor=_minor(amount, currency),
        currency=currency,
        percent=percent if isinstance(percent, Fraction) else None,
        valid_from=valid_from if isinstance(valid_from, datetime.date) else None,
        valid_to=valid_to if isinstance(valid_to, datetime.date) else None,
        pays_on=texts.get("pays on"),
        per=per,
        how=how,
        quantity=quantity if isinstance(quantity, Fraction) else None,
        unit=texts.get("unit", kind.unit),
        valid_days=_whole(values.get(VALID_DAYS)),
        cost_minor=_minor(values.get("cost"), currency),
        ceiling_minor=_minor(values.get("ceiling"), currency),
        what=next((texts[key] for key in ("services", "product", "fee", "pays as") if key in texts), None),
        stacking=texts.get("stacking"),
        codes=texts.get("codes"),
        default=texts.get("default"),
        default_after=_whole(values.get("default after")),
    )


def _minor(value: Value, currency: str) -> int | None:
    return from_major(value, currency) if isinstance(value, Fraction) else None


def _whole(value: Value) -> int | None:
    return int(value) if isinstance(value, Fraction) else None
