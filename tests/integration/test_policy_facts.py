"""The facts and measures that a policy reads of a run, joined to its lines only when they are asked for."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from compensation.assessment import assess
from compensation.cases.incident_facts import incident_facts_of
from compensation.cases.situation import Situation
from compensation.document.reading import PolicyDocument, load_policy
from compensation.models import Case
from compensation.policies import list_attribute_facts, save_policy
from compensation.scheme_library import get_scheme
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.base.attributes import define_attribute
from outage.incidents.incidents import change_force_majeure, get_incident
from outage.lifecycle import ForceMajeure, IncidentStatus
from outage.listings import upload_listing
from outage.models import Account, ImpactRun, Subscriber
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from tests import impact_worlds as worlds

_REF = "INC-2012-00001"
_POLICY = """
policy: test
title: Test
basis: statutory
currency: GBP
zone: Europe/London
in force: {{from: 2012-01-01, to: null}}
population: {population}
sources: [{{what: all, where: here}}]
holidays:
  Here: {{source: made up, covers: {{from: 2012-01-01, to: 2013-01-01}}, dates: []}}
measures:
  - {{name: told time, count: total time, since: reported}}
  - {{name: known time, count: total time, since: known or reported}}
  - {{name: worst period, count: most time, per: billing period}}
  - {{name: towers, count: sites, at least: PT1H}}
  - {{name: cells long out, count: cells, at least: PT5H}}
decisions:
{reads}
rewards:
  - {{name: sorry, kind: apology}}
