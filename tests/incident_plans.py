"""Small worlds of incidents and planned works that overlap, and who counts each minute, asked on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from outage.lifecycle import CauseClass, IncidentStatus, Severity
from outage.models import Incident
from tests import impact_worlds as worlds

END = 120
"""The minute up to which these worlds last."""


@dataclass(frozen=True)
class Plan:
    """One incident of a small world: minutes, announced end, outages (element, services, from, to)."""

    started: int
    announced_end: int | None
    planned: bool
    status: IncidentStatus
    outages: tuple[tuple[int, tuple[str, ...], int, int], ...]

    @property
    def counts(self) -> bool:
        """Whether it is neither dismissed nor merged."""
        return self.status not in (IncidentStatus.DISMISSED, IncidentStatus.MERGED)

    def minutes(self, element: int, service: str) -> set[int]:
        """What an element lost of a service."""
        return {
            minute
            for number, services, start, end in self.outages
            if number == element and service in services
            for minute in range(start, end)
        }

    def announced(self, element: int, service: str) -> set[int]:
        """What of that lies before the announced end."""
        end = END if self.announced_end is None else self.announced_end
        return {minute for minute in self.minutes(element, service) if minute < end}


def add_plan(session: Session, number: int, plan: Plan) -> Incident:
    """Its records."""
    incident = Incident(
        id=number,
        ref=f"INC-2012-{number:05d}",
        title=f"Plan {number}",
        status=plan.status,
        severity=Severity.MAJOR,
        cause_class=CauseClass.UNKNOWN,
        planned=plan.planned,
        started_at=worlds.at(plan.started),
        restored_at=worlds.at(max((end for *_, end in plan.outages), default=plan.started)),
        announced_end_at=None if plan.announced_end is None else worlds.at(plan.announced_end),
        opened_by="nora",
        opened_at=worlds.START,
    )
    session.add(incident)
    session.flush()
    for element, services, start, end in plan.outages:
        worlds.add_outage(session, incident, element, start, end, services=services)
    return incident


def network_of(element: int, start: int, end: int, **facts: Any) -> Plan:
    """An incident with one outage, of all services unless `services` are given."""
    services = facts.pop("services", worlds.SERVICES)
    planned, announced = facts.pop("planned", False), facts.pop("announced_end", None)
    status = facts.pop("status", IncidentStatus.RESTORED)
    return Plan(start, announced, planned, status, ((element, services, start, end),))


def expected_minutes(plans: dict[int, Plan], number: int, element: int, service: str) -> set[int]:
    """What is left of one incident for a line that an element holds: each minute asked on its own."""
    plan = plans[number]
    lost = plan.minutes(element, service)
    if plan.planned:
        works = [one for other, one in plans.items() if one.planned and (one.started, other) < (plan.started, number)]
        return lost - {minute for one in works if one.counts for minute in one.announced(element, service)}
    left = set()
    for minute in lost:
        owners = []
        for other, one in plans.items():
            if other == number or not one.counts or minute not in one.minutes(element, service):
                continue
            if one.planned and (one.announced_end is None or minute < one.announced_end):
                owners.append("planned")
            elif one.planned:
                owners += ["overrun"] if (one.announced_end, other) < (plan.started, number) else []
            elif (one.started, other) < (plan.started, number):
                owners.append("earlier")
        if not owners:
            left.add(minute)
    return left
