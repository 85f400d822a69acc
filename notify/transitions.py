"""The state changes of deliveries, set-based and conditional, in the caller's session."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Result,
    Row,
    Table,
    TableValuedAlias,
    and_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from foundation import clock
from notify.carriers import Outcome, Outgoing
from notify.models import Attempt, Delivery, DeliveryKind, DeliveryState

DELIVERIES: Table = Delivery.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
ATTEMPTS: Table = Attempt.__table__  # type: ignore[assignment]
_BACK_OFF_MOST_SECONDS = 3600
# Written out, not bound: only then do both databases use the partial index.
_CLAIMABLE = text("state = 'pending' AND NOT waiting")
_IN_FLIGHT = text("state IN ('claimed', 'sending', 'unknown')")
_CHUNK = 5000
_FIELDS = ("id", "key", "group_key", "channel", "address", "payload", "amount_minor", "currency", "attempt", "kind")


@dataclass(frozen=True)
class Recorded:
    """What recording outcomes changed: rows by their new state, and messages released by confirmed postings."""

    states: Mapping[DeliveryState, int]
    released: int


def claim(
    session: Session, kind: DeliveryKind, channels: Collection[str], *, worker: str, lease_seconds: int, limit: int
) -> Sequence[Row[Any]]:
    """Claim up to `limit` deliveries that may go now, by priority; nobody else gets them while the lease holds."""
    now = clock.now()
    due = (
        select(DELIVERIES.c.id)
        .where(
            DELIVERIES.c.kind == kind,
            _CLAIMABLE,
            or_(DELIVERIES.c.not_before.is_(None), DELIVERIES.c.not_before <= now),
            DELIVERIES.c.channel.in_(sorted(channels)),
        )
        .order_by(DELIVERIES.c.priority, DELIVERIES.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = session.scalars(due).all()
    if not ids:
        return []
    lease_until = now + timedelta(seconds=lease_seconds)
    statement = (
        update(DELIVERIES)
        .where(DELIVERIES.c.id.in_(ids))
        .values(state=DeliveryState.CLAIMED, worker=worker, lease_until=lease_until, changed_at=now)
        .returning(*(DELIVERIES.c[field] for field in _FIELDS))
    )
    place = {number: index for index, number in enumerate(ids)}
    return sorted(session.execute(statement), key=lambda row: place[row.id])


def begin_attempts(session: Session, ids: Collection[int], *, worker: str, lease_seconds: int) -> dict[int, int]:
    """Mark those of `ids` that this worker still holds as `sending`; returns the attempt's number by id.

    Commit before the request leaves: a row that is not `sending` has certainly not been sent.
    """
    now = clock.now()
    statement = (
        update(DELIVERIES)
        .where(_held(ids, worker))
        .values(
            state=DeliveryState.SENDING,
            attempt=DELIVERIES.c.attempt + 1,
            lease_until=now + timedelta(seconds=lease_seconds),
            changed_at=now,
        )
        .returning(DELIVERIES.c.id, DELIVERIES.c.attempt)
    )
    begun = {row.id: row.attempt for row in session.execute(statement)}
    rows = select(
        DELIVERIES.c.id, DELIVERIES.c.attempt, literal(worker), literal(now, DELIVERIES.c.changed_at.type)
    ).where(DELIVERIES.c.id.in_(list(begun)))
    session.execute(insert(ATTEMPTS).from_select(["delivery_id", "number", "worker", "started_at"], rows))
    return begun


def fail_unsent(session: Session, reasons: Mapping[int, str], *, worker: str) -> int:
    """End deliveries that this worker holds and that cannot be sent at all, by id; returns how many."""
    alike: dict[str, list[int]] = defaultdict(list)
    for number, reason in reasons.items():
        alike[reason].append(number)
    failed = 0
    for reason, ids in alike.items():
        values = {"state": DeliveryState.FAILED, "reason": reason, "changed_at": clock.now(), "lease_until": None}
        failed += _rows_changed(session.execute(update(DELIVERIES).where(_held(ids, worker)).values(values)))
    return failed


def record_outcomes(session: Session, outcomes: Mapping[tuple[int, int], Outcome]) -> Recorded:
    """Write outcomes by (delivery id, attempt), and release the messages whose postings are now all confirmed.

    Only where that attempt is still open (`sending` or `unknown`): a worker that was taken for dead and comes back
    late changes nothing that was settled in the meantime.
    """
    open_rows = _lock_open(session, outcomes)
    if not open_rows:
        return Recorded({}, 0)
    _write_outcomes(session, open_rows, outcomes)
    states = Counter(outcomes[row.id, row.attempt].state for row in open_rows)
    postings = [(row, outcomes[row.id, row.attempt].state) for row in open_rows if row.kind == DeliveryKind.POSTING]
    failed = {row.group_key: row.key for row, state in postings if state == DeliveryState.FAILED}
    _explain_waiting(session, failed)
    confirmed = {row.group_key for row, state in postings if state == DeliveryState.DELIVERED}
    return Recorded(states, _release_messages(session, confirmed - failed.keys()))


def requeue_claimed(session: Session) -> int:
    """Put claims whose lease ran out back to `pending`: nothing of them was sent. Returns how many."""
    values = {"state": DeliveryState.PENDING, "worker": None, "lease_until": None}
    return _move_expired(session, DeliveryState.CLAIMED, values)


def suspect_sending(session: Session) -> int:
    """Turn attempts whose lease ran out to `unknown`, never to `pending`: they may have been sent."""
    values = {"state": DeliveryState.UNKNOWN, "lease_until": clock.now(), "reason": "the worker gave no outcome"}
    return _move_expired(session, DeliveryState.SENDING, values)


def list_unknown(session: Session, channel: str, *, asked_before: datetime, limit: int) -> Sequence[Row[Any]]:
    """Unknown deliveries of a channel whose time to ask (`lease_until`) is not after `asked_before`."""
    query = (
        select(*(DELIVERIES.c[field] for field in _FIELDS))
        .where(
            _IN_FLIGHT,
            DELIVERIES.c.state == DeliveryState.UNKNOWN,
            DELIVERIES.c.channel == channel,
            DELIVERIES.c.lease_until <= asked_before,
        )
        .order_by(DELIVERIES.c.lease_until, DELIVERIES.c.id)
        .limit(limit)
    )
    return session.execute(query).all()


def put_off_asking(session: Session, attempts: Mapping[tuple[int, int], str], until: datetime) -> None:
    """Keep attempts `unknown` with a reason by (delivery id, attempt), and ask about them again only at `until`."""
    rows = [
        {"row_id": number, "row_attempt": attempt, "new_reason": reason, "ask_at": until}
        for (number, attempt), reason in sorted(attempts.items())
    ]
    if rows:
        session.connection().execute(_PUT_OFF, rows)


def is_work_ahead(session: Session, channels: Collection[str], askable: Collection[str], until: datetime) -> bool:
    """Whether on these channels anything may go or expires by `until`, or on the `askable` ones waits to be asked."""
    own, can_ask = DELIVERIES.c.channel.in_(sorted(channels)), DELIVERIES.c.channel.in_(sorted(askable))
    due = and_(_CLAIMABLE, own, or_(DELIVERIES.c.not_before.is_(None), DELIVERIES.c.not_before <= until))
    running = and_(own, DELIVERIES.c.state != DeliveryState.UNKNOWN, DELIVERIES.c.lease_until <= until)
    unknown = and_(can_ask, DELIVERIES.c.state == DeliveryState.UNKNOWN, DELIVERIES.c.lease_until <= clock.now())
    in_flight = and_(_IN_FLIGHT, or_(running, unknown))
    return bool(session.scalar(select(or_(exists().where(due), exists().where(in_flight)))))


def outgoing_of(row: Row[Any], attempt: int, body: str = "") -> Outgoing:
    """What goes out for a row at an attempt."""
    return Outgoing(row.id, row.key, attempt, row.kind, row.address, row.payload, row.amount_minor, row.currency, body)


def _held(ids: Collection[int], worker: str) -> ColumnElement[bool]:
    return and_(
        DELIVERIES.c.id.in_(list(ids)), DELIVERIES.c.state == DeliveryState.CLAIMED, DELIVERIES.c.worker == worker
    )


def _move_expired(session: Session, state: DeliveryState, values: Mapping[str, Any]) -> int:
    # The conditions stand on the locked rows themselves: in a subquery PostgreSQL would not look at them again after
    # waiting for a worker that has just moved the row on. Locked rows are being moved on, so they are skipped.
    expired = (
        select(DELIVERIES.c.id)
        .where(_IN_FLIGHT, DELIVERIES.c.state == state, DELIVERIES.c.lease_until < clock.now())
        .with_for_update(skip_locked=True)
    )
    moved = 0
    for ids in session.scalars(expired).partitions(_CHUNK):
        change = update(DELIVERIES).where(DELIVERIES.c.id.in_(ids)).values(changed_at=clock.now(), **values)
        moved += _rows_changed(session.execute(change))
    return moved


def _lock_open(session: Session, outcomes: Mapping[tuple[int, int], Outcome]) -> list[Row[Any]]:
    fields = ("id", "key", "group_key", "kind", "attempt")
    query = (
        select(*(DELIVERIES.c[field] for field in fields))
        .where(
            DELIVERIES.c.id.in_([number for number, _ in outcomes]),
            DELIVERIES.c.state.in_([DeliveryState.SENDING, DeliveryState.UNKNOWN]),
        )
        .order_by(DELIVERIES.c.id)
        .with_for_update()
    )
    return [row for row in session.execute(query) if (row.id, row.attempt) in outcomes]


def _write_outcomes(session: Session, rows: Sequence[Row[Any]], outcomes: Mapping[tuple[int, int], Outcome]) -> None:
    # Most of a batch ends alike: one statement for all rows that do is several times faster than one each.
    alike: dict[tuple[DeliveryState, str | None, int], dict[int, str | None]] = defaultdict(dict)
    for row in rows:
        outcome = outcomes[row.id, row.attempt]
        alike[outcome.state, outcome.reason, row.attempt][row.id] = outcome.provider_ref
    for (state, reason, attempt), refs in alike.items():
        _end_attempts(session, refs, attempt, state, reason)


def _end_attempts(
    session: Session, refs: Mapping[int, str | None], attempt: int, state: DeliveryState, reason: str | None
) -> None:
    now = clock.now()
    ended = _json_pairs(session, refs)
    values = {
        "state": state,
        "reason": reason,
        "provider_ref": ended.c.value,
        "changed_at": now,
        "lease_until": now if state == DeliveryState.UNKNOWN else None,
    }
    if state == DeliveryState.PENDING:
        values["not_before"] = now + timedelta(seconds=min(2 ** min(attempt, 30), _BACK_OFF_MOST_SECONDS))
    session.execute(update(DELIVERIES).where(DELIVERIES.c.id == cast(ended.c.key, DELIVERIES.c.id.type)).values(values))
    attempts = update(ATTEMPTS).where(ATTEMPTS.c.delivery_id.in_(list(refs)), ATTEMPTS.c.number == attempt)
    session.execute(attempts.values(ended_at=now, outcome=str(state), detail=reason))


def _json_pairs(session: Session, pairs: Mapping[int, str | None]) -> TableValuedAlias:
    """A table of `key` and `value` made from one parameter, as each database reads JSON."""
    document = literal(json.dumps(pairs))
    if session.get_bind().dialect.name == "postgresql":
        return func.jsonb_each_text(cast(document, postgresql.JSONB)).table_valued("key", "value")
    return func.json_each(document).table_valued("key", "value")


def _explain_waiting(session: Session, failed: Mapping[str, str]) -> None:
    rows = [{"group": group, "new_reason": f"waits: the credit {key} failed"} for group, key in sorted(failed.items())]
    if rows:
        session.connection().execute(_EXPLAIN, rows)


def _release_messages(session: Session, groups: Collection[str]) -> int:
    if not groups:
        return 0
    # Two workers may confirm the last two postings of a group at once. Each locks the message first and looks at the
    # postings in a statement after that, so the second of them sees what the first has committed.
    waiting = (
        select(DELIVERIES.c.id)
        .where(
            DELIVERIES.c.group_key.in_(sorted(groups)), DELIVERIES.c.kind == DeliveryKind.MESSAGE, DELIVERIES.c.waiting
        )
        .order_by(DELIVERIES.c.id)
        .with_for_update()
    )
    ids = session.scalars(waiting).all()
    posting = DELIVERIES.alias("posting")
    unconfirmed = exists().where(
        posting.c.group_key == DELIVERIES.c.group_key,
        posting.c.kind == DeliveryKind.POSTING,
        posting.c.state != DeliveryState.DELIVERED,
    )
    release = update(DELIVERIES).where(DELIVERIES.c.id.in_(ids), ~unconfirmed).values(waiting=False, reason=None)
    return _rows_changed(session.execute(release))


def _rows_changed(result: Result[Any]) -> int:
    return result.rowcount if isinstance(result, CursorResult) else 0


_PUT_OFF = (
    update(DELIVERIES)
    .where(
        DELIVERIES.c.id == bindparam("row_id"),
        DELIVERIES.c.attempt == bindparam("row_attempt"),
        DELIVERIES.c.state == DeliveryState.UNKNOWN,
    )
    .values(reason=bindparam("new_reason"), lease_until=bindparam("ask_at"))
)
_EXPLAIN = (
    update(DELIVERIES)
    .where(
        DELIVERIES.c.group_key == bindparam("group"), DELIVERIES.c.kind == DeliveryKind.MESSAGE, DELIVERIES.c.waiting
    )
    .values(reason=bindparam("new_reason"))
)
