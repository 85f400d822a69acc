"""A random year of incidents, and what lines lost in it before one of them, minute by minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from random import Random
from zoneinfo import ZoneInfo

from outage.lifecycle import CauseClass, IncidentKind, IncidentStatus, Severity
from outage.models import Incident
from tests import impact_worlds as worlds

LONDON = ZoneInfo("Europe/London")
DAY = 24 * 60


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
    if name == "this quarter":
        first = on.month - (on.month - 1) % 3
        return date(on.year, first, 1), date(on.year + first // 10, (first + 2) % 12 + 1, 1)
    if name == "this year":
        return date(on.year, 1, 1), date(on.year + 1, 1, 1)
    if name == "this billing period":
        begin = on.replace(day=bill_day)
        begin = begin if on >= begin else (begin.replace(day=1) - timedelta(days=1)).replace(day=bill_day)
        return begin, (begin.replace(day=1) + timedelta(days=32)).replace(day=bill_day)
    return on - timedelta(days=20), date.max


PERIODS = ("this month", "this billing period", "this quarter", "this year", "last 20 days")
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
    read = [*names, *(f"all {number}" for number in range(len(PERIODS)))]
    spans = " and ".join(f'{name} >= duration("PT0S")' for name in read)
    numbers = " and ".join(f"{name} >= 0" for name in [*counts, *(f"voice {number}" for number in range(len(PERIODS)))])
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
