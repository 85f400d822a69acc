"""Pure: dates and bills as people of a language write them."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date

_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_SKELETON = {"en": "MMMM y", "es": "MMMM 'de' y", "de": "MMMM y"}
_BILL = {
    "en": "your {month} bill",
    "es": "su factura de {month}",
    "de": "Ihre Rechnung für {month}",
}


@lru_cache(maxsize=4096)
def date_in_words(text: str, language: str) -> str:
    """An ISO date as that language writes it (2012-09-01: 1 September 2012); any other text as it is."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return text
    return str(format_date(day, "long", locale=locale_of(language)))


@lru_cache(maxsize=4096)
def bill_in_words(text: str, language: str) -> str:
    """Where a credit shows: a month such as 2012-09 as that month's bill, in that language; a date or text as it is.

    A language without a phrase of its own gets the English one, as its texts do.
    """
    found = _MONTH.fullmatch(text)
    if not found:
        return date_in_words(text, language)
    base = language.partition("-")[0]
    spoken = base if base in _BILL else "en"
    month = format_date(date(int(found[1]), int(found[2]), 1), _SKELETON[spoken], locale=locale_of(spoken))
    return _BILL[spoken].format(month=month)


@lru_cache(maxsize=256)
def locale_of(language: str) -> Locale:
    """The locale of a language code; British English for plain `en` and for codes that nobody knows."""
    # Plain "en" would write dates the American way.
    try:
        return Locale.parse("en_GB" if language == "en" else language.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en_GB")
