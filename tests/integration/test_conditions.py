"""Conditions on deliveries: time, service, expiry, quiet hours where the recipient is, texts a day."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from foundation import clock
from foundation.db import Database
from notify import queries
from notify.carriers import CarrierError
from notify.conditions import hold_again, release_holds
from notify.counters import count_standings, recount_standings
from notify.delivery import drain
from notify.models import DeliveryState
from notify.quiet_hours import Window
from notify.screening import Conduct
from notify.texts import save_text
from tests.delivery_rows import CAMPAIGN, get, message, posting, put
from tests.delivery_tools import Wire, later, run

NIGHT = Conduct(quiet=Window(time(21), time(8)), zone="Europe/London")
HOUR = timedelta(hours=1)


def free(number: int, **changes):
    """A text that waits for no credit and needs none."""
    return message(number, waiting=False, payload={"text": "plain"}, **changes)


@pytest.fixture
def wire(database: Database) -> Wire:
    with database.transaction() as session:
        save_text(session, "plain", "en", "Hello from {brand}", author="mary")
    return Wire("spool")


def go(database: Database, wire: Wire, conduct: Conduct = NIGHT):
    carriers = {"spool": wire, "book": Wire("book")}
    return drain(database, carriers, worker="w", lease_seconds=60, batch=100, conduct=conduct)


def assert_counted(database: Database) -> None:
    with database.reading() as session:
        counted, recounted = count_standings(session, CAMPAIGN), recount_standings(session, CAMPAIGN)
        assert sorted(counted, key=str) == sorted(recounted, key=str)


def test_a_text_is_held_until_the_line_has_service_and_the_credit_goes_meanwhile(database: Database, wire: Wire):
    put(database, [posting(1), message(1, hold="service:SITE-4", payload={"text": "plain"}), free(2)])
    counts = go(database, wire, Conduct())
    assert (counts.delivered, counts.released) == (2, 1)
    assert get(database, message(1)).state is DeliveryState.PENDING
    with database.reading() as session:
        assert queries.count_held(session, CAMPAIGN) == 1
    with database.transaction() as session:
        assert release_holds(session, ["service:SITE-5"]) == 0
        assert release_holds(session, ["service:SITE-4", "service:SITE-5"]) == 1
        assert release_holds(session, ["service:SITE-4"]) == 0
    assert go(database, wire, Conduct()).delivered == 1
    assert_counted(database)


def test_a_line_that_goes_down_again_is_held_again(database: Database, wire: Wire):
    put(database, [free(1), free(2), free(3, address="three@example.org")])
    again = {free(1).key: "service:HLR-1", "INC-1:update:9:9": "service:HLR-1", free(3).key: "service:HLR-1"}
    with database.transaction() as session:
        assert hold_again(session, again) == 1
        assert hold_again(session, again) == 0
    assert get(database, free(1)).reason == "without service again"
    # Mail needs no line, and goes.
    assert go(database, wire, Conduct()).delivered == 2
    with database.transaction() as session:
        assert release_holds(session, ["service:HLR-1"]) == 1
    assert go(database, wire, Conduct()).delivered == 1
    with database.transaction() as session:
        assert hold_again(session, again) == 0
    assert_counted(database)


def test_a_text_held_in_vain_takes_the_other_channel_or_goes_anyway(database: Database, wire: Wire):
    until = clock.now() + HOUR
    other = {"text": "plain", "fallback": {"channel": "email", "address": "a@b.example"}}
    put(
        database,
        [
            message(1, waiting=False, hold="service:A", hold_until=until, payload=other),
            free(2, hold="service:A", hold_until=until),
            free(3, hold="service:A"),
        ],
    )
    email = Wire("email")
    with later(3601):
        counts = run(database, {"spool": wire, "email": email})
    assert counts.delivered == 2
    assert [row.address for row in email.sent[0]] == ["a@b.example"]
    assert [row.key for row in wire.sent[0]] == [free(2).key]
    assert get(database, free(3)).state is DeliveryState.PENDING
    assert_counted(database)


def test_what_expired_is_cancelled_with_a_reason_whatever_it_waits_for(database: Database, wire: Wire):
    at = clock.now() + HOUR
    put(
        database,
        [
            posting(1),
            free(1, expires_at=at),
            free(2, expires_at=at, hold="service:A"),
            message(3, expires_at=at),
            free(4, expires_at=at + HOUR),
        ],
    )
    with later(3601):
        assert go(database, wire, Conduct()).delivered == 2
    for row in (free(1), free(2), message(3)):
        kept = get(database, row)
        assert (kept.state, kept.reason) == (DeliveryState.CANCELLED, "expired before it could go")
    assert get(database, free(4)).state is DeliveryState.DELIVERED
    assert_counted(database)


def test_at_night_texts_sleep_until_morning_and_credits_do_not(database: Database, wire: Wire):
    put(database, [posting(1), free(1), free(2, any_hour=True), free(3, zone="Australia/Sydney")])
    with clock.moved_to(datetime(2026, 7, 1, 22, tzinfo=UTC)):
        counts = go(database, wire)
        assert (counts.delivered, counts.put_off) == (3, 1)
        asleep = get(database, free(1))
        assert asleep.not_before == datetime(2026, 7, 2, 7, tzinfo=UTC)
        assert asleep.reason == "quiet hours in Europe/London until 2026-07-02 08:00"
        assert go(database, wire).claimed == 0
    with clock.moved_to(datetime(2026, 7, 2, 7, 0, 5, tzinfo=UTC)):
        assert go(database, wire).delivered == 1
    assert_counted(database)


def test_an_unknown_zone_falls_back_to_the_operators(database: Database, wire: Wire):
    put(database, [free(1, zone="Nowhere/At_All")])
    with clock.moved_to(datetime(2026, 7, 1, 22, tzinfo=UTC)):
        assert go(database, wire).put_off == 1


def test_one_recipient_gets_so_many_texts_a_day_and_the_rest_on_the_next(database: Database, wire: Wire):
    address = "+447700900123"
    rows = [free(number, address=address) for number in range(4)]
    statutory = free(9, address=address, statutory=True, priority=500)
    put(database, [*rows, statutory, free(5)])
    with clock.moved_to(datetime(2026, 7, 1, 12, tzinfo=UTC)):
        counts = go(database, wire, Conduct(zone="Europe/London", texts_per_day=2))
        assert (counts.delivered, counts.put_off) == (3, 3)
        assert get(database, statutory).state is DeliveryState.DELIVERED
        late = get(database, rows[3])
        assert (late.not_before, late.attempt) == (datetime(2026, 7, 1, 23, tzinfo=UTC), 0)
        assert late.reason == "this recipient has had 2 texts today"
    with clock.moved_to(datetime(2026, 7, 1, 23, 1, tzinfo=UTC)):
        assert go(database, wire, Conduct(zone="Europe/London", texts_per_day=2)).delivered == 2
    with clock.moved_to(datetime(2026, 7, 3, 12, tzinfo=UTC)):
        assert go(database, wire, Conduct(zone="Europe/London", texts_per_day=2)).delivered == 1
    assert_counted(database)


def test_a_text_that_did_not_leave_is_not_counted_against_its_day(database: Database, wire: Wire):
    put(database, [free(1)])
    conduct = Conduct(texts_per_day=1)
    start = datetime(2026, 7, 1, 12, tzinfo=UTC)
    wire.error = CarrierError("connection refused", nothing_sent=True)
    for minutes in range(0, 50, 10):
        with clock.moved_to(start + timedelta(minutes=minutes)):
            assert go(database, wire, conduct).put_back == 1
    wire.error = None
    with clock.moved_to(start + HOUR):
        assert go(database, wire, conduct).delivered == 1
