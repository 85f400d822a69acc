"""What became of attempts, written onto them: by the worker that made them, by asking, by receipts, by people."""

from __future__ import annotations

import functools
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Row,
    Select,
    TableValuedAlias,
    Text,
    Update,
    bindparam,
    case,
    cast,
    exists,
    func,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from foundation.db import database_now, dialect_of, is_one_of, now_of, one_of, packed, plain_rows
from notify.carriers import Outcome
from notify.counters import COUNTED, HELD, ORPHANED, STANDS, WAITING, Changes, standing_of
from notify.fallback import take_next_way
from notify.models import ATTEMPTS, DELIVERIES, DeliveryKind, DeliveryState
from notify.transitions import CLAIMED, PENDING, UNKNOWN, note_attempts

_BACK_OFF_MOST_SECONDS = 3600
# A throttled row did nothing wrong: the sender's pace makes it wait, not its own count of attempts.
_THROTTLED_SECONDS = 2
_POSTING = str(DeliveryKind.POSTING)
OPEN = frozenset({DeliveryState.SENDING, DeliveryState.UNKNOWN})
_LOCKED = (*(DELIVERIES.c[name] for name in ("id", "key", "group_key", "attempt")), *COUNTED, *STANDS)
Said = Mapping[tuple[int, int], Outcome]


@dataclass(frozen=True)
class Recorded:
    """What recording outcomes changed: rows by their new state, and messages released by confirmed postings."""

    states: Mapping[DeliveryState, int]
    released: int


def record_outcomes(
    session: Session, outcomes: Said, *, receipt_hours: int | None = None, goes_on: bool = True
) -> Recorded:
    """Write outcomes by (delivery id, attempt), and release the messages whose postings are now all confirmed.

    With `goes_on` a text that failed takes the next way of its recipient, if it has one.

    Only where that attempt is still open (`sending` or `unknown`): a worker that was taken for dead and comes back
    late changes nothing that was settled in the meantime. What is accepted has its receipt due in `receipt_hours`.
    """
    return write_where(
        session,
        outcomes,
        lambda row, attempt, _: row.state in OPEN and row.attempt == attempt,
        receipt_hours=receipt_hours,
        goes_on=goes_on,
    )


def write_where(
    session: Session,
    outcomes: Said,
    applies: Callable[[Row[Any], int, Outcome], bool],
    *,
    receipt_hours: int | None = None,
    goes_on: bool = True,
) -> Recorded:
    """Write those outcomes that apply to their row as it stands, locked; one outcome per delivery."""
    rows = _lock(session, outcomes)
    said = {number: (attempt, outcome) for (number, attempt), outcome in outcomes.items()}
    rows = [row for row in rows if applies(row, *said[row.id])]
    if not rows:
        return Recorded({}, 0)
    changes = Changes()
    sent_on = take_next_way(session, rows, said, changes) if goes_on else set()
    rest = [row for row in rows if row.id not in sent_on] if sent_on else rows
    _write(session, rest, said, receipt_hours)
    states: Counter[DeliveryState] = Counter()
    failed: dict[str, str] = {}
    confirmed: set[str] = set()
    for row in rest:
        state = said[row.id][1].state
        states[state] += 1
        changes.move(row, standing_of(row), _standing_after(row, state))
        if row.kind == _POSTING:
            if state is DeliveryState.DELIVERED:
                confirmed.add(row.group_key)
            elif state is DeliveryState.FAILED:
                failed[row.group_key] = row.key
    _explain_waiting(session, failed)
    released = _release_messages(session, confirmed - failed.keys(), changes)
    changes.write(session)
    if sent_on:
        states[DeliveryState.PENDING] += len(sent_on)
    return Recorded(states, released)


def list_unknown(session: Session, channel: str, *, asked_after_seconds: int, limit: int) -> Sequence[Row[Any]]:
    """Unknown deliveries of a channel that have been waiting to be asked about (`lease_until`) for so long."""
    query = (
        select(*CLAIMED)
        .where(
            DELIVERIES.c.due_at <= database_now(session, -asked_after_seconds),
            DELIVERIES.c.stage == UNKNOWN,
            DELIVERIES.c.channel == channel,
        )
        .order_by(DELIVERIES.c.due_at, DELIVERIES.c.id)
        .limit(limit)
    )
    return session.execute(query).all()


