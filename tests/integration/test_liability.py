"""The liability clock of an open incident: what it says of an instant is what a run measured to it would be owed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from click.testing import CliRunner
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import compensation.web
import notify.web
import outage.web
from compensation.cases.incident_facts import incident_facts_of
from compensation.cases.situation import Situation
from compensation.cli.whatif import liability
from compensation.models import PolicyVersion
from compensation.policies import load_document
from compensation.simulation.liability import find_liability
from compensation.simulation.liability_clock import Clock
from foundation import clock
from foundation.cli import App
from foundation.errors import NotFoundError, RefusedError
from foundation.settings import read_settings
from foundation.web import make_app, register
from outage.incidents.incidents import get_incident, restore_elements
from tests.open_world import AS_OF, DAYS, HOURLY, POLICIES, SECONDS, STARTED_AT, TIERS, OpenWorld, make_open_world
from tests.web_client import add_staff, sign_in, token_of

HOURS = 40


@pytest.fixture
def world(database, store):
    return make_open_world(database, store)


@pytest.fixture
def small_world(sqlite_database, store):
    return make_open_world(sqlite_database, store)


def decided_cost(world: OpenWorld, version_id: int, at) -> int:
    """What the policy decides on the run measured as if all came back at an instant."""
    run = world.measure(at)
    with world.database.reading() as session:
        document = load_document(session, session.get_one(PolicyVersion, version_id))
        incident = get_incident(session, world.incident)
        facts = incident_facts_of(session, world.store, incident, run, document)
        cases = Situation(document, run, incident, world.store, incident_facts=facts).decide_cases()
    return sum(case.lines * case.decision.cost_minor for case in cases)


def clock_of(world: OpenWorld, version_id: int, as_of=AS_OF) -> Clock:
    run = world.measure(as_of)
    with world.database.reading() as session:
        document = load_document(session, session.get_one(PolicyVersion, version_id))
        incident = get_incident(session, world.incident)
        facts = incident_facts_of(session, world.store, incident, run, document)
        return Clock(document, run, incident, world.store, facts)


def test_the_clock_says_what_a_run_measured_to_that_instant_is_owed(world):
    version = world.adopt(TIERS)
    carried = clock_of(world, version)
    assert carried.carry_on(clock.to_unix(AS_OF) + HOURS * 3600, lambda: True)
    curve = carried.curve()
    for hours in (0, 1.4, 9.5, 39.9):
        at = AS_OF + timedelta(hours=hours)
        expected = decided_cost(world, version, at)
        assert carried.cost_at(clock.to_unix(at)) == expected
        assert curve.cost_at(clock.to_unix(at)) == expected


@pytest.mark.parametrize("text", POLICIES, ids=["tiers", "hourly", "seconds", "days"])
def test_the_curve_equals_the_decision_at_any_instant(small_world, text):
    version = small_world.adopt(text)
    carried = clock_of(small_world, version)
    start = clock.to_unix(AS_OF)
    assert carried.carry_on(start + HOURS * 3600, lambda: True)
    curve = carried.curve()
    turns = [turn.at for turn in curve.turns]

    near_turns = [at - back for at in turns or [start] for back in (0, 1)]
    instants = st.one_of(st.integers(start, start + HOURS * 3600), st.sampled_from(near_turns))

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
    @given(at=instants)
    def check(at: int) -> None:
        expected = decided_cost(small_world, version, clock.from_unix(at))
        assert carried.cost_at(at) == expected
        if text is not SECONDS:
            assert curve.cost_at(at) == expected
        else:
            # Money for every second climbs all the time: exact at the corners, a line between them.
            assert abs(curve.cost_at(at) - expected) <= 9  # a minor unit for each group of lines

    check()
    if text is SECONDS:
        assert curve.climbs
        hours = range(start, start + HOURS * 3600 + 1, 3600)
        assert [curve.cost_at(at) for at in hours] == [carried.cost_at(at) for at in hours]
    else:
        assert not curve.climbs


def test_a_cliff_names_lines_threshold_and_money(small_world):
    small_world.adopt(TIERS)
    small_world.measure()
    with small_world.database.reading() as session:
        found = find_liability(session, small_world.store, small_world.incident, at=AS_OF, hours=24)
    assert found.is_complete
    assert found.total is not None
    assert found.total.now_minor == 0
    told = [(cliff.at, cliff.why, cliff.lines, cliff.delta_minor) for cliff in found.total.cliffs]
    four = clock.to_unix(STARTED_AT + timedelta(hours=4)) + 1
    # The seven lines of HLR-1 have been without data all the time; one of them is paid in another currency.
    assert told[0] == (four, "total loss passes 4 h", 6, 4 * 500 + 2 * 1000)
    assert [why for _, why, _, _ in told] == [
        "total loss passes 4 h",
        "total loss passes 4 h",
        "total loss reaches 12 h",
        "total loss reaches 12 h",
    ]
    assert found.warnings == []


def test_days_and_evenings_turn_at_midnight_and_in_the_window(small_world):
    small_world.adopt(DAYS)
    small_world.measure()
    with small_world.database.reading() as session:
        found = find_liability(session, small_world.store, small_world.incident, at=AS_OF, hours=24)
    assert found.total is not None
    whys = {cliff.why for cliff in found.total.cliffs}
    assert any("evening passes 3 h" in why for why in whys)
    assert any("days lost becomes 2" in why for why in whys)


def test_time_that_runs_out_is_said_and_the_next_call_goes_on(small_world):
    version = small_world.adopt(HOURLY)
    carried = clock_of(small_world, version)
    end = clock.to_unix(AS_OF) + 3 * 3600
    while carried.until == clock.to_unix(AS_OF):
        assert not carried.carry_on(end, lambda: False)
    assert carried.until < end
    assert carried.curve().until == carried.until
    assert carried.carry_on(end, lambda: True)
    whole = clock_of(small_world, version)
    whole.carry_on(end, lambda: True)
    assert carried.curve() == whole.curve()


def test_an_incident_that_is_over_or_not_measured_has_no_clock(small_world):
    small_world.adopt(TIERS)
    with small_world.database.reading() as session, pytest.raises(NotFoundError, match="not measured"):
        find_liability(session, small_world.store, small_world.incident)
    small_world.measure()
    with small_world.database.transaction() as session:
        incident = get_incident(session, small_world.incident)
        restore_elements(session, incident, None, at=AS_OF + timedelta(hours=1), actor="noc")
    with small_world.database.reading() as session, pytest.raises(RefusedError, match="restored"):
        find_liability(session, small_world.store, small_world.incident)


def test_a_restoration_after_the_measurement_is_warned_of(small_world):
    small_world.adopt(TIERS)
    small_world.measure()
    with small_world.database.transaction() as session:
        incident = get_incident(session, small_world.incident)
        restore_elements(session, incident, ["HLR-2"], at=AS_OF + timedelta(minutes=5), actor="noc")
    with small_world.database.reading() as session:
        found = find_liability(session, small_world.store, small_world.incident, at=AS_OF)
    assert "measure it again" in found.warnings[0]


# --- pages, calls and commands


def web_of(world: OpenWorld, directory) -> Flask:
    add_staff(world.database)
    app = make_app(
        read_settings({"OUTAGE_DATA": str(directory / "data"), "DATABASE_URL": world.database.url}),
        world.database,
        world.store,
    )
    register(app, outage.web, compensation.web, notify.web)
    app.extensions["incident_panels"].append(compensation.web.liability_panel)
    return app


def test_the_pages_show_the_cost_now_the_next_cliffs_and_their_numbers(small_world, tmp_path):
    small_world.adopt(TIERS)
    small_world.adopt(SECONDS)
    web = web_of(small_world, tmp_path)
    client = sign_in(web, small_world.database, "noc")
    address = f"/incidents/{small_world.incident}"
    with clock.moved_to(AS_OF):
        assert "was not measured" in client.get(address).text
        small_world.measure()
        for _ in range(30):
            panel = " ".join(client.get(address).text.split())
            if "not beyond" not in panel:
                break
        page = " ".join(client.get(f"{address}/liability").text.split())
        again = client.get(f"{address}/liability/panel")
        download = client.get(f"{address}/liability?format=csv&hours=6").text.splitlines()
    assert "Liability clock" in panel
    assert f'data-refresh="{address}/liability/panel"' in panel
    assert "total loss passes 4 h" in panel
    assert 'class="figure"' in panel
    assert re.search("1 h 2[01] min", page)
    assert "+£40.00" in page
    assert "All policies together" in page
    assert page.count("<h2>Money for time lost, version 1</h2>") == 2
    assert again.status_code == 200
    assert download[0] == "policy,version,restored_at,cost_minor,currency"
    assert len(download) > 10
    assert sign_in(web, small_world.database, "machine").get(f"{address}/liability").status_code == 403
    assert client.get("/incidents/INC-1999-00001/liability").status_code == 404


def test_the_panel_goes_when_service_is_back(small_world, tmp_path):
    small_world.adopt(TIERS)
    small_world.measure()
    client = sign_in(web_of(small_world, tmp_path), small_world.database, "noc")
    with small_world.database.transaction() as session:
        restore_elements(session, get_incident(session, small_world.incident), None, at=AS_OF, actor="noc")
    assert "Liability clock" not in client.get(f"/incidents/{small_world.incident}").text
    assert client.get(f"/incidents/{small_world.incident}/liability").status_code == 409


def test_the_call_and_the_command_say_the_same(small_world, tmp_path):
    small_world.adopt(TIERS)
    small_world.measure()
    web = web_of(small_world, tmp_path)
    headers = token_of(small_world.database, "noc")
    settings = read_settings({"OUTAGE_DATA": str(tmp_path / "data"), "DATABASE_URL": small_world.database.url})
    app = App(settings)
    app.store = small_world.store
    with clock.moved_to(AS_OF):
        answer = web.test_client().get(f"/api/v1/incidents/{small_world.incident}/liability?hours=12", headers=headers)
        told = CliRunner().invoke(liability, [small_world.incident, "--hours", "12"], obj=app)
    app.close()
    assert answer.json is not None
    assert answer.json["complete"] is True
    (clocked,) = answer.json["policies"]
    assert (clocked["policy"], clocked["now_minor"], clocked["climbs"]) == ("tiers", 0, False)
    first = clocked["cliffs"][0]
    assert (first["at"], first["lines"], first["delta_minor"]) == ("2026-11-20T22:30:01Z", 6, 4000)
    assert told.exit_code == 0, told.output
    assert "22:30 UTC: 6 lines, total loss passes 4 h: +40.00 GBP" in told.output
    with clock.moved_to(AS_OF):
        wrong = web.test_client().get(f"/api/v1/incidents/{small_world.incident}/liability?hours=0", headers=headers)
    assert wrong.status_code == 422
