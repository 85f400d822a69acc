"""Enqueueing: deliveries written in bulk in the caller's transaction, once per business key."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain, islice
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    MetaData,
    SmallInteger,
    String,
    Table,
    func,
    select,
    text,
)
from sqlalchemy.orm import Session

from foundation import clock
from foundation.bulk import insert_rows
from foundation.db import Document, insert_ignoring
from foundation.errors import RefusedError
from notify.counters import COUNTS, PLACE
from notify.models import LAST_WAVE, WAVES, Campaign, CampaignState, DeliveryKind, Purpose
from notify.waves import DEFAULT_PLAN, open_canaries


class NewDelivery(NamedTuple):
    """A delivery to enqueue; fields as in `notify.models.Delivery`. `waiting` only with a posting of the same group.

    `hold` is a condition such as `service:SITE-4` that `notify.conditions.release_holds` ends. `purpose` and what
    follows it matter to messages only; a message without a purpose is the text of a compensation.
    """

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
    expires_at: datetime | None = None
    hold: str | None = None
    hold_until: datetime | None = None
    purpose: Purpose | None = None
    statutory: bool = False
    any_hour: bool = False
    zone: str | None = None


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
    Column("expires_at", BigInteger),
    Column("hold", String(128)),
    Column("hold_until", BigInteger),
    Column("purpose", String(32)),
    Column("statutory", Boolean, nullable=False),
    Column("any_hour", Boolean, nullable=False),
    Column("zone", String(64)),
    Column("wave", SmallInteger, nullable=False),
    prefixes=["TEMPORARY"],
)
_MANY = 1000
_COLUMNS = tuple(_STAGED.c.keys())
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
# `WHERE true` keeps SQLite from reading ON CONFLICT as a join's ON.
_MERGE = (
    f"INSERT INTO deliveries ({_NAMES}, state, attempt, created_at, changed_at) "  # noqa: S608 - our own identifiers
    f"SELECT {_NAMES}, 'pending', 0, :now, :now FROM staged_deliveries WHERE true ON CONFLICT (key) DO NOTHING"
)
_PLACE = ", ".join(PLACE)
_COUNT = (
    f"INSERT INTO delivery_counts ({_PLACE}, standing, rows, amount_minor) "  # noqa: S608 - our own identifiers
    f"SELECT {_PLACE}, CASE WHEN waiting THEN 'waiting' WHEN hold IS NOT NULL THEN 'held' ELSE 'pending' END, "
    "count(*), coalesce(sum(amount_minor), 0) FROM {added} GROUP BY 1, 2, 3, 4, 5, 6 RETURNING rows"
)
_RETURNED = f"RETURNING {_PLACE}, amount_minor, waiting, hold"
_MERGE_AND_COUNT = text(f"WITH added AS ({_MERGE} {_RETURNED}) {_COUNT.format(added='added')}")
_COUNT_BEHIND = text(_COUNT.format(added="deliveries WHERE id > :newest"))
_JSON = json.JSONEncoder(separators=(",", ":"))
_KIND = {kind: str(kind) for kind in DeliveryKind}
_PURPOSE = {DeliveryKind.MESSAGE: str(Purpose.COMPENSATION), DeliveryKind.POSTING: None}
# What a row of a wave's hash starts at, in per cent.
_WAVE_OF = [next(wave for wave, most in enumerate(WAVES) if percent < most) for percent in range(100)]


def enqueue(session: Session, batches: Iterable[Iterable[NewDelivery]]) -> int:
    """Write deliveries in the caller's transaction; returns how many were new. The same keys again add nothing.

    Each batch is staged by the database's bulk path and merged set-based, so memory stays at one row and temporary
    storage at one batch (50,000 is a good size). An enqueued row is never changed by enqueueing its key again.
    Raises RefusedError when a campaign would have more rows than its ceiling; nothing is then written.
    """
    connection = session.connection()
    _STAGED.create(connection)
    now = clock.now()
    added = open_added(session, (_merge(connection, batch, now) for batch in batches))
    _STAGED.drop(connection)
    return added


def open_added(session: Session, batches: Iterable[int]) -> int:
    """Draw the numbers of rows that batches add and count; then open their campaigns. Returns the sum.

    For those who write deliveries; raises as `enqueue` does.
    """
    connection = session.connection()
    newest = session.scalar(select(func.max(COUNTS.c.id))) or 0
    added = sum(batches)
    if added:
        _open_campaigns(session, newest)
    if connection.dialect.name == "postgresql" and added > _MANY:
        # Without fresh statistics PostgreSQL reads the whole table for each batch that workers send.
        connection.execute(text("ANALYZE deliveries"))
    return added


def waves_of(group_keys: Iterable[str], rows: int) -> list[int]:
    """The wave of each group; `rows` of all groups together that are no more than a canary go at once, by priority."""
    if rows < DEFAULT_PLAN.canary_rows:
        return [LAST_WAVE for _ in group_keys]
    return [_WAVE_OF[zlib.crc32(key.encode()) % 100] for key in group_keys]


def _merge(connection: Connection, batch: Iterable[NewDelivery], now: datetime) -> int:
    insert_rows(connection, _STAGED, _COLUMNS, [_stored(batch, now)])
    at = {"now": clock.to_unix(now)}
    if connection.dialect.name == "postgresql":
        counted = connection.scalars(_MERGE_AND_COUNT, at).all()
    else:
        # SQLite writes nothing out of a WITH; but nobody else writes now, so whatever is behind is new.
        newest = connection.scalar(text("SELECT coalesce(max(id), 0) FROM deliveries"))
        connection.execute(text(_MERGE), at)
        counted = connection.scalars(_COUNT_BEHIND, {"newest": newest}).all()
    connection.execute(_STAGED.delete())
    return sum(int(rows) for rows in counted)


def _stored(batch: Iterable[NewDelivery], now: datetime) -> Iterator[tuple[Any, ...]]:
    rows = iter(batch)
    first = list(islice(rows, DEFAULT_PLAN.canary_rows))
    # A batch that is no larger than a canary goes at once, by priority.
    in_waves = len(first) == DEFAULT_PLAN.canary_rows
    for row in chain(first, rows):
        not_before, expires_at, hold, hold_until, purpose = row[11:16]
        yield (
            *row[:3],
            _KIND[row[3]],
            *row[4:6],
            _JSON.encode(row[6]),
            *row[7:11],
            not_before and clock.to_unix(not_before),
            expires_at and clock.to_unix(expires_at),
            hold or ("time" if not_before is not None and not_before > now else None),
            hold_until and clock.to_unix(hold_until),
            str(purpose) if purpose else _PURPOSE[row[3]],
            *row[16:],
            _WAVE_OF[zlib.crc32(row[2].encode()) % 100] if in_waves else LAST_WAVE,
        )


def _open_campaigns(session: Session, newest: int) -> None:
    """Make the campaigns of what was just counted, hold them against their ceilings, open their canaries."""
    counted = select(COUNTS.c.campaign, COUNTS.c.kind).where(COUNTS.c.id > newest).distinct()
    kinds = session.execute(counted.order_by(COUNTS.c.campaign, COUNTS.c.kind)).all()
    values = DEFAULT_PLAN.values() | {"state": CampaignState.RUNNING}
    now = {"created_at": clock.now(), "changed_at": clock.now()}
    for campaign in sorted({row.campaign for row in kinds}):
        session.execute(insert_ignoring(session, Campaign), values | now | {"campaign": campaign})
        _check_ceiling(session, campaign)
    open_canaries(session, [(row.campaign, row.kind) for row in kinds])


def _check_ceiling(session: Session, campaign: str) -> None:
    ceiling = session.scalar(select(Campaign.ceiling).where(Campaign.campaign == campaign))
    if ceiling is None:
        return
    rows = int(session.scalar(select(func.sum(COUNTS.c.rows)).where(COUNTS.c.campaign == campaign)) or 0)
    if rows > ceiling:
        what = f"{campaign} would have {rows:,} deliveries"
        raise RefusedError(what, where="ceiling of the release", accepted=f"at most {ceiling:,}")
