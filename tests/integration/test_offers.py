"""Offers that somebody has to take, and what care staff gave elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from compensation.care_credits import import_care_credits
from compensation.confirmations import record_confirmations
from compensation.offer_models import CareCredit, Offer
from compensation.offers import count_offers, decline_offer, list_offers, settle_due_offers, take_offer
from compensation.queries import books_of
from foundation import clock
from foundation.db import Database
from foundation.errors import InputError, NotFoundError, RefusedError
from foundation.snapshots import SnapshotStore
from notify.accounts.statements import statement
from notify.channels.spool import Spool
from tests.credit_world import NOW, CreditWorld, make_world

CHOICE = """\
rewards:
  - {name: money, kind: bill_credit, amount: 4.00}
  - {name: data, kind: data_grant, quantity: 10, unit: GB, valid days: 30}
  - {name: pick, kind: choice, options: [money, data], default: money, default after: 14}
text: '"offer_open"'
"""
WINDOW = "{name: c, kind: data_grant, how: opt-in, quantity: 1, unit: GB, valid from: 2012-09-01, valid to: 2012-10-01}"


def key(line: int, name: str = "pick") -> str:
    return f"INC-1:goodwill-day:{line}:{name}"


def test_a_choice_is_taken_once_and_the_default_is_given_to_those_who_do_not_answer(
    database: Database, store: SnapshotStore, spool: Spool
) -> None:
    world = make_world(database, store, [1, 2, 3])
    ref = world.give(CHOICE)
    with clock.moved_to(NOW), database.transaction() as session:
        with pytest.raises(InputError, match="not an option"):
            take_offer(session, key(1), actor="carla", option="gold")
        take_offer(session, key(1), actor="carla", option="data")
        take_offer(session, key(1), actor="carla", option="money")
        decline_offer(session, key(3), actor="carla")
        assert settle_due_offers(session) == 0
    with clock.moved_to(NOW + timedelta(days=14)), database.transaction() as session:
        assert settle_due_offers(session) == 1
        assert settle_due_offers(session) == 0
        with pytest.raises(RefusedError, match="declined"):
            take_offer(session, key(3), actor="carla", option="data")
    assert [(credit.key, credit.kind, credit.amount_minor) for credit in world.credits()] == [
        (key(1), "data_grant", None),
        (key(2), "bill_credit", 400),
    ]
    world.deliver(spool)
    with database.transaction() as session:
        record_confirmations(session)
    with database.reading() as session:
        books = books_of(session, ref)
        assert (books.differences, books.book_minor) == ([], 400)
        assert statement(session, "A1").entries[0].detail["quantity"] == "10"
    assert any("£4.00 credit or 10 GB of data" in text.body for text in spool.list_texts(limit=5))


def test_a_later_version_does_not_offer_again_what_was_taken_or_declined(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1, 2, 3])
    world.give(CHOICE)
    with clock.moved_to(NOW), database.transaction() as session:
        take_offer(session, key(1), actor="carla", option="money")
        decline_offer(session, key(2), actor="carla")
    world.give(CHOICE.replace("amount: 4.00", "amount: 5.00"))
    with database.reading() as session:
        assert count_offers(session) == 3
    # The money of a choice that was taken counts for what other policies give.
    world.give("rewards: [{name: more, kind: bill_credit, amount: 6.00}]\n", name="other")
    assert world.credited() == {1: 600, 2: 600, 3: 600}


def test_a_discretionary_amount_needs_a_person_a_reason_and_stays_under_its_ceiling(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1])
    world.give("rewards: [{name: d, kind: discretionary, ceiling: 20.00, pays as: balance_credit}]\n")
    with clock.moved_to(NOW), database.transaction() as session:
        for amount, reason in ((2001, "much"), (0, "none"), (None, "none"), (500, " ")):
            with pytest.raises(InputError):
                take_offer(session, key(1, "d"), actor="omar", amount_minor=amount, reason=reason)
        take_offer(session, key(1, "d"), actor="omar", amount_minor=1250, reason="missed a job interview")
    assert [(credit.kind, credit.amount_minor) for credit in world.credits()] == [("balance_credit", 1250)]


def test_an_offer_that_is_over_cannot_be_taken(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 2])
    world.give(f"rewards: [{WINDOW}]\n")
    with clock.moved_to(NOW + timedelta(days=30)), database.transaction() as session:
        with pytest.raises(RefusedError, match="expired"):
            take_offer(session, key(1, "c"), actor="carla")
        assert settle_due_offers(session) == 2
        assert {offer.state for offer in list_offers(session)} == {"expired"}
        with pytest.raises(NotFoundError):
            take_offer(session, "nothing", actor="carla")
    assert world.credits() == []


CARE = """\
ref,incident,msisdn,amount,currency,note
C-1,INC-1,+447700900001,3.00,GBP,called on Friday
C-2,INC-1,+447700900002,1.00,GBP,
"""


def care(world: CreditWorld, text: str) -> tuple[int, int]:
    with world.database.transaction() as session:
        return import_care_credits(session, text.splitlines(), actor="carla")


def test_what_an_agent_gave_for_the_outage_is_not_given_again(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1, 2, 3])
    assert care(world, CARE) == (2, 2)
    assert care(world, CARE) == (2, 0)
    world.give("rewards: [{name: day, kind: bill_credit, amount: 2.50}]\n")
    assert world.credited() == {2: 150, 3: 250}


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("C-3,INC-9,+447700900001,3.00,GBP,", "no such incident"),
        ("C-3,INC-1,+447700999999,3.00,GBP,", "no such line"),
        ("C-3,INC-1,+447700900001,3.001,GBP,", "whole minor units"),
        ("C-3,INC-1,+447700900001,0,GBP,", "not a care credit"),
        ("C-3,INC-1,+447700900001,3.00,EUR,", "not the account's currency"),
        ("C-1,INC-1,+447700900001,4.00,GBP,", "another content"),
    ],
)
def test_a_wrong_row_stops_the_whole_file_and_names_its_line(
    sqlite_database: Database, store: SnapshotStore, row: str, what: str
) -> None:
    world = make_world(sqlite_database, store, [1, 2])
    with pytest.raises(InputError, match=what) as caught:
        care(world, f"{CARE}{row}\n")
    assert caught.value.where == "line 4"
    with sqlite_database.reading() as session:
        assert session.scalars(select(CareCredit)).all() == []
        assert session.scalars(select(Offer)).all() == []
