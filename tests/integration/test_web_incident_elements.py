"""The map and the picker of elements on the incident pages, billing incidents, panels and measuring."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup
from sqlalchemy import select

from foundation.audit import AuditEntry
from foundation.db import Database
from foundation.settings import Settings
from foundation.snapshots import SnapshotStore
from outage.incidents.incidents import add_outages
from outage.incidents.outages import OutageStart
from outage.lifecycle import Degree
from outage.models import Incident, NetworkElement, Outage
from tests.incident_pages import OPENING, STARTED_AT, add_incident, count_of, json_of, make_incident_web
from tests.web_client import csrf_token, send, sign_in


@pytest.fixture
def app(settings: Settings, database: Database, store: SnapshotStore) -> Flask:
    return make_incident_web(settings, database, store)


def test_the_map_knows_each_cell_with_its_state_and_has_a_table(app, database):
    ref = add_incident(database, outages=[OutageStart("cell-1"), OutageStart("cell-2", None, None, Degree.DEGRADED)])
    with database.transaction() as session:
        incident = session.scalars(select(Incident).where(Incident.ref == ref)).one()
        over = OutageStart("cell-3", ("data",), STARTED_AT, Degree.LOST, STARTED_AT + timedelta(hours=1))
        add_outages(session, incident, [over], actor="noc")
    client = sign_in(app, database, "noc")
    states = json_of(client, f"/incidents/{ref}/map.json")["states"]
    assert states == {"restored": ["cell-3"], "degraded": ["cell-2"], "lost": ["cell-1"]}
    page = client.get(f"/incidents/{ref}").text
    assert all(f"map-mark-{state}" in page for state in ("lost", "degraded", "restored", "up"))
    table = client.get(f"/incidents/{ref}/cells").text
    assert all(f"cell-{number}" in table for number in (1, 2, 3))
    assert "cell-4" not in table
    assert client.get(f"/incidents/{ref}/cells?state=lost&format=csv").text.splitlines()[1].startswith("cell-1,lost,")
    assert client.get(f"/incidents/{ref}/cells?state=up&format=csv").text.splitlines()[1].startswith("cell-4,up,")


def test_after_it_the_map_shows_the_moment_when_it_was_worst(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    send(client, f"/incidents/{ref}/restore", {"all_open": "y", "at": "2012-07-11 14:30Z"})
    assert "at its worst, 11 Jul 2012 12:30 UTC" in client.get(f"/incidents/{ref}").text
    assert json_of(client, f"/incidents/{ref}/map.json")["states"] == {"lost": ["cell-1", "cell-2"]}


def test_the_map_is_told_where_every_cell_stands_and_which_are_gone(app, database):
    with database.transaction() as session:
        session.scalars(select(NetworkElement).where(NetworkElement.ref == "cell-2")).one().valid_to = STARTED_AT
        session.add(NetworkElement(ref="cell-9", kind="cell", name="Nowhere", services=["voice"]))
    cells = json_of(sign_in(app, database, "noc"), "/elements/cells.json")
    assert cells["refs"] == ["cell-1", "cell-2", "cell-3", "cell-4"]
    assert (cells["x"][0], cells["y"][0]) == (-60_000, 5_151_000)
    assert cells["retired"] == [1]


def test_the_map_as_a_figure_holds_the_same_cells_by_state(app, database):
    ref = add_incident(database)
    figure = json_of(sign_in(app, database, "noc"), f"/incidents/{ref}/map-figure.json")
    shown = {trace["name"].split(" ")[0]: set(trace["text"]) for trace in figure["data"]}
    assert shown == {"lost": {"cell-1", "cell-2"}, "up": {"cell-3", "cell-4"}}


def test_browsers_keep_the_places_of_cells_as_long_as_the_inventory_is_the_same(app, database):
    client = sign_in(app, database, "noc")
    answer = client.get("/elements/cells.json?v=3", headers={"Accept-Encoding": "gzip"})
    assert (answer.headers["Cache-Control"], answer.headers["Content-Encoding"]) == ("private, max-age=3600", "gzip")
    assert client.get("/elements/cells.json").headers["Cache-Control"] == "no-store"


def check(client: FlaskClient, address: str, **fields: Any) -> Any:
    return client.post(address, data={"csrf_token": csrf_token(client), **fields}).json


def test_a_pasted_list_and_a_file_are_looked_up_and_what_was_not_found_is_named(app, database):
    client = sign_in(app, database, "noc")
    file = (io.BytesIO(b"name,cell\nNorth,cell-2\nSouth,cell-77\nNorth,cell-2\n"), "cells.csv")
    said = check(client, "/elements/check", text="hlr-1, nope;cell-1", file=file)
    assert said == {"found": ["hlr-1", "cell-1", "cell-2"], "unknown": ["nope", "cell-77"]}
    plain = (io.BytesIO("\ufeffcell-3\r\ncell-4; cell-3".encode()), "cells.txt")
    assert check(client, "/elements/check", file=plain)["found"] == ["cell-3", "cell-4"]
    for content in (b"\xff\xfe\x00", b"a\0b", b"PK\x03\x04\x00\x00"):
        answer = check(client, "/elements/check", file=(io.BytesIO(content), "cells.zip"))
        assert "not a text file" in answer["error"]
    assert count_of(database, Incident) == 0


def test_restoring_finds_only_what_the_incident_still_has_out(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    send(client, f"/incidents/{ref}/restoring", {"elements": "cell-2", "at": "2012-07-11 13:30Z"})
    said = check(client, f"/elements/check?incident={ref}", text="cell-1 cell-2 cell-3")
    assert said == {"found": ["cell-1"], "unknown": ["cell-2", "cell-3"]}
    hits = json_of(client, f"/elements.json?search=cell&incident={ref}")["elements"]
    assert [hit["ref"] for hit in hits] == ["cell-1"]


@pytest.mark.parametrize(
    ("step", "fields", "complaint"),
    [
        ("outages", {"elements": "", "degree": "lost"}, "no element was named"),
        ("outages", {"elements": "cell-1", "degree": "lost"}, "overlaps"),
        ("outages", {"elements": "cell-3", "degree": "lost", "started_at": "2012-07-11 13:30"}, "naive timestamp"),
        ("restoring", {"elements": "", "at": "2012-07-11 14:30Z"}, "no element was named"),
        ("restoring", {"elements": "cell-4", "at": "2012-07-11 14:30Z"}, "no outage of"),
        ("restoring", {"elements": "cell-1", "at": "2012-07-11 10:30Z"}, "ended_at is before started_at"),
        ("restoring", {"elements": "cell-1", "at": ""}, "when service came back"),
    ],
)
def test_a_mistake_on_a_page_of_elements_is_named_there_and_changes_nothing(app, database, step, fields, complaint):
    ref = add_incident(database)
    entries = count_of(database, AuditEntry)
    answer = send(sign_in(app, database, "noc"), f"/incidents/{ref}/{step}", fields)
    assert answer.status_code == 422
    assert complaint in answer.text
    assert count_of(database, AuditEntry) == entries


def test_of_a_list_with_unknown_names_the_known_ones_stay_in_the_field(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    fields = {"elements": "cell-3 no-such-cell cell-4 nor-this", "degree": "lost"}
    page = send(client, f"/incidents/{ref}/outages", fields).text
    assert "Not found in the inventory: no-such-cell, nor-this. The 2 that were found are kept" in page
    kept = re.search(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)
    assert kept is not None
    assert kept[1].split() == ["cell-3", "cell-4"]
    assert count_of(database, Outage) == 4


def test_an_incident_is_opened_from_an_uploaded_file_without_scripts(app, database):
    client = sign_in(app, database, "noc")
    file = (io.BytesIO(b"cell-1\ncell-2\n"), "cells.txt")
    answer = send(client, "/incidents/new", {**OPENING, "elements_file": file})
    assert answer.status_code == 303
    assert count_of(database, Outage) == 7


def test_a_billing_incident_takes_no_elements(app, database):
    client = sign_in(app, database, "noc")
    refused = send(client, "/incidents/new", {**OPENING, "kind": "billing"})
    assert "has no outages" in refused.text
    assert send(client, "/incidents/new", {**OPENING, "kind": "billing", "elements": ""}).status_code == 303


def test_elements_are_found_by_reference_name_or_area(app, database):
    client = sign_in(app, database, "noc")
    assert [hit["ref"] for hit in json_of(client, "/elements.json?search=REG")["elements"]] == ["hlr-1"]
    assert len(json_of(client, "/elements.json?search=slough")["elements"]) == 4
    assert json_of(client, "/elements.json?search=%25")["elements"] == []


def test_other_packages_may_hang_panels_into_the_page(app, database):
    ref = add_incident(database)
    app.extensions["incident_panels"].append(lambda of: Markup("<aside>assess {}</aside>").format(of))
    assert f"<aside>assess {ref}</aside>" in sign_in(app, database, "noc").get(f"/incidents/{ref}").text


def test_measuring_from_the_page_makes_a_run_and_again_none(app, database):
    ref = add_incident(database)
    client = sign_in(app, database, "noc")
    send(client, f"/incidents/{ref}/restore", {"all_open": "y", "at": "2012-07-11 14:30Z"})
    first = send(client, f"/incidents/{ref}/runs")
    assert "Run 1 is measured" in client.get(first.headers["Location"]).text
    again = send(client, f"/incidents/{ref}/runs")
    page = client.get(again.headers["Location"]).text
    assert "Nothing new: run 1" in page
