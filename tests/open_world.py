"""A very small operator whose registers are failing now, and policies whose money grows with the time lost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from compensation.policies import approve_policy, save_policy, submit_policy
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from outage.incidents.incidents import add_outages, get_incident, open_incident, restore_elements
from outage.incidents.outages import OutageStart
from outage.lifecycle import CauseClass, Severity
from outage.models import ImpactRun
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from tests.web_world import add_lines, add_network

STARTED_AT = datetime(2026, 11, 20, 18, 30, tzinfo=UTC)
AS_OF = datetime(2026, 11, 20, 21, 10, tzinfo=UTC)

HEAD = """
policy: {name}
title: Money for time lost
basis: contractual
currency: GBP
zone: Europe/London
in force: {{from: 2026-01-01, to: 2027-01-01}}
population: affected
sources:
  - what: a promise
    where: the terms of service
"""
TIERS = (
    HEAD.format(name="tiers")
    + """
parameters:
  long outage: {type: days and time duration, unit: hours, source: the terms of service, values: {2026-01-01: PT12H}}
decisions:
  - name: tier
    hit policy: F
    table: |
      total loss          | segment    || amount : number
      ----------------------------------------------------
      >= long outage      | -          || 25
      > duration("PT4H")  | "business" || 10
      > duration("PT4H")  | -          || 5
      -                   | -          || 0
rewards:
  - {name: tier, kind: bill_credit, amount: "round half up(tier, 2)"}
tests:
  - {name: five hours, tag: A, given: {total loss: PT5H, segment: consumer}, expect: {rewards: {tier: 5.00}}}
"""
)
HOURLY = (
    HEAD.format(name="hourly")
    + """
rewards:
  - {name: hours, kind: bill_credit, amount: "round half up(ceiling(hours lost) * 0.5, 2)"}
tests:
  - {name: two hours, tag: A, given: {hours lost: 2}, expect: {rewards: {hours: 1.00}}}
"""
)
SECONDS = (
    HEAD.format(name="seconds")
    + """
rewards:
  - {name: time, kind: bill_credit, amount: "round half up(hours lost * service fee / 24, 2)"}
tests:
  - {name: ten hours, tag: A, given: {hours lost: 10, service fee: 24.00}, expect: {rewards: {time: 10.00}}}
"""
)
DAYS = (
    HEAD.format(name="days")
    + """
measures:
  - {name: days lost, meaning: Days with more than an hour lost, count: days, of: any, over: PT1H}
  - {name: evening, meaning: Time lost in the evening, count: total time, of: voice, window: "18:00-23:00"}
decisions:
  - name: due
    hit policy: F
    table: |
      days lost | evening             || amount : number
      -------------------------------------------------
      >= 2      | -                   || 8
      -         | > duration("PT3H")  || 3
      -         | -                   || 0
rewards:
  - {name: due, kind: bill_credit, amount: "round half up(due, 2)"}
tests:
  - {name: two days, tag: A, given: {days lost: 2, evening: PT0S}, expect: {rewards: {due: 8.00}}}
"""
)
POLICIES = (TIERS, HOURLY, SECONDS, DAYS)


@dataclass(frozen=True)
class OpenWorld:
    """The records, their snapshots, and the incident that goes on."""

    database: Database
    store: SnapshotStore
    incident: str

    def measure(self, as_of: datetime = AS_OF) -> ImpactRun:
        """The run of the incident as it would be if everything came back at an instant."""
        return measure_impact(self.database, self.store, self.incident, actor="noc", as_of=as_of).run

    def adopt(self, text: str) -> int:
        """The id of a version that was submitted and approved."""
        with self.database.transaction() as session:
            version = save_policy(session, text, actor="marketing").version
            submit_policy(session, version.id, actor="marketing")
            approve_policy(session, version.id, actor="approver")
            return version.id


def make_open_world(database: Database, store: SnapshotStore) -> OpenWorld:
    """HLR-1 without service since the start but for a pause, HLR-2 without data since an hour and a half later."""
    with database.transaction() as session:
        add_network(session)
        add_lines(session)
        for name in ("base", "inventory"):
            raise_version(session, name)
        incident = open_incident(
            session,
            title="Both registers are failing",
            severity=Severity.CRITICAL,
            cause_class=CauseClass.SOFTWARE,
            started_at=STARTED_AT,
            outages=[OutageStart("HLR-1")],
            actor="noc",
        )
        add_outages(
            session, incident, [OutageStart("HLR-2", ("data",), STARTED_AT + timedelta(minutes=95))], actor="noc"
        )
        restore_elements(
            session, incident, ["HLR-1"], at=STARTED_AT + timedelta(minutes=50), services=("voice", "sms"), actor="noc"
        )
        again = OutageStart("HLR-1", ("voice",), STARTED_AT + timedelta(minutes=65))
        add_outages(session, get_incident(session, incident.ref), [again], actor="noc")
    return OpenWorld(database, store, incident.ref)
