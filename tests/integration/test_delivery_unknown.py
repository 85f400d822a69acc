"""What becomes of attempts that nobody knows the outcome of, and of workers that die, stall or race."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from foundation.db import Database
from notify.accounts.statements import balance_total
from notify.carriers import CarrierError, Outcome, Promises
from notify.channels.spool import Spool
from notify.drained import DrainCounts
from notify.models import Attempt, DeliveryState
from notify.outcomes import record_outcomes
from notify.queries import campaign_counts, list_attempts
from notify.settling import settle_unknown
from notify.texts import save_text
from notify.transitions import begin_attempts, claim
from notify.upkeep import recover
from notify.worker import run_worker, worker_name
from tests.delivery_rows import CAMPAIGN, get, message, pairs, posting, put
from tests.delivery_tools import Wire, later, run, take


def test_what_certainly_did_not_leave_goes_again_after_a_pause(database: Database):
    wire = Wire()
    put(database, [posting(1)])
    wire.error = CarrierError("connection refused", nothing_sent=True)
    assert run(database, {"book": wire}).put_back == 1
    row = get(database, posting(1))
    assert (row.state, row.reason) == (DeliveryState.PENDING, "connection refused")
    wire.error = None
    assert run(database, {"book": wire}).claimed == 0
    with later(3):
        assert run(database, {"book": wire}).delivered == 1
    with database.reading() as session:
        assert [attempt.outcome for attempt in list_attempts(session, row.id)] == ["pending", "delivered"]


@pytest.mark.parametrize("ref", ["a\0b", "\ud800", "9" * 300])
def test_what_no_database_can_keep_of_an_answer_ends_no_worker(database: Database, ref: str):
    wire = Wire()
    put(database, [posting(1), posting(2)])
    wire.outcomes = [Outcome(DeliveryState.DELIVERED, ref), Outcome(DeliveryState.UNKNOWN, ref, f"said {ref}" * 9)]
    counts = run(database, {"book": wire})
    assert (counts.delivered, counts.unknown) == (1, 1)
    wire.answer = Outcome(DeliveryState.DELIVERED, ref, f"found {ref}" * 9)
    assert settle_unknown(database, {"book": wire}).settled == 1
    assert len(get(database, posting(1)).provider_ref or "") <= 128


def test_a_call_that_broke_off_is_unknown_and_never_sent_again_by_itself(database: Database):
    wire = Wire(promises=Promises(idempotent=False, can_be_asked=False, fences=False))
    put(database, [posting(1)])
    wire.error = CarrierError("read timeout")
    assert run(database, {"book": wire}).unknown == 1
    wire.error = None
    with later(10_000):
        recover(database)
        assert settle_unknown(database, {"book": wire}) == DrainCounts()
        assert run(database, {"book": wire}) == DrainCounts()
    row = get(database, posting(1))
    assert (row.state, row.reason, len(wire.sent)) == (DeliveryState.UNKNOWN, "read timeout", 1)


@pytest.mark.parametrize(
    ("promises", "answer", "state"),
    [
        (Promises(False, True, False), Outcome(DeliveryState.DELIVERED, "w:1"), DeliveryState.DELIVERED),
        (Promises(False, True, False), Outcome(DeliveryState.FAILED, None, "no such number"), DeliveryState.FAILED),
        (Promises(False, True, False), Outcome(DeliveryState.PENDING), DeliveryState.UNKNOWN),
        (Promises(False, True, True), Outcome(DeliveryState.PENDING), DeliveryState.PENDING),
        (Promises(True, True, False), Outcome(DeliveryState.PENDING), DeliveryState.PENDING),
        (Promises(True, True, True), None, DeliveryState.UNKNOWN),
    ],
)
def test_an_unknown_attempt_is_settled_by_the_answer_and_the_promises(database: Database, promises, answer, state):
    wire = Wire(promises=promises)
    put(database, [posting(1)])
    take(database, posting(1), sending=True)
    wire.answer = answer
    with later(7):
        assert recover(database) == (0, 1)
        settle_unknown(database, {"book": wire})
    row = get(database, posting(1))
    assert row.state is state
    assert (row.reason is not None) == (state in (DeliveryState.UNKNOWN, DeliveryState.FAILED))


def test_a_carrier_is_asked_only_after_its_time_and_not_again_at_once(database: Database):
    wire = Wire(promises=Promises(idempotent=True, can_be_asked=True, fences=False, ask_after_seconds=60))
    wire.answer = Outcome(DeliveryState.DELIVERED)
    put(database, [posting(1)])
    take(database, posting(1), sending=True)
    with later(7):
        recover(database)
        assert settle_unknown(database, {"book": wire}).settled == 0
        wire.error = CarrierError("down")
        with later(61):
            assert settle_unknown(database, {"book": wire}).settled == 0
            wire.error = None
            assert settle_unknown(database, {"book": wire}).settled == 0
            assert "down" in (get(database, posting(1)).reason or "")
        with later(4000):
            assert settle_unknown(database, {"book": wire}).settled == 1


def test_a_dead_workers_claims_go_back_and_its_open_attempts_become_unknown(database: Database):
    put(database, [posting(1), message(2, waiting=False)])
    take(database, posting(1), sending=False)
    take(database, message(2), sending=True)
    with later(2):
        assert recover(database) == (0, 0)  # the lease still holds
    with later(7):
        assert recover(database) == (1, 1)
        assert recover(database) == (0, 0)
    assert get(database, posting(1)).state is DeliveryState.PENDING
    assert get(database, message(2)).state is DeliveryState.UNKNOWN


def test_a_settled_credit_releases_its_text(database: Database, carriers, spool: Spool):
    put(database, [posting(1), message(1)])
    taken = take(database, posting(1), sending=True)
    carriers["book"].send([taken])  # and dies before the outcome is written
    with later(7):
        recover(database)
        counts = settle_unknown(database, carriers)
        assert (counts.settled, counts.delivered, counts.released) == (1, 1, 1)
        run(database, carriers)
    assert spool.count() == 1


def test_a_worker_taken_for_dead_cannot_text_twice_however_late_its_request_arrives(
    database: Database, carriers, spool: Spool
):
    put(database, [message(1, waiting=False, payload={"text": "plain"})])
    with database.transaction() as session:
        save_text(session, "plain", "en", "Hello from {brand}", author="mary")
    slow = take(database, message(1), "slow", sending=True)
    with later(7):
        recover(database)
        assert settle_unknown(database, carriers).put_back == 1
        with later(3):
            assert run(database, carriers, "quick").delivered == 1
            late = spool.send([slow])
            assert late[0].state is DeliveryState.PENDING
            with database.transaction() as session:
                recorded = record_outcomes(session, {(slow.delivery_id, slow.attempt): late[0]})
            assert recorded.states == {}
    assert (spool.count(), spool.doubles()) == (1, {})
    row = get(database, message(1))
    assert (row.state, row.attempt, row.worker) == (DeliveryState.DELIVERED, 2, "quick")


def test_a_worker_taken_for_dead_cannot_credit_twice(database: Database, carriers):
    put(database, [posting(1)])
    slow = take(database, posting(1), "slow", sending=True)
    with later(7):
        recover(database)
        settle_unknown(database, carriers)
        with later(3):
            run(database, carriers, "quick")
            assert carriers["book"].send([slow])[0].state is DeliveryState.DELIVERED
    with database.reading() as session:
        assert balance_total(session, "GBP") == 300


def test_a_worker_that_lost_its_claims_sends_none_of_them(database: Database):
    put(database, [posting(number) for number in range(3)])
    wire = Wire()
    with database.transaction() as session:
        rows = claim(session, posting(1).kind, ["book"], worker="slow", lease_seconds=5, limit=100)
    with later(7):
        recover(database)
        assert run(database, {"book": wire}, "quick").delivered == 3
    with database.transaction() as session:
        assert begin_attempts(session, [row.id for row in rows], worker="slow", lease_seconds=5) == {}


def test_a_late_outcome_still_counts_while_nobody_settled_the_attempt(database: Database):
    put(database, [posting(1)])
    taken = take(database, posting(1), sending=True)
    with later(7):
        recover(database)
        with database.transaction() as session:
            outcome = Outcome(DeliveryState.DELIVERED, "w:1")
            record_outcomes(session, {(taken.delivery_id, taken.attempt): outcome})
    assert get(database, posting(1)).state is DeliveryState.DELIVERED


def test_many_workers_at_once_carry_each_row_once(database: Database, carriers, spool: Spool):
    put(database, pairs(400))
    stop = threading.Event()

    def work(_: int) -> DrainCounts:
        return run_worker(database, carriers, lease_seconds=30, batch=20, stop=stop, until_idle=True)

    with ThreadPoolExecutor(3) as threads:
        counts = sum(threads.map(work, range(3)), DrainCounts())
    assert (counts.claimed, counts.delivered, counts.released) == (800, 800, 400)
    assert (spool.count(), spool.doubles()) == (400, {})
    with database.reading() as session:
        assert balance_total(session, "GBP") == sum(range(1, 401))
        assert session.scalar(select(func.count()).select_from(Attempt)) == 800


def test_two_workers_that_confirm_the_last_two_credits_at_once_release_the_text(database: Database):
    rewards = ("a", "b")
    lines = range(40)
    put(database, [row for n in lines for row in (posting(n, "a"), posting(n, "b"), message(n))])
    with database.transaction() as session:
        taken = claim(session, posting(1).kind, ["book"], worker="w", lease_seconds=60, limit=1000)
    with database.transaction() as session:
        attempts = begin_attempts(session, [row.id for row in taken], worker="w", lease_seconds=60)
    outcome = Outcome(DeliveryState.DELIVERED)
    parts = {reward: {(r.id, attempts[r.id]): outcome for r in taken if r.key.endswith(reward)} for reward in rewards}
    both = threading.Barrier(2)

    def confirm(reward: str) -> int:
        released = 0
        for key, value in sorted(parts[reward].items()):
            both.wait()
            with database.transaction() as session:
                released += record_outcomes(session, {key: value}).released
        return released

    with ThreadPoolExecutor(2) as threads:
        assert sum(threads.map(confirm, rewards)) == len(lines)


def test_a_worker_stops_after_the_batch_in_hand(database: Database):
    put(database, [posting(number) for number in range(50)])
    stop = threading.Event()
    wire = Wire()
    counts = run_worker(database, {"book": wire}, lease_seconds=5, batch=10, stop=stop, report=lambda _: stop.set())
    assert counts.delivered == 10
    with database.reading() as session:
        assert campaign_counts(session, CAMPAIGN) == {"posting": {"delivered": 10, "pending": 40}}


def test_workers_have_different_names_that_fit():
    assert worker_name() != worker_name()
    assert len(worker_name()) <= 64


_numbers = count()


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["delivered", "failed", "unknown", "pending"])), max_size=8)
)
def test_outcomes_in_any_order_and_repeated_never_move_an_attempt_that_ended(sqlite_database: Database, outcomes):
    row = posting(next(_numbers))
    put(sqlite_database, [row])
    taken = take(sqlite_database, row, sending=True)
    for attempt, state in outcomes:
        before = get(sqlite_database, row)
        with sqlite_database.transaction() as session:
            record_outcomes(session, {(taken.delivery_id, attempt): Outcome(DeliveryState(state))})
        is_open = before.state in (DeliveryState.SENDING, DeliveryState.UNKNOWN) and attempt == before.attempt
        assert get(sqlite_database, row).state == (DeliveryState(state) if is_open else before.state)
