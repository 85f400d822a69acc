"""The pages of planned work: announcing, what it would hit, another window, cancelling, running over."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from foundation import clock
from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from outage.incidents.planned_work import begin_due_planned_work
from outage.models import Incident, NetworkElement
from tests.console_world import make_network
from tests.web_client import add_staff, make_web, send, sign_in


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore, tmp_path: Path) -> Flask:
    add_staff(database)
    make_network(database, tmp_path)
    return make_web(settings, database, store)


def plan(**change: object) -> dict[str, object]:
    starts_at = clock.now() + timedelta(days=2)
    return {
        "title": "New software on MME 1",
        "starts_at": f"{starts_at:%Y-%m-%d %H:%M}Z",
        "ends_at": f"{starts_at + timedelta(hours=4):%Y-%m-%d %H:%M}Z",
        "elements": "mme-1",
        "degree": "lost",
        "cause_class": "software",
        **change,
    }


def announce(client) -> str:
    return str(send(client, "/planned-work/new", plan()).headers["Location"]).rpartition("/")[2]


def statuses(database: Database) -> list[str]:
    with database.reading() as session:
        return [str(status) for status in session.scalars(select(Incident.status).order_by(Incident.id))]


def test_work_is_announced_listed_measured_and_shown_with_its_window(app, database):
    client = sign_in(app, database, "noc")
    ref = announce(client)
    assert statuses(database) == ["announced"]
    page = client.get(f"/incidents/{ref}").text
    assert "4 h 00 min" in page
    assert "Announced to" in page
    assert "Restore all" not in page
    assert f"/incidents/{ref}/outages" not in page
    measured = send(client, f"/incidents/{ref}/runs")
    assert "Run 1 is measured" in client.get(measured.headers["Location"]).text
    assert ref in client.get("/planned-work").text
    assert (
        client.get("/planned-work?format=csv").text.splitlines()[1].startswith(f"{ref},New software on MME 1,announced")
    )
    assert client.get(f"/incidents/{ref}/runs/1").status_code == 200


def test_what_it_would_hit_is_shown_before_anything_is_announced(app, database):
    client = sign_in(app, database, "noc")
    page = send(client, "/planned-work/new", plan(preview="yes")).text
    assert "What it would hit" in page
    assert "Elements by kind" in page
    backwards = send(client, "/planned-work/new", plan(preview="yes", ends_at=plan()["starts_at"]))
    assert backwards.status_code == 422
    assert re.search(r'id="ends_at-error">[^<]*the window ends before it starts', backwards.text)
    assert re.search(r">\s*11\s*<", page)
    assert statuses(database) == []
    assert send(client, "/planned-work/new", plan(preview="yes", elements="")).status_code == 422


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"title": " "}, "what is done"),
        ({"elements": ""}, "no elements named"),
        ({"elements": "mme-1 nonsense"}, "nonsense"),
        ({"starts_at": ""}, "when the work begins"),
        ({"starts_at": "2012-01-01 00:00Z", "ends_at": "2012-01-01 01:00Z"}, "announced ahead"),
        ({"ends_at": "2012-01-01 00:00Z"}, "ends before it starts"),
        ({"ends_at": "2012-01-01 00:00"}, "naive timestamp"),
        ({"services": ["telepathy"]}, "not a valid choice"),
        ({"cause_class": "x"}, "Not a valid choice"),
    ],
)
def test_a_mistake_in_an_announcement_is_named_there_and_nothing_is_written(app, database, change, complaint):
    with database.reading() as session:
        entries = session.scalar(select(func.count()).select_from(AuditEntry))
    answer = send(sign_in(app, database, "noc"), "/planned-work/new", plan(**change))
    assert answer.status_code == 422
    assert complaint in answer.text
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == entries


def test_work_gets_another_window_and_is_cancelled_for_a_reason(app, database):
    client = sign_in(app, database, "noc")
    ref = announce(client)
    window = {"starts_at": "2090-01-01 00:00Z", "ends_at": "2090-01-01 02:00Z"}
    assert "another window" in client.get(send(client, f"/planned-work/{ref}/window", window).headers["Location"]).text
    assert "1 Jan 2090 00:00 UTC" in client.get(f"/incidents/{ref}").text
    send(client, f"/planned-work/{ref}/cancellation", {"reason": " "}, back="/planned-work")
    assert statuses(database) == ["announced"]
    send(client, f"/planned-work/{ref}/cancellation", {"reason": "The vendor is late"})
    assert statuses(database) == ["dismissed"]
    again = send(client, f"/planned-work/{ref}/cancellation", {"reason": "The vendor is late"})
    assert "cancelled already" in client.get(again.headers["Location"]).text
    assert ref not in client.get("/planned-work").text
    assert ref in client.get("/planned-work?past=1").text


def test_work_that_is_not_done_in_time_becomes_an_incident(app, database):
    client = sign_in(app, database, "noc")
    ref = announce(client)
    refused = send(client, f"/planned-work/{ref}/overrun", back=f"/incidents/{ref}")
    assert "is not announced work that has begun" in client.get(refused.headers["Location"]).text
    with clock.moved_to(clock.now() + timedelta(days=2, hours=1)), database.transaction() as session:
        begin_due_planned_work(session)
    with clock.moved_to(clock.now() + timedelta(days=2, hours=2)):
        noc = sign_in(app, database, "noc")
        assert "Not done in time" in noc.get(f"/incidents/{ref}").text
        told = noc.get(send(noc, f"/planned-work/{ref}/overrun").headers["Location"]).text
        assert "it becomes an incident" in told or "After its announced end" in told
    assert statuses(database) == ["opened"]


def test_only_those_who_may_write_incidents_plan_work(app, database):
    ref = announce(sign_in(app, database, "noc"))
    client = sign_in(app, database, "care")
    assert client.get("/planned-work").status_code == 200
    assert "Announce work" not in client.get("/planned-work").text
    assert client.get("/planned-work/new").status_code == 403
    for step in ("window", "cancellation", "overrun"):
        assert send(client, f"/planned-work/{ref}/{step}", {"reason": "x"}).status_code == 403
    assert send(sign_in(app, database, "noc"), "/planned-work/INC-1/cancellation", {"reason": "x"}).status_code == 303


@pytest.mark.parametrize("junk", ["\0", "\u202e", "-1", "9" * 400, "{{7*7}}", "é" * 5_000])
def test_junk_is_never_a_crash(app, database, junk):
    client = sign_in(app, database, "admin")
    ref = announce(client)
    for name in (*plan(), "preview", "services"):
        assert send(client, "/planned-work/new", plan(**{name: junk})).status_code < 500, name
    for step in ("window", "cancellation", "overrun"):
        fields = dict.fromkeys(("starts_at", "ends_at", "reason"), junk)
        assert send(client, f"/planned-work/{ref}/{step}", fields).status_code < 500
    assert client.get("/planned-work", query_string={"past": junk, "page": junk}).status_code < 500
    with database.reading() as session:
        assert session.scalar(select(func.count()).select_from(NetworkElement)) == 44
