"""Receipts: what providers say later, kept for ever, in any order and repeated, moving deliveries upward only."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, Update, bindparam, select, update
from sqlalchemy.orm import Session

from foundation import clock
from foundation.db import database_now, insert_ignoring, one_of
from foundation.errors import InputError
from notify.carriers import LONGEST_REF, LONGEST_WORDS, Outcome, plain_words
from notify.models import DELIVERIES, DeliveryState, Receipt
from notify.outcomes import write_where
from notify.transitions import CLAIMED

RECEIPTS: Table = Receipt.__table__  # type: ignore[assignment]  # declared as FromClause, is a Table
# What comes before the response of its send is looked for again so long.
KEPT = timedelta(days=7)
_RANK = {DeliveryState.ACCEPTED: 1, DeliveryState.FAILED: 2, DeliveryState.DELIVERED: 2}
_BEFORE_OUTCOME = frozenset({DeliveryState.SENDING, DeliveryState.UNKNOWN})
# Put back to be tried again, though the provider now says that an earlier attempt was taken.
_TO_BE_TRIED = frozenset({DeliveryState.PENDING, DeliveryState.CLAIMED})
_AT_ONCE = 1000
_LONGEST_WORD = 64
_ASK_AGAIN_AFTER_SECONDS = 600
_APPLIED = (
    update(RECEIPTS)
    .where(RECEIPTS.c.id == bindparam("receipt"))
    .values(delivery_id=bindparam("of"), attempt=bindparam("its"), moved=bindparam("did"))
)


@dataclass(frozen=True, slots=True)
class NewReceipt:
    """One thing a provider said: `accepted`, `delivered` or `failed`, and its own word for it.

    `delivery_id` and `attempt` where the provider gave our own reference back, `provider_ref` where it gave its own.
    """

    channel: str
    state: DeliveryState
    provider_ref: str | None = None
    delivery_id: int | None = None
    attempt: int | None = None
    provider_status: str | None = None
    reason: str | None = None
    at: datetime | None = None

    def fingerprint(self) -> str:
        """The same for a repetition of the same receipt."""
        said = (self.channel, self.provider_ref, self.delivery_id, self.attempt, self.state, self.provider_status)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class ReceiptCounts:
    """What became of receipts: new and repeated ones; of the new, how many moved a delivery and how many are kept
    until their delivery is known."""

    new: int = 0
    repeated: int = 0
    moved: int = 0
    kept: int = 0


def record_receipts(session: Session, receipts: Iterable[NewReceipt]) -> ReceiptCounts:
    """Keep receipts and move their deliveries: upward in rank only, and never from a final state.

    A receipt that comes before the response of its send is kept and applied by `apply_kept`. Raises InputError for
    one that says no such state or names nothing.
    """
    given = [_checked(receipt) for receipt in receipts]
    now = clock.now()
    rows = [
        {
            "fingerprint": receipt.fingerprint(),
            "channel": receipt.channel,
            "provider_ref": receipt.provider_ref,
            "delivery_id": receipt.delivery_id,
            "attempt": receipt.attempt,
            "state": receipt.state,
            "provider_status": receipt.provider_status,
            "reason": receipt.reason,
            "said_at": receipt.at,
            "received_at": now,
            "moved": False,
        }
        for receipt in given
    ]
    insert = insert_ignoring(session, Receipt).returning(*RECEIPTS.c)
    added = session.connection().execute(insert, rows).all() if rows else []
    applied, moved = _apply(session, sorted(added, key=lambda row: row.id))
    return ReceiptCounts(len(added), len(given) - len(added), moved, len(added) - applied)


def apply_kept(session: Session, channel: str, provider_refs: Collection[str] | None = None) -> int:
    """Apply receipts of a channel that came before their delivery was known; returns how many moved one.

    `provider_refs` limits it to those just learned; without, all that are not older than KEPT are looked at.
    """
    query = select(RECEIPTS).where(RECEIPTS.c.channel == channel, RECEIPTS.c.applied_at.is_(None))
    if provider_refs is not None:
        if not provider_refs:
            return 0
        query = query.where(one_of(session, RECEIPTS.c.provider_ref, provider_refs))
    else:
        query = query.where(RECEIPTS.c.received_at >= clock.now() - KEPT)
    # The newest first: on a connection that others share, receipts of nobody we know may come by the thousand.
    found = session.execute(query.order_by(RECEIPTS.c.id.desc()).limit(_AT_ONCE)).all()
    _, moved = _apply(session, found[::-1])
    return moved


def list_overdue(session: Session, channel: str, limit: int) -> Sequence[Row[Any]]:
    """Accepted deliveries of a channel whose receipt should have come by now."""
    fields: tuple[Any, ...] = (*CLAIMED, DELIVERIES.c.provider_ref)
    query = (
        select(*fields)
        .where(
            DELIVERIES.c.due_at <= database_now(session),
            DELIVERIES.c.stage == str(DeliveryState.ACCEPTED),
            DELIVERIES.c.channel == channel,
        )
        .order_by(DELIVERIES.c.due_at, DELIVERIES.c.id)
    )
    return session.execute(query.limit(limit)).all()


def settle_overdue(session: Session, answers: Mapping[tuple[int, int], Outcome | None], hours: int) -> int:
    """What asking said about overdue receipts: final answers are written, of the rest it is noted that none came.

    By (delivery id, attempt); returns how many became final. What could not be asked about (`unknown`) stays overdue,
    and is asked about again after a while.
    """
    final = {key: answer for key, answer in answers.items() if answer is not None and _RANK.get(answer.state) == 2}
    recorded = write_where(
        session, final, lambda row, attempt, _: row.state == DeliveryState.ACCEPTED and row.attempt == attempt
    )
    later = {key for key, answer in answers.items() if answer is not None and answer.state == DeliveryState.UNKNOWN}
    again = _still_accepted(session, [number for number, _ in later])
    session.execute(again.values(lease_until=database_now(session, _ASK_AGAIN_AFTER_SECONDS)))
    rest = _still_accepted(session, [number for number, _ in answers.keys() - final.keys() - later])
    session.execute(rest.values(lease_until=None, reason=f"no receipt came in {hours} hours"))
    return sum(recorded.states.values())


def _still_accepted(session: Session, ids: Collection[int]) -> Update:
    is_one = one_of(session, DELIVERIES.c.id, ids)
    return update(DELIVERIES).where(is_one, DELIVERIES.c.state == DeliveryState.ACCEPTED)


def list_receipts(session: Session, delivery_id: int) -> Sequence[Receipt]:
    """Everything that was said about a delivery, in the order it came."""
    return session.scalars(select(Receipt).where(Receipt.delivery_id == delivery_id).order_by(Receipt.id)).all()


def _checked(receipt: NewReceipt) -> NewReceipt:
    if receipt.state not in _RANK:
        accepted = ", ".join(_RANK)
        raise InputError("a receipt cannot say this", where="state", value=str(receipt.state), accepted=accepted)
    if receipt.delivery_id is None and receipt.provider_ref is None:
        accepted = "our own reference, the provider's, or both"
        raise InputError("names no delivery", where="receipt", accepted=accepted)
    most = {"provider_ref": LONGEST_REF, "provider_status": _LONGEST_WORD, "reason": LONGEST_WORDS}
    plain: dict[str, Any] = {
        name: plain_words(words, most[name]) for name in most if (words := getattr(receipt, name)) is not None
    }
    return replace(receipt, **plain)


def _apply(session: Session, receipts: Sequence[Row[Any]]) -> tuple[int, int]:
    """Apply those whose delivery is known, the highest of each delivery's; returns (applied, moved)."""
    if not receipts:
        return 0, 0
    known, foreign = _match(session, receipts)
    by_delivery: dict[int, list[tuple[int, Row[Any]]]] = defaultdict(list)
    for receipt in receipts:
        if receipt.id in known and receipt.id not in foreign:
            number, attempt = known[receipt.id]
            by_delivery[number].append((attempt, receipt))
    best = {number: _highest(said) for number, said in by_delivery.items()}
    outcomes = {
        (number, attempt): Outcome(receipt.state, receipt.provider_ref, receipt.reason)
        for number, (attempt, receipt) in best.items()
    }
    written: set[int] = set()

    def applies(row: Row[Any], attempt: int, outcome: Outcome) -> bool:
        moves = _moves(row, attempt, outcome.state)
        if moves:
            written.add(row.id)
        return moves

    write_where(session, outcomes, applies)
    moved = {receipt.id for number, (_, receipt) in best.items() if number in written}
    rows = [
        {"receipt": receipt_id, "of": number, "its": attempt, "did": receipt_id in moved}
        for receipt_id, (number, attempt) in sorted(known.items())
    ]
    if rows:
        session.connection().execute(_APPLIED.values(applied_at=clock.now()), rows)
    return len(known), len(moved)