text: null
"""


@pytest.fixture
def world(database: Database, store: SnapshotStore, tmp_path: Path) -> Database:
    """An incident of 300 minutes: cell 1 out all of it serves lines 1 and 2 of account A1; line 3 is listed."""
    with database.transaction() as session:
        worlds.add_elements(session, 1)
        worlds.add_line(session, 1, account=1, served_by=1)
        worlds.add_line(session, 2, account=1, served_by=1)
        worlds.add_line(session, 3)
        session.execute(update(Account).where(Account.id == 1).values(bill_day=12, standing="arrears"))
        session.execute(update(Account).where(Account.id == 3).values(parent_id=1))
        session.execute(update(Subscriber).where(Subscriber.id == 2).values(attributes={"tier": "gold", "visits": 2}))
        raise_version(session, "base")
        for name, kind in (("tier", "string"), ("visits", "number"), ("missed_on", "date"), ("wait", "duration")):
            define_attribute(session, name=name, kind=kind, meaning="A test.", actor="nina")
        incident = worlds.add_incident(session)
        worlds.add_outage(session, incident, 1, 0, 300, services=["voice"])
        incident.status, incident.restored_at = IncidentStatus.RESTORED, worlds.at(300)
        incident.opened_at = worlds.at(20)
        change_force_majeure(session, incident, ForceMajeure.STORM, actor="nina")
        worlds.add_declaration(session, incident, 1, ["voice"])
        worlds.add_declaration(session, incident, 3, ["voice"])
    path = tmp_path / "list.csv"
    path.write_text(
        "msisdn,services,reported_at,attribute:tier,attribute:missed_on,attribute:wait\n"
        "+447700900001,voice,2012-07-11T22:30:00Z,,,\n"
        "+447700900002,voice,,blue,2012-07-12,PT90M\n"
        "+447700900003,voice,,,,\n"
    )
    with database.transaction() as session:
        upload_listing(session, store, _REF, path, actor="nina", reject_dir=tmp_path)
    measure_impact(database, store, _REF, actor="nora")
    return database


def _document(database: Database, *reads: str, population: str = "affected") -> PolicyDocument:
    with database.reading() as session:
        attributes = list_attribute_facts(session)
    lines = "\n".join(f"  - {{name: read {place}, expression: {name}}}" for place, name in enumerate(reads))
    return load_policy(_POLICY.format(reads=lines, population=population), attributes=attributes)


def _cases(database: Database, store: SnapshotStore, document: PolicyDocument) -> list[dict[str, Any]]:
    with database.reading() as session:
        incident = get_incident(session, _REF)
        run = session.scalars(select(ImpactRun).order_by(ImpactRun.id.desc()).limit(1)).one()
        facts = incident_facts_of(session, store, incident, run, document)
        cases = Situation(document, run, incident, store, incident_facts=facts).decide_cases()
    return [{**case.facts, "lines": case.lines} for case in cases]


def _read(database: Database, store: SnapshotStore, *names: str, population: str = "affected") -> list[tuple[Any, ...]]:
    found = _cases(database, store, _document(database, *names, population=population))
    return sorted((tuple(case[name] for name in (*names, "lines")) for case in found), key=str)


def test_facts_of_the_account_come_from_the_mirror(world: Database, store: SnapshotStore) -> None:
    names = ("billing day", "account standing", "account depth", "days of billing period")
    assert _read(world, store, *names) == [(12, "arrears", 0, Fraction(30), 2), (None, None, 1, None, 1)]


def test_reports_come_from_declarations_and_lists_the_first_one_counts(world: Database, store: SnapshotStore) -> None:
    found = _read(world, store, "reported at", "told time")
    told = {(None if at is None else at.isoformat(), time, lines) for at, time, lines in found}
    assert told == {
        ("2012-07-11T23:30:00+01:00", timedelta(minutes=270), 1),
        ("2012-07-12T15:40:00+01:00", timedelta(), 1),
        (None, timedelta(), 1),
    }
    assert {day for day, _ in _read(world, store, "reported on")} == {None, date(2012, 7, 11), date(2012, 7, 12)}


def test_a_list_says_attributes_for_this_incident_over_those_of_the_base(world: Database, store: SnapshotStore) -> None:
    found = _read(world, store, "tier", "visits", "missed_on", "wait")
    assert found == [
        ("blue", Fraction(2), date(2012, 7, 12), timedelta(minutes=90), 1),
        (None, None, None, None, 2),
    ]


def test_the_clock_may_start_when_the_operator_knew(world: Database, store: SnapshotStore) -> None:
    assert {time for time, _ in _read(world, store, "known time")} == {timedelta(minutes=280)}
    assert [at.isoformat() for at, _ in _read(world, store, "known at")] == ["2012-07-11T23:20:00+01:00"]


def test_how_big_the_incident_is_and_what_it_was_is_read_by_those_who_ask(
    world: Database, store: SnapshotStore
) -> None:
    names = ("force majeure", "lines hit", "user minutes", "cells out", "cells long out", "towers")
    assert _read(world, store, *names) == [("storm", 3, 900, 1, 1, 1, 3)]


def test_measures_by_billing_period_know_the_account_s_day(world: Database, store: SnapshotStore) -> None:
    # The account's period turns at midnight in London, an hour after the start; the other account has no day.
    assert _read(world, store, "worst period") == [(None, 1), (timedelta(minutes=240), 2)]


def test_lines_that_lost_nothing_have_facts_too(world: Database, store: SnapshotStore) -> None:
    with world.transaction() as session:
        worlds.add_line(session, 4, account=1)
    measure_impact(world, store, _REF, actor="nora")
    found = _read(world, store, "affected", "billing day", "told time", "reported at", population="everyone")
    assert (False, 12, timedelta(), None, 1) in found


def test_a_ready_made_scheme_is_assessed_over_a_run(database: Database, store: SnapshotStore) -> None:
    with database.transaction() as session:
        worlds.add_elements(session, 1)
        worlds.add_line(session, 1, served_by=1, fee_service_minor=4650, zone="Europe/Amsterdam")
        session.execute(update(Account).values(currency="EUR"))
        raise_version(session, "base")
        incident = worlds.add_incident(session)
        incident.started_at = incident.opened_at = worlds.at(60 * 24 * 365 * 13)
        worlds.add_outage(session, incident, 1, 60 * 24 * 365 * 13, 60 * 24 * 365 * 13 + 26 * 60, services=["voice"])
        incident.status, incident.restored_at = IncidentStatus.RESTORED, worlds.at(60 * 24 * 365 * 13 + 26 * 60)
        version = save_policy(session, get_scheme("nl-telecommunicatiewet-2017").text, actor="maria").version.id
    run = measure_impact(database, store, _REF, actor="nora").run
    made = assess(database, store, run.id, version, actor="maria").assessment
    assert (made.totals["entitled"], made.totals["cost_minor"]) == (1, 310)
    with database.reading() as session:
        (case,) = session.scalars(select(Case).where(Case.assessment_id == made.id))
    said = {fact["name"]: fact["said"] for fact in case.trace["facts"]}
    assert said["started days"].startswith("2 blocks (blocks of 1 d of each outage with any time without the service")
    assert case.facts["started days"] == "2"
