"""The pages of the network: what breaks if a part fails, single points of failure, and the inventory's history."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from foundation import clock
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from tests.console_world import CELLS, make_network, make_world
from tests.web_client import add_staff, make_web, send, sign_in


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore, tmp_path: Path) -> Flask:
    add_staff(database)
    make_network(database, tmp_path)
    return make_web(settings, database, store)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_what_breaks_says_how_much_and_what_redundancy_holds(app, database):
    client = sign_in(app, database, "noc")
    words = text_of(client.get("/network/whatif?elements=mme-1").text)
    assert "10 besides those that fail" in words
    assert "30 elements keep voice, sms, data: of the group “pool”, mme-1 fails, but mme-2 still stands" in words
    both = text_of(client.get("/network/whatif?elements=mme-1,mme-2&services=data").text)
    assert f"{CELLS} besides those that fail" in both
    assert "no impact was ever measured" in both
    posted = send(client, "/network/whatif", {"elements": "mme-1", "hold_hours": "6", "format": "csv"}).text
    assert "kind: cell,10," in posted
    file = (io.BytesIO(b"ref\nmme-1\nmme-2\n"), "core.csv")
    from_file = text_of(send(client, "/network/whatif", {"elements_file": file, "hold_hours": "6"}).text)
    assert f"{CELLS} besides those that fail" in from_file


def test_what_breaks_counts_the_lines_behind_it(settings, database, store, tmp_path):
    add_staff(database)
    make_world(database, store, tmp_path)
    client = sign_in(make_web(settings, database, store), database, "noc")
    assert re.search(r"Lines 40 ", text_of(client.get("/network/whatif?elements=hlr-1").text))
    points = client.get("/network/single-points?format=csv").text.splitlines()
    assert points[1:] == ["hlr-1,hlr,40,0,0,voice|sms|data", "mme-1,mme,0,10,10,voice|sms|data"]
    overview = client.get("/network").text
    assert "Masts without power near Leeds" in overview
    states = {"lost": ["cell-001", "cell-003"], "degraded": ["cell-005"]}
    assert client.get("/network/map.json").json == {"states": states}
    with clock.moved_to(clock.now() + timedelta(seconds=8)):
        assert client.get("/network/map.json").json == {"states": states}


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("elements=nothing", "Not found in the inventory: nothing"),
        ("elements=mme-1&services=telepathy", "not a valid choice"),
        ("elements=mme-1&hold_hours=999", "not whole hours from 0 to 336"),
        ("elements=mme-1&hold_hours=x", "Not a valid integer"),
    ],
)
def test_a_mistake_in_the_question_is_named_there(app, database, query, complaint):
    answer = sign_in(app, database, "noc").get(f"/network/whatif?{query}")
    assert answer.status_code == 422
    assert complaint in answer.text


def test_single_points_of_failure_lead_to_what_they_would_break(app, database):
    page = sign_in(app, database, "auditor").get("/network/single-points").text
    assert "mme-1" in page
    assert "mme-2" not in page
    assert "/network/whatif?elements=mme-1" in page


def test_the_history_shows_what_each_import_did_and_is_filtered_by_element_version_and_change(app, database):
    client = sign_in(app, database, "noc")
    words = text_of(client.get("/network/changes?version=2").text)
    assert "name: Home register → Home location register" in words
    assert "hlr-2" in words
    assert "cell-001" not in words
    one = text_of(client.get("/network/changes?ref=cell-001").text)
    assert "cell-001 needs mme-1 (pool)" in one
    assert "cell-002" not in one
    assert "No changes" in client.get("/network/changes?change=retired").text
    assert "Page 1 of 2" in client.get("/network/changes?change=added").text
    second = client.get("/network/changes?change=added&page=2").text
    assert 'rel="prev"' in second
    rows = client.get("/network/changes?version=2&format=csv").text.splitlines()
    assert len(rows) == 3
    assert rows[0].startswith("version,at,by,file,subject,ref,change")


def test_the_network_is_for_those_who_may_read_the_inventory(app, database):
    for role, status in (("noc", 200), ("auditor", 200), ("admin", 200), ("care", 403), ("marketing", 403)):
        client = sign_in(app, database, role)
        for page in ("", "/whatif", "/single-points", "/changes", "/map.json"):
            assert client.get(f"/network{page}").status_code == status, (role, page)
        assert ('href="/network"' in client.get("/incidents").text) == (status == 200)


@pytest.mark.parametrize("junk", ["", "\0", "\u202e", "-1", "9" * 400, "NaN", "{{7*7}}", "é" * 5_000])
def test_junk_is_never_a_crash(app, database, junk):
    client = sign_in(app, database, "admin")
    names = ("elements", "services", "hold_hours", "format", "ref", "version", "subject", "change", "page")
    for page in ("whatif", "single-points", "changes"):
        for name in names:
            query = {"elements": "mme-1", name: junk}
            assert client.get(f"/network/{page}", query_string=query).status_code < 500, (page, name)
    assert send(client, "/network/whatif", dict.fromkeys(names, junk)).status_code < 500


def test_the_question_is_refused_without_a_token(app, database):
    client = sign_in(app, database, "noc")
    assert client.post("/network/whatif", data={"elements": "mme-1"}).status_code == 400
    assert client.post("/elements/check", data={"text": "mme-1"}).status_code == 400
