"""Loading: deliveries that stand as a query in the caller's transaction, written without passing through Python."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import ColumnElement, Select, String, case, func, insert, literal, select, type_coerce
from sqlalchemy.orm import Session

from foundation import clock
from notify.counters import COUNTS, PLACE, WAITING
from notify.models import DELIVERIES, DeliveryState
from notify.outbox import open_added

_PENDING = DeliveryState.PENDING.value


def load(session: Session, queries: Iterable[Select[Any]]) -> int:
    """Write the rows of queries as new deliveries in the caller's transaction; returns how many.

    Each query is run before the next is asked for. Its columns, as they are stored: key, campaign, group_key, kind,
    channel, address, payload, amount_minor, currency, waiting, priority, purpose, statutory, zone, and wave by
    `notify.outbox.waves_of`. Unlike `enqueue` it is for keys that cannot be there yet: a known one is an
    IntegrityError, and the caller's transaction is void. Raises RefusedError as `enqueue` does.
    """
    return open_added(session, (_load(session, query) for query in queries))


def _load(session: Session, query: Select[Any]) -> int:
    rows = query.subquery()
    now = literal(clock.now(), DELIVERIES.c.created_at.type)
    values: dict[str, ColumnElement[Any]] = {
        **{column.name: column for column in rows.c},
        "state": literal(_PENDING, String),
        "attempt": literal(0),
        "created_at": now,
        "changed_at": now,
    }
    session.execute(insert(DELIVERIES).from_select(list(values), select(*values.values())))
    place = [type_coerce(rows.c[name], String) if name == "kind" else rows.c[name] for name in PLACE]
    standing = case((rows.c.waiting, WAITING), else_=_PENDING).label("standing")
    counts = select(*place, standing, func.count(), func.coalesce(func.sum(rows.c.amount_minor), 0))
    counted = insert(COUNTS).from_select(
        [*PLACE, "standing", "rows", "amount_minor"], counts.group_by(*place, standing)
    )
    return sum(session.scalars(counted.returning(COUNTS.c.rows)))
