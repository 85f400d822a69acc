"""The words of messages at the moment they are sent: the pinned text, filled from the confirmed postings."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any

from babel.numbers import format_decimal
from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from foundation.db import one_of
from foundation.errors import InputError
from foundation.money import Money
from notify import texts
from notify.models import DELIVERIES, DeliveryKind, DeliveryState, TextVersion
from notify.phrases import bill_in_words, date_in_words, locale_of
from notify.reward_words import rewards_in_words
from notify.wording import render

_CREDIT_KINDS = ("bill_credit", "balance_credit")
# Where `{pays_on}` is taken from when several rewards say it.
_KINDS = (*_CREDIT_KINDS, "top_up_bonus", "voucher")
_FROM_POSTINGS = frozenset({"credit", "voucher", "bonus", "code", "given", "benefits", "offer", "offer_until"})


@dataclass(frozen=True)
class Composed:
    """Finished bodies by delivery id, and by delivery id why there is none."""

    bodies: Mapping[int, str]
    reasons: Mapping[int, str]


def compose_messages(session: Session, rows: Sequence[Row[Any]]) -> Composed:
    """The words of claimed messages; a missing or empty placeholder is a reason not to send, never an empty space."""
    postings = _confirmed_postings(session, {row.group_key for row in rows})
    found: dict[tuple[Any, ...], TextVersion] = {}
    bodies, reasons = {}, {}
    for row in rows:
        try:
            version = _find_text(session, row.payload, found)
            given = row.payload.get("values", {})
            offers = row.payload.get("offers", ())
            confirmed, wanted = postings[row.group_key], version.placeholders
            values = row.payload.get("sample") or message_values(
                row.group_key, version.language, given, confirmed, offers, wanted=wanted
            )
            bodies[row.id] = render(version.body, values, wanted, allow_links=version.allows_links)
        except InputError as error:
            reasons[row.id] = f"not sent: {error.message}"
    return Composed(bodies, reasons)


def message_values(
    group_key: str,
    language: str,
    given: Mapping[str, Any],
    postings: Collection[Row[Any]],
    offers: Sequence[Mapping[str, Any]] = (),
    *,
    wanted: Collection[str] | None = None,
) -> dict[str, str]:
    """The values of all placeholders of a message: amounts from its confirmed postings, the rest as given.

    Of `given`, `benefits` and `offer` only those that are `wanted`, if that is said: to word rewards takes time.

    `offers` are the rewards that wait for an answer; of those nothing is confirmed, so a text says them as offers.
    Dates in ISO form are written as people of that language write them. A sum over two currencies has no value.
    """
    values = {name: date_in_words(str(value), language) for name, value in given.items() if value is not None}
    for name in _FROM_POSTINGS:
        values.pop(name, None)
    by_kind: dict[str, list[Row[Any]]] = defaultdict(list)
    for posting in postings:
        by_kind[posting.payload.get("kind", "")].append(posting)
    values["credit"] = _sum(language, [row for kind in _CREDIT_KINDS for row in by_kind[kind]])
    values["voucher"] = _sum(language, by_kind["voucher"])
    values["bonus"] = " + ".join(_percent(row.payload.get("percent"), language) for row in by_kind["top_up_bonus"])
    said = [(row.payload, row.amount_minor, row.currency) for row in postings]
    if wanted is None or "given" in wanted:
        values["given"] = rewards_in_words(said, language)
    if wanted is None or "benefits" in wanted:
        others = [one for one in said if one[0].get("kind") not in _CREDIT_KINDS]
        values["benefits"] = rewards_in_words(others, language)
    if offers or wanted is None:
        values.update(_offered(offers, language))
    values["code"] = public_code(group_key)
    values.update(_window("voucher", by_kind["voucher"], language))
    values.update(_window("bonus", by_kind["top_up_bonus"], language))
    pays_on = [row.payload["pays_on"] for kind in _KINDS for row in by_kind[kind] if row.payload.get("pays_on")]
    if pays_on:
        values["pays_on"] = bill_in_words(pays_on[0], language)
    return values


def _offered(offers: Sequence[Mapping[str, Any]], language: str) -> dict[str, str]:
    """What may be chosen from, in words, and until when; a choice says its options."""
    alternatives = [option for offer in offers for option in offer.get("options", (offer,))]
    said = [(one, one.get("amount_minor"), one.get("currency")) for one in alternatives]
    values = {"offer": rewards_in_words(said, language, either=True)}
    ends = [offer["valid_to"] for offer in offers if offer.get("valid_to")]
    if ends:
        last = date.fromisoformat(min(ends)) - timedelta(days=1)
        values["offer_until"] = date_in_words(last.isoformat(), language)
    return values


def public_code(group_key: str) -> str:
    """The short code of a message: six letters and digits by which the public list of texts is searched."""
    return base64.b32encode(hashlib.sha256(group_key.encode()).digest()[:5])[:6].decode()


def _find_text(session: Session, payload: Mapping[str, Any], found: dict[tuple[Any, ...], TextVersion]) -> TextVersion:
    pinned = payload.get("version")
    wanted = (pinned,) if pinned is not None else (payload.get("text"), payload.get("language"))
    if wanted not in found:
        found[wanted] = (
            texts.get_version(session, int(pinned))
            if pinned is not None
            else texts.current_text(session, str(payload.get("text")), str(payload.get("language") or "en"))
        )
    return found[wanted]


def _confirmed_postings(session: Session, groups: Collection[str]) -> dict[str, list[Row[Any]]]:
    fields = ("group_key", "payload", "amount_minor", "currency")
    query = (
        select(*(DELIVERIES.c[field] for field in fields))
        .where(
            one_of(session, DELIVERIES.c.group_key, groups),
            DELIVERIES.c.kind == DeliveryKind.POSTING,
            DELIVERIES.c.state == DeliveryState.DELIVERED,
        )
        .order_by(DELIVERIES.c.id)
    )
    postings: dict[str, list[Row[Any]]] = defaultdict(list)
    for row in session.execute(query):
        postings[row.group_key].append(row)
    return postings


def _sum(language: str, rows: Iterable[Row[Any]]) -> str:
    sums: dict[str, int] = defaultdict(int)
    for row in rows:
        sums[row.currency] += row.amount_minor or 0
    if len(sums) != 1:
        return ""
    [(currency, amount)] = sums.items()
    return _money(amount, currency, language) if amount > 0 else ""


@lru_cache(maxsize=65_536)
def _money(amount_minor: int, currency: str, language: str) -> str:
    return Money(amount_minor, currency).text(language)


def _percent(percent: object, language: str) -> str:
    exact = Fraction(str(percent))
    number = Decimal(exact.numerator) / Decimal(exact.denominator)
    return f"{format_decimal(number, locale=locale_of(language))}%"


def _window(name: str, rows: Sequence[Row[Any]], language: str) -> dict[str, str]:
    if not rows:
        return {}
    payload, window = rows[0].payload, {}
    if payload.get("valid_from"):
        window[f"{name}_from"] = date_in_words(payload["valid_from"], language)
    if payload.get("valid_to"):
        # `valid_to` is the first day it no longer holds; people are told the last day it does.
        last = date.fromisoformat(payload["valid_to"]) - timedelta(days=1)
        window[f"{name}_until"] = date_in_words(last.isoformat(), language)
    return window
