"""A few lines that lost service for a while, and policies put to them from assessment to release."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from compensation import approval, assessment, policies
from compensation.credits import Released, release_credits
from compensation.models import Assessment, Case, Credit, PolicyState, PolicyVersion
from foundation import clock
from foundation.db import Database
from foundation.snapshots import SnapshotStore
from notify.accounts.book import AccountBook
from notify.channels.spool import Spool
from notify.texts import install_ready_texts
from notify.worker import run_worker
from outage.models import Incident, Subscriber
from outage.network.inventory import raise_version
from outage.runs.impact import measure_impact
from tests.impact_worlds import add_elements, add_incident, add_line, add_outage

NOW = datetime.fromisoformat("2012-09-10T09:00:00+00:00")
HEAD = """\
policy: {name}
title: Policy {name}
basis: {basis}
currency: GBP
zone: Europe/London
in force: {{from: 2012-01-01, to: null}}
population: affected
sources: [{{what: a promise, where: the board}}]
"""


@dataclass(frozen=True)
class CreditWorld:
    """The records, the store, and the instant at which everything is decided."""

    database: Database
    store: SnapshotStore
    now: datetime = NOW

    def measure(self, incident: str = "INC-1") -> int:
        """Measure the impact of an incident; returns the run."""
        with clock.moved_to(self.now):
            return measure_impact(self.database, self.store, incident, actor="nina").run.id

    def save(self, body: str, name: str = "goodwill-day", basis: str = "goodwill", population: str = "affected") -> int:
        """A policy version, approved whatever its tests say; returns its id."""
        with self.database.transaction() as session:
            head = HEAD.replace("affected", population).format(name=name, basis=basis)
            text = head + body
            version = policies.save_policy(session, text, actor="maria").version
            earlier = update(PolicyVersion).where(PolicyVersion.name == name, PolicyVersion.id != version.id)
            session.execute(earlier.values(state=PolicyState.RETIRED))
            version.state = PolicyState.APPROVED
            return version.id

    def assess(self, version: int, run: int | None = None, *, many: int = 5_000) -> str:
        """Assess a run (measured now without one); returns the assessment's reference."""
        with clock.moved_to(self.now):
            made = assessment.assess(
                self.database, self.store, run or self.measure(), version, actor="maria", many=many
            )
        return made.assessment.ref

    def approve(self, ref: str) -> None:
        """Submit and approve, by two persons."""
        with clock.moved_to(self.now), self.database.transaction() as session:
            approval.submit_assessment(session, ref, actor="maria")
        with clock.moved_to(self.now), self.database.transaction() as session:
            approval.approve_assessment(session, ref, actor="omar", reason="looked at every case")

    def release(self, ref: str) -> Released:
        """Release what was approved."""
        with clock.moved_to(self.now):
            return release_credits(self.database, self.store, ref, actor="omar")

    def give(self, body: str, *, name: str = "goodwill-day", run: int | None = None, **more: Any) -> str:
        """Save, assess, approve and release in one go; returns the assessment's reference."""
        ref = self.assess(self.save(body, name), run, **more)
        self.approve(ref)
        self.release(ref)
        return ref

    def deliver(self, spool: Spool) -> None:
        """Send everything that pends, at noon."""
        with clock.moved_to(self.now):
            carriers: dict[str, Any] = {"spool": spool, "book": AccountBook(self.database)}
            run_worker(self.database, carriers, lease_seconds=5, batch=500, stop=threading.Event(), until_idle=True)

    # --- what is there now

    def get(self, ref: str) -> Assessment:
        """An assessment."""
        with self.database.reading() as session:
            return session.scalars(select(Assessment).where(Assessment.ref == ref)).one()

    def cases(self, ref: str) -> Sequence[Case]:
        """The cases of an assessment, by number."""
        with self.database.reading() as session:
            statement = select(Case).join(Assessment, Assessment.id == Case.assessment_id)
            return session.scalars(statement.where(Assessment.ref == ref).order_by(Case.number)).all()

    def credits(self) -> Sequence[Credit]:
        """Every credit, by key."""
        with self.database.reading() as session:
            return session.scalars(select(Credit).order_by(Credit.key)).all()

    def credited(self) -> Mapping[int, int]:
        """Minor units credited to each line, in all."""
        sums: dict[int, int] = defaultdict(int)
        for credit in self.credits():
            sums[credit.subscriber_id] += credit.amount_minor or 0
        return dict(sums)

    def change_line(self, line: int, **values: Any) -> None:
        """A line's facts change, so that its next run says so."""
        with self.database.transaction() as session:
            session.execute(update(Subscriber).where(Subscriber.id == line).values(**values))
            raise_version(session, "base")


def make_world(database: Database, store: SnapshotStore, accounts: Sequence[int], **facts: Any) -> CreditWorld:
    """One line per entry of `accounts`, numbered from 1, all without service for 26 hours in incident INC-1."""
    with database.transaction() as session:
        add_elements(session, 1)
        for number, account in enumerate(accounts, 1):
            add_line(session, number, account=account, served_by=1, **facts)
        add_loss(session, "INC-1", 0, 26 * 60)
        install_ready_texts(session, "marketing")
    return CreditWorld(database, store)


def add_loss(session: Session, ref: str, started: int, ended: int, started_at: datetime | None = None) -> Incident:
    """An incident in which element 1 is without all services between two minutes of the common start."""
    incident = add_incident(session, ref)
    add_outage(session, incident, 1, started, ended)
    if started_at is not None:
        incident.started_at = started_at
    session.flush()
    return incident
