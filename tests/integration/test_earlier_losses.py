"""What lines lost in incidents before one, against a model minute by minute, wherever rules may read it."""

from __future__ import annotations

import os
from datetime import date
from random import Random

import pytest
from sqlalchemy import select, update

from compensation.assessment import situation_of
from compensation.cases.earlier_losses import find_losses
from compensation.models import Assessment
from compensation.policies import load_document, save_policy
from compensation.simulation.liability import find_liability
from compensation.simulation.whatif import simulate
from foundation import clock
from foundation.db import Database
from foundation.errors import RefusedError
from foundation.snapshots import SnapshotStore
from outage.lifecycle import IncidentKind, IncidentStatus
from outage.models import Account, Incident, Outage
from outage.runs.holding import holding_run
from tests import impact_worlds as worlds
from tests.credit_world import HEAD, CreditWorld, add_loss, make_world
from tests.earlier_years import DAY, SERVICES, Model, add_plan, expected, facts_policy, random_plan

_EXAMPLES = int(os.environ.get("OUTAGE_TEST_EXAMPLES", "3"))
SUM = """\
measures:
  - {name: out this month, count: total time, incidents: this month}
rewards:
  - name: credit
    kind: bill_credit
    when: out this month > duration("PT24H")
    amount: 'round half up(out this month / duration("PT1H") * 0.10, 2)'
"""


@pytest.mark.parametrize("seed", range(_EXAMPLES))
def test_what_was_lost_before_is_that_of_a_model_minute_by_minute(sqlite_database, store, seed) -> None:
    random, database = Random(seed), sqlite_database
    plans = tuple(random_plan(random, number) for number in range(1, 6))
    this = random.choice([plan for plan in plans if plan.counts and plan.announced_end is None] or plans[:1])
    with database.transaction() as session:
        worlds.add_elements(session, 1, 2)
        for line in (1, 2, 3):
            worlds.add_line(session, line, served_by=min(line, 2))
        session.execute(update(Account).values(bill_day=random.choice([1, 11, 28])))
        for plan in plans:
            add_plan(session, plan)
        bill_day = session.scalars(select(Account.bill_day)).first()
    world = CreditWorld(database, store)
    for plan in sorted(plans, key=lambda one: (one.started, one.number)):
        if plan.counts:
            world.measure(f"INC-{plan.number}")
    if not this.counts or this.announced_end is not None:
        pytest.skip("every incident of the example is planned or dismissed")
    ref = world.assess(world.save(facts_policy()), world.measure(f"INC-{this.number}"))
    with database.reading() as session:
        situation = situation_of(session, store, session.scalars(select(Assessment)).one())
    touched = 0
    for line in (1, 2, 3):
        case = situation.decide_line(line)
        model = Model(plans, this, min(line, 2))
        own = model.own(SERVICES[""])
        assert (case is not None) == bool(own)
        if case is not None:
            touched += 1
            wanted = expected(model, int(bill_day or 1))
            assert {name: case.facts[name] for name in wanted} == wanted, (seed, line)
    assert sum(case.lines for case in world.cases(ref)) == touched


# --- where it is read


@pytest.fixture
def month(sqlite_database: Database, store: SnapshotStore) -> CreditWorld:
    """INC-1 takes 26 hours of the line in July; INC-2 takes one hour a day later, INC-3 one in August."""
    world = make_world(sqlite_database, store, [1])
    with sqlite_database.transaction() as session:
        add_loss(session, "INC-2", 3 * DAY, 3 * DAY + 60, worlds.at(3 * DAY))
        add_loss(session, "INC-3", 31 * DAY, 31 * DAY + 60, worlds.at(31 * DAY))
    return world


def amounts(world: CreditWorld, ref: str) -> list[int]:
    return [case.amount_minor for case in world.cases(ref)]


def test_time_adds_up_over_the_incidents_of_a_month_and_no_further(month: CreditWorld) -> None:
    month.measure("INC-1")
    version = month.save(SUM)
    assert amounts(month, month.assess(version, month.measure("INC-2"))) == [270]
    assert amounts(month, month.assess(version, month.measure("INC-3"))) == [0]
    assert amounts(month, month.assess(version, month.measure("INC-1"))) == [260]


def test_the_explanation_says_which_runs_the_time_comes_from(month: CreditWorld) -> None:
    month.measure("INC-1")
    ref = month.assess(month.save(SUM), month.measure("INC-2"))
    (case,) = month.cases(ref)
    (said,) = [fact["said"] for fact in case.trace["facts"] if fact["name"] == "out this month"]
    assert said.startswith("1 d 3 h (total time without at least one service in this incident and those before it")
    assert said.endswith("; INC-1 run 1: 1 d 2 h)")
    assert "inc-1 run 1" in case.searched


