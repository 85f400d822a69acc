"""What texts cost: so much for each of their parts, as the operator's contract says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from foundation.errors import InputError
from foundation.money import Money, check_currency, exponent, half_up

_WHERE = "setting OUTAGE_TEXT_PRICE"
_ACCEPTED = "an amount and a currency, such as 0.0392 GBP"
_FORM = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) +([A-Z]{3})")


@dataclass(frozen=True, slots=True)
class PartPrice:
    """The price of one part, which is often finer than the minor unit."""

    amount: Fraction
    currency: str

    def of(self, parts: int) -> Money:
        """The price of so many parts, rounded half up to the minor unit once."""
        return Money(half_up(self.amount * parts * 10 ** exponent(self.currency)), self.currency)


def read_price(said: str) -> PartPrice | None:
    """The price in a setting such as `0.0392 GBP`, None for an empty one; raises InputError."""
    if not said.strip():
        return None
    found = _FORM.fullmatch(said.strip())
    if found is None:
        raise InputError("not a price", where=_WHERE, value=said, accepted=_ACCEPTED)
    return PartPrice(Fraction(found[1]), check_currency(found[2], where=_WHERE))