def find_begun(session: Session, rows: Sequence[Row[Any]]) -> dict[tuple[int, int], datetime]:
    """When attempts began, by (delivery id, attempt)."""
    wanted = tuple_(ATTEMPTS.c.delivery_id, ATTEMPTS.c.number).in_([(row.id, row.attempt) for row in rows])
    found = session.execute(select(ATTEMPTS.c.delivery_id, ATTEMPTS.c.number, ATTEMPTS.c.started_at).where(wanted))
    return {(row.delivery_id, row.number): row.started_at for row in found}


def find_owners(session: Session, channel: str, refs: Collection[str]) -> dict[str, set[int]]:
    """The deliveries of a channel that bear these references of its provider, by reference."""
    query = select(DELIVERIES.c.receipt_ref, DELIVERIES.c.id)
    query = query.where(one_of(session, DELIVERIES.c.receipt_ref, sorted(refs)), DELIVERIES.c.channel == channel)
    owners: dict[str, set[int]] = defaultdict(set)
    for ref, number in session.execute(query):
        owners[ref].add(number)
    return owners


def put_off_asking(session: Session, attempts: Mapping[tuple[int, int], str], seconds: int) -> None:
    """Keep attempts `unknown` with a reason by (delivery id, attempt), and ask about them again only after a while."""
    rows = [
        {"row_id": number, "row_attempt": attempt, "new_reason": reason}
        for (number, attempt), reason in sorted(attempts.items())
    ]
    change = (
        update(DELIVERIES)
        .where(
            DELIVERIES.c.id == bindparam("row_id"),
            DELIVERIES.c.attempt == bindparam("row_attempt"),
            DELIVERIES.c.state == DeliveryState.UNKNOWN,
        )
        .values(reason=bindparam("new_reason"), lease_until=database_now(session, seconds))
    )
    if rows:
        session.connection().execute(change, rows)


def _lock(session: Session, outcomes: Said) -> Sequence[Row[Any]]:
    dialect = dialect_of(session)
    given = {"these": packed(dialect, [number for number, _ in outcomes])}
    return plain_rows(session.execute(_locking(dialect), given))


def _standing_after(row: Row[Any], state: DeliveryState) -> str:
    if state is DeliveryState.PENDING:
        return HELD
    if state is DeliveryState.UNKNOWN and row.worker is None:
        return ORPHANED
    return state.value


def _write(
    session: Session,
    rows: Sequence[Row[Any]],
    said: Mapping[int, tuple[int, Outcome]],
    receipt_hours: int | None,
) -> None:
    # Most of a batch ends alike: one statement for all rows that do is several times faster than one each.
    alike: dict[tuple[DeliveryState, str | None, int, int], dict[int, str | None]] = defaultdict(dict)
    for row in rows:
        attempt, outcome = said[row.id]
        wait = _wait_seconds(attempt, outcome, receipt_hours)
        alike[outcome.state, outcome.reason, attempt, wait][row.id] = outcome.provider_ref
    for (state, reason, attempt, wait), refs in alike.items():
        _end_attempts(session, refs, attempt, state, reason, wait)


def _wait_seconds(attempt: int, outcome: Outcome, receipt_hours: int | None) -> int:
    if outcome.state == DeliveryState.ACCEPTED:
        return (receipt_hours or 0) * 3600
    if outcome.state != DeliveryState.PENDING:
        return 0
    if outcome.retry_after_seconds is not None:
        return outcome.retry_after_seconds
    if outcome.trouble is not None:
        return _THROTTLED_SECONDS
    return min(1 << min(attempt, 30), _BACK_OFF_MOST_SECONDS)


def _end_attempts(
    session: Session, refs: Mapping[int, str | None], attempt: int, state: DeliveryState, reason: str | None, wait: int
) -> None:
    is_due = state == DeliveryState.UNKNOWN or (state == DeliveryState.ACCEPTED and wait > 0)
    note_attempts(session, refs, attempt, str(state), reason)
    given = {"refs": json.dumps(refs), "why": reason, "wait": wait}
    session.execute(_ending(dialect_of(session), state, is_due=is_due), given)


