"""What people look for on the pages of their work, and lost their way at: lists, bills, care's lookup, idle workers."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from importlib import import_module

from foundation import clock
from foundation.audit import AuditEntry, write_audit
from foundation.web.formats import write_number, write_sentence
from outage.incidents.incidents import get_incident, open_incident
from outage.incidents.outages import OutageStart
from outage.lifecycle import CauseClass, IncidentKind, IncidentStatus, Severity
from tests.web_client import send
from tests.web_world import ENTITLED, World


def rows_of(answer) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.text)))


def open_one(world: World, title: str, *, kind: IncidentKind = IncidentKind.NETWORK, elements: tuple[str, ...] = ()):
    with world.database.transaction() as session:
        return open_incident(
            session,
            title=title,
            severity=Severity.MAJOR,
            cause_class=CauseClass.SOFTWARE,
            started_at=clock.now() - timedelta(hours=2),
            outages=[OutageStart(ref) for ref in elements],
            kind=kind,
            actor="noc",
        ).ref


def test_assessments_are_found_filtered_put_in_order_and_exported(world):
    ref = world.submit()
    client = world.client("approver")
    for found in ("?state=submitted", "?search=hlr-1 lost", "?search=marketing", "?sort=what waits", "?state=nonsense"):
        assert f"/assessments/{ref}" in client.get(f"/assessments/{found}").text, found
    for empty in ("?state=released", "?search=nowhere", "?search=100%25"):
        assert "No assessment fits" in client.get(f"/assessments/{empty}").text, empty
    answer = client.get("/assessments/?format=csv&state=submitted")
    assert answer.mimetype == "text/csv"
    (row,) = rows_of(answer)
    assert (row["assessment"], row["incident"], row["submitted_by"]) == (ref, world.incident, "marketing")
    assert rows_of(client.get("/assessments/?format=csv&state=released")) == []


def test_releases_are_found_by_a_part_of_their_name_and_exported(world):
    ref = world.release(deliver=False)
    client = world.client("delivery")
    assert f"/releases/{ref}" in client.get(f"/releases/?search={ref[3:9].lower()}").text
    assert "No release fits" in client.get("/releases/?search=AS-1999").text
    (row,) = rows_of(client.get("/releases/?format=csv"))
    assert (row["campaign"], row["postings"], row["texts"], row["confirmed"]) == (ref, "12", "7", "0")


def test_a_billing_incident_is_restored_from_its_page_and_asks_for_no_elements(small_world):
    ref = open_one(small_world, "Bills without calls", kind=IncidentKind.BILLING)
    client = small_world.client("noc")
    page = client.get(f"/incidents/{ref}").text
    assert "About bills, not about the network" in page
    assert "Elements down" not in page
    assert "Add the elements" not in page
    assert "Are the bills right again" in page
    restored = send(client, f"/incidents/{ref}/restore", {"all_open": "y", "at": clock.now().isoformat()})
    assert "The bills are right again. The incident is restored." in client.get(restored.headers["Location"]).text
    with small_world.database.reading() as session:
        assert get_incident(session, ref).status is IncidentStatus.RESTORED


def test_what_nobody_approved_is_not_told_as_owed(small_world):
    small_world.submit()
    client = small_world.client("care")
    address = f"/lookup/lines/{small_world.line_id(ENTITLED)}"
    assert "Proposed, not approved yet: this line would be owed something" in client.get(address).text


def test_what_was_approved_is_told_as_owed(small_world):
    small_world.approve()
    page = small_world.client("care").get(f"/lookup/lines/{small_world.line_id(ENTITLED)}").text
    assert "Proposed, not approved yet" not in page
    assert "This line is owed something" in page


def test_care_is_told_of_open_incidents_that_nobody_measured(small_world):
    client = small_world.client("care")
    address = f"/lookup/lines/{small_world.line_id(ENTITLED)}"
    assert "not measured yet" not in client.get(address).text
    ref = open_one(small_world, "HLR-2 does not answer", elements=("HLR-2",))
    open_one(small_world, "Bills without calls", kind=IncidentKind.BILLING)
    page = client.get(address).text
    assert "Whether this line is without service in this open incident is not known" in page
    assert f"/incidents/{ref}" in page
    assert "Bills without calls" not in page


def test_care_comes_from_a_line_to_its_declaration_without_typing_the_number_and_the_look_is_kept(small_world):
    small_world.measure()
    line = small_world.line_id(ENTITLED)
    client = small_world.client("care")
    wanted = f"/incidents/{small_world.incident}/declarations?line={line}"
    assert wanted in client.get(f"/lookup/lines/{line}").text
    assert f'value="{ENTITLED}"' in client.get(wanted).text
    assert ENTITLED not in small_world.client("noc").get(wanted).text
    for odd in ("0", "x", "9" * 30):
        assert client.get(f"/incidents/{small_world.incident}/declarations?line={odd}").status_code == 200
    with small_world.database.reading() as session:
        looked = session.query(AuditEntry).filter_by(action="person looked up", subject=f"subscriber:{line}")
        assert {entry.actor for entry in looked} == {"care"}
        assert looked.count() == 2


def test_an_account_of_many_lines_is_paged(small_world, monkeypatch):
    monkeypatch.setattr(import_module("compensation.web.lookup"), "MOST_LINES", 1)
    client = small_world.client("care")
    address = send(client, "/lookup/", {"wanted": "A-7"}).headers["Location"]
    first, second = (client.get(f"{address}?page={number}").text for number in (1, 2))
    assert ("+447700900007" in first, "+447700900008" in first) == (True, False)
    assert ("+447700900007" in second, "+447700900008" in second) == (False, True)
    assert "Page 1 of 2" in first


def test_deliveries_that_could_go_without_a_worker_are_told_loudly(small_world):
    client = small_world.client("delivery")
    assert "That is well while nothing is to be sent" in client.get("/engine/").text
    small_world.release(deliver=False)
    page = client.get("/engine/").text
    assert "start one with: outage worker" in page
    assert "That is well" not in page


def test_a_file_is_offered_to_be_written_only_when_a_credit_awaits_one(small_world):
    assert "Write file" not in small_world.client("delivery").get("/adjustment-files/").text


def test_the_audit_is_cut_to_days(world):
    days = [clock.now() - timedelta(days=ago) for ago in (2, 1, 0)]
    for day in days:
        with clock.moved_to(day), world.database.transaction() as session:
            write_audit(session, actor="ann", action=f"did on {day.date()}", subject="x")
    client = world.client("auditor")
    page = client.get(f"/audit?actor=ann&since={days[1].date()}&until={days[1].date()}").text
    shown = [f"did on {day.date()}" in page for day in days]
    assert shown == [False, True, False]
    exported = rows_of(client.get(f"/audit?actor=ann&since={days[1].date()}&format=csv"))
    assert [row["action"] for row in exported] == [f"did on {day.date()}" for day in days[1:]]
    for odd in ("since=yesterday", "until=9999-12-31", "until=2026-13-01"):
        assert "did on" in client.get(f"/audit?actor=ann&{odd}").text


def test_numbers_are_written_as_amounts_of_money_are():
    assert (write_number(6671), write_number(0), write_number(None)) == ("6,671", "0", "–")


def test_an_instant_in_a_kept_sentence_is_written_as_on_the_rest_of_the_page():
    assert write_sentence("Back 2026-11-22T12:40:00Z, not before") == "Back 22 Nov 2026 12:40 UTC, not before"
    assert write_sentence("2026-99-22T12:40:00Z is none, nor is 2026-11-22") == (
        "2026-99-22T12:40:00Z is none, nor is 2026-11-22"
    )


def test_everybody_begins_where_their_work_is(small_world):
    begins = {
        "noc": "/incidents",
        "marketing": "/policies/",
        "approver": "/assessments/",
        "care": "/lookup/",
        "delivery": "/releases/",
        "auditor": "/audit",
        "admin": "/incidents",
    }
    assert {role: small_world.client(role).get("/").headers["Location"] for role in begins} == begins


def test_names_keep_their_capitals_in_the_duties(small_world):
    ref = open_one(small_world, "HLR-2 does not answer", elements=("HLR-2",))
    page = small_world.client("noc").get(f"/incidents/{ref}/duties").text
    assert "regional Australia" in page
    assert "Unplanned, at least 1,000 services" in page


def test_a_mistyped_address_is_told_in_words_of_our_own_and_once(small_world):
    page = small_world.client("noc").get("/nowhere").text
    assert "No page has this address." in page
    assert "URL" not in page
