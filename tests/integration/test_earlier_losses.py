"""What lines lost in incidents before one, against a model minute by minute, wherever rules may read it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

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
from outage.lifecycle import CauseClass, IncidentKind, IncidentStatus, Severity
from outage.models import Account, Incident, Outage
from outage.runs.holding import holding_run
from tests import impact_worlds as worlds
from tests.credit_world import HEAD, CreditWorld, add_loss, make_world

LONDON = ZoneInfo("Europe/London")
DAY = 24 * 60
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


# --- a random year, and the same minute by minute


@dataclass(frozen=True)
class Plan:
    """One incident: its number, kind and standing, its announced end, its outages (element, services, from, to)."""

    number: int
    started: int
    status: IncidentStatus
    kind: IncidentKind
    announced_end: int | None
    outages: tuple[tuple[int, tuple[str, ...], int, int], ...]

    @property
    def counts(self) -> bool:
        stands = self.status not in (IncidentStatus.DISMISSED, IncidentStatus.MERGED)
        return stands and self.kind is IncidentKind.NETWORK


def random_plan(random: Random, number: int) -> Plan:
    started = random.randrange(-40 * DAY, 40 * DAY)
    outages = []
    for offset in random.sample((0, 30, 400), random.randint(1, 3)):
        start = started + offset
        services = random.choice([("voice", "sms", "data"), ("data",), ("voice",)])
        outages.append((random.randint(1, 2), services, start, start + random.choice([5, 90, 1000, 3 * DAY])))
    planned = random.random() < 0.2
    return Plan(
        number,
        min(start for _, _, start, _ in outages),
        random.choice([IncidentStatus.RESTORED] * 5 + [IncidentStatus.DISMISSED]),
        IncidentKind.NETWORK,
        started + 60 if planned else None,
        tuple(outages),
    )


def add_plan(session, plan: Plan) -> None:
    session.add(
        Incident(
            id=plan.number,
            ref=f"INC-{plan.number}",
            title="Random",
            status=plan.status,
            severity=Severity.MAJOR,
            cause_class=CauseClass.UNKNOWN,
            planned=plan.announced_end is not None,
            kind=plan.kind,
            started_at=worlds.at(plan.started),
            restored_at=worlds.at(max(end for *_, end in plan.outages)),
            announced_end_at=None if plan.announced_end is None else worlds.at(plan.announced_end),
            opened_by="nora",
            opened_at=worlds.at(plan.started),
        )
    )
    session.flush()
    incident = session.get_one(Incident, plan.number)
    for element, services, start, end in plan.outages:
        worlds.add_outage(session, incident, element, start, end, services=services)


def lost_minutes(plan: Plan, element: int, service: str, *, unplanned: bool = True) -> set[int]:
    since = plan.announced_end if unplanned and plan.announced_end is not None else -(10**9)
    return {
        minute
        for number, services, start, end in plan.outages
        if number == element and service in services
        for minute in range(start, end)
        if minute >= since
    }


@dataclass(frozen=True)
class Model:
    """What the facts should say of a line, minute by minute; `element` holds the line."""

    plans: tuple[Plan, ...]
    this: Plan
    element: int

    def before(self) -> Iterator[Plan]:
        place = self.this.started, self.this.number
        return (one for one in self.plans if one.counts and (one.started, one.number) < place)

    def lost(self, services: tuple[str, ...]) -> set[int]:
        """Minutes without one of the services in incidents before this one."""
        return {minute for plan in self.before() for service in services for minute in self.unplanned(plan, service)}

    def unplanned(self, plan: Plan, service: str) -> set[int]:
        """Minutes that an incident may count: of planned work those since its announced end, less earlier work's."""
        lost = lost_minutes(plan, self.element, service)
        if plan.announced_end is None:
            return lost
        place = plan.started, plan.number
        return lost - {
            minute
            for one in self.plans
            if one.counts and one.announced_end is not None and (one.started, one.number) < place
            for minute in lost_minutes(one, self.element, service, unplanned=False)
            if minute < one.announced_end
        }

    def own(self, services: tuple[str, ...]) -> set[int]:
        """Minutes that this incident counts: what others before it counted of the same service is theirs."""
        found = set()
        for service in services:
            planned = {
                minute
                for plan in self.plans
                if plan.counts and plan.announced_end is not None and plan is not self.this
                for minute in lost_minutes(plan, self.element, service, unplanned=False)
                if minute < plan.announced_end
            }
            mine = lost_minutes(self.this, self.element, service)
            found |= mine - self.lost((service,)) - planned
        return found

    def counted(self, plan: Plan) -> set[int]:
        """Minutes without any service that another incident counts."""
        if plan.announced_end is None:
            return Model(self.plans, plan, self.element).own(SERVICES[""])
        return {minute for service in SERVICES[""] for minute in self.unplanned(plan, service)}


