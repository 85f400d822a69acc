"""The console's updates: what is due stands on the list and the incident, and is posted from a page of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from foundation import clock
from foundation.cli import App
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from notify.models import Delivery
from notify.texts import save_text
from outage.cli import updates as cli_updates
from outage.incidents.incidents import OutageStart, open_incident
from outage.lifecycle import CauseClass, Severity
from outage.runs.impact import measure_impact
from tests import impact_worlds as worlds
from tests.incident_pages import make_incident_web
from tests.web_client import send, sign_in

BEGAN = datetime(2026, 5, 4, 8, tzinfo=UTC)


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    return make_incident_web(settings, database, store)


@pytest.fixture
def noc(app: Flask, database: Database) -> FlaskClient:
    return sign_in(app, database, "noc")


@pytest.fixture
def ref(app: Flask, database: Database) -> str:
    with clock.moved_to(BEGAN, stopped=True), database.transaction() as session:
        worlds.add_line(session, 900, served_by=1)
        return open_incident(
            session,
            title="Register lost",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.POWER,
            started_at=BEGAN,
            outages=[OutageStart("hlr-1")],
            actor="nina",
        ).ref


def at(hours: float):
    return clock.moved_to(BEGAN + timedelta(hours=hours), stopped=True)


def test_what_is_due_stands_on_the_list_and_on_the_incident(noc: FlaskClient, ref: str):
    with at(0.1):
        assert "due now" in noc.get("/incidents").text
    with at(2):
        assert "overdue by 1 h 30 min" in noc.get("/incidents").text
        page = noc.get(f"/incidents/{ref}").text
        assert "overdue by 1 h 30 min" in page
        assert "nobody was told yet" in page
        assert "next_update_due_at" in noc.get("/incidents?format=csv").text.splitlines()[0]
        send(noc, f"/incidents/{ref}/updates", {"kind": "first", "audiences": ["public"], "text": "Looking into it."})
        assert "in 6 h" in noc.get("/incidents").text
        assert "Looking into it." in noc.get(f"/incidents/{ref}").text


def test_an_update_is_posted_once_and_a_wrong_one_keeps_its_words(noc: FlaskClient, ref: str):
    fields = {"kind": "first", "audiences": ["public", "affected"], "text": "Calls fail <b>in Slough</b>.", "at": ""}
    page = f"/incidents/{ref}/updates"
    with at(1):
        assert "F2024L01447" in noc.get(page).text
        wrong = send(noc, page, {**fields, "kind": "restored"})
        assert (wrong.status_code, "service is not back" in wrong.text) == (422, True)
        assert "Calls fail &lt;b&gt;in Slough" in wrong.text
        assert send(noc, page, {**fields, "audiences": []}).status_code == 422
        for said in ("Update 1 is on the timeline.", "This was posted some minutes ago."):
            answer = send(noc, page, fields)
            assert answer.status_code == 303
            assert said in noc.get(page).text


def test_the_plan_and_the_estimate_are_set(noc: FlaskClient, ref: str):
    page = f"/incidents/{ref}/updates"
    with at(1):
        send(noc, f"{page}/plan", {"cadence": "own", "every_hours": "2", "later_every_hours": "", "grace_minutes": "5"})
        send(noc, f"{page}/estimate", {"estimated_at": "2026-05-04 18:00Z"})
        shown = noc.get(page).text
        assert "every 2 h" in shown
        assert "2026-05-04 18:00" in shown
        send(noc, f"{page}/plan", {"cadence": "none", "every_hours": "2"})
        assert "nobody is told by plan" in noc.get(page).text
        assert "not a pace" not in send(noc, f"{page}/plan", {"cadence": "own", "every_hours": ""}).text


def test_texts_to_the_lines_are_enqueued_from_the_page(
    noc: FlaskClient, ref: str, database: Database, store: SnapshotStore
):
    page = f"/incidents/{ref}/updates"
    with database.transaction() as session:
        save_text(session, "notice", "en", "{brand}: no service since {outage_date}.", author="ann")
    with at(1):
        measure_impact(database, store, ref, actor="nina")
        send(noc, page, {"kind": "first", "audiences": ["affected"], "text": "x"})
        assert "Text the lines" in noc.get(page).text
        send(noc, f"{page}/texts", {"number": "1", "text_name": "notice"})
        assert "1 × notice" in noc.get(page).text
        send(noc, f"{page}/texts", {"number": "1", "text_name": "notice"})
        send(noc, f"{page}/texts", {"number": "77", "text_name": "notice"})
    with database.reading() as session:
        assert len(session.scalars(select(Delivery)).all()) == 1


def test_who_may_only_read_sees_no_form(app: Flask, database: Database, ref: str):
    care = sign_in(app, database, "care")
    page = care.get(f"/incidents/{ref}/updates")
    assert (page.status_code, "Post an update" in page.text) == (200, False)
    for path in ("", "/plan", "/estimate", "/texts"):
        assert send(care, f"/incidents/{ref}/updates{path}", {}).status_code == 403


def test_the_commands_do_the_same(settings: Settings, database: Database, ref: str):
    app = App(settings)

    def run(*words: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli_updates.update_group, [*words], obj=app)
        return done.exit_code, done.output

    with at(1):
        assert run("list", ref)[1].startswith(f"{ref}: plan au_2024")
        post = ("post", ref, "We look.", "--kind", "first", "--to", "public", "--as", "noc")
        assert [run(*post)[1] for _ in range(2)] == [
            f"{ref}: update 1 posted\n",
            f"{ref}: update 1 was posted some minutes ago\n",
        ]
        assert run("plan", ref, "own", "--every-hours", "2", "--as", "noc")[1] == f"{ref}: plan set\n"
        assert run("estimate", ref, "2026-05-04T18:00:00Z", "--as", "noc")[1].startswith(f"{ref}: estimate set")
        said = run("list", ref)[1]
        assert "due: update, 2026-05-04T09:00:00Z" in said
        assert '"cadence": "own"' in run("list", ref, "--json")[1]
    app.close()
