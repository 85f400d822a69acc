"""Receipts: kept for ever, in any order and repeated, before the response and long after it."""

from __future__ import annotations

from itertools import count, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import update

from foundation.db import Database
from foundation.errors import InputError
from notify.carriers import CarrierError, Outcome, Promises
from notify.counters import count_standings, recount_standings
from notify.models import Delivery, DeliveryState
from notify.outcomes import record_outcomes
from notify.queries import list_attempts
from notify.receipts import NewReceipt, ReceiptCounts, apply_kept, list_receipts, record_receipts
from notify.settling import settle_unknown
from notify.upkeep import recover
from tests.delivery_rows import CAMPAIGN, get, message, posting, put
from tests.delivery_tools import Wire, later, run, take

ACCEPTED, DELIVERED, FAILED = DeliveryState.ACCEPTED, DeliveryState.DELIVERED, DeliveryState.FAILED
WITH_RECEIPTS = Promises(idempotent=False, can_be_asked=False, fences=False, receipt_hours=24)


def accepting(promises: Promises = WITH_RECEIPTS) -> Wire:
    wire = Wire(promises=promises)
    wire.outcomes = [Outcome(ACCEPTED, "SM1")]
    return wire


def say(database: Database, state: DeliveryState, **more: Any) -> ReceiptCounts:
    given_ref: dict[str, Any] = (
        {"provider_ref": "SM1"} if "delivery_id" not in more and "provider_ref" not in more else {}
    )
    receipt = NewReceipt("book", state, provider_status=str(state), **given_ref, **more)
    with database.transaction() as session:
        return record_receipts(session, [receipt])


def assert_counted(database: Database) -> None:
    with database.reading() as session:
        counted, recounted = count_standings(session, CAMPAIGN), recount_standings(session, CAMPAIGN)
    assert sorted(counted, key=str) == sorted(recounted, key=str)


def test_a_receipt_moves_its_delivery_and_releases_the_text_of_a_credit(database: Database):
    put(database, [posting(1), message(1)])
    run(database, {"book": accepting()})
    assert get(database, posting(1)).state is ACCEPTED
    assert get(database, message(1)).waiting
    assert say(database, DELIVERED) == ReceiptCounts(new=1, moved=1)
    assert say(database, DELIVERED) == ReceiptCounts(repeated=1)
    assert get(database, posting(1)).state is DELIVERED
    assert not get(database, message(1)).waiting
    with database.reading() as session:
        [attempt] = list_attempts(session, get(database, posting(1)).id)
    assert attempt.outcome == "delivered"
    assert_counted(database)


def test_a_receipt_that_no_database_can_keep_as_it_is_holds_up_no_other(database: Database):
    put(database, [posting(1)])
    run(database, {"book": accepting()})
    odd = [NewReceipt("book", DELIVERED, ref, provider_status="\0" * 99) for ref in ("a\0", "\ud800", "7" * 300)]
    with database.transaction() as session:
        counts = record_receipts(session, [*odd, NewReceipt("book", DELIVERED, "SM1", reason="\0")])
    assert (counts.new, counts.moved) == (4, 1)


def test_a_final_state_never_moves_and_what_contradicts_it_is_kept(database: Database):
    put(database, [posting(1)])
    run(database, {"book": accepting()})
    say(database, FAILED, reason="unknown subscriber")
    assert say(database, DELIVERED) == ReceiptCounts(new=1, moved=0)
    row = get(database, posting(1))
    assert (row.state, row.reason) == (FAILED, "unknown subscriber")
    with database.reading() as session:
        assert [(one.state, one.moved) for one in list_receipts(session, row.id)] == [
            (FAILED, True),
            (DELIVERED, False),
        ]


def test_a_receipt_with_our_reference_is_applied_even_before_the_response_of_the_send(database: Database):
    put(database, [posting(1)])
    taken = take(database, posting(1), sending=True)
    said = say(database, DELIVERED, delivery_id=taken.delivery_id, attempt=taken.attempt)
    assert (said.moved, get(database, posting(1)).state) == (1, DELIVERED)
    with database.transaction() as session:
        outcome = Outcome(DeliveryState.UNKNOWN, None, "read timeout")
        assert record_outcomes(session, {(taken.delivery_id, taken.attempt): outcome}).states == {}
    assert get(database, posting(1)).state is DELIVERED
    assert_counted(database)


def test_a_receipt_with_the_providers_reference_waits_for_the_response(database: Database):
    put(database, [posting(1)])
    assert say(database, DELIVERED) == ReceiptCounts(new=1, kept=1)
    run(database, {"book": accepting()})
    assert get(database, posting(1)).state is DELIVERED
    assert_counted(database)


def test_a_receipt_that_met_its_response_half_way_is_found_by_the_sweep(database: Database):
    wire = accepting()
    put(database, [posting(1)])
    # The response was written by a worker that did not see the receipt, nor the receipt it.
    run(database, {"book": wire})
    strangers = [NewReceipt("book", DELIVERED, provider_ref=f"of another's {number}") for number in range(1001)]
    with database.transaction() as session:
        record_receipts(session, strangers)
        record_receipts(session, [NewReceipt("book", DELIVERED, provider_ref="SM2")])
        session.execute(update(Delivery).values(provider_ref="SM2", receipt_ref="SM2"))
    settle_unknown(database, {"book": wire})
    assert get(database, posting(1)).state is DELIVERED


def test_a_receipt_settles_what_a_dead_worker_left_unknown(database: Database):
    put(database, [posting(1)])
    taken = take(database, posting(1), sending=True)
    with later(7):
        recover(database)
        say(database, ACCEPTED, delivery_id=taken.delivery_id, attempt=1)
        say(database, FAILED, delivery_id=taken.delivery_id, attempt=1, reason="absent")
    assert get(database, posting(1)).state is FAILED
    assert_counted(database)


