"""Deliveries are claimed, sent once, confirmed; what is unknown is settled; credits come before their texts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from foundation import clock
from foundation.db import Database
from notify.accounts.statements import balance_total
from notify.channels.spool import Spool
from notify.drained import DrainCounts
from notify.models import DeliveryState
from notify.queries import list_attempts
from notify.texts import save_text
from tests.delivery_rows import VALUES, get, message, pairs, posting, put
from tests.delivery_tools import Wire, later, run


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