def _match(session: Session, receipts: Sequence[Row[Any]]) -> tuple[dict[int, tuple[int, int]], set[int]]:
    """The delivery and attempt of each receipt that has one, by the receipt's id.

    And the receipts of a channel by which their delivery went in vain before it took another: they move it no longer.
    """
    refs = {receipt.provider_ref for receipt in receipts if receipt.delivery_id is None}
    ids = {receipt.delivery_id for receipt in receipts if receipt.delivery_id is not None}
    fields: tuple[Any, ...] = (DELIVERIES.c.id, DELIVERIES.c.channel, DELIVERIES.c.provider_ref, DELIVERIES.c.attempt)
    by_id: dict[int, Row[Any]] = {}
    by_ref: dict[tuple[str, str], Row[Any]] = {}
    if ids:
        rows = session.execute(select(*fields).where(one_of(session, DELIVERIES.c.id, ids)))
        by_id = {row.id: row for row in rows}
    if refs:
        rows = session.execute(select(*fields).where(one_of(session, DELIVERIES.c.receipt_ref, refs)))
        by_ref = {(row.channel, row.provider_ref): row for row in rows}
    known: dict[int, tuple[int, int]] = {}
    foreign: set[int] = set()
    for receipt in receipts:
        if receipt.delivery_id is not None:
            row = by_id.get(receipt.delivery_id)
            if row is not None and row.channel != receipt.channel:
                foreign.add(receipt.id)
        else:
            row = by_ref.get((receipt.channel, receipt.provider_ref))
        if row is not None:
            known[receipt.id] = row.id, receipt.attempt or row.attempt
    return known, foreign


def _highest(said: Sequence[tuple[int, Row[Any]]]) -> tuple[int, Row[Any]]:
    """The receipt that decides among several of one delivery: by rank, then by attempt, then the first."""
    return max(said, key=lambda pair: (_RANK[pair[1].state], pair[0], -pair[1].id))


def _moves(row: Row[Any], attempt: int, state: DeliveryState) -> bool:
    if not 1 <= attempt <= row.attempt:
        return False
    if state == DeliveryState.FAILED:
        # The failure of an earlier attempt says nothing about the one under way.
        return attempt == row.attempt and row.state in (*_BEFORE_OUTCOME, DeliveryState.ACCEPTED)
    if state == DeliveryState.ACCEPTED:
        return row.state in _BEFORE_OUTCOME | _TO_BE_TRIED
    return row.state in (*_BEFORE_OUTCOME, *_TO_BE_TRIED, DeliveryState.ACCEPTED)
