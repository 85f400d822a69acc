"""The liability clock where rewards or caps are per account: it says what an assessment made then would release."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from compensation.cases.incident_facts import incident_facts_of
from compensation.models import PolicyVersion
from compensation.offer_models import CareCredit
from compensation.policies import load_document
from compensation.simulation.credited_before import find_credited_before
from compensation.simulation.liability import StillMakingError, find_liability
from compensation.simulation.liability_clock import Clock
from compensation.simulation.whatif import simulate
from foundation import clock
from outage.incidents.incidents import get_incident
from outage.models import Subscriber
from tests.open_world import AS_OF, HEAD, OpenWorld, make_open_world

HOURS = 10
TIER = """
decisions:
  - name: tier
    hit policy: F
    table: |
      total loss          | segment    || amount : number
      >= duration("PT12H") | -          || 25
      > duration("PT4H")  | "business" || 10
      > duration("PT4H")  | -          || 5
      -                   | -          || 0
"""
CAPPED = (
    HEAD.format(name="capped")
    + TIER
    + 'rewards: [{name: tier, kind: bill_credit, amount: "round half up(tier, 2)"}]\n'
    + "caps: [{amount: 30.00, per: account, over: incident}]\n"
)
SHARED = (
    HEAD.format(name="shared")
    + TIER
    + 'rewards:\n  - {name: tier, kind: bill_credit, per: account, amount: "round half up(tier, 2)"}\n'
    + '  - {name: days, kind: free_days, per: account, days: "if tier > 0 then 1 else 0", pays on: next bill, '
    + 'cost: "round half up(service fee / 30, 2)"}\n'
    + '  - {name: own, kind: bill_credit, amount: "round half up(tier / 10, 2)"}\n'
    + "caps: [{amount: 11.00, per: account, over: incident}]\n"
)
CLIMBING = (
    HEAD.format(name="climbing")
    + 'rewards: [{name: time, kind: bill_credit, amount: "round half up(hours lost * service fee / 24, 2)"}]\n'
    + 'caps: [{amount: "round half up(service fee, 2)", per: account, over: incident}]\n'
)
POLICIES = {"capped": CAPPED, "shared": SHARED, "climbing": CLIMBING}


def adopt(world: OpenWorld, text: str) -> int:
    given = "total loss: PT0S, segment: consumer, service fee: 20.00, hours lost: 0"
    tests = f"tests:\n  - {{name: nothing, tag: A, given: {{{given}}}, expect: {{rewards: {{}}}}}}\n"
    return world.adopt(text + tests)


def one_household(world: OpenWorld) -> None:
    """Most lines on one account, so that they have to do with each other."""
    with world.database.transaction() as session:
        lines = list(session.scalars(select(Subscriber).order_by(Subscriber.id)))
        pounds = [line for line in lines if line.msisdn != lines[-1].msisdn]
        for line in pounds[::2]:
            line.account_id = pounds[0].account_id


def clock_of(world: OpenWorld, version_id: int) -> Clock:
    run = world.measure()
    with world.database.reading() as session:
        document = load_document(session, session.get_one(PolicyVersion, version_id))
        incident = get_incident(session, world.incident)
        facts = incident_facts_of(session, world.store, incident, run, document)
        history = find_credited_before(session, world.store, document, incident)
        return Clock(document, run, incident, world.store, facts, history=history)


def released(world: OpenWorld, version_id: int, at) -> tuple[int, int]:
    """What would be released, and what the rules give, were the impact measured as if all came back at an instant."""
    run = world.measure(at)
    with world.database.reading() as session:
        document = load_document(session, session.get_one(PolicyVersion, version_id))
        side = simulate(session, world.store, document, run.id).side
    return side.release.cost_minor, side.tally.cost_minor


def give_by_hand(world: OpenWorld) -> None:
    with world.database.transaction() as session:
        incident = get_incident(session, world.incident)
        line = session.scalars(select(Subscriber).order_by(Subscriber.id)).all()[0]
        common = {"currency": "GBP", "note": "on the phone", "recorded_by": "carla", "recorded_at": AS_OF}
        who = {"incident_id": incident.id, "subscriber_id": line.id, "account_id": line.account_id}
        session.add(CareCredit(ref="C-1", amount_minor=400, **who, **common))


def check_clock(world: OpenWorld, name: str, version: int, *, before: bool) -> None:
    """The clock of a policy is held against assessments that are made at two later instants."""
    carried = clock_of(world, version)
    assert carried.notes == ()
    assert carried.carry_on(clock.to_unix(AS_OF) + HOURS * 3600, lambda: True)
    curve = carried.curve()
    assert bool(curve.climbs) is (name == "climbing")
    for hours in (1.4, 9.5):
        at = AS_OF + timedelta(hours=hours)
        release, owed = released(world, version, at)
        assert carried.cost_at(clock.to_unix(at)) == release
        assert carried.owed_at(clock.to_unix(at)) == owed
        assert abs(curve.cost_at(clock.to_unix(at)) - release) <= (9 if name == "climbing" else 0)
    assert release > 0
    assert carried.is_settled is before


def test_the_clock_says_what_would_be_released(database, store) -> None:
    world = make_open_world(database, store)
    one_household(world)
    versions = {name: adopt(world, text) for name, text in POLICIES.items()}
    check_clock(world, "capped", versions["capped"], before=False)
    give_by_hand(world)
    # What was given changes no run: those of the instants are found again.
    for name in ("shared", "climbing"):
        check_clock(world, name, versions[name], before=True)


def test_a_cliff_of_an_account_names_its_lines_and_what_they_come_to_together(sqlite_database, store) -> None:
    world = make_open_world(sqlite_database, store)
    one_household(world)
    adopt(world, CAPPED)
    world.measure()
    with world.database.reading() as session:
        found = find_liability(session, world.store, world.incident, at=AS_OF, hours=HOURS, seconds=60)
    assert found.warnings == []
    assert found.total is not None
    cliffs = [(cliff.why, cliff.delta_minor > 0) for cliff in found.total.cliffs]
    assert ("total loss passes 4 h", True) in cliffs
    assert found.total.points[-1].cost_minor == found.total.curve.cost_at(found.total.curve.until)


def test_an_hour_that_was_begun_is_gone_on_with(sqlite_database, store) -> None:
    world = make_open_world(sqlite_database, store)
    one_household(world)
    version = adopt(world, SHARED)
    end = clock.to_unix(AS_OF) + 3 * 3600
    whole, bit_by_bit = clock_of(world, version), clock_of(world, version)
    assert whole.carry_on(end, lambda: True)
    calls = 0
    while not bit_by_bit.carry_on(end, lambda: False):
        calls += 1
    assert calls > 3
    assert bit_by_bit.curve() == whole.curve()


def test_too_many_different_accounts_are_said_to_be_counted_line_by_line(sqlite_database, store, monkeypatch) -> None:
    world = make_open_world(sqlite_database, store)
    version = adopt(world, CAPPED)
    monkeypatch.setattr("compensation.simulation.account_kinds.MOST_KINDS", 1)
    carried = clock_of(world, version)
    assert "too many different accounts" in carried.notes[0]
    assert carried.cost_at(clock.to_unix(AS_OF)) == 0


def test_a_page_does_not_wait_for_a_clock_that_takes_long_to_make_and_gets_it_later(
    sqlite_database, store, monkeypatch
) -> None:
    world = make_open_world(sqlite_database, store)
    one_household(world)
    adopt(world, SHARED)
    world.measure()
    monkeypatch.setattr("compensation.simulation.liability._WAITED_FOR", 0)
    with world.database.reading() as session:
        with pytest.raises(StillMakingError, match="being worked out"):
            find_liability(session, world.store, world.incident, at=AS_OF, hours=1, seconds=0, waits=False)
        waited = find_liability(session, world.store, world.incident, at=AS_OF, hours=1, seconds=60)
        at_once = find_liability(session, world.store, world.incident, at=AS_OF, hours=1, seconds=0, waits=False)
    assert waited.is_complete
    assert [part.points for part in at_once.policies] == [part.points for part in waited.policies]
