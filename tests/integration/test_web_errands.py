"""Pages of long work: waited for a moment, followed on a page of its own, stopped by who may."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask
from werkzeug.wrappers import Response

from foundation import clock
from foundation.db import Database
from foundation.errand_board import Watch
from foundation.errand_runner import Done, ErrandKind, Surroundings
from foundation.errors import RefusedError
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from foundation.web import WebErrand, permission, start_errand
from foundation.web.app import make_app
from foundation.web.errands import add_errands
from tests.web_client import add_staff, send, sign_in
from tests.world import lived_settings

GO_ON = threading.Event()


def work(surroundings: Surroundings, arguments: Mapping[str, Any], actor: str, watch: Watch) -> Done:
    if arguments["how"] == "refused":
        raise RefusedError("nothing to count", accepted="something")
    while arguments["how"] == "slow" and not GO_ON.is_set():
        watch("counting <sheep>", 250, 1000)
        clock.sleep(0.02)
    return Done("1,000 sheep are counted.", "SHEEP-1")


def make(settings: Settings, database: Database, store: SnapshotStore, wait_seconds: int) -> Flask:
    app = make_app(dataclasses.replace(settings, wait_seconds=wait_seconds), database, store)
    pages = Blueprint("sheep", __name__)

    @pages.post("/sheep/<how>")
    @permission("audit.read")
    def count(how: str) -> Response:
        return start_errand("count", "flock", {"how": how})

    app.register_blueprint(pages)
    kind = ErrandKind("count", "Count", "audit.read", work)
    add_errands(app, [WebErrand(kind, page_of=lambda ref: f"/sheep/{ref}", page_before=lambda _: "/sheep")])
    add_staff(database)
    return app


@pytest.fixture
def hasty(tmp_path: Path, sqlite_database: Database, store: SnapshotStore) -> Iterator[Flask]:
    """A console that waits for nothing."""
    GO_ON.clear()
    app = make(lived_settings(tmp_path / "data", sqlite_database.url), sqlite_database, store, 0)
    yield app
    GO_ON.set()
    app.extensions["errands"].close()


def test_what_is_done_in_a_moment_needs_no_page_of_its_own(settings, database, store):
    app = make(settings, database, store, 30)
    answer = send(sign_in(app, database, "auditor"), "/sheep/quick")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sheep/SHEEP-1")
    app.extensions["errands"].close()


def test_what_is_refused_in_a_moment_says_why_where_it_was_asked_for(tmp_path, sqlite_database, store):
    app = make(lived_settings(tmp_path / "data", sqlite_database.url), sqlite_database, store, 30)
    client = sign_in(app, sqlite_database, "auditor")
    answer = send(client, "/sheep/refused", back="/audit")
    assert answer.headers["Location"] == "/audit"
    assert "nothing to count; accepted: something" in client.get("/audit").text
    app.extensions["errands"].close()


def test_long_work_is_followed_on_its_page_and_ends_with_its_result(hasty, sqlite_database):
    client = sign_in(hasty, sqlite_database, "auditor")
    page = send(client, "/sheep/slow").headers["Location"]
    assert page == "/errands/1"
    told = follow(client, page, "running")
    assert (told["step"], told["done"], told["total"]) == ("counting <sheep>", 250, 1000)
    shown = client.get(page).text
    assert "counting &lt;sheep&gt;" in shown
    assert 'max="1000" value="250"' in shown
    assert "Count flock" in client.get("/errands/").text
    GO_ON.set()
    follow(client, page, "done")
    assert '<a class="btn btn-primary" href="/sheep/SHEEP-1">Open the result</a>' in client.get(page).text
    header, row = client.get("/errands/?format=csv").text.splitlines()
    assert header.startswith("number,what,kind,subject,state,said")
    assert row.startswith("1,Count flock,")


def test_who_may_ask_for_it_may_stop_it_and_nobody_else(hasty, sqlite_database):
    client = sign_in(hasty, sqlite_database, "auditor")
    page = send(client, "/sheep/slow").headers["Location"]
    follow(client, page, "running")
    assert send(sign_in(hasty, sqlite_database, "noc"), page + "/stop").status_code == 403
    assert send(client, page + "/stop").status_code == 303
    follow(client, page, "stopped")
    assert "stopped by request" in client.get(page).text


def follow(client: Any, page: str, state: str) -> Any:
    for _ in range(400):
        told = client.get(page + "/progress.json").json
        if told["state"] == state and (told["ended"] or told["done"]):
            return told
        clock.sleep(0.05)
    pytest.fail(f"it never was {state}")
