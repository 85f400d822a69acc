"""Reads on deliveries and the account book."""

from __future__ import annotations

import pytest

from foundation.db import Database
from foundation.errors import NotFoundError
from notify import queries
from notify.accounts.book import AccountBook
from notify.delivery import drain
from notify.models import DeliveryKind, DeliveryState
from tests.delivery_rows import CAMPAIGN, message, pairs, posting, put


@pytest.fixture
def delivered(database: Database) -> Database:
    """Ten lines, of which seven credits were confirmed; texts not yet sent; another campaign beside."""
    put(database, pairs(10))
    put(database, [posting(99, campaign="AS-2026-00002", key="AS-2026-00002:99:credit")])
    drain(database, {"book": AccountBook(database)}, worker="w", lease_seconds=60, batch=7, limit=7)
    return database


def test_a_campaign_is_counted_by_kind_and_state_and_sums_to_what_was_enqueued(delivered: Database):
    with delivered.reading() as session:
        counts = queries.campaign_counts(session, CAMPAIGN)
        assert counts == {"posting": {"delivered": 7, "pending": 3}, "message": {"pending": 10}}
        assert queries.count_waiting(session, CAMPAIGN) == 3
        assert queries.campaign_amounts(session, CAMPAIGN) == {
            "GBP": {"delivered": sum(range(1, 8)), "pending": 8 + 9 + 10}
        }
        assert queries.campaign_counts(session, "unheard of") == {}


def test_a_group_shows_its_postings_first(delivered: Database):
    with delivered.reading() as session:
        group = queries.deliveries_of_group(session, f"{CAMPAIGN}:3")
    assert [row.key for row in group] == [posting(3).key, message(3).key]


def test_deliveries_are_listed_and_counted_by_campaign_kind_state_and_whole_search(delivered: Database):
    with delivered.reading() as session:
        kind, state = DeliveryKind.POSTING, DeliveryState.DELIVERED
        assert queries.count_deliveries(session, campaign=CAMPAIGN, kind=kind, state=state) == 7
        newest = queries.list_deliveries(session, campaign=CAMPAIGN, kind=kind, state=state, limit=2, offset=1)
        assert [row.key for row in newest] == [posting(5).key, posting(4).key]
        assert queries.count_deliveries(session) == 21
        for search in (posting(2).address, posting(2).key):
            assert [row.key for row in queries.list_deliveries(session, search=search)] == [posting(2).key]
        assert queries.count_deliveries(session, search=posting(2).group_key) == 2


def test_one_delivery_is_found_by_its_key_with_its_attempts(delivered: Database):
    with delivered.reading() as session:
        row = queries.get_delivery(session, posting(0).key)
        assert [attempt.outcome for attempt in queries.list_attempts(session, row.id)] == ["delivered"]
        with pytest.raises(NotFoundError, match="nothing"):
            queries.get_delivery(session, "nothing")


def test_the_book_is_read_by_account_and_by_campaign(delivered: Database):
    with delivered.reading() as session:
        found = queries.book_statement(session, posting(4).address)
        assert [entry.key for entry in found.entries] == [posting(4).key]
        assert [str(balance) for balance in found.balances] == ["0.05 GBP"]
        [total] = queries.book_totals(session, f"{CAMPAIGN}:")
    assert (total.kind, total.entries, total.amount_minor) == ("bill_credit", 7, 28)
