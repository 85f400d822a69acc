"""Pages of what went out: releases, deliveries, the spool and the account book."""

from __future__ import annotations

import pytest

from foundation.audit import AuditEntry
from notify.counters import Changes
from notify.models import Delivery, DeliveryState
from notify.receipts import NewReceipt, record_receipts
from tests.web_world import ENTITLED


def fail_one(world, state: DeliveryState, reason: str) -> Delivery:
    with world.database.transaction() as session:
        delivery: Delivery = session.query(Delivery).filter_by(address="A-1").first()
        changes = Changes()
        changes.move(delivery, str(delivery.state), str(state))
        changes.write(session)
        delivery.state, delivery.reason = state, reason
    return delivery


def test_before_any_release_every_page_says_that_there_is_nothing(small_world):
    client = small_world.client("delivery")
    for address, said in (
        ("/releases/", "Nothing released yet"),
        ("/spool/", "Nothing has been sent yet"),
        ("/book/", "The book is empty"),
    ):
        assert said in client.get(address).text


def test_the_list_counts_each_campaign(world):
    ref = world.release()
    page = world.client("delivery").get("/releases/").text
    assert ref in page
    assert "£72.04" in page


def test_a_release_shows_its_funnel_before_and_after_delivery(world):
    ref = world.release(deliver=False)
    client = world.client("delivery")
    assert "7 texts wait until their credit is confirmed" in client.get(f"/releases/{ref}").text
    world.deliver()
    page = client.get(f"/releases/{ref}").text
    assert "wait until" not in page
    assert "Nothing failed" in page
    assert "19 deliveries" in page


def test_what_a_provider_said_later_is_shown_even_when_it_changed_nothing(small_world):
    small_world.release()
    with small_world.database.transaction() as session:
        delivery = session.query(Delivery).filter_by(kind="message", state="delivered").first()
        record_receipts(
            session,
            [NewReceipt("spool", DeliveryState.FAILED, None, delivery.id, 1, "undelivered", "the phone was off")],
        )
    page = small_world.client("delivery").get(f"/releases/deliveries/{delivery.id}").text
    assert "What the provider said later" in page
    assert "undelivered" in page
    assert "the phone was off" in page


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.UNKNOWN])
def test_what_does_not_go_on_is_shown_with_its_reason(world, state):
    ref = world.release()
    delivery = fail_one(world, state, "the account is closed")
    client = world.client("delivery")
    assert "the account is closed" in client.get(f"/releases/{ref}").text
    found = client.get(f"/releases/{ref}?kind=posting&state={state}").text
    assert "1 deliveries" in found
    assert delivery.key in found


def test_deliveries_are_filtered_by_kind_state_and_whole_key_and_downloaded(world):
    ref = world.release()
    client = world.client("delivery")
    assert "7 deliveries" in client.get(f"/releases/{ref}?kind=message").text
    assert "Nothing fits this filter" in client.get(f"/releases/{ref}?state=failed").text
    assert "19 deliveries" in client.get(f"/releases/{ref}?state=nonsense&kind=%27&page=x").text
    assert "2 deliveries" in client.get(f"/releases/{ref}?q=A-1").text
    assert len(client.get(f"/releases/{ref}?format=csv&kind=posting").text.splitlines()) == 13


def test_a_delivery_shows_its_attempts_and_what_it_carries(small_world):
    small_world.release()
    with small_world.database.reading() as session:
        number = session.query(Delivery).filter_by(address="A-1").first().id
    page = small_world.client("delivery").get(f"/releases/deliveries/{number}").text
    assert "O2 UK, subscriber register outage of 11-12 July 2012 (INC-2026-00001)" in page
    assert "delivered" in page


def test_numbers_are_masked_for_those_who_may_not_read_people(small_world):
    ref = small_world.release()
    for address in (f"/releases/{ref}", f"/releases/{ref}?format=csv", "/spool/", "/spool/?format=csv"):
        assert ENTITLED not in small_world.client("delivery").get(address).text
        assert ENTITLED in small_world.client("admin").get(address).text.replace("'+", "+")
    assert "•001" in small_world.client("delivery").get("/spool/").text


def test_the_spool_shows_what_was_sent_newest_first_and_that_nothing_was_sent_twice(small_world):
    small_world.release()
    page = small_world.client("delivery").get("/spool/").text
    assert "0 doubles" in page
    assert "7 texts" in page
    assert "We have credited £3.00" in page


def test_the_spool_is_searched_and_a_search_by_number_is_audited_without_the_number(small_world):
    small_world.release()
    client = small_world.client("delivery")
    assert "1 texts" in client.get("/spool/?q=%2B44 7700 900001").text
    assert "1 texts" in client.get("/spool/?q=£3.00").text
    assert "Nothing fits this search" in client.get("/spool/?q=%25%27_").text
    with small_world.database.reading() as session:
        looks = session.query(AuditEntry).filter_by(action="spool searched by number").all()
    assert [look.actor for look in looks] == ["delivery"]
    assert "7700" not in repr(vars(looks[0]))


def test_the_book_shows_totals_and_the_statement_of_an_account(world):
    world.release()
    client = world.client("auditor")
    totals = client.get("/book/").text
    assert "£12.04" in totals
    assert "£60.00" in totals
    page = client.get("/book/?account=A-1").text
    assert "£3.00" in page
    assert "1 Sep 2012 to 30 Sep 2012" in page
    assert "Nothing on this account" in client.get("/book/?account=%27--").text


@pytest.mark.parametrize("address", ["/releases/AS-1999-00001", "/releases/deliveries/99999", "/releases/deliveries/x"])
def test_what_is_not_there_is_not_found(small_world, address):
    assert small_world.client("delivery").get(address).status_code == 404


@pytest.mark.parametrize("address", ["/releases/", "/spool/", "/book/", "/releases/deliveries/1"])
@pytest.mark.parametrize("role", ["noc", "marketing", "care"])
def test_only_those_who_may_read_deliveries_see_them(small_world, role, address):
    assert small_world.client(role).get(address).status_code == 403
