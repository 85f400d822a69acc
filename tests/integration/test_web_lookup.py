"""Lookup: found by any way of writing a number, everything said, and every look in the audit."""

from __future__ import annotations

import pytest

from compensation.web.lookup import read_number
from foundation.audit import AuditEntry
from foundation.errors import InputError
from tests.web_client import send
from tests.web_world import ENTITLED, NOTHING


@pytest.mark.parametrize(
    "typed",
    [
        "+447700900001",
        "+44 7700 900001",
        "0044 7700 900001",
        "447700900001",
        "+44 (0)7700-900001",
        " +44.7700.900.001 ",
    ],
)
def test_a_number_is_understood_as_people_write_it(typed):
    assert read_number(typed.strip()) == ENTITLED


@pytest.mark.parametrize("typed", ["", "07700 900001", "A-1", "twelve", "＋４４"])
def test_what_is_no_international_number_is_none(typed):
    assert read_number(typed) is None


@pytest.mark.parametrize("typed", ["+44", "+999999999999999", "0012", "+44 7700 9000011111111", "+x"])
def test_a_number_that_cannot_be_is_refused(typed):
    with pytest.raises(InputError, match=r"E\.164"):
        read_number(typed)


def test_a_line_is_found_by_number_and_an_account_by_its_reference(world):
    client = world.client("care")
    found = send(client, "/lookup/", {"wanted": "0044 7700 900001"})
    assert found.headers["Location"] == f"/lookup/lines/{world.line_id(ENTITLED)}"
    account = send(client, "/lookup/", {"wanted": "A-7"}).headers["Location"]
    page = client.get(account).text
    assert "+447700900007" in page
    assert "+447700900008" in page


def test_the_whole_story_of_a_line_is_told(world):
    world.release()
    page = world.client("care").get(f"/lookup/lines/{world.line_id(ENTITLED)}").text
    for said in (
        "Household A-1",
        "19 h 42 min",
        "11 Jul 2012 13:30 to 12 Jul 2012 09:12",
        "voice, sms, data",
        "The network element that serves this line failed.",
        "£3.00 bill credit",
        "£10.00 voucher",
        "valid 1 September 2012 to 30 September 2012",
        "We have credited £3.00",
        "receipt spool:",
        "book:",
        "Why this much",
        "service fee: 30.00 GBP",
        "£13.00",
    ):
        assert said in page, said


def test_before_the_release_a_line_is_told_that_nothing_is_credited_yet(small_world):
    small_world.submit()
    page = small_world.client("care").get(f"/lookup/lines/{small_world.line_id(ENTITLED)}").text
    assert "Nothing is credited yet: the assessment is submitted." in page


def test_a_line_that_was_touched_but_not_assessed_says_so(small_world):
    small_world.measure()
    page = small_world.client("care").get(f"/lookup/lines/{small_world.line_id(ENTITLED)}").text
    assert "Not assessed yet" in page


def test_a_line_that_was_not_touched_says_so_and_why_it_got_nothing(small_world):
    small_world.release()
    page = small_world.client("care").get(f"/lookup/lines/{small_world.line_id(NOTHING)}").text
    assert "This line lost no service in this incident." in page
    assert "Why nothing" in page


def test_a_line_of_a_world_without_incidents_says_so(small_world):
    page = small_world.client("care").get(f"/lookup/lines/{small_world.line_id(NOTHING)}").text
    assert "No incident touched this line" in page


def test_an_undetermined_line_says_what_is_missing(small_world):
    small_world.release()
    page = small_world.client("care").get(f"/lookup/lines/{small_world.line_id('+447700900009')}").text
    assert "What is owed cannot be determined yet" in page
    assert "EUR" in page


def test_every_look_is_in_the_audit_without_the_number(world):
    client = world.client("care")
    line = world.line_id(ENTITLED)
    for _ in range(2):
        client.get(f"/lookup/lines/{line}")
    client.get(send(client, "/lookup/", {"wanted": "A-1"}).headers["Location"])
    with world.database.reading() as session:
        looks = session.query(AuditEntry).filter_by(action="person looked up").order_by(AuditEntry.id).all()
    assert [(look.actor, look.subject.partition(":")[0]) for look in looks] == [
        ("care", "subscriber"),
        ("care", "subscriber"),
        ("care", "account"),
    ]
    assert looks[0].subject == f"subscriber:{line}"
    assert not any("7700" in repr(vars(look)) for look in looks)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("+447700900999", "no line has this number"),
        ("07700 900001", "neither a number nor an account we know"),
        ("+44", "not an E.164 number"),
        ("B-99", "neither a number nor an account we know"),
        ("", "enter a number or an account"),
        ("'; drop table subscribers; --", "neither a number nor an account we know"),
        ("x" * 100, "longer"),
    ],
)
def test_what_is_not_found_is_said_on_the_form(small_world, wanted, said):
    answer = send(small_world.client("care"), "/lookup/", {"wanted": wanted})
    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.parametrize("address", ["/lookup/lines/99999", "/lookup/accounts/99999", f"/lookup/lines/{10**20}"])
def test_an_unknown_id_is_not_found(small_world, address):
    assert small_world.client("care").get(address).status_code == 404


@pytest.mark.parametrize("role", ["noc", "marketing", "approver", "delivery", "auditor"])
def test_only_those_who_may_read_people_look_up(small_world, role):
    client = small_world.client(role)
    assert client.get("/lookup/").status_code == 403
    assert client.get(f"/lookup/lines/{small_world.line_id(ENTITLED)}").status_code == 403
    with small_world.database.reading() as session:
        assert session.query(AuditEntry).filter_by(action="person looked up").count() == 0
