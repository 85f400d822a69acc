"""The REST API does what pages do: runs, scale, duties, updates, the network, late facts and planned work."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask

from foundation import clock
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from notify.texts import save_text
from outage.incidents.incidents import OutageStart, open_incident
from outage.lifecycle import CauseClass, Severity
from outage.runs.impact import measure_impact
from tests import impact_worlds as worlds
from tests.incident_pages import make_incident_web
from tests.web_client import token_of

BEGAN = datetime(2026, 5, 4, 8, tzinfo=UTC)
Call = Callable[..., Any]


def text(hours: float) -> str:
    return (BEGAN + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def began(database: Database, title: str, element: str) -> str:
    with clock.moved_to(BEGAN), database.transaction() as session:
        return open_incident(
            session,
            title=title,
            severity=Severity.MAJOR,
            cause_class=CauseClass.POWER,
            started_at=BEGAN,
            outages=[OutageStart(element)],
            actor="nina",
        ).ref


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    return make_incident_web(settings, database, store)


@pytest.fixture
def call(app: Flask, database: Database) -> Call:
    """Calls with a token of a role, five hours after it began."""
    tokens = {role: token_of(database, role) for role in ("noc", "care", "marketing")}

    def do(method: str, path: str, body: Any = None, *, role: str = "noc", hours: float = 5, **options: Any) -> Any:
        if body is not None:
            options["json"] = body
        with clock.moved_to(BEGAN + timedelta(hours=hours)):
            return app.test_client().open(f"/api/v1{path}", method=method, headers=tokens[role], **options)

    return do


@pytest.fixture
def incident(app: Flask, database: Database, store: SnapshotStore) -> str:
    """A register that is out, with a line behind it, measured twice."""
    with database.transaction() as session:
        worlds.add_line(session, 900, served_by=1)
        worlds.add_line(session, 901, served_by=1)
    ref = began(database, "Register lost", "hlr-1")
    for hours in (1, 2):
        with clock.moved_to(BEGAN + timedelta(hours=hours)):
            measure_impact(database, store, ref, actor="nina", as_of=BEGAN + timedelta(hours=hours))
    return ref


def test_runs_are_told_one_by_one_and_against_each_other(incident: str, call: Call):
    runs = call("GET", f"/incidents/{incident}/runs").json["runs"]
    assert [run["number"] for run in runs] == [2, 1]
    assert [call("GET", f"/incidents/{incident}/runs/{n}").json["holds"] for n in (1, 2)] == [False, True]
    compared = call("GET", f"/incidents/{incident}/runs/compare").json
    assert (compared["before"], compared["after"], compared["changes"]["longer"]["lines"]) == (1, 2, 2)
    back = call("GET", f"/incidents/{incident}/runs/compare?before=2&after=1").json
    numbers = ["+4477*****900", "+4477*****901"]
    assert back["services"]["voice"]["shorter"] == {"lines": 2, "seconds": -7200, "sample": numbers}
    for path in ("runs/9", "runs/compare?before=9"):
        assert call("GET", f"/incidents/{incident}/{path}").status_code == 404


def test_scale_and_duties_are_told_as_of_an_instant_and_filed(incident: str, call: Call):
    scale = call("GET", f"/incidents/{incident}/scale?at={text(3)}").json
    assert (scale["run"], scale["any"]["lines"], scale["any"]["user_minutes"]) == (2, 2, 360)
    assert scale["any"]["series"] == [[text(0), 2]]
    assert (scale["kinds"][0]["kind"], scale["kinds"][0]["now"]) == ("hlr", 1)
    duties = call("GET", f"/incidents/{incident}/duties?regulator=fcc").json
    assert {one["regulator"] for one in duties["thresholds"]} == {"FCC"}
    filing = {"regulator": "FCC", "what": "notification", "filed_at": text(4), "reference": "N-1"}
    assert [call("POST", f"/incidents/{incident}/duties", filing).json["changed"] for _ in range(2)] == [True, False]
    assert call("POST", f"/incidents/{incident}/duties", {**filing, "filed_at": text(9)}).status_code == 422
    assert call("POST", f"/incidents/{incident}/duties", filing, role="care").status_code == 403
    assert call("GET", f"/incidents/{incident}/duties?regulator=nobody").status_code == 422
    assert call("GET", f"/incidents/{incident}/scale?at=yesterday").status_code == 422


def test_updates_are_planned_posted_and_sent(incident: str, call: Call, database: Database):
    plan = call("GET", f"/incidents/{incident}/updates").json
    assert (plan["cadence"], plan["due"]["kind"], plan["due"]["is_overdue"]) == ("au_2024", "first", True)
    body = {"kind": "first", "text": "We are looking into it.", "audiences": ["public", "affected"]}
    posted = call("POST", f"/incidents/{incident}/updates", body)
    assert (posted.status_code, posted.json["update"]["number"], posted.json["is_new"]) == (201, 1, True)
    assert call("POST", f"/incidents/{incident}/updates", body).json["is_new"] is False
    assert call("GET", f"/incidents/{incident}/updates").json["due"]["due_at"] == text(11)
    own = {"cadence": "own", "every_hours": 3}
    assert call("POST", f"/incidents/{incident}/updates/plan", own).json == {"changed": True}
    estimate = {"estimated_at": text(8)}
    assert call("POST", f"/incidents/{incident}/updates/estimate", estimate, hours=6).json == {"changed": True}
    due = call("GET", f"/incidents/{incident}/updates", hours=6).json["due"]
    assert (due["due_at"], due["reason"]) == (text(6), "service expected back: 2026-05-04 16:00 UTC")
    with database.transaction() as session:
        save_text(session, "notice", "en", "{brand}: no service since {outage_date}.", author="ann")
    texts = f"/incidents/{incident}/updates/1/texts"
    assert [call("POST", texts, {"text_name": "notice"}).json["texts"] for _ in range(2)] == [2, 0]
    assert call("POST", texts, {"text_name": "another"}).status_code == 409
    assert call("POST", f"/incidents/{incident}/updates/7/texts", {"text_name": "notice"}).status_code == 422
    assert call("POST", f"/incidents/{incident}/updates", body, role="marketing").status_code == 403
    assert call("POST", f"/incidents/{incident}/updates", {**body, "audiences": []}).status_code == 422


def test_the_network_is_asked_and_a_file_is_tried_without_being_taken(call: Call, incident: str):
    reach = call("POST", "/network/whatif", {"elements": ["hlr-1"], "services": ["voice"]}).json
    assert (reach["failed"], reach["lines"]["lines"]) == ({"hlr-1": ["voice"]}, 2)
    assert call("POST", "/network/whatif", {"elements": ["nowhere"]}).status_code == 404
    assert call("POST", "/network/whatif", {"elements": ["hlr-1"]}, role="marketing").status_code == 403
    (point,) = call("GET", "/network/single-points").json["points"]
    assert (point["ref"], point["lines"]) == ("hlr-1", 2)
    csv = b"ref,kind,name,services\ncell-1,cell,Cell 1,voice|data\nnew,cell,New,voice\nbad,cell,,fax\n"
    files = {"elements": (io.BytesIO(csv), "elements.csv")}
    (diff,) = call("POST", "/network/dry-run", data=files).json["files"]
    assert (diff["file"], diff["read"], diff["added"], diff["rejected"]) == ("elements", 3, 1, 1)
    assert {row[1] for row in diff["refused"]} == {"name", "services"}
    assert call("GET", "/network/changes").json["changes"] == []
    assert call("POST", "/network/dry-run").status_code == 422
    assert call("POST", "/network/dry-run", role="care").status_code == 403


def test_an_outage_is_corrected_and_two_incidents_become_one(call: Call, incident: str, database: Database):
    said = {"element": "hlr-1", "service": "voice", "reason": "log of the register"}
    moved = {**said, "started_at": text(0.5)}
    path = f"/incidents/{incident}/corrections"
    assert [call("POST", path, moved).json["changed"] for _ in range(2)] == [True, False]
    assert call("POST", path, said).status_code == 422
    gap = {**said, "restored_at": text(1), "lost_at": text(2)}
    assert call("POST", f"{path}/split", gap).json["changed"] is True
    assert call("POST", f"{path}/remove", {**said, "which": text(2)}).json["changed"] is True
    assert call("POST", f"{path}/reopen", {**said, "which": text(0.5)}).json["changed"] is True
    assert call("POST", path, {**moved, "service": "fax"}).status_code == 422
    other = began(database, "The same", "cell-1")
    merged = {"absorbed": other, "reason": "one power cut"}
    answers = [call("POST", f"/incidents/{incident}/merge", merged).json for _ in range(2)]
    assert [one["changed"] for one in answers] == [True, False]
    assert call("GET", f"/incidents/{other}").json["incident"]["status"] == "merged"
    assert call("POST", f"/incidents/{incident}/merge", merged, role="care").status_code == 403


def test_what_customers_say_and_staff_list_is_taken_and_taken_back(call: Call, incident: str):
    said = {"msisdn": "+447700900900", "declared_at": text(4)}
    path = f"/incidents/{incident}/declarations"
    first = call("POST", path, said, role="care")
    assert (first.status_code, first.json["is_new"]) == (201, True)
    assert call("POST", path, said, role="care").json["is_new"] is False
    assert call("GET", path, role="care").json["declarations"][0]["msisdn"] == "+447700900900"
    assert call("GET", path).json["declarations"][0]["msisdn"] != "+447700900900"
    back = f"{path}/{first.json['id']}/withdrawal"
    assert [call("POST", back, {"reason": "wrong number"}).json["changed"] for _ in range(2)] == [True, False]
    assert call("POST", f"{path}/999/withdrawal", {"reason": "x"}).status_code == 404
    assert call("POST", path, {**said, "msisdn": "12"}, role="care").status_code == 422
    path = f"/incidents/{incident}/listings"
    taken = call("POST", path, data={"file": (io.BytesIO(b"msisdn\n+447700900901\n+15\n"), "bills.csv")})
    assert (taken.status_code, taken.json["added"], taken.json["rejected"]) == (201, 1, 1)
    (listing,) = call("GET", path).json["listings"]
    assert (listing["file"], listing["rows"], listing["withdrawn_at"]) == ("bills.csv", 1, None)
    back = f"{path}/{listing['id']}/withdrawal"
    assert call("POST", back, {"reason": "wrong file"}).json["changed"] is True
    assert call("POST", path).status_code == 422


def test_planned_work_is_announced_moved_and_cancelled(call: Call, app: Flask):
    work = {"title": "New software", "starts_at": text(20), "ends_at": text(24), "elements": ["hlr-1"]}
    announced = call("POST", "/planned-work", work)
    assert (announced.status_code, announced.json["status"]) == (201, "announced")
    ref = announced.json["ref"]
    assert [one["ref"] for one in call("GET", "/planned-work").json["work"]] == [ref]
    moved = call("POST", f"/planned-work/{ref}/reschedule", {"ends_at": text(26)})
    assert (moved.json["changed"], moved.json["incident"]["started_at"]) == (True, text(20))
    assert call("GET", "/planned-work?past=true").json["work"][0]["announced_end_at"] == text(26)
    assert call("POST", f"/planned-work/{ref}/overrun", {}).status_code == 409
    cancelled = [call("POST", f"/planned-work/{ref}/cancel", {"reason": "not needed"}).json for _ in range(2)]
    assert [one["changed"] for one in cancelled] == [True, False]
    assert call("POST", "/planned-work", {**work, "ends_at": text(19)}).status_code == 422
    assert call("POST", "/planned-work", work, role="care").status_code == 403


def test_every_new_call_is_in_the_document(app: Flask):
    document: Any = app.test_client().get("/api/v1/openapi.json").json
    paths = document["paths"]
    for path in ("/incidents/{ref}/scale", "/incidents/{ref}/updates", "/network/whatif", "/planned-work"):
        assert f"/api/v1{path}" in paths or path in paths
    assert all("responses" in call for methods in paths.values() for call in methods.values() if isinstance(call, dict))
