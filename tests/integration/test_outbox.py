"""Enqueueing in bulk, once per key."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from foundation.db import Database
from notify.models import Delivery, DeliveryKind, DeliveryState
from notify.outbox import enqueue
from tests.delivery_rows import get, message, pairs, posting, put


def test_enqueued_rows_are_pending_and_keep_every_value(database: Database):
    at = datetime(2012, 7, 27, 8, 0, tzinfo=UTC)
    row = message(7, payload={"values": {"brand": "Ö2 {€}", "tab": "a\tb\\n\nc"}}, not_before=at, priority=5)
    assert put(database, [row, posting(7)]) == 2
    kept = get(database, row)
    assert (kept.state, kept.kind, kept.waiting) == (DeliveryState.PENDING, DeliveryKind.MESSAGE, True)
    assert (kept.not_before, kept.priority, kept.attempt) == (at, 5, 0)
    assert kept.payload == row.payload
    kept = get(database, posting(7))
    assert (kept.amount_minor, kept.currency, kept.waiting, kept.not_before) == (300, "GBP", False, None)


def test_enqueueing_again_adds_nothing_and_changes_nothing(database: Database):
    rows = list(pairs(50))
    assert put(database, rows) == 100
    before = get(database, rows[0])
    assert put(database, [row._replace(amount_minor=999) for row in rows]) == 0
    assert get(database, rows[0]).amount_minor == before.amount_minor


def test_only_new_keys_are_added_and_a_key_twice_in_one_call_counts_once(database: Database):
    put(database, [posting(1)])
    assert put(database, [posting(1), posting(2), posting(2, amount_minor=5), posting(3)]) == 2
    assert get(database, posting(2)).amount_minor == 300


def test_enqueueing_belongs_to_the_callers_transaction(database: Database):
    with Session(database.engine) as session:
        assert enqueue(session, [pairs(5), pairs(9)]) == 18
        assert enqueue(session, [pairs(10)]) == 2  # twice in one transaction works
        session.rollback()
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Delivery)) == 0
    assert put(database, pairs(3)) == 6


def test_nothing_enqueued_is_nothing_added(database: Database):
    assert put(database, []) == 0
    with database.transaction() as session:
        assert enqueue(session, []) == 0
