"""Which way a text or a credit takes, by what is installed and by the routes of the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from foundation.errors import InputError, RefusedError
from foundation.settings import read_settings
from notify.registry import EMBEDDED, make_routing
from notify.routing import EMAIL, NUMBER, Routing, Way, read_posting_routes, read_text_routes

SYSTEMS = {
    "tmf654": frozenset({"balance_credit", "data_grant"}),
    "adjustment_file": frozenset({"bill_credit"}),
    "book": frozenset({"balance_credit", "bill_credit", "voucher"}),
}
CHANNELS = {"smpp": NUMBER, "twilio": NUMBER, "email": EMAIL}


def routing(postings: str = "", texts: str = "") -> Routing:
    return Routing(SYSTEMS, CHANNELS, read_posting_routes(postings, SYSTEMS), read_text_routes(texts, CHANNELS))


def test_without_routes_the_first_system_that_carries_the_kind_gets_it():
    chosen = [routing().system_for(kind) for kind in ("balance_credit", "bill_credit", "voucher")]
    assert chosen == ["tmf654", "adjustment_file", "book"]


def test_the_first_route_that_fits_counts():
    routes = routing(
        "kind=balance_credit|data_grant payment=prepaid: tmf654; brand=giffgaff: book; *: adjustment_file book"
    )
    assert routes.system_for("balance_credit", payment="prepaid", brand="giffgaff") == "tmf654"
    assert routes.system_for("bill_credit", payment="postpaid", brand="giffgaff") == "book"
    assert routes.system_for("bill_credit", payment="postpaid", brand="O2") == "adjustment_file"
    assert routes.system_for("voucher", payment="prepaid", brand="O2") == "book"


def test_a_kind_that_nobody_carries_is_refused_by_name():
    with pytest.raises(RefusedError, match="no account system carries fee_waiver"):
        routing().check_kinds({"bill_credit", "fee_waiver"})
    with pytest.raises(RefusedError, match="no account system carries voucher"):
        routing("kind=voucher: tmf654").system_for("voucher")


def test_a_text_has_a_way_for_every_channel_that_reaches_its_recipient():
    assert routing().ways_for("service", number="+447700900001") == (
        Way("smpp", "+447700900001"),
        Way("twilio", "+447700900001"),
    )
    ways = routing(texts="purpose=service: twilio email").ways_for("service", number="+447700900001", email="a@b.org")
    assert ways == (Way("twilio", "+447700900001"), Way("email", "a@b.org"))


def test_whoever_prefers_mail_gets_mail_first_if_an_address_is_known():
    texts = routing(texts="*: twilio email")
    preferred = texts.ways_for("service", number="+447700900001", email="a@b.org", prefers="email")
    assert [way.channel for way in preferred] == ["email", "twilio"]
    assert [way.channel for way in texts.ways_for("service", number="+447700900001", prefers="email")] == ["twilio"]


def test_whom_nothing_reaches_stops_the_release():
    with pytest.raises(RefusedError, match="no channel carries texts of purpose service"):
        routing(texts="*: email").ways_for("service", number="+447700900001")


@pytest.mark.parametrize(
    "text", ["twilio", "*:", "purpose=service", "price=high: twilio", "purpose: twilio", "*: pigeon", ": twilio"]
)
def test_what_is_no_route_is_refused_with_the_accepted_form(text: str):
    with pytest.raises(InputError, match="setting OUTAGE_TEXT_ROUTES"):
        read_text_routes(text, CHANNELS)


def test_the_settings_say_what_is_installed_and_who_carries_what(tmp_path: Path):
    settings = read_settings(
        {
            "OUTAGE_DATA": str(tmp_path),
            "OUTAGE_ACCOUNT_SYSTEMS": "tmf654, adjustment_file, book",
            "OUTAGE_CHANNELS": "twilio, email",
            "OUTAGE_POSTING_ROUTES": "payment=postpaid: adjustment_file book; *: tmf654 book",
        }
    )
    made = make_routing(settings)
    assert made.system_for("bill_credit", payment="postpaid") == "adjustment_file"
    assert made.system_for("balance_credit", payment="prepaid") == "tmf654"
    assert made.system_for("voucher", payment="prepaid") == "book"
    assert made.channels == {"twilio": NUMBER, "email": EMAIL}


@pytest.mark.parametrize(
    ("setting", "text", "word"),
    [
        ("OUTAGE_POSTING_ROUTES", "kind=bill_credti: book", "bill_credti"),
        ("OUTAGE_POSTING_ROUTES", "kind=bill_credit|voucher: adjustment_file; *: book", "voucher"),
        ("OUTAGE_TEXT_ROUTES", "purpose=servce: spool; *: spool", "servce"),
    ],
)
def test_a_misspelt_word_is_refused_for_its_route_would_never_fit(tmp_path: Path, setting: str, text: str, word: str):
    given = {"OUTAGE_DATA": str(tmp_path), "OUTAGE_ACCOUNT_SYSTEMS": "adjustment_file, book", setting: text}
    with pytest.raises(InputError, match=f"setting {setting}") as refused:
        make_routing(read_settings(given))
    assert refused.value.value == word


def test_without_settings_the_book_and_the_spool_carry_everything():
    assert EMBEDDED.system_for("voucher") == "book"
    assert EMBEDDED.ways_for("compensation", number="+447700900001", email="a@b.org") == (
        Way("spool", "+447700900001"),
    )