def _explain_waiting(session: Session, failed: Mapping[str, str]) -> None:
    rows = [{"group": group, "new_reason": f"waits: the credit {key} failed"} for group, key in sorted(failed.items())]
    if rows:
        session.connection().execute(_EXPLAIN, rows)


def _release_messages(session: Session, groups: Collection[str], changes: Changes) -> int:
    if not groups:
        return 0
    # Two workers may confirm the last two postings of a group at once. Each locks the message first and looks at the
    # postings in a statement after that, so the second of them sees what the first has committed.
    waiting = (
        select(DELIVERIES.c.id)
        .where(
            one_of(session, DELIVERIES.c.group_key, groups),
            DELIVERIES.c.kind == DeliveryKind.MESSAGE,
            DELIVERIES.c.state == DeliveryState.PENDING,
            DELIVERIES.c.waiting,
        )
        .order_by(DELIVERIES.c.id)
        .with_for_update()
    )
    ids = session.scalars(waiting).all()
    if not ids:
        return 0
    posting = DELIVERIES.alias("posting")
    unconfirmed = exists().where(
        posting.c.group_key == DELIVERIES.c.group_key,
        posting.c.kind == DeliveryKind.POSTING,
        posting.c.state != DeliveryState.DELIVERED,
    )
    free = update(DELIVERIES).where(one_of(session, DELIVERIES.c.id, ids), ~unconfirmed)
    release = free.values(waiting=False, reason=None)
    released = session.execute(release.returning(*COUNTED, DELIVERIES.c.hold)).all()
    for row in released:
        changes.move(row, WAITING, PENDING if row.hold is None else HELD)
    return len(released)


_EXPLAIN = (
    update(DELIVERIES)
    .where(
        DELIVERIES.c.group_key == bindparam("group"),
        DELIVERIES.c.kind == DeliveryKind.MESSAGE,
        DELIVERIES.c.state == DeliveryState.PENDING,
        DELIVERIES.c.waiting,
    )
    .values(reason=bindparam("new_reason"))
)


# Made once, as those in `notify.transitions`.
@functools.cache
def _locking(dialect: str) -> Select[Any]:
    # One order for all writers, so that two of them cannot wait for each other.
    query = select(*_LOCKED).where(is_one_of(dialect, DELIVERIES.c.id, bindparam("these", type_=Text)))
    return query.order_by(DELIVERIES.c.id).with_for_update()


@functools.cache
def _ending(dialect: str, state: DeliveryState, *, is_due: bool) -> Update:
    ended, later = _json_pairs(dialect, bindparam("refs", type_=Text)), bindparam("wait", type_=BigInteger)
    ref = func.coalesce(ended.c.value, DELIVERIES.c.provider_ref)
    values: dict[str, Any] = {
        "state": state,
        "reason": bindparam("why", type_=Text),
        "provider_ref": ref,
        "changed_at": now_of(dialect),
        "lease_until": now_of(dialect, later) if is_due else null(),
    }
    # Who is confirmed at once is told of no more, so its reference goes into no index.
    told_of = or_(DELIVERIES.c.receipt_ref.is_not(None), DELIVERIES.c.state == DeliveryState.UNKNOWN)
    values["receipt_ref"] = case((told_of, ref), else_=None) if state == DeliveryState.DELIVERED else ref
    if state == DeliveryState.PENDING:
        values |= {"not_before": now_of(dialect, later), "hold": "time"}
    return update(DELIVERIES).where(DELIVERIES.c.id == cast(ended.c.key, DELIVERIES.c.id.type)).values(values)


def _json_pairs(dialect: str, document: ColumnElement[str]) -> TableValuedAlias:
    """A table of `key` and `value` made from one parameter, as each database reads JSON."""
    if dialect == "postgresql":
        return func.jsonb_each_text(cast(document, postgresql.JSONB)).table_valued("key", "value")
    return func.json_each(document).table_valued("key", "value")
