"""Enqueueing: deliveries written in bulk in the caller's transaction, once per business key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Boolean, Column, Connection, MetaData, String, Table, text
from sqlalchemy.orm import Session

from foundation import clock
from foundation.bulk import insert_rows
from foundation.db import Document
from notify.models import DeliveryKind


class NewDelivery(NamedTuple):
    """A delivery to enqueue; fields as in `notify.models.Delivery`. `waiting` only with a posting of the same group."""

    key: str
    campaign: str
    group_key: str
    kind: DeliveryKind
    channel: str
    address: str
    payload: dict[str, Any]
    amount_minor: int | None = None
    currency: str | None = None
    waiting: bool = False
    priority: int = 100
    not_before: datetime | None = None


_STAGED = Table(
    "staged_deliveries",
    MetaData(),
    Column("key", String(128), nullable=False),
    Column("campaign", String(64), nullable=False),
    Column("group_key", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("address", String(128), nullable=False),
    Column("payload", Document, nullable=False),
    Column("amount_minor", BigInteger),
    Column("currency", String(3)),
    Column("waiting", Boolean, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("not_before", BigInteger),
    prefixes=["TEMPORARY"],
)
_MANY = 1000
_COLUMNS = NewDelivery._fields
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
# `WHERE true` keeps SQLite from reading ON CONFLICT as a join's ON.
_MERGE = text(
    f"INSERT INTO deliveries ({_NAMES}, state, attempt, created_at, changed_at) "  # noqa: S608 - our own identifiers
    f"SELECT {_NAMES}, 'pending', 0, :now, :now FROM staged_deliveries WHERE true ON CONFLICT (key) DO NOTHING"
)


def enqueue(session: Session, batches: Iterable[Iterable[NewDelivery]]) -> int:
    """Write deliveries in the caller's transaction; returns how many were new. The same keys again add nothing.

    Each batch is staged by the database's bulk path and merged set-based, so memory stays at one row and temporary
    storage at one batch (50,000 is a good size). An enqueued row is never changed by enqueueing its key again.
    """
    connection = session.connection()
    _STAGED.create(connection)
    now = clock.to_unix(clock.now())
    added = sum(_merge(connection, batch, now) for batch in batches)
    _STAGED.drop(connection)
    if connection.dialect.name == "postgresql" and added > _MANY:
        # Without fresh statistics PostgreSQL reads the whole table for each batch that workers send.
        connection.execute(text("ANALYZE deliveries"))
    return added


def _merge(connection: Connection, batch: Iterable[NewDelivery], now: int) -> int:
    insert_rows(connection, _STAGED, _COLUMNS, [_stored(batch)])
    added = connection.execute(_MERGE, {"now": now}).rowcount
    connection.execute(_STAGED.delete())
    return added


def _stored(batch: Iterable[NewDelivery]) -> Iterator[tuple[Any, ...]]:
    for row in batch:
        not_before = None if row.not_before is None else clock.to_unix(row.not_before)
        payload = json.dumps(row.payload, separators=(",", ":"))
        yield (*row[:3], str(row.kind), *row[4:6], payload, *row[7:11], not_before)