def test_a_late_receipt_of_the_first_attempt_keeps_the_second_from_leaving(database: Database):
    put(database, [posting(1)])
    wire = Wire(promises=WITH_RECEIPTS)
    wire.outcomes = [Outcome(DeliveryState.PENDING, None, "said not to be there")]
    run(database, {"book": wire})
    number = get(database, posting(1)).id
    assert say(database, FAILED, delivery_id=number, attempt=1).moved == 0
    assert say(database, ACCEPTED, delivery_id=number, attempt=1).moved == 1
    with later(3600):
        assert run(database, {"book": wire}).claimed == 0
    assert len(wire.sent) == 1
    assert_counted(database)


def test_a_receipt_that_does_not_come_is_asked_for_or_marked(database: Database):
    put(database, [posting(1)])
    deaf = accepting()
    run(database, {"book": deaf})
    settle_unknown(database, {"book": deaf})
    assert get(database, posting(1)).reason is None
    with later(24 * 3600 + 1):
        settle_unknown(database, {"book": deaf})
        row = get(database, posting(1))
        assert (row.state, row.reason, row.lease_until) == (ACCEPTED, "no receipt came in 24 hours", None)
        say(database, DELIVERED)  # better late
    assert get(database, posting(1)).state is DELIVERED


@pytest.mark.parametrize(("answer", "state"), [(DELIVERED, DELIVERED), (FAILED, FAILED), (ACCEPTED, ACCEPTED)])
def test_a_carrier_that_can_be_asked_is_asked_for_the_missing_receipt(database: Database, answer, state):
    wire = accepting(Promises(idempotent=False, can_be_asked=True, fences=False, receipt_hours=1))
    put(database, [posting(1)])
    run(database, {"book": wire})
    wire.answer = Outcome(answer, "SM1", "as asked")
    with later(3601):
        assert settle_unknown(database, {"book": wire}).settled == (state is not ACCEPTED)
    assert get(database, posting(1)).state is state
    assert_counted(database)


def test_a_carrier_that_cannot_be_asked_now_is_asked_again_for_the_missing_receipt(database: Database):
    wire = accepting(Promises(idempotent=False, can_be_asked=True, fences=False, receipt_hours=1))
    put(database, [posting(1)])
    run(database, {"book": wire})
    wire.error, wire.answer = CarrierError("away"), Outcome(DELIVERED, "SM1")
    with later(3601):
        settle_unknown(database, {"book": wire})
    found = get(database, posting(1))
    assert (found.state, found.reason) == (ACCEPTED, None)
    wire.error = None
    with later(3601 + 500):
        assert settle_unknown(database, {"book": wire}).settled == 0
    with later(3601 + 700):
        assert settle_unknown(database, {"book": wire}).settled == 1
    assert get(database, posting(1)).state is DELIVERED


def test_without_receipts_accepted_is_all_and_nothing_is_due(database: Database):
    put(database, [posting(1)])
    wire = accepting(Promises(idempotent=False, can_be_asked=True, fences=False))
    run(database, {"book": wire})
    assert get(database, posting(1)).lease_until is None


def test_what_says_nothing_or_names_nobody_is_refused_and_strangers_are_kept(database: Database):
    with database.transaction() as session:
        with pytest.raises(InputError, match="cannot say"):
            record_receipts(session, [NewReceipt("book", DeliveryState.PENDING, provider_ref="x")])
        with pytest.raises(InputError, match="names no delivery"):
            record_receipts(session, [NewReceipt("book", DELIVERED)])
        assert record_receipts(session, [NewReceipt("book", DELIVERED, delivery_id=12345, attempt=1)]).kept == 1
        assert record_receipts(session, []) == ReceiptCounts()
        assert apply_kept(session, "book") == 0


def test_a_receipt_of_another_channel_with_the_same_reference_moves_nothing(database: Database):
    put(database, [posting(1)])
    run(database, {"book": accepting()})
    with database.transaction() as session:
        assert record_receipts(session, [NewReceipt("sms", DELIVERED, provider_ref="SM1")]).kept == 1
    assert get(database, posting(1)).state is ACCEPTED


_numbers = count(1)


def _final(database: Database, order, said_first: int) -> DeliveryState:
    """What becomes of one delivery when its response comes after `said_first` of the receipts."""
    row = posting(next(_numbers))
    put(database, [row])
    taken = take(database, row, sending=True)
    ref = f"SM-{taken.delivery_id}"

    def tell(state: DeliveryState) -> None:
        with database.transaction() as session:
            record_receipts(session, [NewReceipt("book", state, provider_ref=ref, provider_status=str(state))])

    for state in order[:said_first]:
        tell(state)
    with database.transaction() as session:
        accepted = Outcome(ACCEPTED, ref)
        record_outcomes(session, {(taken.delivery_id, taken.attempt): accepted}, receipt_hours=24)
        apply_kept(session, "book", [ref])
    for state in order[said_first:]:
        tell(state)
    return get(database, row).state


@pytest.mark.parametrize("final", [DELIVERED, FAILED])
def test_every_order_and_every_moment_of_the_response_ends_alike(database: Database, final: DeliveryState):
    ends = {
        _final(database, order, moment)
        for order in set(permutations([ACCEPTED, ACCEPTED, final, final]))
        for moment in (0, 1, 4)
    }
    assert ends == {final}
    assert_counted(database)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from([ACCEPTED, FAILED]), min_size=1, max_size=6), st.integers(0, 6))
def test_repeated_receipts_in_any_order_end_at_the_highest(sqlite_database: Database, said, moment):
    expected = FAILED if FAILED in said else ACCEPTED
    assert _final(sqlite_database, said, moment) is expected
