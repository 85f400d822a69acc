"""Pure: what was given to a customer, in a few words of the customer's language; Spanish stays within GSM-7."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from babel.numbers import format_decimal

from foundation.money import Money
from notify.phrases import date_in_words, locale_of

LANGUAGES = ("en", "es", "de")
# Spanish says jornadas where dias would be the word: its accent is not in GSM-7 and would double the parts.
_PHRASES: Mapping[str, tuple[str, str, str]] = {
    "bill_credit": ("{amount} credit", "{amount} de abono", "{amount} Gutschrift"),
    "balance_credit": ("{amount} credit", "{amount} de abono", "{amount} Gutschrift"),
    "top_up": ("{amount} top-up", "recarga de {amount}", "Aufladung {amount}"),
    "bonus": ("{amount} top-up bonus", "{amount} extra de recarga", "{amount} Aufladebonus"),
    "voucher": ("a {amount} voucher", "un vale de {amount}", "ein Gutschein über {amount}"),
    "free_days": ("{count} free days", "{count} jornadas gratis", "{count} Gratistage"),
    "validity_days": (
        "{count} more days of validity",
        "{count} jornadas de validez extra",
        "{count} Tage mehr Gültigkeit",
    ),
    "data_grant": ("{count} {unit} of data", "{count} {unit} de datos", "{count} {unit} Datenvolumen"),
    "minutes_grant": ("{count} minutes of calls", "{count} minutos de llamadas", "{count} Gesprächsminuten"),
    "texts_grant": ("{count} text messages", "{count} SMS", "{count} SMS"),
    "day_pass": ("unlimited {what}", "uso ilimitado: {what}", "unbegrenzt: {what}"),
    "top_up_bonus": (
        "{percent} extra on your first top-up",
        "un {percent} extra en su primera recarga",
        "{percent} extra auf Ihre erste Aufladung",
    ),
    "discount": ("{percent} off {what}", "{percent} de descuento en {what}", "{percent} Rabatt auf {what}"),
    "fee_waiver": ("{what} not charged", "sin cargo: {what}", "ohne Berechnung: {what}"),
}
_ONE_DAY = {
    "free_days": ("a free day", "una jornada gratis", "ein Gratistag"),
    "validity_days": ("one more day of validity", "una jornada de validez extra", "ein Tag mehr Gültigkeit"),
}
_SERVICES = {
    "data": ("data", "datos", "Daten"),
    "voice": ("calls", "llamadas", "Telefonie"),
    "sms": ("texts", "SMS", "SMS"),
}
_FROM_TO = ("from {first} to {last}", "del {first} al {last}", "von {first} bis {last}")
_UNTIL = ("until {last}", "hasta el {last}", "bis {last}")
_ON = ("on {last}", "el {last}", "am {last}")
_AND = (" and ", " y ", " und ")
_OR = (" or ", " o ", " oder ")
_CODE = ("code {code}", "vale n. {code}", "Code {code}")


def reward_in_words(payload: Mapping[str, Any], amount_minor: int | None, currency: str | None, language: str) -> str:
    """One reward as its posting carries it, such as `5 GB of data until 3 March 2026`; empty for what is no reward.

    A language without phrases of its own gets the English ones, as its texts do.
    """
    kind = str(payload.get("kind"))
    place, said = _place(language), _values(payload, amount_minor, currency, language)
    one = _ONE_DAY.get(kind) if said.get("count") == "1" else None
    phrases = one or _PHRASES.get(kind)
    if phrases is None:
        return ""
    try:
        words = phrases[place].format(**said)
    except KeyError:
        return ""
    window = _window(payload, language, place)
    code = f" ({_CODE[place].format(code=payload['code'])})" if payload.get("code") else ""
    return f"{words}{code} {window}".strip()


def rewards_in_words(
    rewards: Iterable[tuple[Mapping[str, Any], int | None, str | None]], language: str, *, either: bool = False
) -> str:
    """Several rewards as one phrase: `£5.00 credit, 5 GB of data until ... and a free day`; `either`: one of them."""
    said = [words for reward in rewards if (words := reward_in_words(*reward, language))]
    if len(said) < 2:
        return "".join(said)
    return ", ".join(said[:-1]) + (_OR if either else _AND)[_place(language)] + said[-1]


def _place(language: str) -> int:
    base = language.partition("-")[0]
    return LANGUAGES.index(base) if base in LANGUAGES else 0


def _values(
    payload: Mapping[str, Any], amount_minor: int | None, currency: str | None, language: str
) -> dict[str, str]:
    readers: dict[str, Callable[[], str | None]] = {
        "amount": lambda: Money(amount_minor, currency).text(language) if amount_minor and currency else None,
        "count": lambda: _number(payload.get("quantity"), language),
        "percent": lambda: f"{number}%" if (number := _number(payload.get("percent"), language)) else None,
        "unit": lambda: payload.get("unit"),
        "what": lambda: _services(payload, language),
    }
    return {name: value for name, read in readers.items() if (value := read()) is not None}


def _number(value: object, language: str) -> str | None:
    if value is None:
        return None
    exact = Fraction(str(value))
    return str(format_decimal(Decimal(exact.numerator) / Decimal(exact.denominator), locale=locale_of(language)))


def _services(payload: Mapping[str, Any], language: str) -> str | None:
    what = payload.get("what")
    if what is None or payload.get("kind") != "day_pass":
        return None if what is None else str(what)
    names = [name.strip() for name in str(what).split(",")]
    return ", ".join(_SERVICES[name][_place(language)] if name in _SERVICES else name for name in names)


def _window(payload: Mapping[str, Any], language: str, place: int) -> str:
    if not payload.get("valid_to"):
        return ""
    # `valid_to` is the first day it no longer holds; people are told the last day it does.
    last = (date.fromisoformat(payload["valid_to"]) - timedelta(days=1)).isoformat()
    first = payload.get("valid_from")
    if first == last:
        return _ON[place].format(last=date_in_words(last, language))
    dated = payload.get("kind") in ("day_pass", "top_up_bonus", "discount") and first
    phrase = _FROM_TO if dated else _UNTIL
    return phrase[place].format(first=date_in_words(str(first), language), last=date_in_words(last, language))
