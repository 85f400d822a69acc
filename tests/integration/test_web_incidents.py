"""The pages of incidents: what they show, which steps they offer, and what mistakes do (nothing, and never a crash)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from outage.incidents.incidents import close_incident, restore_elements
from outage.incidents.outages import OutageStart
from outage.lifecycle import Severity
from outage.models import Incident, Outage
from tests.incident_pages import OPENING, STARTED_AT, STEPS, add_incident, count_of, make_incident_web, status_of
from tests.web_client import csrf_token, send, sign_in


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    return make_incident_web(settings, database, store)


def test_the_list_puts_open_incidents_first_and_the_worst_of_them_on_top(app, database):
    for severity, outages in ((Severity.MINOR, ["cell-1"]), (Severity.CRITICAL, ["cell-2"]), (Severity.MAJOR, [])):
        add_incident(database, f"A {severity} one", severity=severity, outages=[OutageStart(ref) for ref in outages])
    over = add_incident(database, "An old critical one", severity=Severity.CRITICAL)
    with database.transaction() as session:
        incident = session.scalars(select(Incident).where(Incident.ref == over)).one()
        restore_elements(session, incident, None, at=STARTED_AT + timedelta(hours=2), actor="noc")
        close_incident(session, incident, actor="noc")
    page = sign_in(app, database, "noc").get("/incidents").text
    titles = ["A critical one", "A major one", "A minor one", "An old critical one"]
    assert [page.index(title) for title in titles] == sorted(page.index(title) for title in titles)
    assert "2 h 00 min" in page


def test_the_list_filters_by_status_and_by_text_in_reference_title_or_element(app, database):
    first, second = (
        add_incident(database, "Slough dark"),
        add_incident(database, "Other", outages=[OutageStart("hlr-1")]),
    )
    client = sign_in(app, database, "care")
    for search in (first, "slough", "CELL-2"):
        page = client.get("/incidents", query_string={"search": search}).text
        assert f"/incidents/{first}" in page
        assert f"/incidents/{second}" not in page
    assert "No incident fits" in client.get("/incidents?status=closed").text
    assert f"/incidents/{first}" in client.get("/incidents?status=nonsense&sort=nonsense&page=x").text


def test_the_list_pages_and_exports_all_of_it_as_csv(app, database):
    for number in range(55):
        add_incident(database, f"Number {number:02d}", outages=[])
    client = sign_in(app, database, "auditor")
    assert client.get("/incidents?sort=title").text.count("Number ") == 50
    assert client.get("/incidents?sort=title&page=2").text.count("Number ") == 5
    lines = client.get("/incidents?format=csv&sort=title").text.splitlines()
    assert lines[0].startswith("ref,title,status,severity,cause")
    assert len(lines) == 56
    assert "2012-07-11T12:30:00Z" in lines[1]


def test_titles_and_notes_are_shown_as_text_never_run(app, database):
    ref = add_incident(database, "<script>alert(1)</script>")
    page = sign_in(app, database, "noc").get(f"/incidents/{ref}").text
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_an_incident_is_opened_from_a_pasted_list_with_local_time_and_zone(app, database):
    client = sign_in(app, database, "noc")
    answer = send(client, "/incidents/new", {**OPENING, "elements": "hlr-1, cell-1;cell-2\n cell-1"})
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"]).text
    assert "HLR-1 lost" in page
    assert "11 Jul 2012 12:30 UTC" in page
    assert "3</span>" in page
    assert count_of(database, Outage) == 7
    with database.reading() as session:
        assert session.scalars(select(Incident)).one().opened_by == "noc"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"title": ""}, "what broke"),
        ({"title": "x" * 257}, "cannot be longer than 256"),
        ({"started_at": "2012-07-11 13:30"}, "naive timestamp"),
        ({"started_at": ""}, "when it started"),
        ({"started_at": "9" * 5000}, "not a timestamp"),
        ({"elements": "hlr-1 no-such-thing"}, "no-such-thing"),
        ({"elements": "hlr-1", "services": "telepathy"}, "not a valid choice"),
        ({"elements": "cell-1", "services": "sms"}, "does not carry"),
        ({"severity": "apocalyptic"}, "Not a valid choice"),
        ({"degree": "half"}, "Not a valid choice"),
        ({"cause_class": ""}, "Not a valid choice"),
    ],
)
def test_a_mistake_in_the_opening_form_is_named_there_and_nothing_is_written(app, database, change, complaint):
    entries = count_of(database, AuditEntry)
    answer = send(sign_in(app, database, "noc"), "/incidents/new", {**OPENING, **change})
    assert answer.status_code == 422
    assert complaint in answer.text
    assert 'value="HLR-1 lost"' in answer.text or "title" in change
    assert count_of(database, Incident) == 0
    assert count_of(database, AuditEntry) == entries


def test_elements_are_restored_in_stages_and_the_last_one_restores_the_incident(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    send(client, f"/incidents/{ref}/restore", {"elements": ["cell-1"], "at": "2012-07-11 14:30Z"})
    page = client.get(f"/incidents/{ref}").text
    assert "2 outages ended" in page
    assert 'Elements down</dt><dd><span class="big">1</span>' in page
    assert "2 h 00 min" in page
    assert status_of(database, ref) == "opened"
    send(client, f"/incidents/{ref}/restore", {"all_open": "y", "at": "2012-07-11 18:30 Europe/London"})
    assert status_of(database, ref) == "restored"
    again = send(client, f"/incidents/{ref}/restore", {"all_open": "y", "at": "2012-07-11 20:30Z"})
    assert "Nothing changed" in client.get(again.headers["Location"]).text
    assert "5 h 00 min" in client.get(f"/incidents/{ref}").text


def test_the_page_offers_only_the_steps_that_the_status_allows(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")

    def offered() -> set[str]:
        page = client.get(f"/incidents/{ref}").text
        return {step for step in STEPS if f'action="/incidents/{ref}/{step}"' in page}

    changes = {"notes", "severity", "cause", "owner", "runs"}
    assert offered() == changes | {"restore", "dismiss"}
    send(client, f"/incidents/{ref}/restore", {"all_open": "y", "at": "2012-07-11 14:30Z"})
    assert offered() == changes | {"close", "reopen"}
    reopened = send(client, f"/incidents/{ref}/reopen")
    assert "Correct the outages that have not ended" in client.get(reopened.headers["Location"]).text
    assert offered() == changes | {"restore", "dismiss"}
    back = send(client, f"/incidents/{ref}/restore", {"all_open": "y", "at": "2012-07-11 15:30Z"})
    assert "The incident is restored" in client.get(back.headers["Location"]).text
    send(client, f"/incidents/{ref}/close")
    assert offered() == {"runs"}
    assert "record is frozen" in client.get(f"/incidents/{ref}").text


def test_every_step_leaves_its_trace_on_the_timeline_and_in_the_audit(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    steps: list[tuple[str, dict[str, Any], str]] = [
        ("outages", {"elements": "cell-3", "services": ["data"], "degree": "degraded"}, "1 outage added"),
        ("restoring", {"elements": "cell-3", "at": "2012-07-11 13:30Z"}, "with others still out"),
        ("notes", {"text": "Crew is on its way", "at": "2012-07-11 15:00+01:00"}, "Crew is on its way"),
        ("severity", {"severity": "critical"}, "Severity changed from major to critical"),
        ("cause", {"cause_class": "software"}, "Cause changed from power to software"),
        ("owner", {"owner": "noc"}, "Owner is now noc"),
        ("restore", {"all_open": "y", "at": "2012-07-11 14:30Z"}, "service restored"),
        ("reopen", {}, "Incident reopened"),
    ]
    for step, fields, text in steps:
        before = count_of(database, AuditEntry)
        answer = send(client, f"/incidents/{ref}/{step}", fields, back=f"/incidents/{ref}")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/incidents/{ref}"), step
        assert text in client.get(f"/incidents/{ref}").text
        assert count_of(database, AuditEntry) > before


def test_a_step_taken_twice_says_that_nothing_changed(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    send(client, f"/incidents/{ref}/dismiss")
    entries = count_of(database, AuditEntry)
    again = send(client, f"/incidents/{ref}/dismiss")
    assert "dismissed already" in client.get(again.headers["Location"]).text
    assert count_of(database, AuditEntry) == entries


@pytest.mark.parametrize(
    ("step", "fields", "complaint"),
    [
        ("restore", {"at": "2012-07-11 14:30Z"}, "no element was chosen"),
        ("restore", {"all_open": "y", "at": "2012-07-11 14:30"}, "naive timestamp"),
        ("restore", {"all_open": "y", "at": "2012-07-11 10:30Z"}, "ended_at is before started_at"),
        ("restore", {"elements": "cell-4", "at": "2012-07-11 14:30Z"}, "no outage of"),
        ("restore", {"elements": "nothing", "at": "2012-07-11 14:30Z"}, "unknown network element"),
        ("notes", {"text": "  "}, "write something"),
        ("severity", {"severity": "x"}, "Not a valid choice"),
        ("cause", {"cause_class": "x"}, "Not a valid choice"),
        ("owner", {"owner": "nobody-we-know"}, "no such staff user"),
        ("close", {}, "cannot become closed"),
    ],
)
def test_a_mistake_in_a_step_goes_back_to_the_page_says_so_and_changes_nothing(app, database, step, fields, complaint):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    entries = count_of(database, AuditEntry)
    answer = send(client, f"/incidents/{ref}/{step}", fields, back=f"/incidents/{ref}")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/incidents/{ref}")
    assert complaint in client.get(f"/incidents/{ref}").text
    assert count_of(database, AuditEntry) == entries


def test_a_mistake_is_never_sent_back_to_a_foreign_page(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    fields = {"csrf_token": client.get(f"/incidents/{ref}").text.split('csrf_token" value="')[1].split('"')[0]}
    for page in ("https://evil.example/", "//evil.example", "http://localhost.evil.example/", ""):
        answer = client.post(f"/incidents/{ref}/close", data=fields, headers={"Referer": page})
        assert answer.status_code == 409
        assert "cannot become closed" in answer.text


JUNK = ("", " ", "\0", "\u202e", "-1", "9" * 400, "NaN", "{{7*7}}", "' OR 1=1 --", "é" * 10_000, "2012-07-11", "null")


@pytest.mark.parametrize("junk", JUNK, ids=[repr(junk)[:12] for junk in JUNK])
def test_junk_in_any_field_of_any_form_is_never_a_crash(app, database, junk):
    ref = add_incident(database)
    client = sign_in(app, database, "admin")
    names = [*OPENING, "planned", "services", "at", "text", "owner", "all_open", "unheard_of"]
    valid = {**OPENING, "at": "2012-07-11 14:30Z", "text": "x", "owner": "noc", "csrf_token": csrf_token(client)}
    forms = ("outages", "restoring", *(step for step in STEPS if step != "runs"))
    for address in ("/incidents/new", "/elements/check", *(f"/incidents/{ref}/{form}" for form in forms)):
        assert send(client, address, {**valid, **dict.fromkeys(names, junk)}).status_code < 500, address
        # Field by field where the records are the stricter ones.
        for name in () if database.is_sqlite else names:
            assert send(client, address, {**valid, name: junk}).status_code < 500, (address, name)
    for address in ("/incidents", "/elements.json", f"/incidents/{ref}/cells", f"/incidents/{ref}"):
        query = dict.fromkeys(("search", "status", "sort", "page", "state", "format"), junk)
        assert client.get(address, query_string=query).status_code < 500, address


@pytest.mark.parametrize("address", ["", "/map.json", "/cells"])
def test_an_unknown_reference_is_not_found(app, database, address):
    client = sign_in(app, database, "noc")
    for ref in ("INC-2012-99999", "x", "🦄", "a" * 5000):
        assert client.get(f"/incidents/{ref}{address}").status_code == 404
    assert send(client, "/incidents/INC-2012-99999/close").status_code == 303


def test_reading_does_not_give_the_right_to_write(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "care")
    page = client.get(f"/incidents/{ref}").text
    assert "Dismiss" not in page
    assert "Open an incident" not in client.get("/incidents").text
    for step in STEPS:
        refused = send(client, f"/incidents/{ref}/{step}", {"all_open": "y"}, back=f"/incidents/{ref}")
        assert refused.status_code == 403, step
        assert "a role of:" in refused.text
    assert status_of(database, ref) == "opened"
