"""The REST API: who may call, what it takes, and that a bad body names its field and writes nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from outage.models import Alarm, Incident, NetworkElement
from tests.web_client import add_staff, make_web, sign_in, token_of

OPENING: dict[str, Any] = {
    "title": "HLR-1 lost",
    "severity": "critical",
    "started_at": "2012-07-11T13:30:00+01:00",
    "outages": [{"element": "hlr-1"}],
}
WEBHOOK: dict[str, Any] = {
    "version": "4",
    "truncatedAlerts": 0,
    "alerts": [
        {
            "status": "firing",
            "labels": {"alertname": "HlrDown", "ne": "hlr-1", "severity": "critical"},
            "annotations": {"summary": "HLR-1 does not answer"},
            "startsAt": "2012-07-11T12:30:00.123456789Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "fingerprint": "5ef77f1f8a3ecf8d",
        }
    ],
}


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    add_staff(database)
    with database.transaction() as session:
        session.add(NetworkElement(ref="hlr-1", kind="hlr", name="Register 1", services=["voice", "sms", "data"]))
        session.add(NetworkElement(ref="hlr-2", kind="hlr", name="Register 2", services=["voice"]))
    return make_web(settings, database, store)


@pytest.fixture
def noc(app: Flask, database: Database) -> dict[str, str]:
    return token_of(database, "noc")


@pytest.fixture
def machine(app: Flask, database: Database) -> dict[str, str]:
    return token_of(database, "machine")


def counts_of(database: Database) -> list[int]:
    with database.reading() as session:
        return [session.scalar(select(func.count()).select_from(kind)) or 0 for kind in (Incident, Alarm, AuditEntry)]


def call(app: Flask, method: str, path: str, headers: dict[str, str], body: Any = None) -> Any:
    options = {} if body is None else {"json": body}
    return app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **options)


def open_one(app: Flask, noc: dict[str, str]) -> str:
    answer = call(app, "POST", "/incidents", noc, OPENING)
    assert answer.status_code == 201, answer.text
    return str(answer.json["ref"])


def test_a_call_without_a_token_is_asked_for_one(app):
    for method, path in (("GET", "/incidents"), ("POST", "/incidents"), ("POST", "/alarms/alertmanager")):
        answer = call(app, method, path, {}, {} if method == "POST" else None)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json["code"] == 401


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer ", "Bearer \u00e9", "Basic bm9jOm5vYw=="])
def test_a_token_that_nobody_has_opens_nothing(app, header):
    assert call(app, "GET", "/incidents", {"Authorization": header}).status_code == 401


def test_a_session_may_read_through_the_api_but_not_write(app, database):
    client = sign_in(app, database, "noc")
    assert client.get("/api/v1/incidents").status_code == 200
    assert client.post("/api/v1/incidents", json=OPENING).status_code == 401
    assert counts_of(database)[0] == 0


def test_a_role_without_the_permission_is_told_which_has_it(app, database, machine, noc):
    refused = call(app, "POST", "/incidents", machine, OPENING)
    assert refused.status_code == 403
    assert "admin, noc" in refused.json["message"]
    assert call(app, "POST", "/alarms/alertmanager", noc, WEBHOOK).status_code == 403


def test_an_incident_goes_from_open_to_closed_and_every_repeat_says_that_nothing_changed(app, noc):
    ref = open_one(app, noc)
    shown = call(app, "GET", f"/incidents/{ref}", noc).json
    assert shown["incident"]["status"] == "opened"
    assert shown["incident"]["started_at"] == "2012-07-11T12:30:00Z"
    assert [outage["service"] for outage in shown["outages"]] == ["data", "sms", "voice"]
    part = {"elements": ["hlr-1"], "services": ["voice"], "at": "2012-07-11T20:00:00Z"}
    assert call(app, "POST", f"/incidents/{ref}/restore", noc, part).json["ended"] == 1
    rest = {"at": "2012-07-12T08:30:00Z"}
    restored = call(app, "POST", f"/incidents/{ref}/restore", noc, rest).json
    assert (restored["ended"], restored["incident"]["status"]) == (2, "restored")
    assert call(app, "POST", f"/incidents/{ref}/restore", noc, rest).json["ended"] == 0
    closed = [call(app, "POST", f"/incidents/{ref}/close", noc).json["changed"] for _ in range(2)]
    assert closed == [True, False]
    assert call(app, "GET", f"/incidents/{ref}/runs", noc).json == {"runs": []}


def test_the_list_pages_and_filters(app, noc):
    refs = [open_one(app, noc) for _ in range(3)]
    answer = call(app, "GET", "/incidents?page=2&page_size=2", noc).json
    assert (answer["count"], answer["pages"], answer["page"]) == (3, 2, 2)
    assert len(answer["incidents"]) == 1
    assert call(app, "GET", "/incidents?status=closed", noc).json["count"] == 0
    found = call(app, "GET", f"/incidents?search={refs[0]}", noc).json["incidents"]
    assert [incident["ref"] for incident in found] == [refs[0]]


def test_the_same_webhook_twice_is_one_alarm_and_one_incident(app, database, machine):
    first = call(app, "POST", "/alarms/alertmanager", machine, WEBHOOK).json["alarms"]
    again = call(app, "POST", "/alarms/alertmanager", machine, WEBHOOK).json["alarms"]
    assert (first[0]["is_new"], first[0]["opened"], first[0]["element"]) == (True, True, "hlr-1")
    assert (again[0]["is_new"], again[0]["received"], again[0]["incident"]) == (False, 2, first[0]["incident"])
    assert counts_of(database)[:2] == [1, 1]


def test_a_resolved_webhook_restores_the_incident(app, machine):
    call(app, "POST", "/alarms/alertmanager", machine, WEBHOOK)
    resolved = copy.deepcopy(WEBHOOK)
    resolved["alerts"][0] |= {"status": "resolved", "endsAt": "2012-07-12T08:30:00Z"}
    assert call(app, "POST", "/alarms/alertmanager", machine, resolved).json["alarms"][0]["restored"] is True


def test_bodies_that_a_real_alertmanager_sent_are_taken_twice_as_once(app, database, machine, shared):
    lines = (shared / "data" / "alertmanager_0.25_webhooks_observed.jsonl").read_text().splitlines()
    bodies = [record.get("body", record) for record in map(json.loads, lines)]
    for body in bodies:
        assert call(app, "POST", "/alarms/alertmanager", machine, body).status_code == 200
    once = counts_of(database)[:2]
    for body in bodies:
        assert call(app, "POST", "/alarms/alertmanager", machine, body).status_code == 200
    assert counts_of(database)[:2] == once


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"startsAt": "2012-07-11T12:30:00"}, "alerts[1].startsAt"),
        ({"labels": {"severity": "critical"}}, "alerts[1].labels.ne"),
        ({"labels": {"ne": "hlr-1", "severity": "worst"}}, "alerts[1].labels.severity"),
        ({"status": "maybe"}, "alerts[1].status"),
        ({"fingerprint": 7}, "alerts[1].fingerprint"),
        ({"labels": None}, "alerts[1].labels"),
    ],
)
def test_one_bad_alert_names_its_field_and_nothing_of_the_body_is_written(app, database, machine, change, field):
    body = copy.deepcopy(WEBHOOK)
    body["alerts"].append({**copy.deepcopy(body["alerts"][0]), "fingerprint": "other", **change})
    before = counts_of(database)
    answer = call(app, "POST", "/alarms/alertmanager", machine, body)
    assert answer.status_code == 422
    assert field in answer.json["errors"]
    assert counts_of(database) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": None}, "title"),
        ({"title": "x" * 257}, "title"),
        ({"severity": "worst"}, "severity"),
        ({"started_at": "2012-07-11T12:30:00"}, "started_at"),
        ({"started_at": 1342009800}, "started_at"),
        ({"started_at": None}, "started_at"),
        ({"planned": "perhaps"}, "planned"),
        ({"outages": {}}, "outages"),
        ({"outages": [{"element": "hlr-1", "services": ["fax"]}]}, "outages"),
        ({"outages": [{"element": 7}]}, "outages"),
        ({"unheard_of": 1}, "unheard_of"),
    ],
)
def test_a_bad_field_in_an_opening_is_named_and_nothing_is_written(app, database, noc, change, field):
    before = counts_of(database)
    answer = call(app, "POST", "/incidents", noc, {**OPENING, **change})
    assert answer.status_code == 422
    assert field in answer.json["errors"]["json"]
    assert counts_of(database) == before


def test_what_only_the_records_can_know_is_refused_with_its_own_status(app, database, noc):
    ref = open_one(app, noc)
    before = counts_of(database)
    unknown = call(app, "POST", "/incidents", noc, {**OPENING, "outages": [{"element": "no-such"}]})
    assert (unknown.status_code, "no-such" in unknown.json["message"]) == (404, True)
    assert call(app, "POST", f"/incidents/{ref}/close", noc).status_code == 409
    early = call(app, "POST", f"/incidents/{ref}/restore", noc, {"at": "2012-07-11T12:00:00Z"})
    assert (early.status_code, "ended_at is before started_at" in early.json["message"]) == (422, True)
    for path in ("/incidents/INC-1", "/incidents/INC-1/runs", "/incidents/%F0%9F%A6%84"):
        assert call(app, "GET", path, noc).status_code == 404
    assert counts_of(database) == before


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"null", "application/json"),
        (b"7", "application/json"),
        (b'"\\ud800"', "application/json"),
        (b'{"title": "a\\u0000b"}', "application/json"),
        (b'{"version": NaN}', "application/json"),
        (b"[" * 5_000, "application/json"),
        (b"\xff\xfe", "application/json"),
        (b'{"a": 1' + b"0" * 6000 + b"}", "application/json"),
        (b"title=x", "application/x-www-form-urlencoded"),
        (b"x", "text/plain"),
    ],
)
@pytest.mark.parametrize(
    "path", ["/incidents", "/alarms/alertmanager", "/incidents/INC-1/restore", "/incidents/INC-1/close"]
)
def test_a_body_that_is_no_object_of_json_is_refused(app, database, path, data, kind):
    headers = token_of(database, "machine" if "alarms" in path else "noc")
    answer = app.test_client().post(f"/api/v1{path}", data=data, content_type=kind, headers=headers)
    assert answer.status_code in (400, 404, 415, 422)
    assert answer.json["message"]
    assert counts_of(database)[:2] == [0, 0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def mixed(valid: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A good body with some of its fields replaced by anything that JSON can say."""
    return st.dictionaries(st.sampled_from(sorted(valid)), JSON, max_size=3).map(lambda change: {**valid, **change})


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
def test_no_body_whatever_crashes_a_call(app, database, noc, machine):
    ref = open_one(app, noc)
    restore = {"elements": ["hlr-1"], "services": ["voice"], "at": "2012-07-11T20:00:00Z"}
    alert = mixed(WEBHOOK["alerts"][0]).map(lambda one: {**WEBHOOK, "alerts": [one]})

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(mixed(OPENING), mixed(restore), st.one_of(mixed(WEBHOOK), alert))
    def check(opening: Any, restoring: Any, webhook: Any) -> None:
        assert call(app, "POST", "/incidents", noc, opening).status_code < 500, opening
        assert call(app, "POST", f"/incidents/{ref}/restore", noc, restoring).status_code < 500, restoring
        assert call(app, "POST", "/alarms/alertmanager", machine, webhook).status_code < 500, webhook

    check()


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=" + "9" * 300, "page_size=501", "status=x", "unheard=1"])
def test_a_bad_query_is_refused_by_name(app, noc, query):
    answer = call(app, "GET", f"/incidents?{query}", noc)
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.json["errors"]["query"]