def day_of(minute: int) -> date:
    return worlds.at(minute).astimezone(LONDON).date()


def period_days(name: str, on: date, bill_day: int) -> tuple[date, date]:
    if name == "this month":
        return on.replace(day=1), (on.replace(day=1) + timedelta(days=32)).replace(day=1)
    if name == "this year":
        return date(on.year, 1, 1), date(on.year + 1, 1, 1)
    if name == "this billing period":
        begin = on.replace(day=bill_day)
        begin = begin if on >= begin else (begin.replace(day=1) - timedelta(days=1)).replace(day=bill_day)
        return begin, (begin.replace(day=1) + timedelta(days=32)).replace(day=bill_day)
    return on - timedelta(days=20), date.max


PERIODS = ("this month", "this billing period", "this year", "last 20 days")
SERVICES = {"": ("voice", "sms", "data"), "voice ": ("voice",), "data ": ("data",)}


def name_of(period: str) -> str:
    return period.replace("last 20 days", "in the last 20 days")


def facts_policy() -> str:
    """A policy that reads each fact and a measure over each period; what they are stands in the cases."""
    names = [f"{service}lost {name_of(period)}" for period in PERIODS for service in SERVICES]
    counts = [f"outages {name_of(period)}" for period in PERIODS]
    measures = "".join(
        f"  - {{name: all {number}, count: total time, incidents: {period}}}\n"
        f"  - {{name: voice {number}, count: outages, of: voice, incidents: {period}}}\n"
        for number, period in enumerate(PERIODS)
    )
    read = [*names, *(f"all {number}" for number in range(4))]
    spans = " and ".join(f'{name} >= duration("PT0S")' for name in read)
    numbers = " and ".join(f"{name} >= 0" for name in [*counts, *(f"voice {number}" for number in range(4))])
    return (
        f"parameters: {{}}\nmeasures:\n{measures}decisions:\n"
        f"  - {{name: spans, type: boolean, expression: '{spans}'}}\n"
        f"  - {{name: numbers, type: boolean, expression: '{numbers}'}}\n"
        "rewards:\n  - {name: credit, kind: bill_credit, when: spans and numbers, amount: 1.00}\n"
    )


def expected(model: Model, bill_day: int) -> dict[str, object]:
    on = day_of(model.this.started)
    found: dict[str, object] = {}
    for number, period in enumerate(PERIODS):
        first, end = period_days(period, on, bill_day)

        def within(minutes: set[int], first: date = first, end: date = end) -> set[int]:
            return {minute for minute in minutes if first <= day_of(minute) < end}

        for prefix, services in SERVICES.items():
            lost = within(model.lost(services) - model.own(services))
            found[f"{prefix}lost {name_of(period)}"] = timedelta(minutes=len(lost))
        # An incident of which others counted every minute is not one more outage.
        touched = [plan for plan in model.before() if within(model.counted(plan))]
        found[f"outages {name_of(period)}"] = Fraction(len(touched))
        both = within(model.lost(SERVICES[""]) | model.own(SERVICES[""]))
        found[f"all {number}"] = timedelta(minutes=len(both))
        voice = within(model.lost(("voice",)) | model.own(("voice",)))
        found[f"voice {number}"] = Fraction(sum(minute - 1 not in voice for minute in voice))
    return found


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
