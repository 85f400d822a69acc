"""Money: an integer of minor units and a currency; exact in, exact out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from babel.core import UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision, list_currencies

from foundation.errors import InputError

# The records keep 64 bits of minor units; no amount of a customer comes near.
_MOST_DIGITS = 12
# Pages, and the sentences that pages show, are written in English.
STAFF_LANGUAGE = "en-GB"
_PLAIN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, order=False)
class Money:
    """`amount_minor` minor units (pence, cents, yen) of an ISO 4217 `currency`."""

    amount_minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.amount_minor + other.amount_minor, self.currency)

    def __str__(self) -> str:
        return f"{self.decimal} {self.currency}"

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.amount_minor).scaleb(-exponent(self.currency))

    def text(self, language: str = STAFF_LANGUAGE) -> str:
        """The amount as people of that language write it, such as £3.00 or 3,00 €; staff read it in English."""
        try:
            return str(format_currency(self.decimal, self.currency, locale=language.replace("-", "_")))
        except (UnknownLocaleError, ValueError):
            return str(self)


@lru_cache(maxsize=512)
def exponent(currency: str) -> int:
    """Digits of the minor unit by ISO 4217: GBP 2, JPY 0, KWD 3."""
    return int(get_currency_precision(currency))


def check_currency(code: str, *, where: str = "") -> str:
    """The code itself when ISO 4217 knows it; raises InputError otherwise."""
    if code not in list_currencies():
        raise InputError("unknown currency", where=where, value=code, accepted="an ISO 4217 code such as GBP")
    return code


def parse_minor(text: str, currency: str, *, where: str = "") -> int:
    """Minor units from a decimal text of major units (`"20.42"` -> 2042).

    Raises InputError when it is no plain decimal number or finer than the minor unit: what comes in is never rounded.
    """
    digits = exponent(currency)
    accepted = f"a decimal number with at most {digits} decimals and a point, such as {Decimal(2042).scaleb(-digits)}"
    # Decimal alone would also take exponents, underscores and the digits of other scripts.
    if not _PLAIN.fullmatch(text.strip()):
        raise InputError("not an amount", where=where, value=text, accepted=accepted)
    value = Decimal(text.strip())
    if value.adjusted() > _MOST_DIGITS or value != value.quantize(Decimal(1).scaleb(-digits)):
        raise InputError("not an amount in whole minor units", where=where, value=text, accepted=accepted)
    return int(value.scaleb(digits))


def half_up(value: Fraction) -> int:
    """The nearest whole number of an amount that is not below zero; a half goes up."""
    return int(value + Fraction(1, 2))


def from_major(value: Fraction, currency: str) -> int:
    """Minor units of an exact amount in major units; raises ValueError when it is finer than the minor unit."""
    minor = value * 10 ** exponent(currency)
    if minor.denominator != 1:
        raise ValueError(f"{value} {currency} is not a whole number of minor units: it was never rounded")
    return int(minor.numerator)