def test_a_wrong_method_says_which_are_right(app, noc):
    answer = call(app, "DELETE", "/incidents", noc)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_an_incident_says_what_was_beyond_control_and_since_when_it_was_known(app, noc):
    opened = call(app, "POST", "/incidents", noc, {**OPENING, "force_majeure": "storm"})
    assert (opened.status_code, opened.json["force_majeure"]) == (201, "storm")
    assert opened.json["known_at"] == max(opened.json["opened_at"], opened.json["started_at"])
    ref = opened.json["ref"]
    cause = f"/incidents/{ref}/cause"
    changed = call(app, "POST", cause, noc, {"cause_class": "power"}).json
    assert changed["changed"] is True
    assert (changed["incident"]["cause_class"], changed["incident"]["force_majeure"]) == ("power", "storm")
    assert call(app, "POST", cause, noc, {"force_majeure": None}).json["incident"]["force_majeure"] is None
    assert call(app, "POST", cause, noc, {"force_majeure": None, "cause_class": "power"}).json["changed"] is False
    assert call(app, "POST", cause, noc, {"force_majeure": "weather"}).status_code == 422
    assert call(app, "GET", f"/incidents/{ref}", noc).json["incident"]["force_majeure"] is None


def test_a_cause_is_changed_by_those_who_may_and_not_once_it_is_closed(app, noc, machine):
    ref = open_one(app, noc)
    assert call(app, "POST", f"/incidents/{ref}/cause", machine, {"cause_class": "power"}).status_code == 403
    call(app, "POST", f"/incidents/{ref}/restore", noc, {"at": "2012-07-12T07:00:00Z"})
    call(app, "POST", f"/incidents/{ref}/close", noc)
    assert call(app, "POST", f"/incidents/{ref}/cause", noc, {"cause_class": "power"}).status_code == 409
