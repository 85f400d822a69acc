"""Deliveries as a release would enqueue them, for the tests of notify."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from foundation.db import Database
from notify.models import Delivery, DeliveryKind
from notify.outbox import NewDelivery, enqueue
from notify.texts import save_text

CAMPAIGN = "AS-2026-00001"
BODY = "{brand}: {credit} for {outage_date}, see {pays_on}. Code {code}."
VALUES = {"brand": "O2", "outage_date": "2012-07-11"}


def posting(number: int, reward: str = "credit", amount_minor: int | None = 300, **changes: Any) -> NewDelivery:
    """A bill credit for line `number` on the account of the same number; `payload` changes are merged."""
    group = f"{CAMPAIGN}:{number}"
    payload: dict[str, Any] = {
        "reward": reward,
        "kind": "bill_credit",
        "percent": None,
        "valid_from": None,
        "valid_to": None,
        "pays_on": "your September bill",
    }
    payload |= changes.pop("payload", {})
    currency = "GBP" if amount_minor is not None else None
    address = changes.pop("address", f"A{number:06d}")
    row = NewDelivery(
        f"{group}:{reward}", CAMPAIGN, group, DeliveryKind.POSTING, "book", address, payload, amount_minor, currency
    )
    return row._replace(**changes)


def message(number: int, **changes: Any) -> NewDelivery:
    """The text of line `number`, waiting for its credit."""
    group = f"{CAMPAIGN}:{number}"
    payload = {"text": "told", "language": "en", "values": VALUES} | changes.pop("payload", {})
    row = NewDelivery(
        f"{group}:text",
        CAMPAIGN,
        group,
        DeliveryKind.MESSAGE,
        "spool",
        f"+4477009{number:05d}",
        payload,
        waiting=True,
    )
    return row._replace(**changes)


def pairs(count: int) -> Iterator[NewDelivery]:
    """A credit and a text for each of `count` lines; the credit of line n is n + 1 pence."""
    for number in range(count):
        yield posting(number, amount_minor=number + 1)
        yield message(number)


def put(database: Database, rows: Iterable[NewDelivery]) -> int:
    """Enqueue rows, and the text they name."""
    with database.transaction() as session:
        save_text(session, "told", "en", BODY, author="mary")
        return enqueue(session, [rows])


def get(database: Database, row: NewDelivery) -> Delivery:
    """The delivery as it stands now."""
    with database.reading() as session:
        return session.query(Delivery).filter_by(key=row.key).one()
