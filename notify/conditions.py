"""Conditions on what pends: sleep, holds, expiry, an aborted campaign."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, case, func, or_, select, text, update
from sqlalchemy.orm import Session

from foundation.db import database_now, one_of
from notify.counters import COUNTED, COUNTS, HELD, STANDS, WAITING, Changes, standing_of
from notify.models import DELIVERIES, CampaignState, DeliveryKind, DeliveryState
from notify.transitions import PENDING
from notify.waves import CAMPAIGNS

TEND_AT_ONCE = 5000
_TENDED: tuple[Any, ...] = (DELIVERIES.c.id, *COUNTED, *STANDS)
_ASLEEP = text("stage = 'pending' AND hold = 'time'")
_ON_CONDITION = text("stage = 'pending' AND hold IS NOT NULL AND hold <> 'time'")
_WITH_END = text("stage = 'pending' AND hold_until IS NOT NULL")
_WITH_EXPIRY = text("stage = 'pending' AND expires_at IS NOT NULL")
_HOLD = (
    update(DELIVERIES)
    .where(DELIVERIES.c.id == bindparam("row_id"))
    .values(hold=bindparam("condition"), reason="without service again")
)


def wake_due(session: Session) -> int:
    """Let go what slept until now; returns how many, at most TEND_AT_ONCE at a time."""
    due = and_(_ASLEEP, DELIVERIES.c.not_before <= database_now(session))
    return _free(session, _pick(session, due, DELIVERIES.c.not_before), {"hold": None, "reason": None})


def end_holds(session: Session) -> int:
    """Let go what was held in vain as long as it may be: by its fallback channel if it has one. Returns how many."""
    due = and_(_WITH_END, DELIVERIES.c.hold_until <= database_now(session))
    rows = _pick(session, due, DELIVERIES.c.hold_until)
    changes = Changes()
    fallback = DELIVERIES.c.payload["fallback"]
    channel, address = fallback["channel"].as_string(), fallback["address"].as_string()
    has_other = and_(channel.is_not(None), address.is_not(None))
    values = {
        "hold": _sleep_or_free(session),
        "hold_until": None,
        "channel": case((has_other, channel), else_=DELIVERIES.c.channel),
        "address": case((has_other, address), else_=DELIVERIES.c.address),
        "reason": case((has_other, "held in vain: goes another way"), else_="held in vain: goes anyway"),
    }
    before = {row.id: row for row in rows}
    for row in _change(session, rows, values):
        # The channel is part of where a row is counted, so it leaves one place and comes to another.
        changes.move_place(before[row.id], row)
    changes.write(session)
    return len(rows)


def expire_due(session: Session) -> int:
    """Cancel what would come too late, whatever it waits for; returns how many, at most TEND_AT_ONCE at a time."""
    due = and_(_WITH_EXPIRY, DELIVERIES.c.expires_at <= database_now(session))
    return _cancel(session, _pick(session, due, DELIVERIES.c.expires_at), "expired before it could go")


def find_aborted(session: Session) -> Sequence[str]:
    """Aborted campaigns of which something has not left yet, from the counters."""
    open_rows = func.sum(COUNTS.c.rows)
    query = (
        select(COUNTS.c.campaign)
        .join(CAMPAIGNS, CAMPAIGNS.c.campaign == COUNTS.c.campaign)
        .where(CAMPAIGNS.c.state == CampaignState.ABORTED, COUNTS.c.standing.in_([PENDING, WAITING, HELD]))
        .group_by(COUNTS.c.campaign)
        .having(open_rows > 0)
    )
    return session.scalars(query).all()


def cancel_rest(session: Session, campaign: str, after: int) -> tuple[int, int]:
    """Cancel the next of a campaign's deliveries that have not left, behind an id; returns (how many, the last id).

    Claimed ones too: whoever claimed them finds them gone when it wants to begin.
    """
    left = and_(
        DELIVERIES.c.campaign == campaign,
        DELIVERIES.c.id > after,
        DELIVERIES.c.state.in_([DeliveryState.PENDING, DeliveryState.CLAIMED]),
    )
    rows = _pick(session, left, DELIVERIES.c.id)
    return _cancel(session, rows, "the release was aborted"), rows[-1].id if rows else after


def release_holds(session: Session, conditions: Collection[str]) -> int:
    """A condition such as `service:SITE-4` holds no longer: let go what was held for it. Returns how many.

    For whoever fulfils the condition; memory stays at TEND_AT_ONCE rows. Rows not before a time sleep until then.
    """
    released = 0
    fulfilled = and_(_ON_CONDITION, DELIVERIES.c.hold.in_(sorted(conditions)))
    while rows := _pick(session, fulfilled, DELIVERIES.c.id):
        changes = Changes()
        before = {row.id: standing_of(row) for row in rows}
        values = {"hold": _sleep_or_free(session), "hold_until": None, "reason": None}
        for row in _change(session, rows, values):
            changes.move(row, before[row.id], standing_of(row))
        changes.write(session)
        released += len(rows)
    return released


def hold_again(session: Session, conditions: Mapping[str, str]) -> int:
    """Hold messages that pend and are not held, condition by key: their lines went out of service again. How many.

    What goes to a mail address needs no line.
    """
    free = (
        select(DELIVERIES.c.key, *_TENDED)
        .where(
            one_of(session, DELIVERIES.c.key, list(conditions)),
            DELIVERIES.c.kind == DeliveryKind.MESSAGE,
            DELIVERIES.c.state == DeliveryState.PENDING,
            DELIVERIES.c.address.not_like("%@%"),
            or_(DELIVERIES.c.hold.is_(None), DELIVERIES.c.hold == "time"),
        )
        .order_by(DELIVERIES.c.id)
        .with_for_update(skip_locked=True)
    )
    changes = Changes()
    rows = session.execute(free).all()
    for row in rows:
        changes.move(row, standing_of(row), HELD)
    if rows:
        session.connection().execute(_HOLD, [{"row_id": row.id, "condition": conditions[row.key]} for row in rows])
    changes.write(session)
    return len(rows)


TENDING: tuple[Callable[[Session], int], ...] = (expire_due, end_holds, wake_due)


def is_anything_due(session: Session) -> bool:
    """Whether any of TENDING has something to do; read without a lock, so that idle workers write nothing."""
    now = database_now(session)
    due = (
        and_(_ASLEEP, DELIVERIES.c.not_before <= now),
        and_(_WITH_END, DELIVERIES.c.hold_until <= now),
        and_(_WITH_EXPIRY, DELIVERIES.c.expires_at <= now),
    )
    return any(session.scalar(select(DELIVERIES.c.id).where(condition).limit(1)) is not None for condition in due)


def _pick(session: Session, condition: ColumnElement[bool], order: Any) -> Sequence[Row[Any]]:
    query: Select[Any] = select(*_TENDED).where(condition).order_by(order)
    return session.execute(query.limit(TEND_AT_ONCE).with_for_update(skip_locked=True)).all()


def _change(session: Session, rows: Sequence[Row[Any]], values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    change = update(DELIVERIES).where(one_of(session, DELIVERIES.c.id, [row.id for row in rows]))
    change = change.values(changed_at=database_now(session), **values)
    returned: Sequence[Row[Any]] = session.execute(change.returning(*_TENDED)).all() if rows else []
    return returned


def _sleep_or_free(session: Session) -> Any:
    return case((DELIVERIES.c.not_before > database_now(session), "time"), else_=None)


def _free(session: Session, rows: Sequence[Row[Any]], values: Mapping[str, Any]) -> int:
    changes = Changes()
    _change(session, rows, values)
    for row in rows:
        changes.move(row, standing_of(row), WAITING if row.waiting else PENDING)
    changes.write(session)
    return len(rows)


def _cancel(session: Session, rows: Sequence[Row[Any]], reason: str) -> int:
    changes = Changes()
    _change(session, rows, {"state": DeliveryState.CANCELLED, "reason": reason, "lease_until": None})
    for row in rows:
        changes.move(row, standing_of(row), str(DeliveryState.CANCELLED))
    changes.write(session)
    return len(rows)
