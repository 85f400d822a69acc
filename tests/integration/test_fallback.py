"""A text that failed for certain goes on by its recipient's next way; one of which nobody knows does not."""

from __future__ import annotations

import pytest

from foundation.db import Database
from notify.carriers import Outcome
from notify.decisions import Decision, decide_unknown
from notify.models import DeliveryState
from notify.queries import campaign_counts, list_attempts
from notify.receipts import NewReceipt, record_receipts
from notify.texts import save_text
from tests.delivery_rows import CAMPAIGN, get, message, put
from tests.delivery_tools import Wire, run

S = DeliveryState
MAIL = "line1@example.org"
WAYS = [["email", MAIL], ["spool", "+447700900001"]]
ROW = message(1, waiting=False, channel="twilio", payload={"text": "plain", "ways": WAYS})


@pytest.fixture
def carriers(database: Database) -> dict[str, Wire]:
    wires = {name: Wire(name) for name in ("twilio", "email", "spool")}
    wires["twilio"].outcomes = [Outcome(S.FAILED, None, "the number is not valid")]
    with database.transaction() as session:
        save_text(session, "plain", "en", "{brand}: service is back.", author="mary")
    return wires


def test_it_goes_on_with_its_own_address_under_the_same_key(database: Database, carriers: dict[str, Wire]):
    put(database, [ROW])
    run(database, carriers)
    found = get(database, ROW)
    assert (found.state, found.channel, found.address, found.attempt) == (S.DELIVERED, "email", MAIL, 2)
    assert [row.address for batch in carriers["email"].sent for row in batch] == [MAIL]
    assert carriers["spool"].sent == []
    with database.reading() as session:
        first, second = list_attempts(session, found.id)
        assert campaign_counts(session, CAMPAIGN) == {"message": {"delivered": 1}}
    assert (first.outcome, first.detail) == ("failed", "the number is not valid")
    assert second.outcome == "delivered"


def test_when_every_way_failed_it_has_failed(database: Database, carriers: dict[str, Wire]):
    put(database, [ROW])
    carriers["email"].outcomes = carriers["spool"].outcomes = [Outcome(S.FAILED, None, "no such mailbox")]
    run(database, carriers)
    found = get(database, ROW)
    assert (found.state, found.channel, found.attempt, found.reason) == (S.FAILED, "spool", 3, "no such mailbox")
    with database.reading() as session:
        assert campaign_counts(session, CAMPAIGN) == {"message": {"failed": 1}}


def test_an_unknown_outcome_stays_where_it_is(database: Database, carriers: dict[str, Wire]):
    put(database, [ROW])
    carriers["twilio"].outcomes = [Outcome(S.UNKNOWN, None, "cut")]
    run(database, carriers)
    found = get(database, ROW)
    assert (found.state, found.channel) == (S.UNKNOWN, "twilio")
    with database.transaction() as session:
        decide_unknown(session, CAMPAIGN, Decision.NOT_THERE, actor="mary", reason="their log")
    run(database, carriers)
    found = get(database, ROW)
    assert (found.state, found.channel) == (S.FAILED, "twilio")


def test_a_receipt_that_says_failed_sends_it_on_and_later_ones_of_that_channel_move_nothing(
    database: Database, carriers: dict[str, Wire]
):
    put(database, [ROW])
    carriers["twilio"].outcomes = [Outcome(S.ACCEPTED, "SM1")]
    carriers["email"].outcomes = [Outcome(S.ACCEPTED, "mail-1")]
    run(database, carriers)
    number = get(database, ROW).id

    def told(state: S, channel: str = "twilio", attempt: int = 1) -> None:
        with database.transaction() as session:
            record_receipts(session, [NewReceipt(channel, state, delivery_id=number, attempt=attempt)])

    told(S.FAILED)
    assert (get(database, ROW).state, get(database, ROW).channel) == (S.PENDING, "email")
    told(S.DELIVERED)
    assert get(database, ROW).state == S.PENDING
    run(database, carriers)
    assert (get(database, ROW).state, get(database, ROW).provider_ref) == (S.ACCEPTED, "mail-1")
    told(S.ACCEPTED)
    told(S.DELIVERED, "email", 2)
    assert get(database, ROW).state == S.DELIVERED
