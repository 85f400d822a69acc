"""Deliveries are claimed, sent once, confirmed; what is unknown is settled; credits come before their texts."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from foundation import clock
from foundation.db import Database
from notify.accounts.book import AccountBook
from notify.accounts.statements import balance_total
from notify.carriers import Carrier, CarrierError, Outcome, Outgoing, Promises
from notify.channels.spool import Spool
from notify.delivery import DrainCounts, drain, recover, settle_unknown
from notify.models import Attempt, DeliveryState
from notify.queries import campaign_counts, list_attempts
from notify.texts import save_text
from notify.transitions import begin_attempts, claim, record_outcomes
from notify.worker import run_worker, worker_name
from tests.delivery_rows import CAMPAIGN, VALUES, get, message, pairs, posting, put


class Wire:
    """A carrier made for a test: answers with what it is told, and keeps what it was given."""

    def __init__(self, name: str = "book", promises: Promises | None = None, in_flight: int = 500) -> None:
        self.name = name
        self.in_flight = in_flight
        self.promises = promises or Promises(idempotent=False, can_be_asked=True, fences=False)
        self.sent: list[Sequence[Outgoing]] = []
        self.error: CarrierError | None = None
        self.answer: Outcome | None = None

    def send(self, batch: Sequence[Outgoing]) -> list[Outcome]:
        self.sent.append(batch)
        if self.error is not None:
            raise self.error
        return [Outcome(DeliveryState.DELIVERED, f"wire:{row.key}") for row in batch]

    def ask(self, batch: Sequence[Outgoing]) -> list[Outcome | None]:
        if self.error is not None:
            raise self.error
        return [self.answer] * len(batch)


@pytest.fixture
def spool(tmp_path: Path):
    spool = Spool(tmp_path / "spool.db")
    yield spool
    spool.close()


@pytest.fixture
def carriers(database: Database, spool: Spool) -> dict[str, Carrier]:
    return {"spool": spool, "book": AccountBook(database)}


def run(database: Database, carriers, worker: str = "w1", lease_seconds: int = 60, batch: int = 100, limit=None):
    return drain(database, carriers, worker=worker, lease_seconds=lease_seconds, batch=batch, limit=limit)


def later(seconds: int):
    return clock.moved_to(clock.now() + timedelta(seconds=seconds))


def take(database: Database, row, worker: str = "dead", *, sending: bool) -> Outgoing:
    """What a worker does before it dies: claim everything due, and begin to send."""
    with database.transaction() as session:
        rows = claim(session, row.kind, [row.channel], worker=worker, lease_seconds=5, limit=100)
    attempts = {}
    if sending:
        with database.transaction() as session:
            attempts = begin_attempts(session, [taken.id for taken in rows], worker=worker, lease_seconds=5)
    [taken] = [taken for taken in rows if taken.key == row.key]
    return Outgoing(
        taken.id,
        taken.key,
        attempts.get(taken.id, 0),
        taken.kind,
        taken.address,
        taken.payload,
        taken.amount_minor,
        taken.currency,
        "Hello",
    )


def test_the_credit_is_posted_first_and_its_text_says_the_posted_amount(database: Database, carriers, spool: Spool):
    put(database, [message(1), posting(1, amount_minor=204)])
    counts = run(database, carriers)
    assert (counts.claimed, counts.delivered, counts.released) == (2, 2, 1)
    text = spool.list_texts()[0]
    assert text.body.startswith("O2: £2.04 for 11 July 2012, see your September bill. Code ")
    with database.reading() as session:
        assert balance_total(session, "GBP") == 204
        attempts = list_attempts(session, get(database, message(1)).id)
    assert [(attempt.number, attempt.worker, attempt.outcome) for attempt in attempts] == [(1, "w1", "delivered")]
    assert get(database, message(1)).provider_ref == f"spool:{text.id}"


def test_draining_again_does_nothing(database: Database, carriers, spool: Spool):
    put(database, pairs(30))
    assert run(database, carriers, batch=7).delivered == 60
    assert run(database, carriers) == DrainCounts()
    assert spool.count() == 30


def test_a_text_waits_for_all_credits_of_its_group(database: Database, carriers, spool: Spool):
    voucher = {"kind": "voucher", "valid_from": "2012-09-01", "valid_to": "2012-10-01"}
    put(database, [posting(1), posting(1, "voucher", 1000, payload=voucher), message(1)])
    assert run(database, carriers, limit=1).released == 0
    assert spool.count() == 0
    assert run(database, carriers).released == 1
    assert spool.count() == 1


def test_a_failed_credit_holds_its_text_and_says_why(database: Database, carriers, spool: Spool):
    put(database, [posting(1), posting(1, "bad", payload={"kind": "apology"}), message(1), posting(2), message(2)])
    counts = run(database, carriers)
    assert (counts.failed, counts.released) == (1, 1)
    held = get(database, message(1))
    assert (held.state, held.waiting) == (DeliveryState.PENDING, True)
    assert posting(1, "bad").key in (held.reason or "")
    assert [text.key for text in spool.list_texts()] == [message(2).key]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"values": {"brand": "O2"}}, "{outage_date}"),
        ({"values": {"brand": " ", "outage_date": "2012-07-11"}}, "{brand}"),
        ({"text": "unheard_of"}, "no such text"),
        ({"version": 987}, "no such text version"),
        ({"values": VALUES | {"brand": "www.fake.example"}}, "links"),
    ],
)
def test_a_text_that_cannot_be_written_fails_and_is_never_sent(database: Database, carriers, spool, changes, said):
    put(database, [posting(1), message(1, payload=changes), posting(2), message(2)])
    assert run(database, carriers).failed == 1
    failed = get(database, message(1))
    assert failed.state is DeliveryState.FAILED
    assert said in (failed.reason or "")
    assert failed.attempt == 0
    assert [text.key for text in spool.list_texts()] == [message(2).key]


def test_an_amount_is_never_taken_from_the_one_who_enqueued(database: Database, carriers, spool: Spool):
    values = VALUES | {"credit": "£1,000,000.00"}
    put(database, [posting(1, amount_minor=300), message(1, payload={"values": values})])
    run(database, carriers)
    assert "£3.00" in spool.list_texts()[0].body


def test_the_pinned_version_is_sent_even_when_a_newer_one_exists(database: Database, carriers, spool: Spool):
    with database.transaction() as session:
        pinned = save_text(session, "told", "en", "As approved: {credit}", author="mary").id
    put(database, [posting(1), message(1, payload={"version": pinned}), posting(2), message(2)])
    run(database, carriers)
    bodies = {text.key: text.body for text in spool.list_texts()}
    assert bodies[message(1).key] == "As approved: £3.00"
    assert bodies[message(2).key].startswith("O2:")


def test_a_language_without_a_text_falls_back_to_its_base_and_to_english(database: Database, carriers, spool: Spool):
    put(
        database,
        [row for n in range(3) for row in (posting(n), message(n, payload={"language": ("de-AT", "cy", "en")[n]}))],
    )
    with database.transaction() as session:
        save_text(session, "told", "de", "{brand}: {credit} für den {outage_date}", author="mary")
    run(database, carriers)
    bodies = {text.key: text.body for text in spool.list_texts()}
    assert bodies[message(0).key] == "O2: 3,00 £ für den 11. Juli 2012"
    assert bodies[message(1).key].startswith("O2: £3.00 for")


def test_a_voucher_and_a_bonus_are_told_with_their_last_days(database: Database, carriers, spool: Spool):
    window = {"valid_from": "2012-09-01", "valid_to": "2012-10-01"}
    body = "{voucher} until {voucher_until}; {bonus} from {bonus_from} until {bonus_until}"
    put(database, [
        posting(1, "voucher", 1000, payload={"kind": "voucher"} | window),
        posting(1, "bonus", None, payload={"kind": "top_up_bonus", "percent": "25/2"} | window),
        message(1, payload={"text": "both"}),
    ])  # fmt: skip
    with database.transaction() as session:
        save_text(session, "both", "en", body, author="mary")
    run(database, carriers)
    assert spool.list_texts()[0].body == (
        "£10.00 until 30 September 2012; 12.5% from 1 September 2012 until 30 September 2012"
    )


def test_nothing_goes_before_its_time(database: Database, carriers, spool: Spool):
    put(database, [posting(1), message(1, not_before=clock.now() + timedelta(hours=1))])
    assert run(database, carriers).claimed == 1
    with later(3601):
        assert run(database, carriers).claimed == 1
    assert spool.count() == 1


def test_the_lower_priority_number_goes_first_and_a_limit_is_kept(database: Database, carriers):
    put(database, [posting(1), posting(2, priority=1), posting(3)])
    assert run(database, carriers, limit=1).claimed == 1
    assert get(database, posting(2)).state is DeliveryState.DELIVERED
    assert get(database, posting(1)).state is DeliveryState.PENDING


def test_a_carrier_is_never_given_more_than_it_has_in_flight(database: Database):
    wire = Wire(in_flight=4)
    put(database, [posting(number) for number in range(10)])
    run(database, {"book": wire})
    assert [len(batch) for batch in wire.sent] == [4, 4, 2]


def test_a_channel_without_a_carrier_here_is_left_alone(database: Database):
    put(database, [posting(1)])
    assert run(database, {"other": Wire("other")}) == DrainCounts()
    assert get(database, posting(1)).state is DeliveryState.PENDING


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
