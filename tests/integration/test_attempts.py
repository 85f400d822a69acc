"""Attempts: on their delivery while they are on their way, rows of their own with their outcome from then on."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, insert, select

from foundation import clock
from foundation.db import Database
from notify.carriers import Outcome
from notify.models import ATTEMPTS, Attempt, DeliveryKind, DeliveryState
from notify.outcomes import record_outcomes
from notify.queries import list_attempts
from notify.transitions import claim, suspect_sending
from tests.delivery_rows import get, posting, put

LEASE = 30


def begun(database: Database, worker: str = "first") -> int:
    """The id of a posting that this worker just began."""
    put(database, [posting(1)])
    with database.transaction() as session:
        [row] = claim(session, DeliveryKind.POSTING, ["book"], worker=worker, lease_seconds=LEASE, limit=1, begins=True)
    return int(row.id)


def attempts_at(database: Database, number: int) -> list[tuple[int, str, bool, str | None]]:
    """The attempts at a delivery: number, worker, whether it ended, outcome."""
    with database.reading() as session:
        return [
            (one.number, one.worker, one.ended_at is not None, one.outcome) for one in list_attempts(session, number)
        ]


def record(database: Database, number: int, state: DeliveryState) -> None:
    with database.transaction() as session:
        record_outcomes(session, {(number, 1): Outcome(state, None, "said")})


def test_an_attempt_on_its_way_is_listed_and_becomes_a_row_with_its_outcome(database: Database):
    number = begun(database)
    assert attempts_at(database, number) == [(1, "first", False, None)]
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(Attempt)) == 0
        started_at = list_attempts(session, number)[0].started_at
    with clock.moved_to(clock.now() + timedelta(seconds=9)):
        record(database, number, DeliveryState.DELIVERED)
    assert attempts_at(database, number) == [(1, "first", True, "delivered")]
    with database.reading() as session:
        [attempt] = list_attempts(session, number)
    assert attempt.started_at == started_at
    assert attempt.ended_at is not None
    assert attempt.ended_at >= started_at + timedelta(seconds=8)


def test_what_a_dead_worker_left_keeps_its_attempt_open_until_it_is_settled(database: Database):
    number = begun(database)
    with clock.moved_to(clock.now() + timedelta(seconds=LEASE + 2)):
        with database.transaction() as session:
            assert suspect_sending(session) == 1
        assert get(database, posting(1)).worker is None
        assert attempts_at(database, number) == [(1, "first", False, None)]
        record(database, number, DeliveryState.DELIVERED)
    assert attempts_at(database, number) == [(1, "first", True, "delivered")]


def test_an_attempt_that_was_noted_when_it_began_gets_its_outcome_and_no_second_row(database: Database):
    # So it was written before this version: what is on its way while a worker is brought up to date.
    number = begun(database)
    with database.transaction() as session:
        noted = {"delivery_id": number, "number": 1, "worker": "first", "started_at": clock.now()}
        session.execute(insert(ATTEMPTS).values(noted))
    record(database, number, DeliveryState.FAILED)
    assert attempts_at(database, number) == [(1, "first", True, "failed")]


def test_an_unknown_outcome_is_replaced_by_what_asking_said(database: Database):
    number = begun(database)
    record(database, number, DeliveryState.UNKNOWN)
    assert attempts_at(database, number) == [(1, "first", True, "unknown")]
    record(database, number, DeliveryState.DELIVERED)
    assert attempts_at(database, number) == [(1, "first", True, "delivered")]
