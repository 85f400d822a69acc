"""What-if and the liability clock after releases: what the rules give, and what would still be released."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from click import Command
from click.testing import CliRunner, Result
from flask import Flask
from sqlalchemy import select

import compensation.web
import notify.web
import outage.web
from compensation.cli.main import over_credited
from compensation.cli.whatif import whatif
from compensation.credits import release_credits
from compensation.document.reading import PolicyDocument
from compensation.models import PolicyVersion
from compensation.offer_models import CareCredit
from compensation.policies import load_document
from compensation.simulation.credited_before import _Kept
from compensation.simulation.liability import find_liability
from compensation.simulation.whatif import simulate
from compensation.simulation.whatif_results import WhatIf
from foundation.cli import App
from foundation.db import Database
from foundation.settings import Settings, read_settings
from foundation.snapshots import SnapshotStore
from outage.models import Incident
from tests.credit_world import HEAD, NOW, CreditWorld, add_loss, make_world
from tests.impact_worlds import at
from tests.web_client import add_staff, csrf_token, make_web, sign_in

PLAIN = "rewards: [{{name: credit, kind: bill_credit, amount: {}}}]\n"
FEE = "rewards: [{{name: credit, kind: bill_credit, amount: 'round half up(service fee / {}, 2)'}}]\n"
SAID = (
    "lines",
    "entitled",
    "nothing",
    "undetermined",
    "texts",
    "cost_minor",
    "amount_minor",
    "over_lines",
    "over_minor",
)


def document_of(world: CreditWorld, version: int) -> PolicyDocument:
    with world.database.reading() as session:
        return load_document(session, session.get_one(PolicyVersion, version))


def tried(world: CreditWorld, version: int, run: int, against: int | None = None, by: tuple[str, ...] = ()) -> WhatIf:
    document = document_of(world, version)
    other = document_of(world, against) if against is not None else None
    with world.database.reading() as session:
        return simulate(session, world.store, document, run, against=other, by=by, examples=1)


def settings_of(world: CreditWorld) -> Settings:
    return read_settings({"OUTAGE_DATA": str(world.store.directory / "data"), "DATABASE_URL": world.database.url})


def web_of(world: CreditWorld) -> Flask:
    packages, panels = (outage.web, compensation.web, notify.web), [compensation.web.incident_panel]
    return make_web(settings_of(world), world.database, world.store, *packages, panels=panels)


def run_command(world: CreditWorld, command: Command, *words: str) -> Result:
    app = App(settings_of(world))
    app.store = world.store
    try:
        return CliRunner().invoke(command, words, obj=app)
    finally:
        app.close()


def agrees(found: WhatIf, totals: Mapping[str, Any]) -> bool:
    """Whether the what-if says what an assessment came to."""
    release = found.side.release
    return {name: getattr(release, name) for name in SAID} == {name: totals.get(name, 0) for name in SAID}


def test_a_revision_is_told_by_its_rules_and_by_what_it_would_still_release(
    database: Database, store: SnapshotStore
) -> None:
    world = make_world(database, store, [1, 2, 3])
    first = world.save(PLAIN.format("3.00"))
    run = world.measure()
    assert not tried(world, first, run).side.differs
    ref = world.assess(first, run)
    world.approve(ref)
    world.release(ref)
    again = tried(world, first, run)
    assert (again.side.tally.cost_minor, again.side.release.cost_minor) == (900, 0)
    assert (again.side.withheld.given.lines, again.side.withheld.given.difference_minor) == (3, -900)
    second = world.save(PLAIN.format("5.00"))
    found = tried(world, second, run, against=first, by=("segment",))
    assert (found.side.tally.cost_minor, found.side.release.cost_minor) == (1500, 600)
    assert found.shift is not None
    assert (found.shift.winners.lines, found.shift.winners.difference_minor) == (3, 600)
    (part,) = found.parts
    assert (part.cost_minor, part.against_minor, part.release_minor) == (1500, 900, 600)
    assert (found.examples[0].now_minor, found.examples[0].release_minor) == (500, 200)
    assert agrees(found, world.get(world.assess(second, run)).totals)


def test_lower_rewards_and_lines_that_are_left_out_count_as_given_too_much(
    sqlite_database: Database, store: SnapshotStore
) -> None:
    world = make_world(sqlite_database, store, [1, 2, 3])
    world.give(FEE.format(10))
    world.change_line(1, fee_service_minor=500)
    world.change_line(3, served_by_id=None)
    later, run = world.save(FEE.format(5)), world.measure()
    found = tried(world, later, run)
    assert (found.side.release.over_lines, found.side.release.over_minor) == (2, 300)
    assert agrees(found, world.get(world.assess(later, run)).totals)


def test_holdouts_and_caps_and_what_others_gave_come_off_as_an_assessment_takes_them(
    sqlite_database: Database, store: SnapshotStore
) -> None:
    world = make_world(sqlite_database, store, [1, 1, 2, 3, 4, 5, 6, 7])
    run = world.measure()
    world.give(PLAIN.format("1.25"), name="law", run=run)
    with sqlite_database.transaction() as session:
        incident = session.scalars(select(Incident).where(Incident.ref == "INC-1")).one()
        add_loss(session, "INC-2", 4 * 24 * 60, 4 * 24 * 60 + 60, at(4 * 24 * 60))
        common = {"currency": "GBP", "note": "on the phone", "recorded_by": "carla", "recorded_at": NOW}
        session.add(
            CareCredit(ref="C-1", incident_id=incident.id, subscriber_id=3, account_id=2, amount_minor=400, **common)
        )
    body = (
        "holdout: {share: 0.3, salt: spring}\n"
        "layers: [{name: low, basis: goodwill}, {name: high, basis: goodwill, combines: offset}]\n"
        "caps: [{amount: 9.00, per: line, over: month}, {amount: 7.00, per: account, over: incident}]\n"
        "rewards:\n"
        "  - {name: some, kind: bill_credit, layer: low, amount: 3.00}\n"
        "  - {name: more, kind: balance_credit, layer: high, amount: 6.50}\n"
    )
    goodwill = world.save(body, "goodwill-day")
    first = world.assess(goodwill, run)
    assert agrees(tried(world, goodwill, run), world.get(first).totals)
    world.approve(first)
    world.release(first)
    second = world.measure("INC-2")
    found = tried(world, goodwill, second)
    totals = world.get(world.assess(goodwill, second)).totals
    assert agrees(found, totals)
    assert found.side.withheld.held_out.lines == totals["held_out"] > 0
    assert found.side.tally.entitled == 8
    assert found.side.release.cost_minor < found.side.tally.cost_minor


def test_the_clock_takes_off_what_an_earlier_release_gave(sqlite_database: Database, store: SnapshotStore) -> None:
    world = make_world(sqlite_database, store, [1, 2])
    with sqlite_database.transaction() as session:
        session.scalars(select(Incident).where(Incident.ref == "INC-1")).one().restored_at = None
    body = "rewards: [{name: credit, kind: bill_credit, amount: 'round half up(hours lost / 10, 2)'}]\n"
    run = world.measure()
    ref = world.assess(world.save(body), run)
    with sqlite_database.reading() as session:
        before = find_liability(session, store, "INC-1", at=at(26 * 60), hours=1)
    assert before.policies[0].now_minor == before.policies[0].owed_minor > 0
    world.approve(ref)
    release_credits(sqlite_database, store, ref, actor="omar")
    with sqlite_database.reading() as session:
        (after,) = find_liability(session, store, "INC-1", at=at(26 * 60), hours=1).policies
    assert after.owed_minor == before.policies[0].now_minor
    assert after.now_minor == after.owed_minor - world.get(ref).totals["amount_minor"]
    assert after.curve.cost_at(after.points[-1].at) == after.points[-1].cost_minor


@pytest.fixture
def lowered(sqlite_database: Database, store: SnapshotStore) -> tuple[CreditWorld, str]:
    """A release, then an assessment of a version that gives less, to one line fewer."""
    world = make_world(sqlite_database, store, [1, 2, 3])
    world.give(PLAIN.format("3.00"))
    world.change_line(3, served_by_id=None)
    return world, world.assess(world.save(PLAIN.format("1.00")))


def test_over_credited_lines_are_listed_with_amount_and_reason(lowered: tuple[CreditWorld, str]) -> None:
    world, ref = lowered
    add_staff(world.database, "care", "marketing")
    app = web_of(world)
    care, marketing = (sign_in(app, world.database, name) for name in ("care", "marketing"))
    page = care.get(f"/assessments/{ref}").text
    assert f'href="/assessments/{ref}/over-credited">3 lines</a>' in page
    listed = care.get(f"/assessments/{ref}/over-credited").text
    assert "£7.00" in listed
    assert listed.count("Case 1") == 2
    assert "do not look at the line any more" in listed
    assert "Nothing is taken back by itself" in listed
    rows = care.get(f"/assessments/{ref}/over-credited?format=csv").text.splitlines()
    assert [row.split(",")[-3:] for row in rows[1:]] == [
        ["300", "300", "GBP"],
        ["300", "200", "GBP"],
        ["300", "200", "GBP"],
    ]
    masked = marketing.get(f"/assessments/{ref}/over-credited").text
    assert "+447700900003" in listed
    assert "+447700900003" not in masked
    told = run_command(world, over_credited, ref)
    assert told.output.startswith("3 lines keep 7.00 GBP more than they are owed")
    assert "+447700900003" not in told.output


def test_the_page_and_the_command_tell_both_figures(lowered: tuple[CreditWorld, str]) -> None:
    world, _ = lowered
    add_staff(world.database, "marketing")
    app = web_of(world)
    page = sign_in(app, world.database, "marketing").get("/policies/goodwill-day/2/what-if?against=none").text
    assert "Cost by the rules" in page
    assert "Still to be released" in page
    told = run_command(world, whatif, "goodwill-day@2", "--incident", "INC-1")
    assert "cost 2.00 GBP" in told.output
    assert "to be released now: 0.00 GBP" in told.output
    assert "3 lines keep 7.00 GBP more than they are owed" in told.output


def test_where_much_was_credited_the_rules_are_told_at_once_and_the_rest_when_it_is_read(
    lowered: tuple[CreditWorld, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compensation.simulation.credited_before.READ_AT_ONCE", 0)
    world, ref = lowered
    add_staff(world.database, "marketing")
    client = sign_in(web_of(world), world.database, "marketing")
    text = HEAD.format(name="goodwill-day", basis="goodwill") + PLAIN.format("4.00")
    body = {"text": text, "run": world.get(ref).impact_run_id}
    headers = {"X-CSRFToken": csrf_token(client, "/policies/new"), "Referer": "http://localhost/"}

    def ask(**more: bool) -> Any:
        return client.post("/policies/goodwill-day/edit/what-if", json={**body, **more}, headers=headers).json

    page = "/policies/goodwill-day/2/what-if?against=none"
    told = client.get(page).text
    assert "read what was credited" in told
    assert "Still to be released" not in told
    first = ask()
    assert (first["waits"], first["side"]["cost"], first["side"]["release"]) == (True, "£8.00", None)
    for answer in (ask(patient=True), ask()):
        assert (answer["waits"], answer["side"]["cost"], answer["side"]["release"]) == (False, "£8.00", "£2.00")
    monkeypatch.setattr("compensation.simulation.credited_before._KEPT", _Kept())
    assert "Still to be released" in client.get(f"{page}&credited=read").text
    assert "Still to be released" in client.get(page).text
