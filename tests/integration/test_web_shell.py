"""The shell: who gets in, who may do what, and what mistakes look like."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

import outage.web
from foundation import clock
from foundation.access import SignInFailure, find_user
from foundation.audit import AuditEntry, write_audit
from foundation.db import Database
from foundation.errors import InputError
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from foundation.web.app import make_app, register
from foundation.web.forms import read_instant
from tests.web_client import PASSWORD, add_staff, csrf_token, send, sign_in


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    add_staff(database)
    # Of its own: tests here add routes.
    app = make_app(settings, database, store)
    register(app, outage.web)
    return app


def test_a_page_asks_a_stranger_to_sign_in_and_then_goes_on_to_it(app):
    client = app.test_client()
    asked = client.get("/audit?actor=ann")
    assert asked.status_code == 302
    assert asked.headers["Location"] == "/sign-in?next=/audit?actor%3Dann"
    fields = {"csrf_token": csrf_token(client), "name": "auditor", "password": PASSWORD}
    entered = client.post(asked.headers["Location"], data=fields)
    assert (entered.status_code, entered.headers["Location"]) == (303, "/audit?actor=ann")
    assert client.get("/audit").status_code == 200


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\\b", "evil", ""])
def test_sign_in_never_sends_anybody_to_another_host(app, wanted):
    client = app.test_client()
    fields = {"csrf_token": csrf_token(client), "name": "noc", "password": PASSWORD}
    assert client.post("/sign-in", query_string={"next": wanted}, data=fields).headers["Location"] == "/"


def test_an_unknown_name_and_a_wrong_password_get_the_same_answer(app):
    answers = [
        send(app.test_client(), "/sign-in", {"name": name, "password": "not this one"}) for name in ("noc", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    pages = [re.sub(r'value="[^"]*"', "", answer.text) for answer in answers]
    assert pages[0] == pages[1]


def test_failures_are_counted_in_the_records_and_lock_the_name_even_for_the_right_password(app, database):
    for _ in range(5):
        assert send(app.test_client(), "/sign-in", {"name": "noc", "password": "wrong"}).status_code == 401
    with database.reading() as session:
        assert session.query(SignInFailure).count() == 5
    locked = send(app.test_client(), "/sign-in", {"name": "noc", "password": PASSWORD})
    assert locked.status_code == 429
    assert "too many failed sign-ins" in locked.text.lower()
    assert send(app.test_client(), "/sign-in", {"name": "care", "password": PASSWORD}).status_code == 303
    with clock.moved_to(clock.now() + timedelta(minutes=16)):
        assert send(app.test_client(), "/sign-in", {"name": "noc", "password": PASSWORD}).status_code == 303


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(app):
    client = app.test_client()
    cookie = send(client, "/sign-in", {"name": "noc", "password": PASSWORD}).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_only_a_page_lengthens_the_session_so_that_a_late_picture_signs_nobody_in_again(app):
    client = app.test_client()
    send(client, "/sign-in", {"name": "noc", "password": PASSWORD})
    assert "Set-Cookie" in client.get("/incidents", headers={"Sec-Fetch-Dest": "document"}).headers
    assert "Set-Cookie" in client.get("/incidents").headers
    for address, asked_for in (("/shell/icon.svg", "image"), ("/shell/shell.css", "style"), ("/incidents", "empty")):
        with client.get(address, headers={"Sec-Fetch-Dest": asked_for}) as answer:
            assert answer.status_code == 200, address
            assert "Set-Cookie" not in answer.headers, address


def test_behind_https_the_cookie_is_secure_and_the_browser_told_to_stay(sqlite_database, store, tmp_path):
    from foundation.settings import read_settings

    settings = read_settings({"OUTAGE_DATA": str(tmp_path / "data"), "OUTAGE_HTTPS": "yes"})
    answer = make_app(settings, sqlite_database, store).test_client().get("/sign-in", base_url="https://localhost")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_signing_out_ends_the_session_and_works_by_post_only(app, database):
    client = sign_in(app, database, "noc")
    assert client.get("/sign-out").status_code == 405
    assert send(client, "/sign-out").status_code == 303
    assert client.get("/incidents").headers["Location"].startswith("/sign-in")


def test_a_new_password_or_a_deactivation_ends_running_sessions(app, database):
    first, second = sign_in(app, database, "noc"), sign_in(app, database, "auditor")
    with database.transaction() as session:
        noc, auditor = find_user(session, "noc"), find_user(session, "auditor")
        assert noc is not None
        assert auditor is not None
        noc.password_hash += "x"
        auditor.active = False
    assert first.get("/incidents").status_code == 302
    assert second.get("/audit").status_code == 302


def test_a_form_without_its_token_is_refused_on_every_route_that_takes_one(app, database):
    client = sign_in(app, database, "admin")
    posts = [
        rule
        for rule in app.url_map.iter_rules()
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/")
    ]
    assert posts
    for rule in posts:
        named = re.sub(r"<int[^>]*>", "1", rule.rule.replace("<ref>", "INC-2026-00001"))
        address = named.replace("<", "").replace(">", "")
        assert client.post(address, data={}).status_code == 400, address


def test_who_lacks_the_permission_is_told_which_roles_have_it(app, database):
    refused = sign_in(app, database, "noc").get("/audit")
    assert refused.status_code == 403
    assert "admin, auditor" in refused.text


def test_the_menu_shows_what_a_role_may_open_and_nothing_else(app, database):
    assert 'href="/audit"' in sign_in(app, database, "auditor").get("/incidents").text
    assert 'href="/audit"' not in sign_in(app, database, "noc").get("/incidents").text
    assert "open no page" in sign_in(app, database, "machine").get("/").text


def test_a_route_that_nobody_opened_is_closed_to_everybody(app, database):
    app.add_url_rule("/forgotten", view_func=lambda: "secret", endpoint="forgotten")
    assert sign_in(app, database, "admin").get("/forgotten").status_code == 403
    assert app.test_client().get("/forgotten").status_code == 302


def test_every_answer_forbids_foreign_and_inline_scripts_and_framing(app):
    for address in ("/sign-in", "/nowhere", "/healthz", "/shell/shell.css"):
        with app.test_client().get(address) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"


def test_pages_carry_no_inline_script_and_name_no_other_host(app, database):
    client = sign_in(app, database, "admin")
    for address in ("/incidents", "/incidents/new", "/audit", "/nowhere"):
        text = client.get(address).text
        assert not re.findall(r"<script(?![^>]*(?:src=|application/json))", text), address
        assert not re.findall(r"\son[a-z]+=", text), address
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', text), address


def test_plotly_comes_compressed_from_its_own_package_and_is_kept_for_long(app):
    answer = app.test_client().get("/shell/plotly.min.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.data) < 2_000_000
    assert "immutable" in answer.headers["Cache-Control"]
    assert b"plotly.js" in app.test_client().get("/shell/plotly.min.js").data[:100]


def test_the_health_check_is_open_and_says_when_the_records_are_gone(app, database):
    assert app.test_client().get("/healthz").json == {"status": "ok"}


def test_the_health_check_fails_when_the_records_cannot_be_reached(settings, store, tmp_path):
    gone = Database(f"sqlite:///{tmp_path}/missing/records.db")
    assert make_app(settings, gone, store).test_client().get("/healthz").status_code == 503


def test_what_somebody_else_made_meanwhile_is_a_conflict_and_no_crash(app, database):
    with pytest.raises(IntegrityError) as caught:
        add_staff(database, "noc")
    for address, told in (("/audit", "Open the page again"), ("/api/v1/incidents", "at the same moment")):
        with app.test_request_context(address):
            answer = app.make_response(app.handle_user_exception(caught.value))
            assert (answer.status_code, told in answer.get_data(as_text=True)) == (409, True)


@pytest.mark.parametrize(
    "address",
    ["/audit%00", "/audit?actor=%00", "/audit?page=-1", "/audit?page=" + "9" * 400, "/audit?page=%F0%9F%A6%84"],
)
def test_junk_in_an_address_is_never_a_crash(app, database, address):
    assert sign_in(app, database, "auditor").get(address).status_code in (200, 400)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a\0b", "password": "x"},
        {"name": "x" * 100_000, "password": "y" * 100_000},
        {"name": "", "password": ""},
        {"name": ["a", "b"], "password": "\ud800".encode("utf-8", "surrogatepass")},
        {},
    ],
)
def test_junk_in_the_sign_in_form_is_never_a_crash(app, fields):
    assert send(app.test_client(), "/sign-in", fields).status_code in (400, 401, 422)


def test_the_audit_filters_pages_and_shows_before_and_after(app, database):
    with database.transaction() as session:
        for number in range(60):
            write_audit(
                session,
                actor="ann" if number % 2 else "bob",
                action="fee changed",
                subject=f"plan:{number}",
                before={"fee": number},
                after={"fee": number + 1},
            )
    client = sign_in(app, database, "auditor")
    page = client.get("/audit?actor=ann&subject=plan")
    assert "30 entries" in page.text
    assert "plan:59" in page.text
    assert "bob" not in page.text
    assert "Page 2 of" in client.get("/audit?page=2").text
    assert "chain intact" in page.text
    assert "Nothing fits" in client.get("/audit?actor=%25").text


def test_the_audit_names_the_first_entry_that_was_edited_later(app, database):
    with database.transaction() as session:
        for number in range(3):
            write_audit(session, actor="ann", action="step", subject=f"thing:{number}")
    with database.transaction() as session:
        session.query(AuditEntry).filter(AuditEntry.subject == "thing:1").update({"actor": "eve"})
    page = sign_in(app, database, "auditor").get("/audit").text
    assert "chain broken" in page
    assert "by eve on thing:1" in page


def test_the_audit_is_exported_as_csv_that_no_spreadsheet_runs(app, database):
    with database.transaction() as session:
        write_audit(session, actor="ann", action="=HYPERLINK(1)", subject="thing:1", after={"a": 1})
    answer = sign_in(app, database, "auditor").get("/audit?format=csv&actor=ann")
    assert answer.mimetype == "text/csv"
    header, row = answer.text.splitlines()
    assert header.startswith("id,at,actor,action,subject,before,after")
    assert "'=HYPERLINK(1)" in row
    assert '"{""a"": 1}"' in row


def test_the_description_of_the_api_is_open_and_lists_its_calls(app):
    description = app.test_client().get("/api/v1/openapi.json").json
    assert description["openapi"].startswith("3.")
    assert "/api/v1/incidents" in description["paths"]


def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_machines(app):
    assert "Not found" in app.test_client().get("/nowhere").text
    problem = app.test_client().get("/api/v1/nowhere")
    assert (problem.status_code, problem.json["code"], problem.json["status"]) == (404, 404, "Not Found")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2012-07-11T13:30:00+01:00", "2012-07-11T12:30:00+00:00"),
        ("2012-07-11 12:30Z", "2012-07-11T12:30:00+00:00"),
        ("2012-07-11 13:30 Europe/London", "2012-07-11T12:30:00+00:00"),
        ("2012-07-11 12:30 UTC", "2012-07-11T12:30:00+00:00"),
    ],
)
def test_a_typed_instant_names_its_offset_or_its_zone(text, expected):
    assert read_instant(text).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    [
        "2012-07-11 13:30",
        "yesterday",
        "2012-07-11 13:30 Mars/Base",
        "2012-07-11 13:30+01:00 Europe/London",
        "2012-10-28 01:30 Europe/London",  # happens twice
        "2012-03-25 01:30 Europe/London",  # never happens
        "0001-01-01 00:00 Europe/Berlin",
        "13:30 ../../etc/passwd",
    ],
)
def test_a_typed_instant_that_could_mean_two_things_is_refused(text):
    with pytest.raises(InputError):
        read_instant(text)
