"""Checks of one CSV field each: from the text of the file to the value that is stored."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection
from datetime import date
from typing import Any

from foundation import clock
from foundation.errors import InputError
from outage.lifecycle import SERVICES

Check = Callable[[str], Any]
"""Takes a field's text, returns the value as it is stored; raises InputError (what, accepted) when it is not one."""

_WORD = re.compile(r"[a-z][a-z0-9_.-]*")
_LONGEST_NUMBER = 18
_DURATION = re.compile(r"P(?=.*[0-9])([0-9]{1,6}D)?(T(?=[0-9])([0-9]{1,6}H)?([0-9]{1,6}M)?([0-9]{1,6}S)?)?")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")


def text_of(longest: int) -> Check:
    """A text of 1 to `longest` characters."""

    def check(raw: str) -> str:
        cleaned = raw.strip()
        if not cleaned or len(cleaned) > longest:
            raise InputError("empty" if not cleaned else "too long", accepted=f"a text of 1 to {longest} characters")
        return cleaned

    return check


def word_of(longest: int) -> Check:
    """A lower-case word of up to `longest` characters, such as a kind or a status."""

    def check(raw: str) -> str:
        cleaned = raw.strip()
        if _WORD.fullmatch(cleaned) is None or len(cleaned) > longest:
            raise InputError("not a word", accepted=f"lower-case letters, digits, _ . and -, up to {longest}")
        return cleaned

    return check


def one_of(*allowed: str) -> Check:
    """One of a few words."""

    def check(raw: str) -> str:
        cleaned = raw.strip()
        if cleaned not in allowed:
            raise InputError("not one of the accepted words", accepted=" or ".join(allowed))
        return cleaned

    return check


def optional(check: Check) -> Check:
    """The same check, but an empty field is accepted and means None."""
    return lambda raw: check(raw) if raw.strip() else None


def check_language(raw: str) -> str:
    """A language tag such as en-GB."""
    cleaned = raw.strip()
    if _LANGUAGE.fullmatch(cleaned) is None or len(cleaned) > 16:
        raise InputError("not a language tag", accepted="a tag such as en or en-GB")
    return cleaned


def check_zone(raw: str) -> str:
    """An IANA time zone."""
    clock.parse_zone(raw.strip())
    return raw.strip()


def check_instant(raw: str) -> int:
    """An aware timestamp as Unix seconds."""
    return clock.to_unix(clock.parse_instant(raw))


def check_date(raw: str) -> str:
    """A date in the form that the records store."""
    try:
        return date.fromisoformat(raw.strip()).isoformat()
    except ValueError:
        raise InputError("not a date", accepted="a date such as 2012-07-11") from None


def whole_number(least: int, most: int) -> Check:
    """A whole number between two others, both allowed."""

    def check(raw: str) -> int:
        accepted = f"a whole number from {least} to {most}"
        cleaned = raw.strip()
        if not (cleaned.isascii() and cleaned.isdigit() and len(cleaned) <= _LONGEST_NUMBER):
            raise InputError("not a whole number", accepted=accepted)
        if not least <= int(cleaned) <= most:
            raise InputError("out of range", accepted=accepted)
        return int(cleaned)

    return check


def coordinate(limit: int) -> Check:
    """Degrees between -limit and limit."""

    def check(raw: str) -> float:
        accepted = f"degrees from -{limit} to {limit}, such as 51.5"
        try:
            # Python alone takes 5_1 for a number, and digits of other scripts.
            degrees = float(raw) if raw.isascii() and "_" not in raw else None
        except ValueError:
            degrees = None
        if degrees is None:
            raise InputError("not a number", accepted=accepted)
        if not math.isfinite(degrees) or abs(degrees) > limit:
            raise InputError("off the globe", accepted=accepted)
        return degrees

    return check


def check_services(raw: str) -> str:
    """Services separated by |, as JSON text in their canonical order; an empty field is an empty list."""
    named = [part.strip() for part in raw.split("|") if part.strip()]
    unknown = [service for service in named if service not in SERVICES]
    if unknown:
        raise InputError(f"unknown service {unknown[0]!r}", accepted=f"{'|'.join(SERVICES)} or some of them")
    return json.dumps([service for service in SERVICES if service in named])


def attribute_of(kind: str, allowed: Collection[str] | None) -> Check:
    """A staff-defined attribute of one of `ATTRIBUTE_TYPES`; an empty field is None."""
    read = _ATTRIBUTE_TYPES[kind]

    def check(raw: str) -> Any:
        cleaned = raw.strip()
        if not cleaned:
            return None
        if allowed and cleaned not in allowed:
            raise InputError("not one of the allowed values", accepted=" or ".join(allowed))
        return read(cleaned)

    return check


def _number(raw: str) -> int | str:
    # Kept as decimal text when it has decimals: a JSON float would not be exact.
    if re.fullmatch(r"-?[0-9]{1,18}", raw):
        return int(raw)
    if re.fullmatch(r"-?[0-9]{1,18}\.[0-9]{1,12}", raw):
        return raw
    raise InputError("not a number", accepted="a decimal number such as 12 or 12.5")


def _boolean(raw: str) -> bool:
    if raw.lower() not in ("true", "false"):
        raise InputError("not a boolean", accepted="true or false")
    return raw.lower() == "true"


def _instant(raw: str) -> str:
    return clock.parse_instant(raw).isoformat()


def _duration(raw: str) -> str:
    if _DURATION.fullmatch(raw) is None:
        raise InputError("not a duration", accepted="days, hours, minutes and seconds such as PT24H or P1DT2H")
    return raw


_ATTRIBUTE_TYPES: dict[str, Check] = {
    "string": str,
    "number": _number,
    "boolean": _boolean,
    "date": check_date,
    "instant": _instant,
    "duration": _duration,
}
ATTRIBUTE_TYPES = tuple(_ATTRIBUTE_TYPES)