def test_an_earlier_incident_that_is_measured_anew_stops_the_release_until_it_is_assessed_again(
    month: CreditWorld,
) -> None:
    month.measure("INC-1")
    version, run = month.save(SUM), month.measure("INC-2")
    ref = month.assess(version, run)
    assert month.assess(version, run) == ref
    month.approve(ref)
    with month.database.transaction() as session:
        one = session.scalars(select(Outage).order_by(Outage.started_at).limit(1)).one()
        session.execute(update(Outage).where(Outage.started_at == one.started_at).values(ended_at=worlds.at(25 * 60)))
    month.measure("INC-1")
    with pytest.raises(RefusedError, match="assess again"):
        month.release(ref)
    again = month.assess(version, run)
    assert again != ref
    assert amounts(month, again) == [260]
    # What was assessed stays what it was, with the run that it was assessed by.
    with month.database.reading() as session:
        first = session.scalars(select(Assessment).where(Assessment.ref == ref)).one()
        case = situation_of(session, month.store, first).decide_line(1)
    assert case is not None
    assert case.decision.rewards[0].amount_minor == 270


@pytest.mark.parametrize("change", [{"status": IncidentStatus.DISMISSED}, {"kind": IncidentKind.BILLING}])
def test_incidents_that_took_no_service_count_for_nothing(month: CreditWorld, change: dict[str, object]) -> None:
    month.measure("INC-1")
    with month.database.transaction() as session:
        session.execute(update(Incident).where(Incident.ref == "INC-1").values(**change))
    assert amounts(month, month.assess(month.save(SUM), month.measure("INC-2"))) == [0]


def test_a_whatif_sees_the_same(month: CreditWorld) -> None:
    month.measure("INC-1")
    run = month.measure("INC-2")
    with month.database.transaction() as session:
        document = load_document(session, save_policy(session, _text(SUM), actor="maria").version)
    with month.database.reading() as session:
        found = simulate(session, month.store, document, run, examples=1)
    assert found.side.tally.cost_minor == 270
    assert any("INC-1 run 1: 1 d 2 h" in sentence for sentence in found.examples[0].now)


def test_the_liability_clock_of_an_open_incident_sees_the_same(sqlite_database: Database, store: SnapshotStore) -> None:
    world = make_world(sqlite_database, store, [1])
    with sqlite_database.transaction() as session:
        incident = add_loss(session, "INC-2", 3 * DAY, 3 * DAY + 60, worlds.at(3 * DAY))
        incident.status, incident.restored_at = IncidentStatus.OPENED, None
        session.execute(update(Outage).where(Outage.incident_id == incident.id).values(ended_at=None))
    with clock.moved_to(worlds.at(3 * DAY + 60)):
        world.measure("INC-1")
    world = CreditWorld(sqlite_database, store, worlds.at(3 * DAY + 60))
    world.save(SUM)
    world.measure("INC-2")
    with clock.moved_to(worlds.at(3 * DAY + 60)), sqlite_database.reading() as session:
        found = find_liability(session, store, "INC-2", hours=2)
    assert found.policies[0].now_minor == 270
    assert found.policies[0].curve.cost_at(clock.to_unix(worlds.at(3 * DAY + 120))) == 280


def test_how_far_back_is_looked_is_a_dated_parameter(month: CreditWorld) -> None:
    month.measure("INC-1")
    month.measure("INC-2")
    text = (
        "parameters:\n  watched: {unit: days, source: terms, values: {2012-01-01: 28, 2012-08-11: 31}}\n"
        "measures:\n  - {name: hours out, count: hours, incidents: last watched days}\n"
        "rewards:\n  - {name: credit, kind: bill_credit, amount: 'round half up(hours out * 1.00, 2)'}\n"
    )
    assert amounts(month, month.assess(month.save(text), month.measure("INC-3"))) == [100 * (1 + 1 + 26)]


def test_runs_are_looked_for_only_as_far_back_as_the_policy_asks(database: Database, store: SnapshotStore) -> None:
    world = make_world(database, store, [1])
    with database.transaction() as session:
        add_loss(session, "INC-3", 31 * DAY, 31 * DAY + 60, worlds.at(31 * DAY))
    world.measure("INC-1")
    with database.transaction() as session:
        incident = session.scalars(select(Incident).where(Incident.ref == "INC-3")).one()
        on = date(2012, 8, 11)
        names: list[list[str]] = []
        for text in ("lost this month", "lost in the last 5 days", "lost this year", "lost in the last 40 days"):
            body = f"rewards:\n  - {{name: c, kind: bill_credit, when: '{text} > duration(\"PT0S\")', amount: 1.00}}\n"
            version = save_policy(session, _text(body, f"p{len(names)}"), actor="maria").version
            losses = find_losses(session, load_document(session, version), incident, on)
            assert losses is not None
            names.append([run.name for run in losses.runs])
        assert names == [[], [], ["INC-1 run 1"], ["INC-1 run 1"]]
        assert holding_run(session, incident.id) is None


def _text(body: str, name: str = "monthly") -> str:
    return HEAD.format(name=name, basis="goodwill") + body
