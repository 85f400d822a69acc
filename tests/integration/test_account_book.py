"""The account book: each posting once, balances by increments, vouchers and bonuses as buckets of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foundation.db import Database
from foundation.errors import InputError, RefusedError
from foundation.money import Money
from notify.accounts.book import AccountBook
from notify.accounts.statements import balance_total, statement, totals
from notify.accounts.top_ups import record_top_up
from notify.carriers import Outgoing
from notify.models import DeliveryKind, DeliveryState

SEPTEMBER = {"valid_from": "2012-09-01", "valid_to": "2012-10-01"}


def credit(key: str, amount: int | None = 300, account: str = "A1", kind: str = "bill_credit", **payload) -> Outgoing:
    currency = "GBP" if amount is not None else None
    said = {"reward": "r", "kind": kind, "percent": None} | payload
    return Outgoing(1, key, 1, DeliveryKind.POSTING, account, said, amount, currency)


def bonus(key: str, percent: str = "10", account: str = "A1") -> Outgoing:
    return credit(key, None, account, "top_up_bonus", percent=percent, **SEPTEMBER)


def states(outcomes) -> list[str]:
    return [str(outcome.state) for outcome in outcomes]


def balance(database: Database, account: str = "A1") -> list[str]:
    with database.reading() as session:
        return [str(money) for money in statement(session, account).balances]


def top_up(database: Database, amount: int, key: str, at: datetime | None = None, **changes) -> int:
    at = at or datetime(2012, 9, 3, 12, tzinfo=UTC)
    with database.transaction() as session:
        return record_top_up(session, "A1", amount, "GBP", at, key, actor="till", **changes)


def test_credits_are_booked_and_the_balance_grows_by_them(database: Database):
    book = AccountBook(database)
    assert states(book.send([credit("k1"), credit("k2", 204), credit("k3", 5, "A2")])) == ["delivered"] * 3
    assert balance(database) == ["5.04 GBP"]
    assert balance(database, "A2") == ["0.05 GBP"]
    assert balance(database, "unheard of") == []


def test_the_same_posting_again_is_confirmed_and_changes_nothing(database: Database):
    book = AccountBook(database)
    first = book.send([credit("k1")])
    again = book.send([credit("k1"), credit("k1")])
    assert again == first * 2
    assert balance(database) == ["3.00 GBP"]


@pytest.mark.parametrize(
    "other", [credit("k1", 301), credit("k1", account="A2"), credit("k1", kind="balance_credit"), bonus("k1")]
)
def test_the_same_key_with_another_body_is_a_conflict(database: Database, other):
    book = AccountBook(database)
    book.send([credit("k1")])
    outcome = book.send([other])[0]
    assert outcome.state is DeliveryState.FAILED
    assert "conflict" in (outcome.reason or "")
    assert states(book.ask([other])) == ["failed"]
    assert balance(database) == ["3.00 GBP"]


def test_a_conflict_within_one_batch_keeps_the_first(database: Database):
    assert states(AccountBook(database).send([credit("k1"), credit("k1", 9)])) == ["delivered", "failed"]
    assert balance(database) == ["3.00 GBP"]


@pytest.mark.parametrize(
    "wrong",
    [
        credit("k", 0),
        credit("k", -5),
        credit("k", None),
        credit("k", kind="apology"),
        credit("k", None, kind="top_up_bonus"),
        credit("k", kind="voucher", valid_from="soon"),
    ],
)
def test_a_posting_that_cannot_be_booked_fails_alone_with_its_reason(database: Database, wrong):
    outcomes = AccountBook(database).send([wrong, credit("good")])
    assert states(outcomes) == ["failed", "delivered"]
    assert "refused by the book" in (outcomes[0].reason or "")
    assert balance(database) == ["3.00 GBP"]


def test_vouchers_and_bonuses_are_buckets_that_do_not_move_the_balance(database: Database):
    AccountBook(database).send([credit("v", 1000, kind="voucher", **SEPTEMBER), bonus("b")])
    with database.reading() as session:
        promised, voucher = sorted(statement(session, "A1").entries, key=lambda entry: entry.kind)
    assert (voucher.amount_minor, voucher.valid_from, voucher.valid_to) == (1000, date(2012, 9, 1), date(2012, 10, 1))
    assert (promised.kind, promised.detail["percent"], promised.used_at) == ("top_up_bonus", "10", None)
    assert balance(database) == []


def test_asking_says_what_is_there_and_what_is_not(database: Database):
    book = AccountBook(database)
    book.send([credit("k1")])
    assert states(book.ask([credit("k1"), credit("k2")])) == ["delivered", "pending"]


def test_the_same_postings_by_many_workers_at_once_take_effect_once(database: Database):
    book = AccountBook(database)
    batch = [credit(f"k{number}", number + 1, f"A{number % 7}") for number in range(200)]
    with ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(book.send, [batch, batch[::-1], batch, batch[::-1]]))
    assert {outcome.state for each in outcomes for outcome in each} == {DeliveryState.DELIVERED}
    with database.reading() as session:
        assert balance_total(session, "GBP") == sum(range(1, 201))
        assert [(total.entries, total.amount_minor) for total in totals(session)] == [(200, 20_100)]


def test_totals_are_by_kind_currency_and_prefix(database: Database):
    AccountBook(database).send([credit("AS-1:1:c"), credit("AS-1:2:c"), credit("as-1:3:c"), bonus("AS-1:1:b")])
    with database.reading() as session:
        found = [(total.kind, total.currency, total.entries, total.amount_minor) for total in totals(session, "AS-1:")]
        assert totals(session, "AS-%") == []
    assert found == [("bill_credit", "GBP", 2, 600), ("top_up_bonus", None, 1, 0)]


def test_v01_4_the_first_september_top_up_earns_ten_per_cent_and_the_second_nothing(database: Database):
    AccountBook(database).send([bonus("b")])
    assert top_up(database, 1500, "t1") == 150
    assert top_up(database, 2000, "t2", datetime(2012, 9, 20, tzinfo=UTC)) == 0
    assert balance(database) == [str(Money(1500 + 150 + 2000, "GBP"))]


def test_each_line_of_an_account_has_its_own_first_top_up(database: Database):
    AccountBook(database).send([bonus("line 1"), bonus("line 2")])
    assert [top_up(database, 1500, name) for name in ("t1", "t2", "t3")] == [150, 150, 0]


def test_v01_5_without_a_top_up_in_september_there_is_no_bonus(database: Database):
    AccountBook(database).send([bonus("b")])
    assert balance(database) == []
    assert top_up(database, 1500, "t0", datetime(2012, 8, 31, 12, tzinfo=UTC)) == 0
    assert top_up(database, 1500, "t1", datetime(2012, 10, 1, tzinfo=UTC)) == 0
    assert balance(database) == ["30.00 GBP"]


def test_the_same_top_up_again_adds_nothing(database: Database):
    AccountBook(database).send([bonus("b")])
    assert top_up(database, 1500, "t1") == 150
    assert top_up(database, 1500, "t1") == 0
    assert balance(database) == ["16.50 GBP"]
    with pytest.raises(RefusedError, match="another body"):
        top_up(database, 1600, "t1")


def test_the_windows_dates_count_in_the_zone(database: Database):
    AccountBook(database).send([bonus("b")])
    half_past_midnight_in_london = datetime(2012, 8, 31, 23, 30, tzinfo=UTC)
    assert top_up(database, 1000, "t1", half_past_midnight_in_london, zone="Europe/London") == 100


@pytest.mark.parametrize(("amount", "percent", "granted"), [(1505, "10", 151), (1504, "10", 150), (999, "12.5", 125)])
def test_the_bonus_is_rounded_half_up_once(database: Database, amount, percent, granted):
    AccountBook(database).send([bonus("b", percent)])
    assert top_up(database, amount, "t1") == granted


def test_a_top_up_of_nothing_is_refused(database: Database):
    with pytest.raises(InputError, match="not a top-up"):
        top_up(database, 0, "t1")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=6))
def test_any_sequence_of_batches_ends_in_the_sum_of_distinct_keys(sqlite_database: Database, batches):
    book = AccountBook(sqlite_database)
    for batch in batches:
        book.send([credit(f"k{number}", number + 1, f"A{number % 3}") for number in batch])
    with sqlite_database.reading() as session:
        booked = sum(total.amount_minor for total in totals(session))
        assert booked == balance_total(session, "GBP")
        assert {number for batch in batches for number in batch} <= _booked_numbers(session)


def _booked_numbers(session) -> set[int]:
    entries = [entry for number in range(3) for entry in statement(session, f"A{number}").entries]
    assert len({entry.key for entry in entries}) == len(entries)
    return {int(entry.key[1:]) for entry in entries}
